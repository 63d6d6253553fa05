//! The exact engine: small problems to proven optimality, with every kind of constraint.
//!
//! Three layers, each on top of the one below:
//!
//! 1. *Patterns.* All ways to fill one node that some host holds, with the cheapest launch for
//!    each. Host ports, room, classes, alternatives and whatever else is settled on one node are
//!    settled here.
//! 2. *The relaxed table.* Without the constraints between nodes, dealing with the pods left is a
//!    dynamic program over how many are left of each group. It is solved for all of them.
//! 3. *The search.* Branch and bound over nodes with the table as its bound; the constraints
//!    between nodes are kept in a few numbers, by which equal states are recognised.
//!
//! When nothing spans nodes the table is the answer and the search walks straight to it.

mod lattice;
mod local;
mod model;
mod pattern;
mod relaxed;
mod search;
mod span;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    Problem, Solution, bound, cost,
    explain::explain,
    problem::Money,
    solution::{Launch, Placement, Reason, Unplaced},
};

use lattice::Lattice;
use model::{Kind, Model, Scale};
use pattern::Book;
use relaxed::Relaxed;
use search::{Search, Step, Tables};
use span::{Places, Span};

/// What the engine may do: units of work, each some nanoseconds.
pub(crate) struct Budget<'f> {
    left: u64,
    stop: Option<&'f AtomicBool>,
}

impl<'f> Budget<'f> {
    /// Ends after `units` of work, or soon after `stop` is set.
    pub(crate) fn new(units: u64, stop: Option<&'f AtomicBool>) -> Self {
        Self { left: units, stop }
    }

    /// What may still be done.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// `None` when the budget has ended.
    fn spend(&mut self, units: u64) -> Option<()> {
        self.left = self.left.saturating_sub(units);
        let stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        (self.left > 0 && !stopped).then_some(())
    }
}

/// What came out.
pub(crate) struct Outcome {
    /// The best solution known: the incumbent unless a better one was found. Its `bound` is set.
    pub solution: Solution,
    /// Whether no solution ranks better.
    pub proven: bool,
    /// States looked at.
    pub nodes: u64,
}

/// More vectors of pods left are not tabled.
const MOST_VECTORS: usize = 1 << 20;

/// With more existing nodes that could take pods nothing is tried.
const MOST_NODES: usize = 256;

/// Improves on `incumbent` until nothing better is left or the budget ends.
///
/// Better means: fewer unplaced pods of the highest priority in which there is a difference; then
/// less spent on launches of the last tier, and so on down to the second; then less cost and
/// penalties; then fewer nodes. The problem must be sound ([`crate::validate::validate`]) and the
/// incumbent right ([`crate::check`]).
pub(crate) fn solve(problem: &Problem, incumbent: Solution, budget: &mut Budget<'_>) -> Outcome {
    let first = improve(problem, &incumbent, budget);
    let mut solution = first.better.unwrap_or(incumbent);
    let (mut nodes, mut least) = (first.nodes, first.least_cost);
    if has_trade_offs(problem) {
        let priced = price_only(problem, &solution);
        let plain = Solution { unplaced: Vec::new(), penalty: 0, ..solution.clone() };
        let second = improve(&priced, &plain, budget);
        nodes += second.nodes;
        least = second.least_cost;
    }
    let resources = bound::resource_bound(problem, &solution);
    solution.bound = least.unwrap_or(0).max(resources).clamp(0, solution.cost);
    Outcome { solution, proven: first.proven, nodes }
}

/// A better solution than `incumbent`, without a bound; `None` when none was found.
pub(crate) fn better(
    problem: &Problem,
    incumbent: &Solution,
    budget: &mut Budget<'_>,
) -> Option<Solution> {
    improve(problem, incumbent, budget).better
}

/// Whether a solution of the best rank may cost more than another that places the same pods.
pub(crate) fn has_trade_offs(problem: &Problem) -> bool {
    problem.has_tiers()
        || problem.preferences.iter().any(|preference| preference.cost > 0)
        || problem.spreads.iter().any(|spread| spread.cost > Some(0))
        || problem.affinities.iter().any(|affinity| affinity.cost > Some(0))
        || problem.exclusions.iter().any(|exclusion| exclusion.cost > Some(0))
}

