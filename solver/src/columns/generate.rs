//! The root of the search: the master's linear relaxation, solved by generating columns.

use rayon::prelude::*;

use crate::{
    columns::{
        master::Master,
        pool::{Column, Pool},
    },
    effort::Budget,
    master::Outcome,
    pattern::{Ask, Pattern, Priced, Pricer},
    presolve::{Core, Source},
};

/// How far the root goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Ends when value and bound are this close, relative.
    pub tolerance: f64,
    /// Columns per kind and round.
    pub keep: usize,
    /// Rounds at most.
    pub rounds: u32,
    /// Branches per pricing at most, once the value stalls.
    pub nodes: u32,
}

/// What the root found.
#[derive(Clone)]
pub(crate) struct Root<'a> {
    pub core: &'a Core,
    pub pricers: Vec<Pricer>,
    pub pool: Pool,
    pub master: Master<'a>,
    /// Value of the restricted master.
    pub value: f64,
    /// No plan costs less.
    pub bound: f64,
    /// The dual prices behind the bound.
    pub duals: Duals,
    /// How close each kind's best pattern comes to its price at those duals: 1 is on the mark.
    pub worth: Vec<f64>,
}

/// Dual prices that a bound rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duals {
    /// Per item, not negative.
    pub items: Vec<f64>,
    /// Per limit, not positive.
    pub limits: Vec<f64>,
}

/// One round of pricing every kind.
struct Round {
    priced: Vec<Priced>,
    bound: f64,
    worth: Vec<f64>,
}

/// Weight of the best duals so far in the duals that are priced (smoothing, after Wentges 1997).
const SMOOTHING: f64 = 0.6;

/// Solves the root. `seeds` are columns to start with.
pub(crate) fn root<'a>(
    core: &'a Core,
    seeds: Vec<Column>,
    limits: &Limits,
    budget: &mut Budget,
) -> Root<'a> {
    let demand: Vec<u32> = core.items.iter().map(|item| item.demand).collect();
    let pricers: Vec<Pricer> = core.kinds.par_iter().map(|kind| Pricer::new(core, kind)).collect();
    let mut root = Root {
        core,
        pool: Pool::default(),
        master: Master::new(core, &demand, &[]),
        value: f64::INFINITY,
        bound: 0.0,
        duals: Duals {
            items: vec![0.0; core.items.len()],
            limits: vec![0.0; core.limits.len()],
        },
        worth: vec![1.0; core.kinds.len()],
        pricers,
    };
    for column in seeds.into_iter().chain(singles(core)) {
        root.add(column);
    }
    root.generate(limits, budget);
    root
}

