//! Chooses and composes engines.

use crate::{Problem, Solution, greedy};

/// How to solve. Everything that could make two runs differ is in here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Threads to use; 0 leaves it to the caller's rayon pool. The answer does not depend on it.
    pub threads: usize,
}

/// Solves a problem. Total: pods without a place are in the answer. The problem must be valid.
pub fn solve(problem: &Problem, options: &Options) -> Solution {
    let run = || greedy::solve(problem);
    match options.threads {
        0 => run(),
        threads => match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
            Ok(pool) => pool.install(run),
            // No more threads are to be had; the calling thread's pool gives the same answer.
            Err(_) => run(),
        },
    }
}
