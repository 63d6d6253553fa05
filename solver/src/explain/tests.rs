use super::*;
use crate::problem::{
    Affinity, Class, Exclusion, Flexibility, Group, Limit, Offering, PodSet, Variety,
};
use crate::solution::Unplaced;

/// One group of one pod, two offerings in domain 0, the second larger and dearer.
fn problem() -> Problem {
    let offering = |capacity, price| Offering {
        capacity: vec![capacity],
        price,
        tier: 0,
        domains: vec![0],
        limits: vec![(0, 1)],
    };
    Problem {
        dims: 1,
        keys: vec![1],
        groups: vec![Group { request: vec![4], count: 1, priority: 0, class: 0 }],
        classes: vec![Class { offerings: BitSet::full(2), nodes: BitSet::empty(0) }],
        offerings: vec![offering(4, 10), offering(8, 20)],
        limits: vec![Limit { remaining: 1 }],
        sets: vec![PodSet { groups: BitSet::empty(1), bound: vec![] }],
        ..Problem::default()
    }
}

#[test]
fn each_reason_has_its_relaxation() {
    type Spoil = fn(&mut Problem);
    let cases: &[(Spoil, Reason, Relaxation)] = &[
        (|_| (), Reason::Combination, Relaxation::Launch { offering: 0 }),
        (
            |p| p.groups[0].request[0] = 10,
            Reason::TooLarge,
            Relaxation::LowerRequest { dim: 0, by: 2, offering: 1 },
        ),
        (
            |p| p.classes[0].offerings = BitSet::empty(2),
            Reason::Incompatible,
            Relaxation::Accept { offering: 0 },
        ),
        (|p| p.limits[0].remaining = -5, Reason::Limit, Relaxation::RaiseLimit { limit: 0, by: 6 }),
        (
            |p| {
                p.varieties = vec![
                    Variety { most: 1, used: vec![3], values: vec![(0, 4), (1, 5)] },
                    Variety { most: 2, used: vec![3], values: vec![(0, 4), (1, 5)] },
                ];
            },
            Reason::Variety,
            Relaxation::RaiseVariety { variety: 0 },
        ),
        (
            |p| p.flexibilities = vec![Flexibility { min: 3, values: vec![(0, 1), (1, 2)] }],
            Reason::Flexibility,
            Relaxation::LowerFlexibility { flexibility: 0 },
        ),
        (
            |p| {
                p.affinities =
                    vec![Affinity { groups: vec![0], keys: vec![0], set: 0, cost: None }];
            },
            Reason::Affinity,
            Relaxation::DropAffinity { affinity: 0 },
        ),
    ];
    for (spoil, reason, nearest) in cases {
        let mut problem = problem();
        spoil(&mut problem);
        let found = explain(&problem, &Solution::default(), 0);
        assert_eq!((found.reason, found.nearest), (*reason, Some(*nearest)));
    }
}

#[test]
fn other_pods_in_place_count() {
    let mut problem = problem();
    problem.groups[0].count = 2;
    problem.limits[0].remaining = 5;
    problem.sets[0].groups = BitSet::full(1);
    problem.exclusions = vec![Exclusion { groups: vec![0], key: 0, set: 0, cost: None }];
    let launches = vec![crate::solution::Launch { offering: 0, copies: 1, pods: vec![(0, 1)] }];
    let unplaced = vec![Unplaced { group: 0, count: 1, reason: Reason::Exclusion }];
    let solution = Solution { launches, unplaced, ..Solution::default() };
    let found = explain(&problem, &solution, 0);
    assert_eq!(found.offerings, [(Reason::Exclusion, 2)]);
    assert_eq!(found.nearest, Some(Relaxation::DropExclusion { exclusion: 0 }));
}

#[test]
fn small_offerings_are_counted_by_their_shortest_dimension() {
    let mut problem = problem();
    problem.groups[0].request[0] = 6;
    let found = explain(&problem, &Solution::default(), 0);
    assert_eq!(found.offerings, [(Reason::TooLarge, 1)]);
    assert_eq!(found.short, [(0, 1)]);
}
