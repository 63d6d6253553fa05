//! The whole search: bound, dives, better bound, in turns, until the gap is small enough.

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::{
    Solution, bound,
    certificate::Certificate,
    check,
    columns::{
        branch::Tree,
        dive::{Style, dive},
        eject,
        expand::expand,
        generate::{Limits, Root, root},
        plan::{Plan, home},
        pool::Column,
        prove::{self, Point, Record},
    },
    effort::Budget,
    greedy::{self, From, Prepared, Wish, rank},
    pattern::Pattern,
    presolve::{Core, Source, View},
    problem::Money,
    solution::Launch,
    strategy::{Options, Progress, is_within, progress},
};

/// Rounds of dives at most.
const ROUNDS: u32 = 16;
/// Dives of the first round, which is to be over soon, and of each later one.
const DIVES: (u64, u64) = (2, 4);
/// Branchings of the bound after each round of dives.
const BRANCHES: u32 = 8;

/// Betters a solution's bound, and its plan where a better one is found. While the search goes on
/// bounds are floats; the one that it ends with is proven by the certificate, or by resources, or
/// it is the one that the search was given.
pub(crate) fn improve(
    prepared: &Prepared<'_>,
    options: &Options,
    solution: &mut Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Certificate> {
    let problem = prepared.problem;
    let pods = bound::placed(problem, solution);
    let core = Core::new(problem, &pods, View::Bound);
    if core.items.is_empty() {
        return None;
    }
    let given = (solution.bound, solution.unplaced.clone());
    let mut search = Search { prepared, options, best: solution, unit: unit(&core), tell };
    search.eject(&core, budget);
    let mut bounding = root(&core, seeds(&core, search.best), budget);
    let record = if Core::views_differ(problem) {
        search.generate(&mut bounding, &fine(&core, search.best.cost, options.gap_ppm), View::Bound, budget);
        let core = Core::new(problem, &pods, View::Plan);
        let mut planning = root(&core, seeds(&core, search.best), budget);
        search.approach(&mut planning, View::Plan, budget);
        search.alternate(&bounding, &planning, budget)
    } else {
        search.approach(&mut bounding, View::Bound, budget);
        search.alternate(&bounding, &bounding, budget)
    };
    // What was known at the start holds for plans that place the same pods.
    let known = if solution.unplaced == given.1 { given.0 } else { 0 };
    solution.bound = known.max(bound::resource_bound(problem, solution)).min(solution.cost);
    let certificate = prove::settle(problem, &bounding, &record, solution, budget);
    // No plan costs anything between two multiples of what divides all prices.
    let unit = unit(&core);
    let whole = (i128::from(solution.bound) + i128::from(unit) - 1) / i128::from(unit);
    solution.bound = (whole * i128::from(unit)).min(solution.cost.into()) as Money;
    tell(progress(solution));
    certificate
}

/// How far the root goes before the first dives, which make do with columns that are about right.
fn rough(core: &Core) -> Limits {
    Limits { tolerance: 1e-2, progress: 5e-4, patience: 1, ..fine(core, 0, 0) }
}

/// How far the root goes for a good bound: a part of the gap that is asked for will do, the rest is
/// for the plan. With many items the last stretch is long.
fn fine(core: &Core, cost: Money, gap_ppm: u32) -> Limits {
    let many = core.items.len() as f64 / 80.0;
    let usual = match gap_ppm {
        0 => 1e-3 * many.clamp(1.0, 4.0),
        gap => (f64::from(gap) * 0.4e-6).clamp(1e-3, 1e-2),
    };
    let keep = if many > 0.5 { 3 } else { 2 };
    Limits {
        tolerance: tolerance(core, cost, usual),
        keep: keep.max(COLUMNS / core.kinds.len()),
        rounds: 400,
        nodes: 64,
        progress: 2e-5,
        patience: 6,
    }
}

/// One part in so many of the budget may go into emptying nodes.
const EJECTION: u64 = 6;
/// Columns per round of the root where there are few kinds.
const COLUMNS: usize = 40;
/// No bound is brought closer than this for the sake of rounding it up.
const FINEST: f64 = 1e-4;

/// How close value and bound of the root are to come. Where all costs are multiples of a coarse
/// unit, such as one bin, a little more care often wins a whole unit.
fn tolerance(core: &Core, cost: Money, usual: f64) -> f64 {
    let share = unit(core) as f64 / (4 * cost.max(1)) as f64;
    if share < FINEST { usual } else { share.min(usual) }
}

/// What every plan's cost is a multiple of: the greatest common divisor of all prices.
fn unit(core: &Core) -> Money {
    let gcd = |mut a: Money, mut b: Money| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    core.kinds.iter().map(|kind| kind.price).fold(0, gcd).max(1)
}

struct Search<'a> {
    prepared: &'a Prepared<'a>,
    options: &'a Options,
    best: &'a mut Solution,
    /// All costs are multiples of this.
    unit: Money,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Search<'_> {
    /// Whether the gap is as small as was asked for.
    fn is_done(&self) -> bool {
        is_within(self.best, self.options.gap_ppm) && self.best.penalty == 0
    }

    /// Empties nodes one by one, where all are alike.
    fn eject(&mut self, core: &Core, budget: &mut Budget) {
        let mut own = budget.fork(EJECTION);
        let given = own.left();
        let least = least_nodes(core, self.best.bound);
        let start = patterns(core, self.best);
        let plan = eject::fewer_nodes(core, &start, least, self.options.seed, &mut own);
        budget.join(&own, given);
        if let Some(plan) = plan {
            self.offer(core, &plan);
        }
    }

    /// Takes a better bound; costs are whole, so a fraction is rounded up.
    fn raise(&mut self, bound: f64) {
        let unit = self.unit as f64;
        let units = ((bound * (1.0 - 1e-9) - 1e-6) / unit).ceil().max(0.0);
        let bound = (units * unit) as Money;
        if bound > self.best.bound {
            self.best.bound = bound.min(self.best.cost);
            (self.tell)(progress(self.best));
        }
    }

    /// Solves the root roughly, dives for a first good plan, and then solves the root well.
    fn approach(&mut self, root: &mut Root<'_>, view: View, budget: &mut Budget) {
        self.generate(root, &rough(root.core), view, budget);
        if !self.is_done() && !budget.is_spent() {
            self.dive(root, 0, budget);
        }
        if !self.is_done() && !budget.is_spent() {
            self.generate(root, &fine(root.core, self.best.cost, self.options.gap_ppm), view, budget);
        }
    }

    /// Works on a root, with a third of the budget at most, so that there are plans whatever becomes
    /// of it.
    fn generate(&mut self, root: &mut Root<'_>, limits: &Limits, view: View, budget: &mut Budget) {
        let mut own = budget.fork(3);
        let given = own.left();
        root.generate(limits, &mut own);
        budget.join(&own, given);
        if view == View::Bound {
            self.raise(root.bound);
        }
    }

    /// Dives and branchings in turns; the branchings at the end.
    fn alternate(
        &mut self,
        bounding: &Root<'_>,
        planning: &Root<'_>,
        budget: &mut Budget,
    ) -> Record {
        let mut tree: Option<Tree<'_>> = None;
        for round in 0..ROUNDS {
            if self.is_done() || budget.is_spent() {
                break;
            }
            self.dive(planning, round, budget);
            if self.is_done() || budget.is_spent() {
                break;
            }
            let tree = tree.get_or_insert_with(|| Tree::new(bounding, budget));
            for _ in 0..BRANCHES {
                tree.advance(self.best.cost, budget);
                self.raise(tree.bound());
                if self.is_done() || budget.is_spent() {
                    break;
                }
            }
        }
        match tree {
            Some(tree) => tree.record().clone(),
            None => Record::new(Arc::new(Point::of_root(bounding))),
        }
    }

    /// One round of dives side by side; the best plan is kept.
    fn dive(&mut self, root: &Root<'_>, round: u32, budget: &mut Budget) {
        let (first, count) = match round {
            0 => (0, DIVES.0),
            _ => (DIVES.0 + u64::from(round - 1) * DIVES.1, DIVES.1),
        };
        let cutoff = self.best.cost.saturating_add(self.best.penalty);
        let styles: Vec<Style> =
            (first..first + count).map(|at| style(at, self.options.seed)).collect();
        let given = budget.fork(count).left();
        let found: Vec<(Option<Plan>, Budget)> = styles
            .into_par_iter()
            .map(|style| {
                let mut own = budget.fork(count);
                (dive(root, style, cutoff, &mut own), own)
            })
            .collect();
        let mut plans = Vec::new();
        for (plan, own) in found {
            budget.join(&own, given);
            plans.extend(plan);
        }
        plans.sort_by_key(|plan| plan.cost);
        for plan in plans {
            if self.offer(root.core, &plan) {
                return;
            }
        }
    }

    /// Turns a plan of the core into a solution of the problem and keeps it when it is better.
    fn offer(&mut self, core: &Core, plan: &Plan) -> bool {
        let problem = self.prepared.problem;
        let mut solution = expand(problem, core, plan);
        solution.unplaced.clone_from(&self.best.unplaced);
        if !check(problem, &solution).is_empty() {
            solution = greedy::along(self.prepared, &wishes(core, plan));
        }
        if rank(problem, &solution) >= rank(problem, self.best) {
            return false;
        }
        let places_all = solution.unplaced.iter().all(|missing| {
            let old = self.best.unplaced.iter().find(|old| old.group == missing.group);
            old.is_some_and(|old| old.count >= missing.count)
        });
        // A bound for fewer pods holds for more; for others it says nothing.
        solution.bound = if places_all { self.best.bound } else { 0 };
        let weak = bound::resource_bound(problem, &solution);
        solution.bound = solution.bound.max(weak).min(solution.cost);
        *self.best = solution;
        (self.tell)(progress(self.best));
        true
    }
}

