//! A better bound by branching on numbers of nodes.
//!
//! Much of the gap between the relaxation and any whole plan comes from dear nodes of which the
//! relaxation buys a fraction. Two branches, at most so many nodes of a kind and at least one
//! more, cover every plan; the bound is the least over all branches that are open or closed.

use std::sync::Arc;

use rayon::prelude::*;

use crate::{
    columns::{
        generate::{Duals, Root, worth},
        master::{Master, Range},
        pool::{Column, Pool, price},
        prove::{Point, Record},
    },
    effort::Budget,
    master::Outcome,
    pattern::{Ask, Priced},
    presolve::Source,
    problem::Money,
};

/// One node of a kind is worth branching on when its price is this share of the whole cost.
const GRAIN: f64 = 0.002;
/// Rounds of pricing per branch at most.
const ROUNDS: u32 = 12;
/// Branches per pricing.
const NODES: u32 = 64;
/// A branch ends when its value and bound are this close, relative.
const TOLERANCE: f64 = 5e-4;

/// Part of all plans: those with these numbers of nodes.
struct Part<'a> {
    master: Master<'a>,
    pool: Pool,
    ranges: Vec<(u32, Range)>,
    bound: f64,
    /// The prices behind the bound.
    point: Arc<Point>,
    /// The part's number in the record.
    number: usize,
    /// The kind to branch on and its number in the relaxation.
    split: Option<(u32, f64)>,
}

/// Raises the root's bound by up to `branches` branchings; plans that cost `cutoff` or more are of
/// no interest.
pub(crate) fn branch(root: &Root<'_>, cutoff: Money, branches: u32, budget: &mut Budget) -> (f64, Record) {
    let core = root.core;
    let point = Arc::new(Point { duals: root.duals.clone(), counts: Vec::new(), bound: root.bound });
    let mut record = Record::new(point.clone());
    let counted: Vec<u32> = (0..core.kinds.len() as u32)
        .filter(|&k| {
            matches!(core.kinds[k as usize].source, Source::Offerings(_))
                && price(core, k) >= GRAIN * root.bound
        })
        .collect();
    let mut first = Part {
        master: Master::new(core, root.master.demand(), &counted),
        pool: root.pool.clone(),
        ranges: Vec::new(),
        bound: root.bound,
        point,
        number: 0,
        split: None,
    };
    for at in 0..root.pool.len() as u32 {
        first.master.add(&root.pool, at);
    }
    if !solve(&mut first.master, budget) {
        return (root.bound, record);
    }
    first.split = split(root, &first);
    let mut open = vec![first];
    let mut closed = f64::INFINITY;
    let wanted = cutoff as f64 - 1.0;
    for _ in 0..branches {
        let least = (0..open.len()).min_by(|&a, &b| open[a].bound.total_cmp(&open[b].bound));
        let Some(at) = least else { break };
        if open[at].bound > wanted || budget.is_spent() {
            break;
        }
        let part = open.swap_remove(at);
        let Some((kind, number)) = part.split else {
            closed = closed.min(part.bound);
            continue;
        };
        let below = number.floor() as u32;
        let numbers = record.split(part.number, kind, below);
        for ((least, most), number) in [(0, Some(below)), (below + 1, None)].into_iter().zip(numbers) {
            let mut child = child(root, &part, kind, Range { least, most }, wanted, budget);
            child.number = number;
            record.set(number, child.point.clone());
            if child.bound > wanted || child.split.is_none() {
                closed = closed.min(child.bound);
            } else {
                open.push(child);
            }
        }
        budget.done.nodes += 1;
    }
    (open.iter().fold(closed, |least, part| least.min(part.bound)).max(root.bound), record)
}

fn solve(master: &mut Master<'_>, budget: &mut Budget) -> bool {
    let before = master.pivots();
    let outcome = master.solve(budget.left());
    budget.pivots(master.pivots() - before);
    outcome == Outcome::Optimal
}

fn child<'a>(
    root: &Root<'a>,
    parent: &Part<'a>,
    kind: u32,
    range: Range,
    wanted: f64,
    budget: &mut Budget,
) -> Part<'a> {
    let mut ranges = parent.ranges.clone();
    let joint = match ranges.iter_mut().find(|(other, _)| *other == kind) {
        Some((_, old)) => {
            *old = Range {
                least: old.least.max(range.least),
                most: old.most.map_or(range.most, |most| {
                    Some(range.most.map_or(most, |other| other.min(most)))
                }),
            };
            *old
        }
        None => {
            ranges.push((kind, range));
            range
        }
    };
    let mut part = Part {
        master: parent.master.clone(),
        pool: parent.pool.clone(),
        ranges,
        bound: parent.bound,
        point: parent.point.clone(),
        number: parent.number,
        split: None,
    };
    part.master.set_range(kind as usize, joint);
    generate(root, &mut part, wanted, budget);
    part.split = split(root, &part);
    part
}

