//! Chooses and composes engines.

use std::sync::{Arc, atomic::AtomicBool};

use crate::{
    Problem, Solution, bound,
    certificate::Certificate,
    columns, components,
    effort::Budget,
    exact,
    greedy::{self, Prepared, rank},
    presolve::{Core, Source, View, places::Parts},
    problem::Money,
    solution::{Reason, Status, Unplaced},
    validate::validate,
    variety,
};

/// How to solve. Everything that could make two runs differ is in here.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to use; 0 leaves it to the caller's rayon pool. The answer does not depend on it.
    pub threads: usize,
    /// Which engines may work.
    pub engine: Engine,
    /// Good enough: stop when cost is within this many parts per million of the bound.
    pub gap_ppm: u32,
    /// Units of work at most, each about a microsecond; 0 is the engine's own choice.
    pub effort: u64,
    /// Whether to go on for as long as there is work left and the gap is not reached. Otherwise the
    /// search ends when a good deal of work has brought nothing.
    pub patient: bool,
    /// Where dives take their chances from.
    pub seed: u64,
    /// Stops the engines soon after somebody sets it; the best plan so far is the answer. A plan
    /// that was stopped this way may differ from run to run.
    pub stop: Option<Arc<AtomicBool>>,
}

/// Which engines may work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Whatever suits the problem.
    #[default]
    Auto,
    /// The greedy alone: milliseconds, and a weak bound.
    Greedy,
    /// Column generation after the greedy.
    Columns,
    /// Search to proven optimality after the others.
    Exact,
}

/// A step forward: a better plan or a better bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Price of the best plan so far.
    pub cost: Money,
    /// The best bound so far.
    pub bound: Money,
    /// Pods that the best plan leaves without a place.
    pub unplaced: u64,
}

/// Problems up to this many pods are given to the exact engine.
const EXACT_PODS: u64 = 40;

/// What the exact engine may spend, in units of work: about a tenth of a second.
const EXACT_WORK: u64 = 20_000_000;

/// Solves a problem. Total: pods without a place are in the answer, and so is every pod of a
/// problem that does not hold together ([`validate`]).
pub fn solve(problem: &Problem, options: &Options) -> Solution {
    watch(problem, options, &mut |_| {})
}

