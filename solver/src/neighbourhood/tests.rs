use super::*;
use crate::{
    BitSet,
    problem::{Class, Exclusion, Group, Limit, NODE_KEY, Node, Offering, PodSet, Spread},
    solution::{Launch, Placement},
};

/// Two zones, in each a size of 4 for 40 and one of 8 for 70; an existing node with room for 4 in
/// the first. Group 0 is spread over the zones, 1 keeps off itself by hostname, 2 and 3 cannot share
/// a node, and 4 keeps out of zones that hold pods of 5.
fn problem() -> Problem {
    let offering = |zone: u32, size: i64, price: i64| Offering {
        capacity: vec![size],
        price,
        tier: 0,
        domains: vec![zone],
        limits: vec![(0, 1)],
    };
    let offerings =
        vec![offering(0, 4, 40), offering(1, 4, 40), offering(0, 8, 70), offering(1, 8, 70)];
    let counts = [4, 2, 1, 1, 1, 1];
    let group = |&count: &u32| Group { request: vec![1], count, priority: 0, class: 0 };
    let set = |groups: &[usize]| PodSet {
        groups: BitSet::from_indices(counts.len(), groups.iter().copied()),
        bound: Vec::new(),
    };
    Problem {
        dims: 1,
        keys: vec![2],
        groups: counts.iter().map(group).collect(),
        classes: vec![Class { offerings: BitSet::full(4), nodes: BitSet::full(1) }],
        offerings,
        nodes: vec![Node { free: vec![4], domains: vec![0] }],
        sets: vec![set(&[0]), set(&[1]), set(&[5])],
        spreads: vec![Spread::even(0, 2, 1, 4)],
        exclusions: vec![
            Exclusion { groups: vec![1], key: NODE_KEY, set: 1, cost: None },
            Exclusion { groups: vec![4], key: 0, set: 2, cost: None },
        ],
        conflicts: vec![(2, 3)],
        limits: vec![Limit { remaining: 5 }],
        ..Problem::default()
    }
}

/// A right plan that buys a node for every few pods, and leaves the existing one empty.
fn wasteful(problem: &Problem) -> Solution {
    let launch =
        |offering: u32, pods: &[(u32, u32)]| Launch { offering, copies: 1, pods: pods.to_vec() };
    let mut plan = Solution {
        launches: vec![
            launch(0, &[(0, 2), (1, 1)]),
            launch(1, &[(0, 2), (3, 1)]),
            launch(1, &[(1, 1), (2, 1)]),
            launch(2, &[(4, 1)]),
            launch(3, &[(5, 1)]),
        ],
        placements: Vec::new(),
        ..Solution::default()
    };
    plan.merge();
    plan.cost = crate::cost::price(problem, &plan);
    plan
}

#[test]
fn what_was_there_is_a_right_plan_for_every_part() {
    let problem = problem();
    let plan = wasteful(&problem);
    assert_eq!(check(&problem, &plan), []);
    let market = Market::new(&problem, &plan);
    let layout = Layout::new(&market, &plan).expect("the plan buys what is sold");
    assert_eq!(layout.hosts(), 6);
    for a in 0..6 {
        for b in a + 1..6 {
            let part = layout.without(&market, &[a, b]);
            assert_eq!(crate::validate::validate(&part.problem), Ok(()), "{a} {b}");
            assert_eq!(part.problem.pods(), u64::from(layout.pods(a) + layout.pods(b)));
            assert_eq!(check(&part.problem, &part.known), [], "{a} {b}");
            let known = part.known.clone();
            assert_eq!(part.whole(&market, &known), plan, "{a} {b}");
        }
    }
}

#[test]
fn pods_that_stay_have_their_say() {
    let problem = problem();
    let plan = wasteful(&problem);
    let market = Market::new(&problem, &plan);
    let layout = Layout::new(&market, &plan).expect("the plan buys what is sold");
    let host = |group: u32| {
        let holds = |launch: &Launch| launch.pods.iter().any(|(other, _)| *other == group);
        plan.launches.iter().position(holds).expect("every group is somewhere")
    };
    // Limits: four nodes stay of the five that there may be.
    let part = layout.without(&market, &[host(4)]).problem;
    assert_eq!(part.limits[0].remaining, 1);
    // Anti-affinity by zone: the second zone holds the pod that group 4 keeps off.
    let class = part.class_of(4);
    let sold_in = |zone: u32| {
        let offerings = class.offerings.iter();
        offerings.filter(|&at| part.offerings[at].domains[0] == zone).count()
    };
    assert_eq!((sold_in(0), sold_in(1)), (2, 0));
    assert!(class.nodes.iter().all(|node| part.nodes[node].domains[0] == 0));
    // Host ports, one way or the other.
    for (moved, foe) in [(2, 3), (3, 2)] {
        let part = layout.without(&market, &[host(moved)]);
        let open = &part.problem.class_of(moved).nodes;
        let stays: Vec<usize> = (0..5).filter(|&at| at != host(moved)).collect();
        let foes = stays.iter().position(|&at| at == host(foe)).expect("the other one stays");
        assert!(!open.contains(1 + foes) && open.count() == 4, "{moved}");
    }
}

#[test]
fn a_wasteful_plan_is_bettered() {
    let problem = problem();
    let plan = wasteful(&problem);
    let mut budget = Budget::new(1_000_000, None);
    let found = better(&problem, &plan, &mut 1, &mut budget).expect("a better plan");
    assert_eq!(check(&problem, &found), []);
    // Four of the ten pods stand on the node that exists. One node of 8 in the other zone would hold
    // the rest for 70, if 2 and 3, and 4 and 5, did not keep off each other.
    assert_eq!(found.cost, 80);
    assert_eq!(better(&problem, &found, &mut 1, &mut budget), None);
    assert!(budget.left() < 1_000_000);
}

#[test]
fn nothing_is_looked_at_where_pools_have_an_order_or_hosts_are_many() {
    let mut problem = problem();
    let plan = wasteful(&problem);
    let mut budget = Budget::new(1_000_000, None);
    problem.offerings[0].tier = 1;
    assert_eq!(better(&problem, &plan, &mut 1, &mut budget), None);
    problem.offerings[0].tier = 0;
    let many = Launch { offering: 0, copies: MOST_HOSTS as u32, pods: vec![(0, 1)] };
    let plan = Solution { launches: vec![many], ..plan };
    assert_eq!(better(&problem, &plan, &mut 1, &mut budget), None);
    assert_eq!(budget.left(), 1_000_000);
}

#[test]
fn pods_on_existing_nodes_are_packed_anew_too() {
    // The existing node has room for the large pod alone, and the small one is on it.
    let mut problem = problem();
    problem.groups.iter_mut().for_each(|group| group.count = 0);
    problem.groups[2].count = 1;
    problem.groups[5] = Group { request: vec![4], count: 1, priority: 0, class: 0 };
    problem.offerings[0].price = 10;
    problem.offerings[0].capacity = vec![1];
    let mut plan = Solution {
        launches: vec![Launch { offering: 1, copies: 1, pods: vec![(5, 1)] }],
        placements: vec![Placement { node: 0, pods: vec![(2, 1)] }],
        ..Solution::default()
    };
    plan.cost = 40;
    assert_eq!(check(&problem, &plan), []);
    let mut budget = Budget::new(1_000_000, None);
    let found = better(&problem, &plan, &mut 1, &mut budget).expect("a better plan");
    assert_eq!((found.cost, found.placements[0].pods.clone()), (10, vec![(5, 1)]));
}
