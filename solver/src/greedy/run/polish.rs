//! What a construction leaves to be mended: pods without a place, nodes hardly worth it, nodes too
//! large.

use crate::{
    BitSet, Problem,
    greedy::{
        flexible::flexible,
        ledger::{Host, Spot},
        run::Run,
    },
    problem::Money,
};

/// How many launches are tried for closing, and how many failures in a row end it.
const DISSOLVE_TRIES: usize = 64;
const DISSOLVE_MISSES: usize = 16;

/// The pods of a launch that is tried for closing, on their way to other nodes.
#[derive(Default)]
struct Moving {
    /// The launch that is to close.
    from: usize,
    /// What making others larger may still cost.
    budget: Money,
    /// (node, group, pods) in the order of moving.
    moves: Vec<(usize, u32, u32)>,
    /// Launches that were made larger, with the offering before.
    grown: Vec<(usize, u32)>,
}

impl Run<'_> {
    /// Tries every pod that is left on every node there is.
    pub(super) fn patch(&mut self) {
        let problem = self.prepared.problem;
        let mut left: Vec<u32> = (0..problem.groups.len() as u32)
            .filter(|&g| self.ledger.left[g as usize] > 0)
            .collect();
        if left.is_empty() {
            return;
        }
        left.sort_by_key(|&g| (std::cmp::Reverse(problem.groups[g as usize].priority), g));
        let used: BitSet = BitSet::from_indices(
            problem.nodes.len(),
            self.spots.iter().filter_map(|spot| match spot.host {
                Host::Existing(node) => Some(node as usize),
                Host::Launch(_) => None,
            }),
        );
        for (at, node) in problem.nodes.iter().enumerate() {
            if !used.contains(at) {
                let host = Host::Existing(at as u32);
                self.spots.push(Spot {
                    host,
                    room: node.free.clone(),
                    pods: Vec::new(),
                    copies: 1,
                });
            }
        }
        let mut spots = std::mem::take(&mut self.spots);
        for _ in 0..2 {
            for &group in &left {
                self.patch_group(group, &mut spots);
            }
        }
        spots.retain(|spot| !spot.pods.is_empty());
        self.spots = spots;
    }

    fn patch_group(&mut self, group: u32, spots: &mut [Spot]) {
        for spot in spots.iter_mut() {
            let left = self.ledger.left[group as usize];
            if left == 0 {
                return;
            }
            self.join(group, spot, left);
        }
    }

    /// Closes the least useful launches whose pods all find room on other nodes.
    /// A node carries costs that no price list shows (images, addresses, daemons), so the plan may
    /// grow dearer by `allowance` over all closings.
    pub(in crate::greedy) fn dissolve(&mut self, mut allowance: Money) {
        let mut order: Vec<usize> = (0..self.spots.len())
            .filter(|&at| {
                matches!(self.spots[at].host, Host::Launch(_)) && self.spots[at].copies == 1
            })
            .collect();
        let capped = |spot: &Spot| {
            let roles = |group: u32| &self.prepared.roles[group as usize];
            spot.pods.iter().filter(|(g, _)| !roles(*g).exclusions.is_empty()).count()
        };
        let pods = |spot: &Spot| spot.pods.iter().map(|(_, count)| count).sum::<u32>();
        order.sort_by_cached_key(|&at| (capped(&self.spots[at]), pods(&self.spots[at]), at));
        order.truncate(DISSOLVE_TRIES);
        let mut misses = 0;
        for at in order {
            misses = match self.dissolve_one(at, allowance) {
                Some(dearer) => {
                    allowance -= dearer;
                    0
                }
                None => misses + 1,
            };
            if misses > DISSOLVE_MISSES {
                break;
            }
        }
        self.sweep();
    }

    /// Says how much dearer the plan became (0 when it did not).
    fn dissolve_one(&mut self, at: usize, allowance: Money) -> Option<Money> {
        let original = self.spots[at].clone();
        let Host::Launch(offering) = original.host else { return None };
        let price = self.prepared.problem.offerings[offering as usize].price;
        let mut spots = std::mem::take(&mut self.spots);
        for &(group, count) in &original.pods {
            self.ledger.remove(group, &mut spots[at], count);
        }
        let mut moving =
            Moving { from: at, budget: price.saturating_add(allowance), ..Moving::default() };
        let settled = original
            .pods
            .iter()
            .all(|&(group, count)| self.settle(&mut moving, &mut spots, group, count));
        let dearer = allowance - moving.budget;
        if !settled {
            self.take_back(moving, &mut spots);
            for &(group, count) in &original.pods {
                self.ledger.place(group, &mut spots[at], count);
            }
        }
        self.spots = spots;
        settled.then_some(dearer.max(0))
    }

    /// Finds room for pods of a closing launch on other nodes, and makes launches larger for those
    /// that find none; says whether all are settled.
    fn settle(
        &mut self,
        moving: &mut Moving,
        spots: &mut [Spot],
        group: u32,
        mut rest: u32,
    ) -> bool {
        let others = (0..spots.len()).filter(|&to| to != moving.from);
        for to in others.clone() {
            if rest == 0 {
                return true;
            }
            let placed = self.join(group, &mut spots[to], rest);
            if placed > 0 {
                moving.moves.push((to, group, placed));
                rest -= placed;
            }
        }
        for to in others {
            if rest == 0 {
                return true;
            }
            let before = spots[to].host;
            if let Some(extra) = self.grow(group, &mut spots[to], moving.budget) {
                moving.budget -= extra;
                if let Host::Launch(before) = before {
                    moving.grown.push((to, before));
                }
                moving.moves.push((to, group, 1));
                rest -= 1;
            }
        }
        rest == 0
    }

    /// Undoes what [`Run::settle`] did.
    fn take_back(&mut self, moving: Moving, spots: &mut [Spot]) {
        for (to, group, count) in moving.moves.into_iter().rev() {
            self.ledger.remove(group, &mut spots[to], count);
        }
        for (to, before) in moving.grown.into_iter().rev() {
            if let Host::Launch(now) = spots[to].host {
                let load = self.load(&spots[to], now);
                self.rehost(&mut spots[to], now, before, &load);
            }
        }
    }

    /// Makes a launch larger so that one more pod of `group` finds room, for less than `budget`;
    /// says what it costs more.
    fn grow(&mut self, group: u32, spot: &mut Spot, budget: Money) -> Option<Money> {
        let problem = self.prepared.problem;
        let Host::Launch(offering) = spot.host else { return None };
        let accepts = problem.class_of(group).offerings.contains(offering as usize);
        if !accepts || spot.copies > 1 || budget <= 0 {
            return None;
        }
        let mut load = self.load(spot, offering);
        for (sum, ask) in load.iter_mut().zip(&problem.groups[group as usize].request) {
            *sum += ask;
        }
        let price = problem.offerings[offering as usize].price;
        let below = price.saturating_add(budget);
        let affordable = self.prepared.large_kinds(&load).first().is_some_and(|k| k.price < below);
        if !affordable || self.ledger.allowed(group, spot, 1) == 0 {
            return None;
        }
        spot.pods.push((group, 1));
        let larger = self.cheapest(spot, offering, &load, below);
        spot.pods.pop();
        let larger = larger?;
        let load = self.load(spot, offering);
        self.rehost(spot, offering, larger, &load);
        self.ledger.place(group, spot, 1);
        Some((problem.offerings[larger as usize].price - price).max(0))
    }

    /// Puts pods of a group on a node that is open already; says how many went.
    pub(super) fn join(&mut self, group: u32, spot: &mut Spot, want: u32) -> u32 {
        let problem = self.prepared.problem;
        let request = &problem.groups[group as usize].request;
        let class = problem.class_of(group);
        let accepted = match spot.host {
            Host::Existing(node) => class.nodes.contains(node as usize),
            Host::Launch(offering) => class.offerings.contains(offering as usize),
        };
        if !accepted || spot.copies > 1 {
            return 0;
        }
        let fits = spot.fits(request, want);
        let count = if fits == 0 { 0 } else { self.ledger.allowed(group, spot, fits) };
        if count == 0 {
            return 0;
        }
        self.ledger.place(group, spot, count);
        if let Host::Launch(offering) = spot.host
            && !flexible(problem, offering, &spot.pods)
        {
            self.ledger.remove(group, spot, count);
            return 0;
        }
        count
    }

    /// Gives every launch the cheapest offering of the same domains that holds its pods.
    pub(in crate::greedy) fn shrink(&mut self) {
        let mut spots = std::mem::take(&mut self.spots);
        for spot in &mut spots {
            if let Host::Launch(offering) = spot.host {
                self.shrink_one(spot, offering);
            }
        }
        self.spots = spots;
    }

    fn shrink_one(&mut self, spot: &mut Spot, offering: u32) {
        let load = self.load(spot, offering);
        let price = self.prepared.problem.offerings[offering as usize].price;
        if let Some(better) = self.cheapest(spot, offering, &load, price) {
            self.rehost(spot, offering, better, &load);
        }
    }

    pub(super) fn load(&self, spot: &Spot, offering: u32) -> Vec<i64> {
        let mine = self.prepared.kind_of[offering as usize] as usize;
        let capacity = &self.prepared.kinds[mine].capacity;
        capacity.iter().zip(&spot.room).map(|(have, room)| have - room).collect()
    }

    pub(super) fn rehost(&mut self, spot: &mut Spot, from: u32, to: u32, load: &[i64]) {
        self.ledger.cancel(from, spot.copies);
        self.ledger.launch(to, spot.copies);
        let capacity = &self.prepared.kinds[self.prepared.kind_of[to as usize] as usize].capacity;
        spot.host = Host::Launch(to);
        spot.room = capacity.iter().zip(load).map(|(have, need)| have - need).collect();
    }

    /// The cheapest offering below a price that can take a launch's place: same tier, same domains,
    /// large enough for `load`, accepted by all its pods, preferences not worse than it saves.
    pub(super) fn cheapest(
        &self,
        spot: &Spot,
        offering: u32,
        load: &[i64],
        below: Money,
    ) -> Option<u32> {
        let prepared = self.prepared;
        let problem = prepared.problem;
        let mine = &problem.offerings[offering as usize];
        let here = self.prepared.place_of[offering as usize];
        let accepts = |o: &u32| {
            let fine = |(g, _): &(u32, u32)| problem.class_of(*g).offerings.contains(*o as usize);
            self.prepared.place_of[*o as usize] == here
                && spot.pods.iter().all(fine)
                && self.ledger.affords(*o, spot.copies) == spot.copies
                && self.ledger.opens_safely(*o)
                && same_counting(problem, *o, offering)
                && flexible(problem, *o, &spot.pods)
        };
        let kinds = prepared.large_kinds(load).iter().take_while(|kind| kind.price < below);
        let large = kinds.filter(|kind| {
            kind.tier == mine.tier
                && kind.capacity.iter().zip(load).all(|(have, need)| have >= need)
        });
        for kind in large {
            if let Some(better) = kind.offerings.iter().copied().find(accepts) {
                let worse = self.penalty_of(better, spot) - self.penalty_of(offering, spot);
                if worse < (below - kind.price) as f64 {
                    return Some(better);
                }
            }
        }
        None
    }

    fn penalty_of(&self, offering: u32, spot: &Spot) -> f64 {
        let mut cost = 0;
        for preference in &self.prepared.problem.preferences {
            let class = &self.prepared.problem.classes[preference.class as usize];
            if !class.offerings.contains(offering as usize) {
                let pods = spot.pods.iter().filter(|(g, _)| preference.groups.contains(g));
                cost += pods.map(|(_, count)| preference.cost * i64::from(*count)).sum::<i64>();
            }
        }
        cost as f64
    }
}

fn same_counting(problem: &Problem, a: u32, b: u32) -> bool {
    problem.spreads.iter().all(|spread| {
        spread.counted_offerings.contains(a as usize)
            == spread.counted_offerings.contains(b as usize)
    })
}
