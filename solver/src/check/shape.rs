//! The form of a solution: indices, order, and that every pod is accounted for once.

use crate::check::Violation;
use crate::problem::Problem;
use crate::solution::Solution;

/// Whether everything the solution names exists; what does not is reported.
pub(super) fn indices(
    problem: &Problem,
    solution: &Solution,
    violations: &mut Vec<Violation>,
) -> bool {
    let before = violations.len();
    let mut known = |object, index: u32, count: usize| {
        if index as usize >= count {
            violations.push(Violation::Unknown { object, index });
        }
    };
    for launch in &solution.launches {
        known("offering", launch.offering, problem.offerings.len());
    }
    for placement in &solution.placements {
        known("node", placement.node, problem.nodes.len());
    }
    let placed = (solution.launches.iter().flat_map(|launch| &launch.pods))
        .chain(solution.placements.iter().flat_map(|placement| &placement.pods))
        .map(|&(group, _)| group);
    for group in placed.chain(solution.unplaced.iter().map(|unplaced| unplaced.group)) {
        known("group", group, problem.groups.len());
    }
    violations.len() == before
}

/// Ascending lists without repeats or zero counts.
pub(super) fn form(solution: &Solution, violations: &mut Vec<Violation>) {
    let mut report = |list, index| violations.push(Violation::Form { list, index });
    for (index, launch) in solution.launches.iter().enumerate() {
        if launch.copies == 0 || !well_formed(&launch.pods) {
            report("launch", index);
        }
    }
    for (index, placement) in solution.placements.iter().enumerate() {
        if !well_formed(&placement.pods) {
            report("placement", index);
        }
    }
    for (index, pair) in solution.placements.windows(2).enumerate() {
        if pair[0].node >= pair[1].node {
            report("placement", index + 1);
        }
    }
    for (index, unplaced) in solution.unplaced.iter().enumerate() {
        let unordered = index > 0 && solution.unplaced[index - 1].group >= unplaced.group;
        if unplaced.count == 0 || unordered {
            report("unplaced", index);
        }
    }
}

fn well_formed(pods: &[(u32, u32)]) -> bool {
    !pods.is_empty()
        && pods.iter().all(|&(_, count)| count > 0)
        && pods.windows(2).all(|pair| pair[0].0 < pair[1].0)
}

/// Placed and unplaced pods add up, group by group.
pub(super) fn counts(problem: &Problem, solution: &Solution, violations: &mut Vec<Violation>) {
    let mut found = vec![0u64; problem.groups.len()];
    let mut add = |group: u32, count: u64| {
        let sum = &mut found[group as usize];
        *sum = sum.saturating_add(count);
    };
    for launch in &solution.launches {
        for &(group, count) in &launch.pods {
            add(group, u64::from(count) * u64::from(launch.copies));
        }
    }
    for &(group, count) in solution.placements.iter().flat_map(|placement| &placement.pods) {
        add(group, u64::from(count));
    }
    for unplaced in &solution.unplaced {
        add(unplaced.group, u64::from(unplaced.count));
    }
    for (index, (group, &found)) in problem.groups.iter().zip(&found).enumerate() {
        let expected = u64::from(group.count);
        if found != expected {
            violations.push(Violation::Count { group: index as u32, found, expected });
        }
    }
}
