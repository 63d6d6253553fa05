use super::*;
use crate::BitSet;
use crate::problem::{Class, Exclusion, Group, NODE_KEY, Node, Offering, PodSet};

fn problem(
    groups: &[([i64; 2], u32)],
    offerings: &[([i64; 2], Money)],
    nodes: &[[i64; 2]],
) -> Problem {
    let class =
        Class { offerings: BitSet::full(offerings.len()), nodes: BitSet::full(nodes.len()) };
    Problem {
        dims: 2,
        groups: (groups.iter())
            .map(|(request, count)| Group {
                request: request.to_vec(),
                count: *count,
                priority: 0,
                class: 0,
            })
            .collect(),
        classes: vec![class],
        offerings: (offerings.iter())
            .map(|(capacity, price)| Offering {
                capacity: capacity.to_vec(),
                price: *price,
                tier: 0,
                domains: vec![],
                limits: vec![],
            })
            .collect(),
        nodes: nodes.iter().map(|free| Node { free: free.to_vec(), domains: vec![] }).collect(),
        ..Problem::default()
    }
}

fn bound(problem: &Problem) -> Money {
    resource_bound(problem, &Solution::default())
}

#[test]
fn one_full_dimension_is_exact() {
    assert_eq!(bound(&problem(&[([4, 1], 10)], &[([8, 8], 100)], &[])), 500);
}

#[test]
fn two_dimensions_that_fill_together_are_exact() {
    // Neither dimension alone shows that two kinds of nodes are needed at 70 together per pair.
    let groups = [([6, 1], 40), ([1, 6], 40)];
    let offerings = [([12, 2], 70), ([2, 12], 70)];
    let found = bound(&problem(&groups, &offerings, &[]));
    assert!((2795..=2800).contains(&found), "{found}");
}

#[test]
fn existing_room_is_taken_off() {
    let with = |nodes: &[[i64; 2]]| bound(&problem(&[([4, 1], 10)], &[([8, 8], 100)], nodes));
    assert_eq!(with(&[[16, 16]]), 300);
    // A node without room for any pod helps nobody.
    assert_eq!(with(&[[3, 16]; 9]), 500);
}

#[test]
fn unplaced_pods_cost_nothing() {
    let problem = problem(&[([4, 1], 10)], &[([8, 8], 100)], &[]);
    let reason = crate::solution::Reason::Limit;
    let unplaced = vec![crate::solution::Unplaced { group: 0, count: 4, reason }];
    assert_eq!(resource_bound(&problem, &Solution { unplaced, ..Solution::default() }), 300);
}

#[test]
fn classes_keep_their_own_prices() {
    let mut problem = problem(&[([8, 1], 2), ([8, 1], 3)], &[([8, 8], 10), ([8, 8], 100)], &[]);
    let class = Class { offerings: BitSet::from_indices(2, [1]), nodes: BitSet::empty(0) };
    problem.classes.push(class);
    problem.groups[1].class = 1;
    assert_eq!(bound(&problem), 320);
}

#[test]
fn pods_that_exclude_each_other_need_a_node_each() {
    let mut problem = problem(&[([1, 1], 5)], &[([8, 8], 100)], &[[1, 1], [0, 1]]);
    problem.sets = vec![PodSet { groups: BitSet::full(1), bound: vec![] }];
    problem.exclusions = vec![Exclusion { groups: vec![0], key: NODE_KEY, set: 0, cost: None }];
    assert_eq!(bound(&problem), 400);
    problem.exclusions.clear();
    problem.conflicts = vec![(0, 0)];
    assert_eq!(bound(&problem), 400);
}

#[test]
fn a_single_large_pod_needs_one_node() {
    assert_eq!(bound(&problem(&[([5, 1], 1)], &[([8, 8], 100), ([4, 4], 30)], &[[4, 9]])), 100);
}