/// Column generation within a part.
fn generate(root: &Root<'_>, part: &mut Part<'_>, wanted: f64, budget: &mut Budget) {
    for _ in 0..ROUNDS {
        if !solve(&mut part.master, budget) || budget.is_spent() {
            return;
        }
        let value = part.master.value();
        let duals = Duals { items: part.master.duals(), limits: part.master.limit_duals() };
        let counts: Vec<f64> =
            (0..root.core.kinds.len()).map(|kind| part.master.count_dual(kind)).collect();
        let priced = price_all(root, &duals, &counts);
        budget.prices(priced.iter().map(|priced| u64::from(priced.nodes)).sum());
        let bounds: Vec<f64> = priced.iter().map(|priced| priced.bound).collect();
        let bound = bound(root, &duals, &counts, &part.ranges, &bounds);
        if bound > part.bound {
            part.bound = bound;
            part.point = Arc::new(Point { duals: duals.clone(), counts: counts.clone(), bound });
        }
        if part.bound > wanted || part.bound >= value * (1.0 - TOLERANCE) {
            return;
        }
        let mut added = false;
        for (kind, priced) in priced.into_iter().enumerate() {
            let cost = duals.cost(root.core, kind) - counts[kind];
            for (_, pattern) in priced.patterns {
                if worth(&duals.items, &pattern) > cost * (1.0 + 1e-7) + 1e-6 {
                    let (at, new) = part.pool.add(Column { kind: kind as u32, pattern });
                    if new {
                        part.master.add(&part.pool, at);
                        added = true;
                    }
                }
            }
        }
        if !added {
            return;
        }
    }
    solve(&mut part.master, budget);
}

fn price_all(root: &Root<'_>, duals: &Duals, counts: &[f64]) -> Vec<Priced> {
    let demand: Vec<u32> = root.core.items.iter().map(|item| item.demand).collect();
    let kinds: Vec<usize> = (0..root.core.kinds.len()).collect();
    kinds
        .par_iter()
        .map(|&kind| {
            let cost = duals.cost(root.core, kind) - counts[kind];
            root.pricers[kind].price(&Ask {
                profits: &duals.items,
                limits: &demand,
                enough: cost.max(0.0) * (1.0 + TOLERANCE / 2.0),
                nodes: NODES,
                keep: 1,
                exact: true,
            })
        })
        .collect()
}

/// The bound on plans of a part. The number of a kind's nodes has a dual price: positive ones pay
/// for the least number, negative ones charge for the most.
fn bound(
    root: &Root<'_>,
    duals: &Duals,
    counts: &[f64],
    ranges: &[(u32, Range)],
    bounds: &[f64],
) -> f64 {
    let core = root.core;
    let mut scale: f64 = 1.0;
    let mut numbers = 0.0;
    for (at, kind) in core.kinds.iter().enumerate() {
        if matches!(kind.source, Source::Nodes(_)) {
            continue;
        }
        let range = ranges.iter().find(|(k, _)| *k as usize == at).map_or(Range::ANY, |(_, r)| *r);
        // A dual with no bound to pay for it is no help, and would be wrong.
        let dual = match range.most {
            None => counts[at].max(0.0),
            Some(_) => counts[at],
        };
        let cost = duals.cost(core, at) - dual;
        if bounds[at] > cost {
            if cost <= 0.0 {
                return 0.0;
            }
            scale = scale.max(bounds[at] / cost);
        }
        numbers += if dual > 0.0 {
            dual * f64::from(range.least)
        } else {
            dual * f64::from(range.most.unwrap_or(0))
        };
    }
    duals.scaled_bound(core, root.master.demand(), bounds, scale) + numbers
}

/// The kind whose number, made whole, matters most.
fn split(root: &Root<'_>, part: &Part<'_>) -> Option<(u32, f64)> {
    let mut numbers = vec![0.0; root.core.kinds.len()];
    for (_, at, value) in part.master.used() {
        numbers[part.pool.get(at).kind as usize] += value;
    }
    let mut best: Option<(f64, u32, f64)> = None;
    for (kind, &number) in numbers.iter().enumerate() {
        if part.master.range(kind).is_none() || matches!(root.core.kinds[kind].source, Source::Nodes(_)) {
            continue;
        }
        let fraction = number - f64::floor(number);
        let stake = price(root.core, kind as u32) * fraction.min(1.0 - fraction);
        if fraction > 1e-5 && fraction < 1.0 - 1e-5 && best.is_none_or(|(top, _, _)| stake > top) {
            best = Some((stake, kind as u32, number));
        }
    }
    best.map(|(_, kind, number)| (kind, number))
}
