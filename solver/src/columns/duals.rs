//! Dual prices: what pods bring in, and what nodes cost.

use std::borrow::Cow;

use crate::{
    columns::counted::{Counted, least_cost},
    presolve::{Core, Kind, Source},
};

/// Dual prices that a bound rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duals {
    /// Per item, not negative.
    pub items: Vec<f64>,
    /// Per limit, not positive.
    pub limits: Vec<f64>,
    /// Per ceiling, of one pod under it; not negative.
    pub ceilings: Vec<f64>,
    /// Per kind, of one more node where the numbers of those that are bought are bounded: positive
    /// ones pay for the least number, negative ones charge for the most.
    pub counts: Vec<f64>,
    /// The same per number that the search branched on, a part of those of its kinds.
    pub sums: Vec<f64>,
}

impl Duals {
    /// No prices.
    pub(crate) fn nothing(core: &Core) -> Self {
        Self {
            items: vec![0.0; core.items.len()],
            limits: vec![0.0; core.limits.len()],
            ceilings: vec![0.0; core.ceilings.len()],
            counts: vec![0.0; core.kinds.len()],
            sums: Vec::new(),
        }
    }

    /// What pods are worth in each region: less under a ceiling, and never less than nothing.
    pub(crate) fn profits(&self, core: &Core) -> Profits<'_> {
        let region = |over: &Vec<u32>| {
            let mut items = Cow::Borrowed(self.items.as_slice());
            for &at in over.iter().filter(|&&at| self.ceilings[at as usize] > 0.0) {
                let charge = self.ceilings[at as usize];
                for &item in &core.ceilings[at as usize].items {
                    let worth = &mut items.to_mut()[item as usize];
                    *worth = (*worth - charge).max(0.0);
                }
            }
            items
        };
        Profits(core.over.iter().map(region).collect())
    }

    /// What a node of each kind costs.
    pub(crate) fn costs(&self, core: &Core) -> Vec<f64> {
        (0..core.kinds.len()).map(|kind| self.cost(core, kind)).collect()
    }

    /// Whether no pod has a price, as before the first pricing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.items.iter().all(|&dual| dual == 0.0)
    }

    /// These duals with this weight, and `current` with the rest.
    pub(crate) fn blend(&self, current: &Self, weight: f64) -> Self {
        if weight == 0.0 || self.is_nothing() {
            return current.clone();
        }
        let mix = |best: &[f64], now: &[f64]| {
            best.iter().zip(now).map(|(a, b)| weight * a + (1.0 - weight) * b).collect()
        };
        Self {
            items: mix(&self.items, &current.items),
            limits: mix(&self.limits, &current.limits),
            ceilings: mix(&self.ceilings, &current.ceilings),
            counts: mix(&self.counts, &current.counts),
            sums: mix(&self.sums, &current.sums),
        }
    }

    /// What a node of a kind costs, its part of the limits and of bounded numbers included.
    pub(crate) fn cost(&self, core: &Core, kind: usize) -> f64 {
        self.full_cost(core, kind) - self.counts[kind]
    }

    /// The same as if numbers were not bounded.
    pub(crate) fn full_cost(&self, core: &Core, kind: usize) -> f64 {
        let of = &core.kinds[kind];
        let limits =
            of.limits.iter().map(|&(limit, amount)| -self.limits[limit as usize] * amount as f64);
        of.price as f64 + limits.sum::<f64>()
    }

    /// The bound on any plan for `demand` with numbers of nodes that are `counted`, when no pattern of a
    /// kind is worth more than `bounds[kind]`.
    ///
    /// What pods are worth is lowered, all by the same factor, until no pattern costs less than it is
    /// worth where any number of nodes would do. Of the other kinds there are the cheapest numbers by
    /// what a node costs beyond its worth. Any such factor will do; those at which a kind costs what it
    /// is worth are tried, and the largest.
    pub(crate) fn bound(
        &self,
        core: &Core,
        demand: &[u32],
        bounds: &[f64],
        counted: &[Counted],
    ) -> f64 {
        let has_end = |kind: usize| {
            let counts = |of: &Counted| of.range.most.is_some() && of.counts(kind as u32);
            counted.iter().any(counts)
        };
        let mut largest: f64 = 1.0;
        let mut bends = Vec::new();
        for (at, kind) in core.kinds.iter().enumerate() {
            let cost = self.full_cost(core, at);
            if matches!(kind.source, Source::Offerings(_)) && bounds[at] > cost {
                let factor = cost.max(0.0) / bounds[at];
                match has_end(at) {
                    true => bends.push(factor),
                    false => largest = largest.min(factor),
                }
            }
        }
        let [worth, charges] = self.totals(core, demand, bounds);
        let total = |factor: f64| {
            let slack = |kind: u32| {
                let kind = kind as usize;
                self.full_cost(core, kind) - factor * bounds[kind]
            };
            factor * worth + charges + least_cost(counted, slack)
        };
        bends.retain(|bend| *bend < largest);
        bends.into_iter().chain([largest]).map(total).fold(0.0, f64::max)
    }

    /// What all pods are worth beyond what existing nodes can be, and what limits have left; the latter
    /// is not positive.
    fn totals(&self, core: &Core, demand: &[u32], bounds: &[f64]) -> [f64; 2] {
        let pods = self.items.iter().zip(demand).map(|(dual, &pods)| dual * f64::from(pods));
        let limits = self.limits.iter().zip(&core.limits);
        let limits = limits.map(|(dual, &left)| dual * left.max(0) as f64);
        let ceilings = self.ceilings.iter().zip(&core.ceilings);
        let ceilings = ceilings.map(|(charge, ceiling)| charge * ceiling.most as f64);
        let existing = core.kinds.iter().zip(bounds);
        let existing = existing.filter(|(kind, _)| matches!(kind.source, Source::Nodes(_)));
        let existing = existing.map(|(kind, bound)| bound * f64::from(kind.most));
        let worth = pods.sum::<f64>() - ceilings.sum::<f64>() - existing.sum::<f64>();
        [worth, limits.sum()]
    }
}

