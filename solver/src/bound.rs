//! A lower bound on what the launches of any solution must cost.
//!
//! Three arguments are tried and the strongest is kept:
//!
//! - *Resources.* Give each dimension a weight. A node of price p and weighted capacity c sells its
//!   room for p / c at best, so a pod of weighted request r costs at least r times the lowest such
//!   rate among the offerings that accept and hold it. Summed over all pods, less what existing
//!   nodes can take in, this is a bound for every choice of weights (it is a feasible point of the
//!   dual of the packing's linear relaxation). A short search looks for good weights.
//! - *Nodes.* Pods that exclude each other need a node each.
//! - *One node.* A pod that no existing node takes needs at least the cheapest offering for it.
//!
//! Money is counted in floats inside. Their relative error is below 1e-12 for any realistic number
//! of terms; 1e-9 is taken off at the end. Costs are whole numbers, so the rest is rounded up.

mod market;
mod nodes;

use crate::problem::{Money, Problem};
use crate::solution::Solution;

use market::Market;

/// Taken off for the rounding of floats, relative.
const MARGIN: f64 = 1e-9;

/// Bounds the price of the launches (micro-dollars per hour) of any solution that places the pods
/// that `solution` places. Where the pods stand in `solution` does not matter. At least 0.
///
/// Both must be sound: [`crate::validate::validate`] passes, and the solution names nothing that
/// does not exist.
pub fn resource_bound(problem: &Problem, solution: &Solution) -> Money {
    let pods = placed(problem, solution);
    let market = Market::new(problem, &pods);
    let resources = round(search(&market));
    resources.max(nodes::node_bound(problem, &pods, &market))
}

/// Pods per group that a solution places.
pub(crate) fn placed(problem: &Problem, solution: &Solution) -> Vec<u32> {
    let mut pods: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
    for unplaced in &solution.unplaced {
        let pods = &mut pods[unplaced.group as usize];
        *pods = pods.saturating_sub(unplaced.count);
    }
    pods
}

fn round(bound: f64) -> Money {
    // A cast saturates; not-a-number becomes 0.
    (bound * (1.0 - MARGIN) - MARGIN).ceil().max(0.0) as Money
}

/// Looks for weights with a high bound: one dimension at a time, steps growing finer.
fn search(market: &Market) -> f64 {
    let dims = market.demand.len();
    let mut evaluations = market.evaluations();
    let unit: Vec<f64> =
        market.demand.iter().map(|&sum| if sum > 0.0 { 1.0 / sum } else { 0.0 }).collect();
    let value = |shares: &[f64]| {
        let weights: Vec<f64> =
            shares.iter().zip(&unit).map(|(share, unit)| share * unit).collect();
        market.bound(&weights)
    };
    let mut best = vec![1.0; dims];
    let mut bound = value(&best);
    for dim in 0..dims {
        let mut shares = vec![0.02; dims];
        shares[dim] = 1.0;
        let candidate = value(&shares);
        if candidate > bound {
            (bound, best) = (candidate, shares);
        }
    }
    for step in [8.0, 3.0, 1.6, 1.2, 1.05] {
        let mut improved = true;
        while improved && evaluations > 0 {
            improved = false;
            for dim in (0..dims).filter(|&dim| unit[dim] > 0.0) {
                for factor in [step, 1.0 / step] {
                    let mut shares = best.clone();
                    shares[dim] *= factor;
                    let candidate = value(&shares);
                    evaluations = evaluations.saturating_sub(1);
                    if candidate > bound * (1.0 + 1e-6) {
                        (bound, best) = (candidate, shares);
                        improved = true;
                    }
                }
            }
        }
    }
    bound
}

#[cfg(test)]
mod tests;
