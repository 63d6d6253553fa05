//! One small solution per rule: right as it stands, wrong after one change.

use super::*;
use crate::BitSet;
use crate::problem::{
    Affinity, Class, Exclusion, Flexibility, Group, Limit, NODE_KEY, Node, Offering, PodSet,
    Preference, Spread, Variety,
};
use crate::solution::{Launch, Placement, Reason, Unplaced};

/// Two groups of two pods, offering `k` in zone `k` of three, one node in zone 0.
fn problem() -> Problem {
    let offering = |zone| Offering {
        capacity: vec![10],
        price: 100,
        tier: 0,
        domains: vec![zone],
        limits: vec![(0, 1)],
    };
    Problem {
        dims: 1,
        keys: vec![3],
        groups: vec![Group { request: vec![2], count: 2, priority: 0, class: 0 }; 2],
        classes: vec![Class { offerings: BitSet::full(3), nodes: BitSet::full(1) }],
        offerings: (0..3).map(offering).collect(),
        nodes: vec![Node { free: vec![4], domains: vec![0] }],
        limits: vec![Limit { remaining: 4 }],
        sets: [0, 1]
            .map(|group| PodSet { groups: BitSet::from_indices(2, [group]), bound: vec![] })
            .to_vec(),
        ..Problem::default()
    }
}

/// Offering, copies, pods.
type Line<'a> = (u32, u32, &'a [(u32, u32)]);

