//! Pricing of many kinds side by side: all of them for a bound, or a few for columns.

use rayon::prelude::*;

use crate::{
    columns::duals::Profits,
    effort::Budget,
    pattern::{Ask, Exact, Priced, Pricer},
    presolve::Core,
};

/// What is asked of all kinds at once.
pub(crate) struct Question<'a> {
    pub core: &'a Core,
    pub profits: &'a Profits<'a>,
    /// What a node of each kind must bring in.
    pub costs: &'a [f64],
    /// Per item.
    pub limits: &'a [u32],
    /// Patterns per kind.
    pub keep: usize,
    /// A kind whose patterns bring in no more than its cost and this share of it is settled.
    pub tolerance: f64,
    /// A pattern worth this many times its cost shows that the bound will be of no use.
    pub futile: f64,
    /// Branches per kind with [`Care::Look`].
    pub nodes: u32,
    pub care: Care,
}

impl<'a> Question<'a> {
    fn ask(&self, kind: usize, nodes: u32, exact: Exact) -> Ask<'a> {
        Ask {
            profits: self.profits.on(&self.core.kinds[kind]),
            limits: self.limits,
            enough: self.costs[kind].max(0.0) * (1.0 + self.tolerance),
            nodes,
            keep: self.keep,
            exact,
        }
    }

    /// Goes on from what is known of a kind for patterns that are worth more than so many times its
    /// cost: by enumeration, or where it cannot be enumerated by branches that take as long.
    fn look_further(&self, of: &Pricer, kind: u32, known: Priced, settled: f64) -> Priced {
        let nodes = self.most_nodes(self.care);
        let cost = self.costs[kind as usize];
        let ask = self.ask(kind as usize, nodes, Exact::Yes);
        let further = Ask { enough: settled * cost, ..ask };
        match of.looks_far(nodes) {
            true => of.look_far(&further, known, ask.enough, self.futile * cost),
            false => of.price(&Ask { nodes: nodes.max(LONG), ..further }),
        }
    }

    /// Branches that a kind may get with so much care.
    pub(crate) fn most_nodes(&self, care: Care) -> u32 {
        match care {
            Care::Glance => FIRST,
            Care::Look => self.nodes,
            Care::Insist => self.nodes.saturating_mul(INSIST),
        }
    }
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
pub(crate) const FIRST: u32 = 3;
/// Kinds that are looked into further side by side.
const BATCH: usize = 4;
/// How much further the kinds are looked into that hold the bound down.
const INSIST: u32 = 16;
/// Kinds that are enumerated side by side.
const ABREAST: usize = 2;
/// Branches that take as long as an enumeration.
const LONG: u32 = 4096;

/// Prices all of `kinds`: each a little, then those that stand furthest above their cost thoroughly.
/// The bound rests on the worst kind alone, so once that is as good as it gets, the rest may stay.
pub(crate) fn price_all(
    pricers: &[Pricer],
    kinds: &[u32],
    question: &Question<'_>,
    budget: &mut Budget,
) -> Vec<(u32, Priced)> {
    // What costs nothing, as existing nodes do, has nothing that it could be above of.
    let free = |kind: usize| question.costs[kind] <= 0.0;
    let first = |kind: usize| match question.care {
        Care::Insist if free(kind) => question.nodes,
        _ => FIRST,
    };
    let glance = |&kind: &u32| {
        let at = kind as usize;
        (kind, pricers[at].price(&question.ask(at, first(at), Exact::No)))
    };
    let mut priced: Vec<(u32, Priced)> = kinds.par_iter().map(glance).collect();
    let over =
        |(kind, priced): &(u32, Priced)| priced.bound / question.costs[*kind as usize].max(1.0);
    let mut open: Vec<usize> = (0..kinds.len())
        .filter(|&at| !free(kinds[at] as usize) && over(&priced[at]) > 1.0 + question.tolerance)
        .collect();
    for care in [Care::Look, Care::Insist] {
        let nodes = question.most_nodes(care);
        if question.care >= care {
            open.retain(|&at| over(&priced[at]) > 1.0 + question.tolerance);
            open.sort_by(|&a, &b| over(&priced[b]).total_cmp(&over(&priced[a])).then(a.cmp(&b)));
            let mut settled: f64 = 0.0;
            for batch in open.chunks(BATCH) {
                if over(&priced[batch[0]]) <= settled {
                    break;
                }
                let again = |&at: &usize| {
                    let kind = kinds[at] as usize;
                    let of = &pricers[kind];
                    let exact = if of.looks_far(nodes) { Exact::Briefly } else { Exact::Yes };
                    (kinds[at], of.price(&question.ask(kind, nodes, exact)))
                };
                let again: Vec<(u32, Priced)> = batch.par_iter().map(again).collect();
                for (&at, new) in batch.iter().zip(again) {
                    budget.prices(new.1.nodes.into());
                    // A pattern that good is there; no search would bring the bound below it.
                    let there = new.1.patterns.first().map_or(0.0, |(worth, _)| *worth);
                    settled = settled.max(there / question.costs[new.0 as usize].max(1.0));
                    if care == Care::Insist {
                        settled = settled.max(over(&new));
                    }
                    priced[at] = new;
                }
            }
        }
    }
    look_far(pricers, question, &mut priced, budget);
    budget.prices(kinds.len() as u64);
    priced
}