/// For every item, the node that holds its pods at the least price each.
fn singles(core: &Core) -> Vec<Column> {
    let mut columns = Vec::new();
    for (at, item) in core.items.iter().enumerate() {
        let offered = core.kinds.iter().enumerate().filter(|(_, kind)| kind.items.contains(at));
        let best = offered
            .map(|(k, kind)| {
                let pods = crate::presolve::most(core, item, kind);
                (kind.price as f64 / f64::from(pods.max(1)), k, pods)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((_, kind, pods)) = best.filter(|(_, _, pods)| *pods > 0) {
            columns.push(Column { kind: kind as u32, pattern: vec![(at as u32, pods)] });
        }
    }
    columns
}

impl Root<'_> {
    fn add(&mut self, column: Column) -> bool {
        let (at, new) = self.pool.add(column);
        if new {
            self.master.add(&self.pool, at);
        }
        new
    }

    /// Adds columns until value and bound meet, or the limits end it.
    fn generate(&mut self, limits: &Limits, budget: &mut Budget) {
        let mut nodes = 1;
        let mut stalls = 0;
        for _ in 0..limits.rounds {
            let before = self.master.pivots();
            let outcome = self.master.solve(budget.left());
            budget.pivots(self.master.pivots() - before);
            if outcome != Outcome::Optimal {
                return;
            }
            let value = self.master.value();
            stalls = if value > self.value * (1.0 - 1e-5) { stalls + 1 } else { 0 };
            self.value = value;
            if std::env::var_os("DBG3").is_some() { eprintln!("  round z {:.4} lb {:.4} nodes {nodes} pivots {} cols {} prices {}", value/1e6, self.bound/1e6, budget.done.pivots, self.pool.len(), budget.done.prices); }
            if self.bound >= value * (1.0 - limits.tolerance) || budget.is_spent() {
                return;
            }
            let current = Duals { items: self.master.duals(), limits: self.master.limit_duals() };
            let smooth = self.duals.blend(&current, SMOOTHING);
            let exact = nodes >= limits.nodes;
            let mut added = self.round(&smooth, nodes, exact, limits, budget);
            if !added {
                added = self.round(&current, nodes, exact, limits, budget);
            }
            if self.bound >= value * (1.0 - limits.tolerance) {
                return;
            }
            if !added || stalls > 0 {
                if exact && !added {
                    return;
                }
                nodes = (nodes * 8).min(limits.nodes);
            }
        }
    }

    /// Prices every kind at these duals; true when a column came that the master lacks.
    fn round(
        &mut self,
        duals: &Duals,
        nodes: u32,
        exact: bool,
        limits: &Limits,
        budget: &mut Budget,
    ) -> bool {
        let round = self.price(duals, nodes, exact, limits);
        budget.prices(round.priced.iter().map(|priced| u64::from(priced.nodes)).sum());
        if round.bound > self.bound || self.duals.is_nothing() {
            self.bound = self.bound.max(round.bound);
            self.duals = duals.clone();
            self.worth = round.worth;
        }
        let current = self.master.duals();
        let mut added = false;
        for (kind, priced) in round.priced.into_iter().enumerate() {
            let cost = self.core.kinds[kind].price as f64 + self.master.surcharge(kind);
            for (_, pattern) in priced.patterns {
                if worth(&current, &pattern) > cost * (1.0 + 1e-7) + 1e-6 {
                    added |= self.add(Column { kind: kind as u32, pattern });
                }
            }
        }
        added
    }

    fn price(&self, duals: &Duals, nodes: u32, exact: bool, limits: &Limits) -> Round {
        let core = self.core;
        let most: Vec<u32> = core.items.iter().map(|item| item.demand).collect();
        let priced: Vec<Priced> = self
            .pricers
            .par_iter()
            .enumerate()
            .map(|(kind, pricer)| {
                let cost = duals.cost(core, kind);
                pricer.price(&Ask {
                    profits: &duals.items,
                    limits: &most,
                    enough: cost * (1.0 + limits.tolerance / 2.0),
                    nodes,
                    keep: limits.keep,
                    exact,
                })
            })
            .collect();
        let bounds: Vec<f64> = priced.iter().map(|priced| priced.bound).collect();
        let worth = (0..core.kinds.len()).map(|k| bounds[k] / duals.cost(core, k).max(1.0));
        Round { bound: duals.bound(core, &most, &bounds), worth: worth.collect(), priced }
    }
}

/// What a pattern is worth at dual prices.
pub(crate) fn worth(duals: &[f64], pattern: &Pattern) -> f64 {
    pattern.iter().map(|&(item, pods)| duals[item as usize] * f64::from(pods)).sum()
}

impl Duals {
    /// Whether no pod has a price, as before the first pricing.
    fn is_nothing(&self) -> bool {
        self.items.iter().all(|&dual| dual == 0.0)
    }

    fn blend(&self, current: &Self, weight: f64) -> Self {
        if self.is_nothing() {
            return current.clone();
        }
        let mix = |best: &[f64], now: &[f64]| {
            best.iter().zip(now).map(|(a, b)| weight * a + (1.0 - weight) * b).collect()
        };
        Self {
            items: mix(&self.items, &current.items),
            limits: mix(&self.limits, &current.limits),
        }
    }

    /// What a node of a kind costs, its part of the limits included.
    pub(crate) fn cost(&self, core: &Core, kind: usize) -> f64 {
        let of = &core.kinds[kind];
        let limits = of.limits.iter().map(|&(limit, amount)| -self.limits[limit as usize] * amount as f64);
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
        let existing = core.kinds.iter().zip(bounds);
        let existing = existing.filter(|(kind, _)| matches!(kind.source, Source::Nodes(_)));
        let existing = existing.map(|(kind, bound)| bound * f64::from(kind.most));
        (pods.sum::<f64>() - existing.sum::<f64>()) / scale + limits.sum::<f64>()
    }
}