fn solution(launches: &[Line<'_>]) -> Solution {
    let launches: Vec<Launch> = (launches.iter())
        .map(|&(offering, copies, pods)| Launch { offering, copies, pods: pods.to_vec() })
        .collect();
    let cost = launches.iter().map(|launch| 100 * i64::from(launch.copies)).sum();
    Solution { launches, cost, ..Solution::default() }
}

fn spread(key: u8) -> Spread {
    Spread::even(key, 2, 1, 3)
}

fn affinity(groups: &[u32], keys: &[u8], set: u32) -> Affinity {
    Affinity { groups: groups.to_vec(), keys: keys.to_vec(), set, cost: None }
}

#[track_caller]
fn assert_only(problem: &Problem, solution: &Solution, expected: &[&str]) {
    let found: Vec<String> = check(problem, solution).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn sums_and_lists_are_recounted() {
    let problem = problem();
    let mut right = solution(&[(1, 2, &[(0, 1), (1, 1)])]);
    assert_only(&problem, &right, &[]);
    right.unplaced.push(Unplaced { group: 1, count: 1, reason: Reason::Limit });
    right.cost = 7;
    right.penalty = 1;
    right.bound = 201;
    let expected = [
        "group 1: 3 pods are accounted for, there are 2",
        "cost is 200, 7 stated",
        "penalty is 0, 1 stated",
        "bound 201 does not go with cost 200 and the status",
    ];
    assert_only(&problem, &right, &expected);
    let unknown = solution(&[(9, 1, &[(0, 2)])]);
    assert_only(&problem, &unknown, &["there is no offering 9"]);
    let unordered = solution(&[(0, 1, &[(1, 2), (0, 2)])]);
    assert_only(&problem, &unordered, &["launch 0: not ascending, named twice, or empty"]);
}

#[test]
fn classes_room_conflicts_and_limits_hold() {
    let mut problem = problem();
    let mut full = solution(&[(1, 1, &[(1, 2)])]);
    full.placements.push(Placement { node: 0, pods: vec![(0, 2)] });
    assert_only(&problem, &full, &[]);
    problem.groups[0].request[0] = 3;
    problem.groups[1].request[0] = 6;
    problem.conflicts = vec![(0, 0), (0, 1)];
    problem.classes[0].offerings.remove(1);
    problem.limits[0].remaining = -3;
    let expected = [
        "node 0: 6 asked of dimension 0, there is 4",
        "node 0: groups 0 and 0 cannot share a node",
        "group 1 does not accept launch 0",
        "launch 0: 12 asked of dimension 0, there is 10",
        "limit 0: 1 used, -3 left",
    ];
    assert_only(&problem, &full, &expected);
}

#[test]
fn launches_bring_in_as_many_values_as_there_is_room_for() {
    let mut problem = problem();
    let answer = solution(&[(0, 1, &[(0, 1)]), (1, 1, &[(0, 1)]), (2, 1, &[(1, 2)])]);
    let variety = |most, used: &[u32]| Variety {
        most,
        used: used.to_vec(),
        values: vec![(0, 5), (1, 5), (2, 6)],
    };
    problem.varieties = vec![variety(2, &[]), variety(1, &[5, 6]), variety(2, &[6])];
    assert_only(&problem, &answer, &[]);
    problem.varieties = vec![variety(1, &[]), variety(0, &[5, 6]), variety(2, &[5, 7])];
    let expected = [
        "variety 0: 2 new values, there is room for 1",
        "variety 2: 1 new values, there is room for 0",
    ];
    assert_only(&problem, &answer, &expected);
}

#[test]
fn flexibility_counts_values_among_offerings_that_hold_the_pods() {
    let mut problem = problem();
    let answer = solution(&[(0, 1, &[(0, 2), (1, 2)])]);
    let values = vec![(0, 5), (1, 5), (2, 6)];
    problem.flexibilities = vec![Flexibility { min: 2, values }];
    assert_only(&problem, &answer, &[]);
    problem.offerings[2].capacity[0] = 7;
    assert_only(&problem, &answer, &["launch 0: 1 alternatives, too few for flexibility 0"]);
}

#[test]
fn spreads_count_the_emptiest_domain() {
    let mut problem = problem();
    problem.spreads = vec![spread(0)];
    let even = solution(&[(0, 1, &[(0, 1)]), (1, 1, &[(0, 1), (1, 2)])]);
    assert_only(&problem, &even, &[]);
    // A launch in a third zone makes it a domain, still within the skew.
    let third = solution(&[(0, 1, &[(0, 1)]), (1, 1, &[(0, 1)]), (2, 1, &[(1, 2)])]);
    assert_only(&problem, &third, &[]);
    let heap = solution(&[(0, 1, &[(0, 2), (1, 2)])]);
    let broken = "launch 0: spread 0 of group 0: 2 pods in the domain, 0 in the emptiest";
    assert_only(&problem, &heap, &[broken]);
    problem.spreads[0].cost = Some(3);
    assert_only(&problem, &heap, &["penalty is 6, 0 stated"]);
    problem.spreads[0] = spread(NODE_KEY);
    assert_only(&problem, &heap, &[broken]);
    // With the one node not counted, the launch is the only domain.
    problem.spreads[0].counted_nodes = BitSet::empty(1);
    assert_only(&problem, &heap, &[]);
    problem.spreads[0].min_domains = 2;
    assert_only(&problem, &heap, &[broken]);
}

#[test]
fn affinities_need_a_pod_that_came_before() {
    let mut problem = problem();
    problem.affinities = vec![affinity(&[0], &[0], 1)];
    let near = solution(&[(1, 1, &[(0, 2)]), (1, 1, &[(1, 2)])]);
    assert_only(&problem, &near, &[]);
    let apart = solution(&[(1, 1, &[(0, 2)]), (2, 1, &[(1, 2)])]);
    let expected = [
        "launch 0: affinity 0 of group 0 is not met",
        "launch 0: no order meets the affinities of group 0",
    ];
    assert_only(&problem, &apart, &expected);
    // Each waits for the other: every pod is near, and none can be the first.
    problem.affinities = vec![affinity(&[0], &[0], 1), affinity(&[1], &[0], 0)];
    let circle = [
        "launch 0: no order meets the affinities of group 0",
        "launch 1: no order meets the affinities of group 1",
    ];
    assert_only(&problem, &near, &circle);
}

#[test]
fn one_pod_may_be_the_first_of_its_own_set() {
    let mut problem = problem();
    problem.affinities = vec![affinity(&[0], &[0], 0)];
    let pods: &[(u32, u32)] = &[(0, 1), (1, 1)];
    assert_only(&problem, &solution(&[(1, 2, pods)]), &[]);
    problem.affinities[0].keys = vec![NODE_KEY];
    let expected = [
        "launch 0: affinity 0 of group 0 is not met",
        "launch 0: no order meets the affinities of group 0",
    ];
    assert_only(&problem, &solution(&[(1, 2, pods)]), &expected);
    // The pods of group 1 need nobody, so they come first; then those of group 0 are too late to be
    // the first elsewhere.
    problem.sets[0].groups = BitSet::full(2);
    problem.affinities[0].keys = vec![0];
    let mixed = solution(&[(1, 1, &[(0, 2)]), (2, 1, &[(1, 2)])]);
    assert_only(&problem, &mixed, &["launch 0: no order meets the affinities of group 0"]);
    let near = solution(&[(1, 1, &[(0, 2)]), (1, 1, &[(1, 2)])]);
    assert_only(&problem, &near, &[]);
    // As the last pod it would see the others elsewhere.
    problem.groups[0].count = 1;
    let mixed = solution(&[(1, 1, &[(0, 1)]), (2, 1, &[(1, 2)])]);
    let expected = [
        "launch 0: affinity 0 of group 0 is not met",
        "launch 0: no order meets the affinities of group 0",
    ];
    assert_only(&problem, &mixed, &expected);
}

#[test]
fn exclusions_hold_in_both_directions() {
    let mut problem = problem();
    let together = solution(&[(1, 1, &[(0, 2)]), (1, 1, &[(1, 2)])]);
    let exclusion =
        |groups: &[u32], key, set| Exclusion { groups: groups.to_vec(), key, set, cost: None };
    problem.exclusions = vec![exclusion(&[0], NODE_KEY, 1)];
    assert_only(&problem, &together, &[]);
    problem.exclusions = vec![exclusion(&[0], 0, 1)];
    assert_only(&problem, &together, &["launch 0: exclusion 0 of group 0 is broken"]);
    problem.exclusions = vec![exclusion(&[0], NODE_KEY, 0)];
    assert_only(&problem, &together, &["launch 0: exclusion 0 of group 0 is broken"]);
    let single = solution(&[(1, 2, &[(0, 1), (1, 1)])]);
    assert_only(&problem, &single, &[]);
    problem.exclusions[0].key = 0;
    assert_only(&problem, &single, &["launch 0: exclusion 0 of group 0 is broken"]);
    problem.exclusions[0].cost = Some(5);
    assert_only(&problem, &single, &["penalty is 10, 0 stated"]);
}

#[test]
fn preferences_are_charged_per_pod() {
    let mut problem = problem();
    let class = Class { offerings: BitSet::from_indices(3, [2]), nodes: BitSet::empty(1) };
    problem.classes.push(class);
    problem.preferences = vec![Preference { groups: vec![0], class: 1, cost: 4 }];
    let mut answer = solution(&[(1, 1, &[(0, 1), (1, 2)]), (2, 1, &[(0, 1)])]);
    answer.penalty = 4;
    assert_only(&problem, &answer, &[]);
}
