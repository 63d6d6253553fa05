//! Pods that have nothing to do with each other: each lot is solved by itself.
//!
//! Pods of two lots share no offering, no existing node and no constraint, as those of two tainted
//! pools do. A plan for all is then one plan for each, and so is a bound: what remains open in one lot
//! is not multiplied by what remains open in the others, and small lots are solved to optimality.
//!
//! The problem of a lot is the whole problem in which all other groups have no pods, so that every
//! index means the same, and nothing needs to be undone.

mod links;

use std::sync::Mutex;

use rayon::prelude::*;

use crate::{
    Problem, Solution, bound,
    certificate::Certificate,
    check, cost,
    effort::Budget,
    greedy::Prepared,
    solution::Status,
    strategy::{Found, Options, Progress, optimise, progress, status},
};

/// Lots at most; beyond that the smallest are one.
const MOST: usize = 16;

/// The lots, each a list of groups with pods, ascending; one list when all hang together.
pub(crate) fn split(problem: &Problem) -> Vec<Vec<u32>> {
    let mut lots = links::lots(problem);
    if lots.len() > MOST {
        lots.sort_by_key(|groups| (std::cmp::Reverse(groups.len()), groups[0]));
        let mut rest: Vec<u32> = lots.drain(MOST - 1..).flatten().collect();
        rest.sort_unstable();
        lots.push(rest);
        lots.sort_unstable();
    }
    lots
}

/// Solves every lot from its part of a plan for all. `None` when what comes out does not hold as a
/// whole.
pub(crate) fn solve(
    problem: &Problem,
    lots: &[Vec<u32>],
    options: &Options,
    start: &Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Option<Found> {
    let lots: Vec<Lot> = lots.iter().map(|groups| Lot::new(problem, groups, start)).collect();
    let told = Told { parts: lots.iter().map(|lot| progress(&lot.start)).collect(), tell };
    let told = Mutex::new(told);
    let all: u64 = lots.iter().map(|lot| lot.groups).sum();
    let before = &*budget;
    let given =
        |lot: &Lot| (u128::from(before.left()) * u128::from(lot.groups) / u128::from(all)) as u64;
    let found: Vec<(Found, Budget, u64)> = (lots.par_iter().enumerate())
        .map(|(at, lot)| {
            let mut own = before.part(given(lot));
            let mut tell = |part: Progress| {
                if let Ok(mut told) = told.lock() {
                    told.update(at, part);
                }
            };
            let prepared = Prepared::new(&lot.problem);
            let found = optimise(&prepared, options, lot.start.clone(), &mut own, &mut tell);
            (found, own, given(lot))
        })
        .collect();
    let mut spent = false;
    for (_, own, given) in &found {
        spent |= own.is_spent();
        budget.join(own, *given);
    }
    let found = found.into_iter().map(|(found, _, _)| found).collect();
    let mut found = join(problem, options, found, spent)?;
    found.solution.effort = budget.done;
    check(problem, &found.solution).is_empty().then_some(found)
}

/// Pods that are solved by themselves.
struct Lot {
    problem: Problem,
    start: Solution,
    /// How many.
    groups: u64,
}

impl Lot {
    fn new(problem: &Problem, groups: &[u32], whole: &Solution) -> Self {
        let mut own = problem.clone();
        for (at, group) in (0u32..).zip(&mut own.groups) {
            if groups.binary_search(&at).is_err() {
                group.count = 0;
            }
        }
        // Pods of one node are of one lot.
        let is_own = |pods: &[(u32, u32)]| {
            pods.first().is_some_and(|(group, _)| groups.binary_search(group).is_ok())
        };
        let launches = whole.launches.iter().filter(|launch| is_own(&launch.pods));
        let placements = whole.placements.iter().filter(|placement| is_own(&placement.pods));
        let unplaced = whole.unplaced.iter();
        let unplaced = unplaced.filter(|missing| groups.binary_search(&missing.group).is_ok());
        let mut start = Solution {
            launches: launches.cloned().collect(),
            placements: placements.cloned().collect(),
            unplaced: unplaced.cloned().collect(),
            ..Solution::default()
        };
        cost::assess(&own, &mut start);
        start.bound = bound::resource_bound(&own, &start).clamp(0, start.cost);
        Self { problem: own, start, groups: groups.len() as u64 }
    }
}

/// How far each lot has come.
struct Told<'a> {
    parts: Vec<Progress>,
    tell: &'a mut (dyn FnMut(Progress) + Send),
}

impl Told<'_> {
    fn update(&mut self, at: usize, part: Progress) {
        self.parts[at] = part;
        let sum = |of: fn(&Progress) -> i64| self.parts.iter().map(of).fold(0, i64::saturating_add);
        let unplaced = self.parts.iter().map(|part| part.unplaced).sum();
        let (cost, bound) = (sum(|part| part.cost), sum(|part| part.bound));
        (self.tell)(Progress { cost, bound, unplaced });
    }
}

/// The lots' plans as one.
fn join(problem: &Problem, options: &Options, lots: Vec<Found>, spent: bool) -> Option<Found> {
    let mut solution = Solution::default();
    let mut certificates: Vec<Certificate> = Vec::new();
    let mut exact = 0u64;
    let proven = lots.iter().all(|lot| lot.proven);
    let optimal = lots.iter().all(|lot| lot.solution.status == Status::Optimal);
    for lot in lots {
        let Found { solution: part, certificate, exact: more, .. } = lot;
        solution.launches.extend(part.launches);
        solution.placements.extend(part.placements);
        solution.unplaced.extend(part.unplaced);
        solution.cost = solution.cost.checked_add(part.cost)?;
        solution.penalty = solution.penalty.checked_add(part.penalty)?;
        solution.bound = solution.bound.checked_add(part.bound)?;
        certificates.extend(certificate);
        exact = exact.saturating_add(more);
    }
    solution.merge();
    solution.unplaced.sort_by_key(|missing| missing.group);
    let weak = bound::resource_bound(problem, &solution);
    solution.bound = solution.bound.max(weak).min(solution.cost);
    solution.status = if optimal { Status::Optimal } else { status(&solution, options, spent) };
    let certificate = Certificate::join(certificates);
    Some(Found { solution, certificate, proven, exact })
}
