//! Fills new nodes in the order in which they will be opened, so that a plan comes true whatever
//! kube-scheduler likes best.
//!
//! The scheduler sees one node free before the others. Were there room left on it for a pod that is
//! planned for a node that is not free yet, the pod would go there. So pods move to earlier nodes
//! for as long as they fit; then no node has room left for a pod of a later one.

use solver::{BitSet, Problem, Solution, solution::Launch as Bought};

use crate::formulate::Formulation;

/// With more new nodes than this the order is not worth the work.
const MOST_NODES: u32 = 2_000;

/// The same solution, node by node in the order of their opening: small ones first. Pods stand as
/// early as they fit. Left as it is when that would break a rule.
pub fn fill_in_order(formulation: &Formulation, solution: Solution) -> Solution {
    let nodes: u32 = solution.launches.iter().map(|launch| launch.copies).sum();
    if !(2..=MOST_NODES).contains(&nodes) {
        return solution;
    }
    let filled = filled(&formulation.problem, &solution);
    if solver::check(&formulation.problem, &filled).is_empty() { filled } else { solution }
}

fn filled(problem: &Problem, solution: &Solution) -> Solution {
    let mut nodes: Vec<Bought> = vec![];
    for launch in &solution.launches {
        nodes.extend((0..launch.copies).map(|_| Bought { copies: 1, ..launch.clone() }));
    }
    nodes.sort_by_key(|node| &problem.offerings[node.offering as usize].capacity);
    let movable = movable(problem);
    for early in 0..nodes.len() {
        let (before, after) = nodes.split_at_mut(early + 1);
        let Some(node) = before.last_mut() else { continue };
        let mut room = room(problem, node);
        for late in after {
            take(problem, &movable, node, &mut room, late);
        }
    }
    finished(problem, solution, nodes)
}

/// Moves what fits from a later node.
fn take(
    problem: &Problem,
    movable: &BitSet,
    node: &mut Bought,
    room: &mut [i64],
    late: &mut Bought,
) {
    for (group, count) in &mut late.pods {
        let accepted = problem.class_of(*group).offerings.contains(node.offering as usize);
        if !accepted || !movable.contains(*group as usize) {
            continue;
        }
        let request = &problem.groups[*group as usize].request;
        let moved = holds(room, request).min(*count);
        if moved > 0 {
            for (room, request) in room.iter_mut().zip(request) {
                *room -= request * i64::from(moved);
            }
            *count -= moved;
            add(&mut node.pods, *group, moved);
        }
    }
    late.pods.retain(|(_, count)| *count > 0);
}

fn finished(problem: &Problem, solution: &Solution, mut nodes: Vec<Bought>) -> Solution {
    nodes.retain(|node| !node.pods.is_empty());
    let mut filled = Solution { launches: nodes, ..solution.clone() };
    filled.cost = solver::cost::price(problem, &filled);
    filled.penalty = solver::cost::penalty(problem, &filled);
    filled
}

/// Groups of which nothing counts how many are where.
fn movable(problem: &Problem) -> BitSet {
    let mut held = BitSet::empty(problem.groups.len());
    for set in &problem.sets {
        held.union_with(&set.groups);
    }
    let stated = (problem.spreads.iter().flat_map(|one| &one.groups))
        .chain(problem.affinities.iter().flat_map(|one| &one.groups))
        .chain(problem.exclusions.iter().flat_map(|one| &one.groups))
        .chain(problem.preferences.iter().flat_map(|one| &one.groups))
        .chain(problem.conflicts.iter().flat_map(|(one, other)| [one, other]));
    for &group in stated {
        held.insert(group as usize);
    }
    held.complement()
}

fn room(problem: &Problem, node: &Bought) -> Vec<i64> {
    let mut room = problem.offerings[node.offering as usize].capacity.clone();
    for &(group, count) in &node.pods {
        for (room, request) in room.iter_mut().zip(&problem.groups[group as usize].request) {
            *room = room.saturating_sub(request.saturating_mul(i64::from(count)));
        }
    }
    room
}

/// How many pods of a request a room holds; those that ask for nothing go anywhere.
fn holds(room: &[i64], request: &[i64]) -> u32 {
    let pairs = room.iter().zip(request).filter(|(_, request)| **request > 0);
    let most = pairs.map(|(room, request)| (room / request).max(0)).min();
    most.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX))
}

fn add(pods: &mut Vec<(u32, u32)>, group: u32, count: u32) {
    match pods.binary_search_by_key(&group, |(group, _)| *group) {
        Ok(at) => pods[at].1 += count,
        Err(at) => pods.insert(at, (group, count)),
    }
}

#[cfg(test)]
mod tests {
    use solver::problem::{Class, Group, Offering};

    use super::*;

    /// Two sizes, of 40 for 4 and of 10 for 1; pods of 2 and of 5.
    fn fill(counts: [u32; 2], conflicts: &[(u32, u32)], launches: Vec<Bought>) -> Solution {
        let class = Class { offerings: BitSet::full(2), nodes: BitSet::empty(0) };
        let group = |request, count| Group { request: vec![request], count, priority: 0, class: 0 };
        let offering = |capacity, price| Offering {
            capacity: vec![capacity],
            price,
            tier: 0,
            domains: vec![],
            limits: vec![],
        };
        let problem = Problem {
            dims: 1,
            groups: vec![group(2, counts[0]), group(5, counts[1])],
            classes: vec![class],
            offerings: vec![offering(40, 4), offering(10, 1)],
            conflicts: conflicts.to_vec(),
            ..Problem::default()
        };
        let mut solution = Solution { launches, ..Solution::default() };
        solution.cost = solver::cost::price(&problem, &solution);
        fill_in_order(&Formulation { problem, ..Formulation::default() }, solution)
    }

    fn node(offering: u32, pods: &[(u32, u32)]) -> Bought {
        Bought { offering, copies: 1, pods: pods.to_vec() }
    }

    #[test]
    fn what_fits_moves_to_the_smaller_node() {
        let launches = vec![node(0, &[(0, 7), (1, 3)]), node(1, &[(0, 1), (1, 1)])];
        let filled = fill([8, 4], &[], launches);
        let expected = [node(1, &[(0, 2), (1, 1)]), node(0, &[(0, 6), (1, 3)])];
        assert_eq!((&*filled.launches, filled.cost), (&expected[..], 5));
    }

    #[test]
    fn copies_are_told_apart_and_empty_nodes_left_out() {
        let launches = vec![Bought { copies: 3, ..node(1, &[(0, 3)]) }];
        let filled = fill([9, 0], &[], launches);
        let expected = [node(1, &[(0, 5)]), node(1, &[(0, 4)])];
        assert_eq!((&*filled.launches, filled.cost), (&expected[..], 2));
    }

    #[test]
    fn pods_that_others_count_stay() {
        let launches = vec![Bought { copies: 2, ..node(1, &[(0, 1)]) }];
        let filled = fill([2, 0], &[(0, 0)], launches);
        assert_eq!(filled.launches, [node(1, &[(0, 1)]), node(1, &[(0, 1)])]);
    }
}