/// What one pod is worth on a node, by where the node stands.
pub(crate) struct Profits<'a>(Vec<Cow<'a, [f64]>>);

impl Profits<'_> {
    /// Per item, on a node of this kind.
    pub(crate) fn on(&self, kind: &Kind) -> &[f64] {
        &self.0[kind.region as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{columns::master::Range, presolve::twins::tests::zonal, random::next};

    /// The bound is what the best factor gives, whatever numbers of nodes are allowed.
    #[test]
    fn no_factor_gives_a_better_bound() {
        let core = zonal();
        let demand = core.demand();
        let random = &mut 9;
        let mut part = |most: f64| (next(random) % 1_000) as f64 * most / 1_000.0;
        for round in 0..200 {
            let items = core.items.iter().map(|_| 100.0 + part(900.0)).collect();
            let duals = Duals { items, ..Duals::nothing(&core) };
            let price = |kind: usize| core.kinds[kind].price as f64;
            let bounds: Vec<f64> =
                (0..core.kinds.len()).map(|kind| price(kind) * (0.8 + part(0.4))).collect();
            let counted: Vec<Counted> = (0..round % 4)
                .map(|at| {
                    let least = part(3.0) as u32;
                    let most = (part(2.0) > 1.0).then(|| least + part(4.0) as u32);
                    Counted { kinds: [at * 2].into(), range: Range { least, most } }
                })
                .collect();
            let total = |factor: f64| {
                let worth = duals.items.iter().zip(&demand);
                let worth: f64 = worth.map(|(dual, &pods)| dual * f64::from(pods)).sum();
                let numbers = bounds.iter().enumerate().map(|(kind, bound)| {
                    let of_kind = counted.iter().find(|of| of.counts(kind as u32));
                    let range = of_kind.map_or(Range::ANY, |of| of.range);
                    let slack = price(kind) - factor * bound;
                    // A hundred thousand nodes stand for any number.
                    let most = range.most.unwrap_or(100_000);
                    (slack * f64::from(range.least)).min(slack * f64::from(most))
                });
                factor * worth + numbers.sum::<f64>()
            };
            let found = duals.bound(&core, &demand, &bounds, &counted);
            let best = (0..=5_000).map(|at| total(f64::from(at) / 5_000.0)).fold(0.0, f64::max);
            assert!(found >= best - 1e-6, "{found} is below {best}");
            assert!(found <= best + 1e-2 * best.abs().max(1.0), "{found} is above {best}");
        }
    }
}
