//! Chooses and composes engines.

use std::sync::{Arc, atomic::AtomicBool};

use crate::{
    Problem, Solution, bound, greedy,
    solution::{Reason, Status, Unplaced},
    validate::validate,
};

/// How to solve. Everything that could make two runs differ is in here.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Threads to use; 0 leaves it to the caller's rayon pool. The answer does not depend on it.
    pub threads: usize,
    /// Who is to solve it.
    pub engine: Engine,
    /// Stop when the plan is within this of the bound, in parts per million of its cost.
    pub gap_ppm: u32,
    /// How much work may be done, in the engine's units; 0 is the engine's own measure.
    pub effort: u64,
    /// Where random choices start.
    pub seed: u64,
    /// Once set, the engine comes back with the best it has. When that happens is the caller's
    /// business, so it is the one thing that makes two runs differ.
    pub stop: Option<Arc<AtomicBool>>,
}

/// Who is to solve a problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Whoever suits the problem.
    #[default]
    Auto,
    /// A good plan in milliseconds, with a bound by resources.
    Greedy,
    /// Column generation: close to the optimum, and a proof of how close.
    Columns,
    /// To the proven optimum, for small problems.
    Exact,
}

/// Solves a problem. Total: pods without a place are in the answer, and so is every pod of a
/// problem that does not hold together ([`validate`]).
pub fn solve(problem: &Problem, options: &Options) -> Solution {
    if validate(problem).is_err() {
        return nothing_placed(problem);
    }
    let run = || {
        let mut solution = greedy::solve(problem);
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