/// The styles of all dives, in order: plain ones first, then ever more left to chance.
fn style(at: u64, seed: u64) -> Style {
    let of = |list: &[f64], every: u64| list[(at / every) as usize % list.len()];
    Style {
        counts: at.is_multiple_of(2),
        large: of(&[0.3, 0.6, 0.15], 2),
        kinds: of(&[0.97, 0.9, 0.94], 4),
        harmless: if at < DIVES.0 { 1e-4 } else { 1e-5 },
        noise: if at < 4 { 0.0 } else { of(&[0.3, 0.1, 0.6], 6) },
        seed: at.wrapping_add(seed.wrapping_mul(0x9e37_79b9)),
    }
}

/// A plan as wishes, dear nodes first.
fn wishes(core: &Core, plan: &Plan) -> Vec<Wish> {
    let wish = |(column, copies): &(Column, u32)| Wish {
        from: match &core.kinds[column.kind as usize].source {
            Source::Offerings(offerings) => From::Offerings(offerings.clone()),
            Source::Nodes(nodes) => From::Nodes(nodes.clone()),
        },
        copies: *copies,
        pods: column
            .pattern
            .iter()
            .map(|&(item, pods)| {
                let groups = core.items[item as usize].groups.iter();
                (groups.map(|(group, _)| *group).collect(), pods)
            })
            .collect(),
    };
    plan.nodes.iter().rev().map(wish).collect()
}

