//! The root of the search: the master's linear relaxation, solved by generating columns.

use rayon::prelude::*;

use crate::{
    columns::{
        master::Master,
        pool::{Column, Pool},
    },
    effort::Budget,
    pattern::{Ask, Priced, Pricer},
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

/// Weight of the best duals so far in the duals that are priced (smoothing, after Wentges 1997).
const SMOOTHING: f64 = 0.6;

/// Solves the root. `seeds` are columns to start with.
pub(crate) fn root<'a>(
    core: &'a Core,
    seeds: Vec<Column>,
    limits: &Limits,
    budget: &mut Budget,
) -> Root<'a> {
    let demand = core.demand();
    let pricers: Vec<Pricer> = core.kinds.par_iter().map(|kind| Pricer::new(core, kind)).collect();
    let mut root = Root {
        core,
        pool: Pool::default(),
        master: Master::new(core, &demand, &[], &[]),
        value: f64::INFINITY,
        bound: 0.0,
        duals: Duals { items: vec![0.0; core.items.len()], limits: vec![0.0; core.limits.len()] },
        worth: vec![1.0; core.kinds.len()],
        pricers,
    };
    for column in seeds.into_iter().chain(singles(core)) {
        root.master.offer(&mut root.pool, column);
    }
    root.generate(limits, budget);
    budget.done.columns += root.pool.len() as u64;
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
    /// Adds columns until value and bound meet, or the limits end it.
    fn generate(&mut self, limits: &Limits, budget: &mut Budget) {
        let mut care = Care::Glance;
        for _ in 0..limits.rounds {
            if !self.master.solve(budget) {
                return;
            }
            let value = self.master.value();
            if value > self.value * (1.0 - 1e-5) && care == Care::Glance {
                care = Care::Look;
            }
            self.value = value;
            if self.bound >= value * (1.0 - limits.tolerance) || budget.is_spent() {
                return;
            }
            let current = Duals { items: self.master.duals(), limits: self.master.limit_duals() };
            let smooth = self.duals.blend(&current, SMOOTHING);
            let mut added = self.round(&smooth, care, limits, budget);
            while !added && self.bound < value * (1.0 - limits.tolerance) {
                added = self.round(&current, care, limits, budget);
                if !added && care == Care::Insist {
                    return;
                }
                care = care.more();
            }
            if care == Care::Insist {
                care = Care::Look;
            }
        }
    }

    /// Prices every kind at these duals; true when a column came that the master lacks.
    fn round(&mut self, duals: &Duals, care: Care, limits: &Limits, budget: &mut Budget) -> bool {
        let core = self.core;
        let costs: Vec<f64> = (0..core.kinds.len()).map(|kind| duals.cost(core, kind)).collect();
        let demand = self.master.demand();
        let question = Question {
            profits: &duals.items,
            costs: &costs,
            limits: demand,
            keep: limits.keep,
            tolerance: limits.tolerance / 2.0,
            nodes: limits.nodes,
            care,
        };
        let priced = price_all(&self.pricers, &question, budget);
        let bounds: Vec<f64> = priced.iter().map(|priced| priced.bound).collect();
        let bound = duals.bound(core, demand, &bounds);
        if bound > self.bound || self.duals.is_nothing() {
            self.bound = self.bound.max(bound);
            self.duals = duals.clone();
            self.worth =
                bounds.iter().zip(&costs).map(|(bound, cost)| bound / cost.max(1.0)).collect();
        }
        self.master.add_gainful(&mut self.pool, priced)
    }
}

/// What is asked of all kinds at once.
pub(crate) struct Question<'a> {
    /// Per item.
    pub profits: &'a [f64],
    /// What a node of each kind must bring in.
    pub costs: &'a [f64],
    /// Per item.
    pub limits: &'a [u32],
    /// Patterns per kind.
    pub keep: usize,
    /// A kind whose patterns bring in no more than its cost and this share of it is settled.
    pub tolerance: f64,
    /// Branches per kind with [`Care::Look`].
    pub nodes: u32,
    pub care: Care,
}

