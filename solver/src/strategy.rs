//! Chooses and composes engines.

use crate::{
    Problem, Solution, bound, exact, greedy,
    solution::{Reason, Status, Unplaced},
    validate::validate,
};

/// How to solve. Everything that could make two runs differ is in here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads to use; 0 leaves it to the caller's rayon pool. The answer does not depend on it.
    pub threads: usize,
}

/// Problems up to this many pods are given to the exact engine.
const EXACT_PODS: u64 = 40;

/// What the exact engine may spend, in units of work: about a tenth of a second.
const EXACT_WORK: u64 = 20_000_000;

/// Solves a problem. Total: pods without a place are in the answer, and so is every pod of a
/// problem that does not hold together ([`validate`]).
pub fn solve(problem: &Problem, options: &Options) -> Solution {
    if validate(problem).is_err() {
        return nothing_placed(problem);
    }
    let run = || {
        let mut solution = greedy::solve(problem);
        if problem.pods() <= EXACT_PODS {
            let outcome =
                exact::solve(problem, solution, &mut exact::Budget::new(EXACT_WORK, None));
            let status = if outcome.proven { Status::Optimal } else { Status::Feasible };
            return Solution { status, ..outcome.solution };
        }
        solution.bound = bound::resource_bound(problem, &solution).clamp(0, solution.cost);
        if solution.bound == solution.cost && solution.penalty == 0 && solution.unplaced.is_empty()
        {
            solution.status = Status::Optimal;
        }
        solution
    };
    match options.threads {
        0 => run(),
        threads => match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(run),
            // No more threads are to be had; the calling thread's pool gives the same answer.
            Err(_) => run(),
        },
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
