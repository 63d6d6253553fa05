//! One greedy construction: existing room first, then the best pattern again and again.

mod company;
pub(crate) mod follow;
mod launch;
mod polish;

use rustc_hash::FxHashSet;

use crate::{
    greedy::{
        fill::{Ask, Choice, Filling, Share, fill, worths},
        ledger::{Host, Ledger, Spot},
        prepare::Prepared,
    },
    problem::{Money, NODE_KEY},
};

/// The knobs in which the parallel constructions differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub share: Share,
    /// Give each node that a per-node cap forces into being its fair part of the rest, times this;
    /// `None` fills every node to the brim.
    pub fair: Option<f64>,
    /// Let hostname spreads on existing nodes start from the emptiest of them instead of 0.
    pub node_floor: bool,
    /// Place one priority after the other instead of all together.
    pub by_priority: bool,
    /// Keep kinds that only a tight limit makes worth having.
    pub heed_limits: bool,
    /// Place pods that need others near them before those others settle elsewhere.
    pub affine_first: bool,
}

pub(super) struct Run<'a> {
    pub prepared: &'a Prepared<'a>,
    pub ledger: Ledger<'a>,
    pub spots: Vec<Spot>,
    /// A limit stood in the way of a launch.
    pub limited: bool,
    variant: Variant,
    worth: Vec<f64>,
    /// Last worth per price of each kind.
    ratio: Vec<f64>,
    /// Nodes launched per place, to keep zones even.
    launched: Vec<u32>,
    keyed: bool,
    /// Only buckets with required affinities take part for now.
    affine_only: bool,
    /// What one fill leaves to the next.
    choice: Choice,
    filling: Filling,
    shut: Shut,
}

/// Sets of domains in which a launch for a bucket has just held none of its pods: (bucket, set).
type Shut = FxHashSet<(u32, u32)>;

impl<'a> Run<'a> {
    pub(super) fn new(prepared: &'a Prepared<'a>, variant: Variant) -> Self {
        let problem = prepared.problem;
        let keyed = problem.spreads.iter().any(|s| s.key != NODE_KEY)
            || problem.exclusions.iter().any(|x| x.key != NODE_KEY)
            || !problem.affinities.is_empty();
        Self {
            prepared,
            ledger: Ledger::new(prepared, variant.node_floor),
            spots: Vec::new(),
            limited: false,
            worth: worths(prepared, variant.share),
            ratio: vec![f64::INFINITY; prepared.kinds.len()],
            launched: vec![0; prepared.places],
            keyed,
            affine_only: false,
            choice: Choice::default(),
            filling: Filling::default(),
            shut: Shut::default(),
            variant,
        }
    }

    /// The whole construction.
    pub(super) fn construct(&mut self) {
        let mut priorities: Vec<i32> = if self.variant.by_priority {
            self.prepared.buckets.iter().map(|bucket| bucket.priority).collect()
        } else {
            vec![i32::MIN]
        };
        priorities.sort_unstable_by(|a, b| b.cmp(a));
        priorities.dedup();
        for lowest in priorities {
            if self.variant.affine_first {
                self.affine_only = true;
                self.round(lowest);
                self.affine_only = false;
            }
            self.round(lowest);
        }
        self.ledger.strict = true;
        self.patch();
        self.go_on();
    }

    /// Places who is left as things stand now.
    pub(super) fn go_on(&mut self) {
        self.round(i32::MIN);
        self.patch();
    }

    fn round(&mut self, lowest: i32) {
        self.use_existing(lowest);
        self.colocate(lowest);
        for tier in self.prepared.tiers.clone() {
            self.launch_tier(tier, lowest);
        }
    }

    /// The buckets with pods left whose turn it is.
    fn open_buckets(&self, lowest: i32) -> Vec<u32> {
        let buckets = self.prepared.buckets.iter().zip(&self.ledger.left_in).enumerate();
        let open = buckets.filter(|(_, (bucket, left))| {
            let turn = !self.affine_only || bucket.affine;
            **left > 0 && bucket.priority >= lowest && turn
        });
        open.map(|(at, _)| at as u32).collect()
    }