/// How far pricing goes into the kinds that stand above their cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Care {
    /// A few branches for each kind.
    Glance,
    /// Then more for the worst.
    Look,
    /// Then many for those that hold the bound down.
    Insist,
}

impl Care {
    pub(crate) fn more(self) -> Self {
        match self {
            Self::Glance => Self::Look,
            Self::Look | Self::Insist => Self::Insist,
        }
    }
}

/// Branches that every kind gets.
const FIRST: u32 = 3;
/// Kinds that are looked into further side by side.
const BATCH: usize = 4;
/// How much further the kinds are looked into that hold the bound down.
const INSIST: u32 = 16;

/// Prices all kinds: each a little, then those that stand furthest above their cost thoroughly.
/// The bound rests on the worst kind alone, so once that is as good as it gets, the rest may stay.
pub(crate) fn price_all(
    pricers: &[Pricer],
    question: &Question<'_>,
    budget: &mut Budget,
) -> Vec<Priced> {
    let ask = |kind: usize, nodes: u32, exact: bool| Ask {
        profits: question.profits,
        limits: question.limits,
        enough: question.costs[kind].max(0.0) * (1.0 + question.tolerance),
        nodes,
        keep: question.keep,
        exact,
    };
    // What costs nothing, as existing nodes do, has nothing that it could be above of.
    let free = |kind: usize| question.costs[kind] <= 0.0;
    let first = |kind: usize| match question.care {
        Care::Insist if free(kind) => question.nodes,
        _ => FIRST,
    };
    let mut priced: Vec<Priced> = pricers
        .par_iter()
        .enumerate()
        .map(|(kind, pricer)| pricer.price(&ask(kind, first(kind), false)))
        .collect();
    let over = |priced: &Priced, kind: usize| priced.bound / question.costs[kind].max(1.0);
    let mut open: Vec<usize> = (0..pricers.len())
        .filter(|&kind| !free(kind) && over(&priced[kind], kind) > 1.0 + question.tolerance)
        .collect();
    for (care, nodes) in [(Care::Look, question.nodes), (Care::Insist, question.nodes * INSIST)] {
        if question.care >= care {
            open.retain(|&kind| over(&priced[kind], kind) > 1.0 + question.tolerance);
            open.sort_by(|&a, &b| {
                over(&priced[b], b).total_cmp(&over(&priced[a], a)).then(a.cmp(&b))
            });
            let mut settled: f64 = 0.0;
            for batch in open.chunks(BATCH) {
                if over(&priced[batch[0]], batch[0]) <= settled {
                    break;
                }
                let again: Vec<Priced> = batch
                    .par_iter()
                    .map(|&kind| pricers[kind].price(&ask(kind, nodes, true)))
                    .collect();
                for (&kind, new) in batch.iter().zip(again) {
                    budget.prices(new.nodes.into());
                    // A pattern that good is there; no search would bring the bound below it.
                    let there = new.patterns.first().map_or(0.0, |(worth, _)| *worth);
                    settled = settled.max(there / question.costs[kind].max(1.0));
                    if care == Care::Insist {
                        settled = settled.max(over(&new, kind));
                    }
                    priced[kind] = new;
                }
            }
        }
    }
    budget.prices(pricers.len() as u64);
    priced
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
        Self { items: mix(&self.items, &current.items), limits: mix(&self.limits, &current.limits) }
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
        let existing = core.kinds.iter().zip(bounds);
        let existing = existing.filter(|(kind, _)| matches!(kind.source, Source::Nodes(_)));
        let existing = existing.map(|(kind, bound)| bound * f64::from(kind.most));
        (pods.sum::<f64>() - existing.sum::<f64>()) / scale + limits.sum::<f64>()
    }
}
