//! One greedy construction: existing room first, then the best pattern again and again.

pub(crate) mod follow;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    BitSet, Problem,
    greedy::{
        dominance::undominated,
        fill::{Ask, Choice, Filling, Pattern, Share, fill, worths},
        ledger::{Host, Ledger, Spot, fits},
        prepare::{Cap, Prepared},
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

/// How many kinds are looked at again between two full looks.
const SHORT_LIST: usize = 8;

/// How many launches are tried for closing, and how many failures in a row end it.
const DISSOLVE_TRIES: usize = 64;
const DISSOLVE_MISSES: usize = 16;

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

    fn launch_tier(&mut self, tier: u16, lowest: i32) {
        let prepared = self.prepared;
        let sold: Vec<bool> = (prepared.buckets.iter())
            .map(|bucket| bucket.kinds.iter().any(|kind| prepared.kinds[kind].tier == tier))
            .collect();
        let mut pattern = Pattern::default();
        let mut blocked = BitSet::empty(prepared.buckets.len());
        let mut placed_since = false;
        let mut kinds = Vec::new();
        let mut considered = f64::INFINITY;
        self.shut.clear();
        loop {
            let mut open = self.open_buckets(lowest);
            open.retain(|&b| sold[b as usize]);
            let before = open.len();
            open.retain(|&b| !blocked.contains(b as usize));
            if open.is_empty() {
                if before == 0 || !placed_since {
                    return;
                }
                blocked = BitSet::empty(prepared.buckets.len());
                self.shut.clear();
                placed_since = false;
                continue;
            }
            let total = self.total_worth(&open);
            if total < considered * 0.25 {
                considered = total;
                let left = &self.ledger.left_in;
                kinds = undominated(prepared, tier, &open, left, self.variant.heed_limits);
                kinds.retain(|&kind| self.can_launch(kind));
                kinds.iter().for_each(|&kind| self.ratio[kind as usize] = f64::INFINITY);
            }
            let Some(kind) = self.best_pattern(&kinds, &open, total, &mut pattern) else {
                open.iter().for_each(|&b| blocked.insert(b as usize));
                continue;
            };
            let placed = self.open_nodes(kind, &pattern, &open);
            if placed == 0 {
                let bucket = pattern.pods[0].0;
                kinds.retain(|&kind| self.can_launch(kind));
                if !self.shut_out(bucket, kind, &kinds) {
                    blocked.insert(bucket as usize);
                }
            } else {
                placed_since = true;
            }
        }
    }

    /// Notes that the domains of a kind hold no pod of a bucket; says whether other domains may.
    /// Where sizes or prices differ by zone, no kind is in all of them.
    fn shut_out(&mut self, bucket: u32, kind: u32, kinds: &[u32]) -> bool {
        for &offering in &self.prepared.kinds[kind as usize].offerings {
            self.shut.insert((bucket, self.prepared.place_of[offering as usize]));
        }
        kinds.iter().any(|&other| welcomes(self.prepared, &self.shut, other, bucket))
    }

    fn can_launch(&mut self, kind: u32) -> bool {
        let offerings = &self.prepared.kinds[kind as usize].offerings;
        let can = offerings.iter().any(|&offering| self.ledger.affords(offering, 1) > 0);
        self.limited |= !can;
        can
    }

    fn total_worth(&self, open: &[u32]) -> f64 {
        open.iter()
            .map(|&b| self.worth[b as usize] * f64::from(self.ledger.left_in[b as usize]))
            .sum()
    }

    /// The bucket that forces most nodes into being, and how many.
    fn forced(&self, open: &[u32]) -> Option<(u32, f64)> {
        let mut by_cap: FxHashMap<Cap, (u64, u32, u32)> = FxHashMap::default();
        for &b in open {
            let bucket = &self.prepared.buckets[b as usize];
            if let Some((cap, most)) = bucket.cap {
                let entry = by_cap.entry(cap).or_insert((0, most, b));
                entry.0 += u64::from(self.ledger.left_in[b as usize]);
                if self.worth[b as usize] > self.worth[entry.2 as usize] {
                    entry.2 = b;
                }
            }
        }
        by_cap
            .into_values()
            .map(|(pods, most, bucket)| (bucket, (pods as f64 / f64::from(most)).ceil()))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// The kind with most worth per price; its mix goes to `pattern`.
    fn best_pattern(
        &mut self,
        kinds: &[u32],
        open: &[u32],
        total: f64,
        pattern: &mut Pattern,
    ) -> Option<u32> {
        let forced = self.variant.fair.and_then(|times| Some((self.forced(open)?, times)));
        let (first, budget) = match forced {
            Some(((bucket, nodes), times)) => (Some(bucket), times * total / nodes),
            None => (None, f64::INFINITY),
        };
        let welcome = |kind: u32, bucket: u32| welcomes(self.prepared, &self.shut, kind, bucket);
        let mut list: Vec<u32> =
            kinds.iter().copied().filter(|&k| first.is_none_or(|b| welcome(k, b))).collect();
        if !self.shut.is_empty() {
            list.retain(|&kind| open.iter().any(|&bucket| welcome(kind, bucket)));
        }
        if budget.is_finite() {
            list = self.near_budget(list, budget);
        }
        let unknown = list.iter().any(|&kind| self.ratio[kind as usize].is_infinite());
        if !unknown {
            list.sort_by(|&a, &b| self.ratio[b as usize].total_cmp(&self.ratio[a as usize]));
            list.truncate(SHORT_LIST);
        }
        self.choice.set(self.prepared, open, &self.ledger.left_in);
        let mut best: Option<(f64, u32)> = None;
        for kind in list {
            self.pattern(kind, first, budget);
            let found = &mut self.filling.pattern;
            let ratio = found.worth / (self.prepared.kinds[kind as usize].price as f64).max(1.0);
            self.ratio[kind as usize] = ratio;
            if !found.pods.is_empty() && best.is_none_or(|(top, _)| ratio > top) {
                best = Some((ratio, kind));
                std::mem::swap(found, pattern);
            }
        }
        pattern.merge();
        best.map(|(_, kind)| kind)
    }

    /// Kinds whose price is about what the budget buys, or the cheapest above it.
    fn near_budget(&self, list: Vec<u32>, budget: f64) -> Vec<u32> {
        let price = |kind: u32| self.prepared.kinds[kind as usize].price as f64;
        let mut near: Vec<u32> = list
            .iter()
            .copied()
            .filter(|&k| price(k) >= 0.5 * budget && price(k) <= 2.0 * budget)
            .collect();
        if near.is_empty() {
            let above = list.iter().position(|&k| price(k) > budget).unwrap_or(list.len());
            near = list[above.saturating_sub(4)..(above + 4).min(list.len())].to_vec();
        }
        if near.len() > SHORT_LIST {
            let step = near.len() as f64 / SHORT_LIST as f64;
            near = (0..SHORT_LIST).map(|i| near[(i as f64 * step) as usize]).collect();
        }
        near
    }

    /// Fills a node of a kind on paper.
    fn pattern(&mut self, kind: u32, first: Option<u32>, budget: f64) {
        let buckets = &self.prepared.buckets;
        let shut = std::mem::take(&mut self.shut);
        let penalty = |b: u32| buckets[b as usize].penalty.get(kind as usize).copied().unwrap_or(0);
        let room = &self.prepared.kinds[kind as usize].capacity;
        let prepared = self.prepared;
        let accepts = |b: u32| welcomes(prepared, &shut, kind, b);
        self.fill(room, first, budget, accepts, penalty);
        self.shut = shut;
    }

    /// Opens nodes by a pattern for as long as it can be repeated; says how many pods went.
    fn open_nodes(&mut self, kind: u32, pattern: &Pattern, open: &[u32]) -> u64 {
        let free = pattern.pods.iter().all(|&(b, _)| self.prepared.buckets[b as usize].free);
        let inflexible = self.prepared.problem.flexibilities.is_empty();
        if free && inflexible {
            let placed = self.open_copies(kind, pattern);
            if placed > 0 {
                return placed;
            }
        }
        let mut placed = 0;
        loop {
            let Some((spot, whole)) = self.open_one(kind, pattern, open) else { return placed };
            if spot.pods.is_empty() {
                return placed;
            }
            placed += spot.pods.iter().map(|(_, count)| u64::from(*count)).sum::<u64>();
            self.spots.push(spot);
            let again =
                pattern.pods.iter().all(|&(b, count)| self.ledger.left_in[b as usize] >= count);
            if !whole || !again {
                return placed;
            }
        }
    }

    /// Many nodes at once, for pods that no constraint looks at.
    fn open_copies(&mut self, kind: u32, pattern: &Pattern) -> u64 {
        let prepared = self.prepared;
        let mut chosen = Vec::with_capacity(pattern.pods.len());
        let mut copies = u32::MAX;
        for &(bucket, count) in &pattern.pods {
            let groups = &prepared.buckets[bucket as usize].groups;
            let Some(&group) = groups
                .iter()
                .max_by_key(|&&g| (self.ledger.left[g as usize], std::cmp::Reverse(g)))
            else {
                return 0;
            };
            copies = copies.min(self.ledger.left[group as usize] / count);
            chosen.push((group, count));
        }
        let mut placed = 0;
        let mut offerings = prepared.kinds[kind as usize].offerings.clone();
        offerings.sort_by_key(|&o| (self.launched[self.prepared.place_of[o as usize] as usize], o));
        let zones = offerings.len() as u32;
        for (at, offering) in offerings.into_iter().enumerate() {
            let share = copies / zones + u32::from((at as u32) < copies % zones);
            let share = if self.ledger.opens_safely(offering) {
                self.ledger.affords(offering, share)
            } else {
                0
            };
            if share == 0 {
                continue;
            }
            let mut spot = self.blank(offering, share);
            for &(group, count) in &chosen {
                self.ledger.place(group, &mut spot, count);
                placed += u64::from(count) * u64::from(share);
            }
            self.ledger.launch(offering, share);
            self.launched[self.prepared.place_of[offering as usize] as usize] += share;
            self.spots.push(spot);
        }
        placed
    }

    fn blank(&self, offering: u32, copies: u32) -> Spot {
        let kind = self.prepared.kind_of[offering as usize];
        Spot {
            host: Host::Launch(offering),
            room: self.prepared.kinds[kind as usize].capacity.clone(),
            pods: Vec::new(),
            copies,
        }
    }

    /// One node by a pattern, in the zone where most of it can be had; `true` when all of it was.
    fn open_one(&mut self, kind: u32, pattern: &Pattern, open: &[u32]) -> Option<(Spot, bool)> {
        let prepared = self.prepared;
        let mut offerings = prepared.kinds[kind as usize].offerings.clone();
        offerings.retain(|&o| self.ledger.affords(o, 1) > 0 && self.ledger.opens_safely(o));
        offerings.sort_by_key(|&o| (self.launched[self.prepared.place_of[o as usize] as usize], o));
        if !self.keyed {
            offerings.truncate(1);
        }
        let mut spot = self.blank(*offerings.first()?, 1);
        let mut best: Option<(f64, u32)> = None;
        let wanted: u32 = pattern.pods.iter().map(|(_, count)| count).sum();
        for &offering in &offerings {
            spot.host = Host::Launch(offering);
            let (pods, worth) = self.realise(&mut spot, pattern);
            if pods == wanted && worth >= pattern.worth - 1e-6 {
                return Some((self.close(spot, open, true), true));
            }
            while let Some(&(group, count)) = spot.pods.last() {
                self.ledger.remove(group, &mut spot, count);
            }
            if pods > 0 && best.is_none_or(|(top, _)| worth > top) {
                best = Some((worth, offering));
            }
        }
        spot.host = Host::Launch(best?.1);
        let (pods, _) = self.realise(&mut spot, pattern);
        Some((self.close(spot, open, pods == wanted), pods == wanted))
    }

    /// Places what a pattern asks and the constraints allow: pods, and their worth less what
    /// preferences that span nodes cost.
    fn realise(&mut self, spot: &mut Spot, pattern: &Pattern) -> (u32, f64) {
        let (mut pods, mut worth) = (0, pattern.worth);
        for &(bucket, want) in &pattern.pods {
            let before = spot.pods.len();
            let placed = self.place(spot, bucket, want);
            pods += placed;
            worth -= self.worth[bucket as usize] * f64::from(want - placed);
            for at in before..spot.pods.len() {
                let (group, count) = spot.pods[at];
                worth -= self.soft_cost(group, spot) * f64::from(count);
            }
        }
        (pods, worth)
    }

    fn soft_cost(&self, group: u32, spot: &Spot) -> f64 {
        if self.prepared.roles[group as usize].is_empty() {
            return 0.0;
        }
        self.ledger.soft_cost(group, spot) as f64
    }

    /// Ends a launch: tops up what the constraints left open, then takes the cheapest offering of
    /// the same domains that holds it all.
    fn close(&mut self, mut spot: Spot, open: &[u32], whole: bool) -> Spot {
        if !whole && let Host::Launch(offering) = spot.host {
            let kind = self.prepared.kind_of[offering as usize] as usize;
            let fitting: Vec<u32> = open
                .iter()
                .copied()
                .filter(|&b| self.prepared.buckets[b as usize].kinds.contains(kind))
                .collect();
            self.top_up(&mut spot, fitting);
        }
        let Host::Launch(offering) = spot.host else { return spot };
        self.keep_flexible(&mut spot, offering);
        if !spot.pods.is_empty() {
            self.ledger.launch(offering, 1);
            self.launched[self.prepared.place_of[offering as usize] as usize] += 1;
        }
        spot
    }

    /// Takes pods off until enough alternatives hold the rest (minValues).
    fn keep_flexible(&mut self, spot: &mut Spot, offering: u32) {
        while !spot.pods.is_empty() && !flexible(self.prepared.problem, offering, &spot.pods) {
            let Some(&(group, count)) = spot.pods.last() else { return };
            let off = count.div_ceil(2);
            self.ledger.remove(group, spot, off);
        }
    }

    /// Groups that must share a node with others come before the rest: whole companies on the
    /// cheapest node that holds them.
    fn colocate(&mut self, lowest: i32) {
        let prepared = self.prepared;
        let problem = prepared.problem;
        for affinity in &problem.affinities {
            if affinity.cost.is_some() || !affinity.keys.contains(&NODE_KEY) {
                continue;
            }
            let members = &problem.sets[affinity.set as usize];
            let mut company: Vec<u32> = affinity.groups.clone();
            company.retain(|&g| {
                self.ledger.left[g as usize] > 0 && problem.groups[g as usize].priority >= lowest
            });
            if company.is_empty() || !members.bound.is_empty() {
                continue;
            }
            let leader = members
                .groups
                .iter()
                .map(|g| g as u32)
                .filter(|g| !company.contains(g) && self.ledger.left[*g as usize] > 0)
                .max_by_key(|&g| (self.ledger.left[g as usize], std::cmp::Reverse(g)));
            let mut sizes: Vec<(u32, u32)> = Vec::new();
            let bundles = leader.map_or(1, |g| self.ledger.left[g as usize]);
            if let Some(leader) = leader {
                sizes.push((leader, 1));
            }
            sizes.extend(
                company.iter().map(|&g| (g, self.ledger.left[g as usize].div_ceil(bundles))),
            );
            self.open_company(&sizes, bundles);
        }
    }

    fn open_company(&mut self, sizes: &[(u32, u32)], bundles: u32) {
        let problem = self.prepared.problem;
        let mut ask = vec![0i64; problem.dims];
        for &(group, count) in sizes {
            for (sum, request) in ask.iter_mut().zip(&problem.groups[group as usize].request) {
                *sum = sum.saturating_add(request.saturating_mul(count.into()));
            }
        }
        let accepts = |offering: usize| {
            sizes.iter().all(|&(g, _)| problem.class_of(g).offerings.contains(offering))
        };
        let mut best: Option<(f64, u32)> = None;
        for (at, kind) in self.prepared.kinds.iter().enumerate() {
            if !accepts(kind.offerings[0] as usize) {
                continue;
            }
            let times = fits(&kind.capacity, &ask, bundles);
            if times == 0 {
                continue;
            }
            let each = (f64::from(kind.tier), kind.price as f64 / f64::from(times));
            let each = each.0 * 1e15 + each.1;
            if best.is_none_or(|(top, _)| each < top) {
                best = Some((each, at as u32));
            }
        }
        let Some((_, kind)) = best else { return };
        let mut rest = bundles;
        while rest > 0 {
            let times = fits(&self.prepared.kinds[kind as usize].capacity, &ask, rest);
            if times == 0 || !self.open_bundle(kind, sizes, times) {
                return;
            }
            rest -= times;
        }
    }

    fn open_bundle(&mut self, kind: u32, sizes: &[(u32, u32)], times: u32) -> bool {
        for offering in self.prepared.kinds[kind as usize].offerings.clone() {
            if self.ledger.affords(offering, 1) == 0 || !self.ledger.opens_safely(offering) {
                continue;
            }
            let mut spot = self.blank(offering, 1);
            for &(group, count) in sizes {
                let want = (count * times).min(self.ledger.left[group as usize]);
                let want = spot.fits(&self.prepared.problem.groups[group as usize].request, want);
                let count = self.ledger.allowed(group, &spot, want);
                if count > 0 {
                    self.ledger.place(group, &mut spot, count);
                }
            }
            self.keep_flexible(&mut spot, offering);
            if spot.pods.is_empty() {
                continue;
            }
            self.ledger.launch(offering, 1);
            self.launched[self.prepared.place_of[offering as usize] as usize] += 1;
            self.spots.push(spot);
            return true;
        }
        false
    }

    /// Tries every pod that is left on every node there is.
    fn patch(&mut self) {
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
    pub(super) fn dissolve(&mut self, mut allowance: Money) {
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
        let mut budget = price.saturating_add(allowance);
        let mut spots = std::mem::take(&mut self.spots);
        for &(group, count) in &original.pods {
            self.ledger.remove(group, &mut spots[at], count);
        }
        let mut moves: Vec<(usize, u32, u32)> = Vec::new();
        let mut grown: Vec<(usize, u32)> = Vec::new();
        let settled = original.pods.iter().all(|&(group, count)| {
            let mut rest = count;
            for to in (0..spots.len()).filter(|&to| to != at) {
                if rest == 0 {
                    break;
                }
                let placed = self.join(group, &mut spots[to], rest);
                if placed > 0 {
                    moves.push((to, group, placed));
                    rest -= placed;
                }
            }
            for to in (0..spots.len()).filter(|&to| to != at) {
                if rest == 0 {
                    break;
                }
                let before = spots[to].host;
                if let Some(extra) = self.grow(group, &mut spots[to], budget) {
                    budget -= extra;
                    if let Host::Launch(before) = before {
                        grown.push((to, before));
                    }
                    moves.push((to, group, 1));
                    rest -= 1;
                }
            }
            rest == 0
        });
        if !settled {
            for (to, group, count) in moves.into_iter().rev() {
                self.ledger.remove(group, &mut spots[to], count);
            }
            for (to, before) in grown.into_iter().rev() {
                if let Host::Launch(now) = spots[to].host {
                    let load = self.load(&spots[to], now);
                    self.rehost(&mut spots[to], now, before, &load);
                }
            }
            for &(group, count) in &original.pods {
                self.ledger.place(group, &mut spots[at], count);
            }
        }
        self.spots = spots;
        settled.then_some((allowance - budget).max(0))
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
    fn join(&mut self, group: u32, spot: &mut Spot, want: u32) -> u32 {
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
    pub(super) fn shrink(&mut self) {
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

    fn load(&self, spot: &Spot, offering: u32) -> Vec<i64> {
        let mine = self.prepared.kind_of[offering as usize] as usize;
        let capacity = &self.prepared.kinds[mine].capacity;
        capacity.iter().zip(&spot.room).map(|(have, room)| have - room).collect()
    }

    fn rehost(&mut self, spot: &mut Spot, from: u32, to: u32, load: &[i64]) {
        self.ledger.cancel(from, spot.copies);
        self.ledger.launch(to, spot.copies);
        let capacity = &self.prepared.kinds[self.prepared.kind_of[to as usize] as usize].capacity;
        spot.host = Host::Launch(to);
        spot.room = capacity.iter().zip(load).map(|(have, need)| have - need).collect();
    }

    /// The cheapest offering below a price that can take a launch's place: same tier, same domains,
    /// large enough for `load`, accepted by all its pods, preferences not worse than it saves.
    fn cheapest(&self, spot: &Spot, offering: u32, load: &[i64], below: Money) -> Option<u32> {
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

/// Whether a kind accepts a bucket and has a domain that is not shut to it.
fn welcomes(prepared: &Prepared<'_>, shut: &Shut, kind: u32, bucket: u32) -> bool {
    let open = |&offering: &u32| {
        shut.is_empty() || !shut.contains(&(bucket, prepared.place_of[offering as usize]))
    };
    prepared.buckets[bucket as usize].kinds.contains(kind as usize)
        && prepared.kinds[kind as usize].offerings.iter().any(open)
}

fn same_counting(problem: &Problem, a: u32, b: u32) -> bool {
    problem.spreads.iter().all(|spread| {
        spread.counted_offerings.contains(a as usize)
            == spread.counted_offerings.contains(b as usize)
    })
}

/// Whether enough distinct alternatives hold these pods for every rule that covers the offering.
pub(super) fn flexible(problem: &Problem, offering: u32, pods: &[(u32, u32)]) -> bool {
    let mut load: Option<Vec<i64>> = None;
    for rule in &problem.flexibilities {
        if rule.values.binary_search_by_key(&offering, |&(o, _)| o).is_err() {
            continue;
        }
        let load = load.get_or_insert_with(|| {
            let mut load = vec![0; problem.dims];
            for &(group, count) in pods {
                for (sum, ask) in load.iter_mut().zip(&problem.groups[group as usize].request) {
                    *sum += ask * i64::from(count);
                }
            }
            load
        });
        let holds = |o: usize| {
            load.iter().zip(&problem.offerings[o].capacity).all(|(need, have)| need <= have)
                && pods.iter().all(|(g, _)| problem.class_of(*g).offerings.contains(o))
        };
        // Only as many values as the rule asks for are looked for.
        let mut seen: Vec<u32> = Vec::with_capacity(rule.min as usize);
        for &(other, value) in &rule.values {
            if seen.len() == rule.min as usize {
                break;
            }
            if !seen.contains(&value) && holds(other as usize) {
                seen.push(value);
            }
        }
        if seen.len() < rule.min as usize {
            return false;
        }
    }
    true
}
