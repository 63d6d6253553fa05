//! Why pods have no place, with the varieties in view.

use crate::{BitSet, Problem, Solution, problem::fits, solution::Reason};

/// Engines have seen a part of the offerings. Where one that was left out would have come nearer to
/// taking a pod, the variety is why the pod has no place.
pub(super) fn correct(problem: &Problem, solution: &mut Solution) {
    if solution.unplaced.is_empty() {
        return;
    }
    let left_out = problem.varieties.iter().flat_map(|variety| solution.shut(variety));
    let left_out = BitSet::from_indices(problem.offerings.len(), left_out);
    let exhausted = exhausted(problem, solution);
    for missing in &mut solution.unplaced {
        let group = missing.group;
        let request = &problem.groups[group as usize].request;
        let accepting = problem.class_of(group).offerings.iter();
        let reasons = accepting.filter(|&at| left_out.contains(at)).map(|at| {
            if !fits(request, &problem.offerings[at].capacity) {
                Reason::TooLarge
            } else if exhausted.contains(at) {
                Reason::Limit
            } else {
                Reason::Variety
            }
        });
        missing.reason = reasons.fold(missing.reason, Reason::max);
    }
}

/// Offerings of which a limit allows no further launch.
fn exhausted(problem: &Problem, solution: &Solution) -> BitSet {
    let mut left: Vec<i64> = problem.limits.iter().map(|limit| limit.remaining).collect();
    for launch in &solution.launches {
        for &(limit, amount) in &problem.offerings[launch.offering as usize].limits {
            let used = amount.saturating_mul(i64::from(launch.copies));
            left[limit as usize] = left[limit as usize].saturating_sub(used);
        }
    }
    let offerings = problem.offerings.iter().enumerate().filter(|(_, offering)| {
        let mut limits = offering.limits.iter();
        limits.any(|&(limit, amount)| amount > 0 && amount > left[limit as usize])
    });
    BitSet::from_indices(problem.offerings.len(), offerings.map(|(at, _)| at))
}
