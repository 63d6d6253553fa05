//! Solving an instance: its problem, or the cheapest of several.

use solver::{Options, Problem, Solution, Violation, solve};

use super::Instance;

/// What came of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Index of the problem that the solution answers.
    pub problem: usize,
    /// The best solution. Its bound holds for all problems of the instance together.
    pub solution: Solution,
}

impl Instance {
    /// Solves all problems and keeps the best answer: the most pods placed, then the least cost.
    /// The bound is the least of all bounds, since any of the problems could have the optimum.
    pub fn solve(&self, options: &Options) -> Answer {
        let mut best: Option<Answer> = None;
        let mut bound = i64::MAX;
        for (at, problem) in self.problems.iter().enumerate() {
            let solution = solve(problem, options);
            bound = bound.min(solution.bound);
            let better = best.as_ref().is_none_or(|best| rank(&solution) < rank(&best.solution));
            if better {
                best = Some(Answer { problem: at, solution });
            }
        }
        let mut best = best.unwrap_or_else(|| Answer { problem: 0, solution: Solution::default() });
        best.settle(bound);
        best
    }

    /// The problem that an answer is about.
    pub fn problem_of(&self, answer: &Answer) -> &Problem {
        &self.problems[answer.problem]
    }

    /// What is wrong with an answer, by the solver's independent check.
    pub fn check(&self, answer: &Answer) -> Vec<Violation> {
        solver::check(self.problem_of(answer), &answer.solution)
    }
}

impl Answer {
    fn settle(&mut self, bound: i64) {
        let solution = &mut self.solution;
        if bound < solution.bound {
            solution.bound = bound;
            if solution.status == solver::solution::Status::Optimal && bound < solution.cost {
                solution.status = solver::solution::Status::Feasible;
            }
        }
    }

    /// How much cheaper another plan could be, as a share of the cost.
    pub fn gap(&self) -> f64 {
        gap(self.solution.cost, self.solution.bound)
    }

    /// Nodes bought.
    pub fn nodes(&self) -> u64 {
        self.solution.launches.iter().map(|launch| u64::from(launch.copies)).sum()
    }

    /// Pods without a place.
    pub fn unplaced(&self) -> u64 {
        self.solution.unplaced.iter().map(|group| u64::from(group.count)).sum()
    }
}

/// (cost − bound) / cost, 0 for a cost of 0.
pub fn gap(cost: i64, bound: i64) -> f64 {
    if cost <= 0 { 0.0 } else { (cost as f64 - bound as f64) / cost as f64 }
}

fn rank(solution: &Solution) -> (u64, i64) {
    let unplaced = solution.unplaced.iter().map(|group| u64::from(group.count)).sum();
    (unplaced, solution.cost.saturating_add(solution.penalty))
}