/// Where some kind can be enumerated, goes further into those that hold the bound down still, the
/// worst two first, until one that is done does so most, or the bound cannot be of use any more. Kinds
/// that cannot be enumerated get many branches, which take as long.
fn look_far(
    pricers: &[Pricer],
    question: &Question<'_>,
    priced: &mut [(u32, Priced)],
    budget: &mut Budget,
) {
    let nodes = question.most_nodes(question.care);
    let cost = |kind: u32| question.costs[kind as usize];
    let over = |(kind, priced): &(u32, Priced)| priced.bound / cost(*kind).max(1.0);
    let there = |(kind, priced): &(u32, Priced)| {
        priced.patterns.first().map_or(0.0, |(worth, _)| *worth) / cost(*kind).max(1.0)
    };
    let is_open =
        |at: &usize| cost(priced[*at].0) > 0.0 && over(&priced[*at]) > 1.0 + question.tolerance;
    let mut open: Vec<usize> = (0..priced.len()).filter(is_open).collect();
    if !open.iter().any(|&at| pricers[priced[at].0 as usize].looks_far(nodes)) {
        return;
    }
    open.sort_by(|&a, &b| over(&priced[b]).total_cmp(&over(&priced[a])).then(a.cmp(&b)));
    let found = open.iter().map(|&at| there(&priced[at]));
    let mut settled = found.fold(1.0 + question.tolerance, f64::max);
    for abreast in open.chunks(ABREAST) {
        let abreast = abreast.iter().copied();
        let abreast: Vec<usize> = abreast.filter(|&at| over(&priced[at]) > settled).collect();
        if abreast.is_empty() || settled >= question.futile || budget.is_spent() {
            return;
        }
        let known = abreast.iter().map(|&at| std::mem::take(&mut priced[at]));
        let known: Vec<(u32, Priced)> = known.collect();
        let further = known.into_par_iter().map(|(kind, known)| {
            let before = known.nodes;
            (kind, before, question.look_further(&pricers[kind as usize], kind, known, settled))
        });
        let further: Vec<(u32, u32, Priced)> = further.collect();
        for (at, (kind, before, new)) in abreast.into_iter().zip(further) {
            budget.prices(new.nodes.saturating_sub(before).into());
            priced[at] = (kind, new);
            settled = settled.max(over(&priced[at])).max(there(&priced[at]));
        }
    }
}

/// Prices some kinds with few branches each, for columns and not for a bound.
pub(crate) fn price_few(
    pricers: &[Pricer],
    kinds: &[u32],
    nodes: u32,
    question: &Question<'_>,
    budget: &mut Budget,
) -> Vec<(u32, Priced)> {
    let price = |&kind: &u32| {
        let exact = if nodes > FIRST { Exact::Yes } else { Exact::No };
        let ask = question.ask(kind as usize, nodes, exact);
        (kind, pricers[kind as usize].price(&ask))
    };
    let priced: Vec<(u32, Priced)> = kinds.par_iter().map(price).collect();
    budget.prices(priced.iter().map(|(_, priced)| u64::from(priced.nodes)).sum());
    priced
}

/// A pattern that is worth more than its node costs by this share is a reason to price the kind once
/// more.
const ABOVE: f64 = 1e-3;

/// The kinds with a pattern that is worth a good deal more than what a node costs.
pub(crate) fn above(priced: &[(u32, Priced)], costs: &[f64]) -> Vec<u32> {
    let is_above = |(kind, priced): &&(u32, Priced)| is_above(priced, costs[*kind as usize]);
    priced.iter().filter(is_above).map(|(kind, _)| *kind).collect()
}

/// Whether the best pattern is worth a good deal more than this.
pub(crate) fn is_above(priced: &Priced, cost: f64) -> bool {
    priced.patterns.first().is_some_and(|(worth, _)| *worth > cost * (1.0 + ABOVE))
}

/// A kind is near with a pattern worth this share of its cost; at most so many kinds are.
const NEAR: f64 = 0.95;
const MOST_NEAR: usize = 24;

/// The kinds with a pattern that is worth almost what a node costs, or more, ascending.
pub(crate) fn nearest(priced: &[(u32, Priced)], costs: &[f64]) -> Vec<u32> {
    let worth = |(kind, priced): &(u32, Priced)| {
        let kind = *kind as usize;
        let best = priced.patterns.first();
        // Nodes that cost nothing are near, but not before what is to be bought.
        let share =
            |worth: f64| if costs[kind] > 0.0 { worth / costs[kind].max(1.0) } else { NEAR };
        best.map_or(0.0, |(worth, _)| share(*worth))
    };
    let mut near: Vec<(f64, u32)> =
        priced.iter().map(|one| (worth(one), one.0)).filter(|(worth, _)| *worth >= NEAR).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    near.truncate(MOST_NEAR);
    let mut near: Vec<u32> = near.into_iter().map(|(_, kind)| kind).collect();
    near.sort_unstable();
    near
}
