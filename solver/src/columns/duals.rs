//! Dual prices: what pods bring in, and what nodes cost.

use std::borrow::Cow;

use crate::presolve::{Core, Kind, Source};

/// Dual prices that a bound rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duals {
    /// Per item, not negative.
    pub items: Vec<f64>,
    /// Per limit, not positive.
    pub limits: Vec<f64>,
    /// Per ceiling, of one pod under it; not negative.
    pub ceilings: Vec<f64>,
}

impl Duals {
    /// No prices.
    pub(crate) fn nothing(core: &Core) -> Self {
        Self {
            items: vec![0.0; core.items.len()],
            limits: vec![0.0; core.limits.len()],
            ceilings: vec![0.0; core.ceilings.len()],
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
        }
    }

    /// What a node of a kind costs, its part of the limits included.
    pub(crate) fn cost(&self, core: &Core, kind: usize) -> f64 {
        let of = &core.kinds[kind];
        let limits =
            of.limits.iter().map(|&(limit, amount)| -self.limits[limit as usize] * amount as f64);
        of.price as f64 + limits.sum::<f64>()
    }

    /// The bound on any plan for `demand`, when no pattern of a kind is worth more than
    /// `bounds[kind]`: duals are scaled down until no offering's pattern is worth more than its
    /// cost; what existing nodes are worth beyond that is taken off.
    pub(crate) fn bound(&self, core: &Core, demand: &[u32], bounds: &[f64]) -> f64 {
        let mut scale: f64 = 1.0;
        for (at, kind) in core.kinds.iter().enumerate() {
            if matches!(kind.source, Source::Offerings(_)) {
                let cost = self.cost(core, at);
                if bounds[at] > cost {
                    if cost <= 0.0 {
                        return 0.0;
                    }
                    scale = scale.max(bounds[at] / cost);
                }
            }
        }
        self.scaled_bound(core, demand, bounds, scale)
    }

    /// The bound when the items' duals are divided by `scale` (at least 1).
    pub(crate) fn scaled_bound(
        &self,
        core: &Core,
        demand: &[u32],
        bounds: &[f64],
        scale: f64,
    ) -> f64 {
        let pods = self.items.iter().zip(demand).map(|(dual, &pods)| dual * f64::from(pods));
        let limits = self.limits.iter().zip(&core.limits);
        let limits = limits.map(|(dual, &left)| dual * left.max(0) as f64);
        let ceilings = self.ceilings.iter().zip(&core.ceilings);
        let ceilings = ceilings.map(|(charge, ceiling)| charge * ceiling.most as f64);
        let existing = core.kinds.iter().zip(bounds);
        let existing = existing.filter(|(kind, _)| matches!(kind.source, Source::Nodes(_)));
        let existing = existing.map(|(kind, bound)| bound * f64::from(kind.most));
        let worth = pods.sum::<f64>() - ceilings.sum::<f64>() - existing.sum::<f64>();
        worth / scale + limits.sum::<f64>()
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