/// Like [`solve`], and tells of every step forward while it works.
pub fn watch(
    problem: &Problem,
    options: &Options,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Solution {
    certify(problem, options, tell).0
}

/// Like [`watch`], with a certificate for the bound ([`crate::certificate`]). There is none when
/// column generation had no part in the answer, or when a variety leaves no room for some values
/// from the start. Where the bound by resources, or that of the exact search, or of the search over
/// the values of varieties, is higher than what the certificate proves, the solution states the
/// higher one.
pub fn certify(
    problem: &Problem,
    options: &Options,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> (Solution, Option<Certificate>) {
    if validate(problem).is_err() {
        return (nothing_placed(problem), None);
    }
    match options.threads {
        0 => run(problem, options, tell),
        threads => match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(|| run(problem, options, tell)),
            // No more threads are to be had; the calling thread's pool gives the same answer.
            Err(_) => run(problem, options, tell),
        },
    }
}

/// Units of work when nobody says how many: a few seconds.
const EFFORT: u64 = 5_000_000;

/// Units of the exact engine in one of [`Options::effort`].
const EXACT_UNITS: u64 = 100;

fn run(
    problem: &Problem,
    options: &Options,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> (Solution, Option<Certificate>) {
    let effort = if options.effort == 0 { EFFORT } else { options.effort };
    let mut budget = Budget::new(effort, options.stop.clone());
    if !problem.varieties.is_empty() {
        return variety::solve(problem, options, &mut budget, tell);
    }
    let found = engines(problem, options, None, &mut budget, tell);
    (found.solution, found.certificate)
}

/// What the engines make of a problem without varieties.
pub(crate) struct Found {
    pub(crate) solution: Solution,
    pub(crate) certificate: Option<Certificate>,
    /// The exact engine has proven that nothing ranks better.
    pub(crate) proven: bool,
    /// What the exact engine spent, in units of [`Options::effort`]; the budget does not count it.
    pub(crate) exact: u64,
}

/// Lets the engines work on a problem without varieties, from the better of the greedy plan and
/// `known`, which must be right.
pub(crate) fn engines(
    problem: &Problem,
    options: &Options,
    known: Option<Solution>,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Found {
    let prepared = Prepared::new(problem);
    let mut solution = greedy::solve(&prepared);
    let known = known.filter(|known| rank(problem, known) < rank(problem, &solution));
    solution = known.unwrap_or(solution);
    solution.bound = bound::resource_bound(problem, &solution).clamp(0, solution.cost);
    tell(progress(&solution));
    if options.engine == Engine::Greedy {
        solution.status = status(&solution, options, false);
        return Found { solution, certificate: None, proven: false, exact: 0 };
    }
    let lots = components::split(problem);
    if lots.len() > 1
        && let Some(found) = components::solve(problem, &lots, options, &solution, budget, tell)
    {
        return found;
    }
    optimise(&prepared, options, solution, budget, tell)
}

/// Betters a plan, whose bound holds, by the exact engine where that may do, and by columns.
pub(crate) fn optimise(
    prepared: &Prepared<'_>,
    options: &Options,
    mut solution: Solution,
    budget: &mut Budget,
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Found {
    let problem = prepared.problem;
    let mut exact = 0;
    if is_for_exact(problem, options) {
        let units = if options.engine == Engine::Auto { EXACT_WORK } else { u64::MAX };
        let units = units.min(budget.left().saturating_mul(EXACT_UNITS));
        let mut own = exact::Budget::new(units, options.stop.as_deref());
        let outcome = exact::solve(problem, solution, &mut own);
        exact = (units - own.left()) / EXACT_UNITS;
        solution = outcome.solution;
        budget.done.nodes += outcome.nodes;
        tell(progress(&solution));
        if outcome.proven {
            solution.status = Status::Optimal;
            solution.effort = budget.done;
            return Found { solution, certificate: None, proven: true, exact };
        }
    }
    let certificate = columns::improve(prepared, options, &mut solution, budget, tell);
    solution.effort = budget.done;
    solution.status = status(&solution, options, budget.is_spent());
    Found { solution, certificate, proven: false, exact }
}

/// Whether the exact engine is to try.
pub(crate) fn is_for_exact(problem: &Problem, options: &Options) -> bool {
    let small = problem.pods() <= EXACT_PODS && options.engine == Engine::Auto;
    small || options.engine == Engine::Exact
}

/// How many offerings are left for column generation when equal ones are counted once and those
/// left out that a cheaper one replaces for every pattern.
pub fn offerings_kept(problem: &Problem) -> usize {
    if validate(problem).is_err() {
        return 0;
    }
    let pods: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
    let core = Core::new(problem, &Parts::anywhere(&pods), View::Bound);
    core.kinds.iter().filter(|kind| matches!(kind.source, Source::Offerings(_))).count()
}

/// How an engine ended that proves by bounds.
pub(crate) fn status(solution: &Solution, options: &Options, spent: bool) -> Status {
    let settled = solution.penalty == 0 && solution.unplaced.is_empty();
    if solution.bound == solution.cost && settled {
        Status::Optimal
    } else if options.gap_ppm > 0 && is_within(solution.cost, solution.bound, options.gap_ppm) {
        Status::Within
    } else if spent {
        Status::Stopped
    } else {
        Status::Feasible
    }
}

/// Whether a cost is within so many parts per million of a bound.
pub(crate) fn is_within(cost: Money, bound: Money, gap_ppm: u32) -> bool {
    let gap = i128::from(cost) - i128::from(bound);
    gap * 1_000_000 <= i128::from(gap_ppm) * i128::from(cost)
}

/// What there is to tell of a solution.
pub(crate) fn progress(solution: &Solution) -> Progress {
    Progress {
        cost: solution.cost,
        bound: solution.bound,
        unplaced: solution.unplaced.iter().map(|missing| u64::from(missing.count)).sum(),
    }
}

/// The answer to a problem that no engine may look at.
fn nothing_placed(problem: &Problem) -> Solution {
    let groups = problem.groups.iter().enumerate().filter(|(_, group)| group.count > 0);
    let unplaced = groups.map(|(at, group)| Unplaced {
        group: at as u32,
        count: group.count,
        reason: Reason::Incompatible,
    });
    Solution { unplaced: unplaced.collect(), ..Solution::default() }
}