/// The problem of placing the pods that a solution places, with all preferences and tiers
/// forgotten: its best solution has the least price of launches.
pub(crate) fn price_only(problem: &Problem, solution: &Solution) -> Problem {
    let mut problem = problem.clone();
    for unplaced in &solution.unplaced {
        problem.groups[unplaced.group as usize].count -= unplaced.count;
    }
    for offering in &mut problem.offerings {
        offering.tier = 0;
    }
    problem.preferences.clear();
    problem.spreads.retain(|spread| spread.cost.is_none());
    problem.affinities.retain(|affinity| affinity.cost.is_none());
    problem.exclusions.retain(|exclusion| exclusion.cost.is_none());
    problem
}

/// What an attempt to improve came to.
#[derive(Default)]
struct Attempt {
    /// Better than the incumbent.
    better: Option<Solution>,
    /// Whether nothing is better than what is known now.
    proven: bool,
    /// States looked at.
    nodes: u64,
    /// What is known of the price of launches of any solution that places the same pods as the
    /// best; only for problems without trade-offs.
    least_cost: Option<Money>,
}

fn improve(problem: &Problem, incumbent: &Solution, budget: &mut Budget<'_>) -> Attempt {
    attempt(problem, incumbent, budget).unwrap_or_default()
}

/// `None` when the problem is too large or the budget ended before the search began.
fn attempt(problem: &Problem, incumbent: &Solution, budget: &mut Budget<'_>) -> Option<Attempt> {
    let hosts = problem.nodes.len() + problem.offerings.len();
    budget.spend((problem.groups.len() * hosts) as u64 / 4)?;
    let scale = Scale::new(problem)?;
    let model = Model::new(problem, |a, b| span::differ(problem, a, b))?;
    if model.nodes.len() > MOST_NODES {
        return None;
    }
    let lattice = Lattice::new(&model.counts, MOST_VECTORS)?;
    let places = Places::new(&model);
    let span = Span::new(&places)?;
    let book = Book::new(&model, &lattice, &scale, &places, &span, budget)?;
    let relaxed = Relaxed::new(&model, &lattice, &scale, &book, budget)?;
    let tables = Tables { model: &model, lattice, scale, book, relaxed, places: &places, span };
    let mut search = Search::new(&tables, budget);
    search.best = tables.scale.of(problem, incumbent);
    let proven = search.run().is_some();
    let (nodes, best) = (search.nodes, search.best);
    let least = if proven { best } else { search.least() };
    let least_cost = tables.scale.money_in(least, best);
    let mut better = search.found;
    if let Some(solution) = &mut better {
        give_reasons(problem, solution);
    }
    Some(Attempt { better, proven, nodes, least_cost })
}

/// The solution of a finished path.
fn assemble(model: &Model<'_>, book: &Book, path: &[Step]) -> Solution {
    let problem = model.problem;
    let mut left: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
    let mut solution = Solution::default();
    for step in path {
        let pods = &book.patterns[step.pattern as usize].pods;
        let mut pods: Vec<(u32, u32)> =
            pods.iter().map(|&(group, count)| (model.groups[usize::from(group)], count)).collect();
        pods.sort_unstable();
        for &(group, count) in &pods {
            left[group as usize] -= count;
        }
        match step.host {
            Kind::Node(node) => solution.placements.push(Placement { node, pods }),
            Kind::Launch(offering) => {
                solution.launches.push(Launch { offering, copies: 1, pods });
            }
        }
    }
    solution.merge();
    let left = (0u32..).zip(left).filter(|(_, count)| *count > 0);
    let reason = Reason::Combination;
    solution.unplaced = left.map(|(group, count)| Unplaced { group, count, reason }).collect();
    cost::assess(problem, &mut solution);
    solution
}

fn give_reasons(problem: &Problem, solution: &mut Solution) {
    let groups: Vec<u32> = solution.unplaced.iter().map(|unplaced| unplaced.group).collect();
    let reasons: Vec<Reason> =
        groups.iter().map(|&group| explain(problem, solution, group).reason).collect();
    for (unplaced, reason) in solution.unplaced.iter_mut().zip(reasons) {
        unplaced.reason = reason;
    }
}

#[cfg(test)]
mod tests;
