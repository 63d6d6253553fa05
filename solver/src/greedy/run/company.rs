//! Nodes for pods that must share one with others.

use crate::{
    greedy::{ledger::fits, run::Run},
    problem::NODE_KEY,
};

impl Run<'_> {
    /// Groups that must share a node with others come before the rest: whole companies on the
    /// cheapest node that holds them.
    pub(super) fn colocate(&mut self, lowest: i32) {
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
}
