//! Opening nodes: the pattern of most worth per price, for as long as it can be repeated.

use rustc_hash::FxHashMap;

use crate::{
    BitSet,
    greedy::{
        dominance::undominated,
        fill::Pattern,
        flexible::flexible,
        ledger::{Host, Spot},
        prepare::{Cap, Prepared},
        run::{Run, Shut},
    },
};

/// How many kinds are looked at again between two full looks.
const SHORT_LIST: usize = 8;

impl Run<'_> {
    pub(super) fn launch_tier(&mut self, tier: u16, lowest: i32) {
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
        // Ratios fall while pods find places, unless constraints open and shut domains: so what once
        // promised less than what has been found promises no more now.
        let falling = first.is_none() && !self.keyed;
        let unknown = list.iter().filter(|&&kind| self.ratio[kind as usize].is_infinite()).count();
        if falling || unknown == 0 {
            list.sort_by(|&a, &b| self.ratio[b as usize].total_cmp(&self.ratio[a as usize]));
            list.truncate(unknown + SHORT_LIST);
        }
        self.choice.set(self.prepared, open, &self.ledger.left_in);
        let mut best: Option<(f64, u32)> = None;
        for kind in list {
            if falling && best.is_some_and(|(top, _)| self.ratio[kind as usize] <= top) {
                break;
            }
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

    pub(super) fn blank(&self, offering: u32, copies: u32) -> Spot {
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
    pub(super) fn keep_flexible(&mut self, spot: &mut Spot, offering: u32) {
        while !spot.pods.is_empty() && !flexible(self.prepared.problem, offering, &spot.pods) {
            let Some(&(group, count)) = spot.pods.last() else { return };
            let off = count.div_ceil(2);
            self.ledger.remove(group, spot, off);
        }
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