/// How many nodes a bound stands for where all cost the same.
fn least_nodes(core: &Core, bound: Money) -> u64 {
    let price = core.kinds.iter().map(|kind| kind.price).max().unwrap_or(0).max(1);
    (bound.max(0) as u64).div_ceil(price.unsigned_abs())
}

/// The patterns of a solution, as columns.
fn seeds(core: &Core, solution: &Solution) -> Vec<Column> {
    patterns(core, solution).into_iter().map(|(column, _)| column).collect()
}

/// The patterns of a solution's launches with their copies.
fn patterns(core: &Core, solution: &Solution) -> Vec<(Column, u32)> {
    let mut item_of = FxHashMap::default();
    for (at, item) in core.items.iter().enumerate() {
        item_of.extend(item.groups.iter().map(|&(group, _)| (group, at as u32)));
    }
    let column = |launch: &Launch| {
        let mut pattern: Pattern = Vec::new();
        for &(group, pods) in &launch.pods {
            let item = *item_of.get(&group)?;
            match pattern.iter_mut().find(|(other, _)| *other == item) {
                Some((_, sum)) => *sum += pods,
                None => pattern.push((item, pods)),
            }
        }
        pattern.sort_unstable();
        home(core, &pattern).map(|kind| (Column { kind, pattern }, launch.copies))
    };
    solution.launches.iter().filter_map(column).collect()
}