    /// Fills the room of nodes that exist: it costs nothing.
    fn use_existing(&mut self, lowest: i32) {
        let problem = self.prepared.problem;
        let open = self.open_buckets(lowest);
        for node in 0..problem.nodes.len() {
            let accepted: Vec<u32> = open
                .iter()
                .copied()
                .filter(|&b| self.ledger.left_in[b as usize] > 0)
                .filter(|&b| {
                    let class = self.prepared.buckets[b as usize].class as usize;
                    problem.classes[class].nodes.contains(node)
                })
                .collect();
            if accepted.is_empty() {
                continue;
            }
            let mut spot =
                match self.spots.iter().position(|s| s.host == Host::Existing(node as u32)) {
                    Some(at) => self.spots.remove(at),
                    None => Spot {
                        host: Host::Existing(node as u32),
                        room: problem.nodes[node].free.clone(),
                        pods: Vec::new(),
                        copies: 1,
                    },
                };
            self.top_up(&mut spot, accepted);
            if !spot.pods.is_empty() {
                self.spots.push(spot);
            }
        }
    }

    /// Fills what room a node has left, until nothing more goes in.
    fn top_up(&mut self, spot: &mut Spot, mut buckets: Vec<u32>) {
        let mut refused = Vec::new();
        while !buckets.is_empty() {
            self.choice.set(self.prepared, &buckets, &self.ledger.left_in);
            self.fill(&spot.room, None, f64::INFINITY, |_| true, |_| 0);
            let mut pattern = std::mem::take(&mut self.filling.pattern);
            refused.clear();
            for &(bucket, want) in &pattern.pods {
                if self.place(spot, bucket, want) < want {
                    refused.push(bucket);
                }
            }
            std::mem::swap(&mut self.filling.pattern, &mut pattern);
            if refused.is_empty() {
                return;
            }
            buckets.retain(|bucket| !refused.contains(bucket));
        }
    }

    /// Fills a room on paper with what is in `choice`; the pattern is in `filling`.
    fn fill(
        &mut self,
        room: &[i64],
        first: Option<u32>,
        budget: f64,
        accepts: impl Fn(u32) -> bool,
        penalty: impl Fn(u32) -> Money,
    ) {
        let ask = Ask {
            prepared: self.prepared,
            worth: &self.worth,
            choice: &self.choice,
            left: &self.ledger.left_in,
            first,
            budget,
        };
        fill(&ask, room, accepts, penalty, &mut self.filling);
    }

    /// Puts up to `want` pods of a bucket on a node; says how many went.
    fn place(&mut self, spot: &mut Spot, bucket: u32, want: u32) -> u32 {
        let prepared = self.prepared;
        let mut placed = 0;
        for &group in &prepared.buckets[bucket as usize].groups {
            if placed == want {
                break;
            }
            if self.ledger.left[group as usize] == 0 {
                continue;
            }
            let fits = spot.fits(&prepared.buckets[bucket as usize].request, want - placed);
            if fits == 0 {
                break;
            }
            let count = self.ledger.allowed(group, spot, fits);
            if count > 0 {
                self.ledger.place(group, spot, count);
                placed += count;
            }
        }
        placed
    }

    /// Takes pods off a spot for good.
    pub(super) fn evict(&mut self, at: usize, group: u32, count: u32) {
        self.ledger.remove(group, &mut self.spots[at], count);
    }

    /// Price of all launches.
    pub(super) fn price(&self) -> Money {
        let each = |spot: &Spot| match spot.host {
            Host::Launch(offering) => {
                let price = self.prepared.problem.offerings[offering as usize].price;
                price.saturating_mul(spot.copies.into())
            }
            Host::Existing(_) => 0,
        };
        self.spots.iter().map(each).fold(0, Money::saturating_add)
    }

    /// Drops launches that hold nothing.
    pub(super) fn sweep(&mut self) {
        let mut spots = std::mem::take(&mut self.spots);
        for spot in spots.iter().filter(|spot| spot.pods.is_empty()) {
            if let Host::Launch(offering) = spot.host {
                self.ledger.cancel(offering, spot.copies);
            }
        }
        spots.retain(|spot| !spot.pods.is_empty());
        self.spots = spots;
    }
}
