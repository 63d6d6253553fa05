use super::*;
use crate::{
    BitSet,
    problem::{Class, Exclusion, Group, Limit, NODE_KEY, Node, Offering, PodSet, Spread},
    solution::Launch,
};

/// One micro-dollar at the scale of the certificates here.
const UNIT: i64 = 1 << 10;

/// Three pods of 1, nodes of 2 for 10 and of 3 for 20.
fn problem() -> Problem {
    Problem {
        dims: 1,
        groups: vec![Group { request: vec![1], count: 3, priority: 0, class: 0 }],
        classes: vec![Class { offerings: BitSet::full(2), nodes: BitSet::empty(0) }],
        offerings: vec![
            Offering { capacity: vec![2], price: 10, tier: 0, domains: vec![], limits: vec![] },
            Offering { capacity: vec![3], price: 20, tier: 0, domains: vec![], limits: vec![] },
        ],
        ..Problem::default()
    }
}

/// All pods on nodes of their own.
fn solution(problem: &Problem) -> Solution {
    let launches = (0u32..).zip(&problem.groups).map(|(group, of)| Launch {
        offering: 0,
        copies: of.count,
        pods: vec![(group, 1)],
    });
    Solution { launches: launches.collect(), ..Solution::default() }
}

/// A leaf whose rents are the same on every kind.
fn rent(price: i64) -> Proof {
    Proof::Tree(vec![Step::Leaf(Rents { room: vec![price], caps: vec![] })])
}

/// Pods at 5 each: the small node sells its room for 10, the large one for 15.
fn certificate() -> Certificate {
    Certificate {
        bits: 10,
        items: vec![vec![0]],
        kinds: vec![Members::Offerings(vec![0]), Members::Offerings(vec![1])],
        cuts: vec![vec![], vec![]],
        tree: vec![Step::Leaf(0)],
        prices: vec![Prices {
            items: vec![5 * UNIT],
            proofs: vec![rent(10 * UNIT), rent(15 * UNIT)],
            ..Prices::default()
        }],
        ..Certificate::default()
    }
}

fn proven(problem: &Problem, certificate: &Certificate) -> Result<Money, Fault> {
    verify(problem, &solution(problem), certificate)
}

#[test]
fn a_leaf_proves_the_relaxation() {
    assert_eq!(proven(&problem(), &certificate()), Ok(15));
}

#[test]
fn prices_that_are_too_high_are_divided() {
    let mut certificate = certificate();
    certificate.prices[0].items[0] = 50 * UNIT;
    certificate.prices[0].proofs = vec![rent(100 * UNIT), rent(150 * UNIT)];
    assert_eq!(proven(&problem(), &certificate), Ok(15));
}

#[test]
fn fractions_of_money_are_rounded_up() {
    let mut problem = problem();
    problem.offerings[0].price = 9;
    let mut certificate = certificate();
    certificate.prices[0].items[0] = 9 * UNIT / 2;
    certificate.prices[0].proofs = vec![rent(9 * UNIT), rent(27 * UNIT / 2)];
    assert_eq!(proven(&problem, &certificate), Ok(14));
}

/// With one small node a third pod needs a large one, and two small nodes cost 20 already.
#[test]
fn a_split_on_the_number_of_nodes_proves_more() {
    let mut certificate = certificate();
    certificate.counted = vec![vec![0]];
    certificate.tree = vec![Step::Split { on: 0, at: 1 }, Step::Leaf(0), Step::Leaf(1)];
    let large = Prices {
        items: vec![20 * UNIT / 3],
        proofs: vec![rent(40 * UNIT / 3), rent(20 * UNIT)],
        ..Prices::default()
    };
    let none = Prices { items: vec![0], proofs: vec![rent(0), rent(0)], ..Prices::default() };
    certificate.prices = vec![large, none];
    // 20 for the pods, less the 10/3 by which one small node is worth more than its price.
    assert_eq!(proven(&problem(), &certificate), Ok(17));
    certificate.prices[0].items[0] = 10 * UNIT;
    certificate.prices[0].proofs = vec![rent(20 * UNIT), rent(30 * UNIT)];
    // The large node is without a bound, so its worth is divided by 3/2.
    assert_eq!(proven(&problem(), &certificate), Ok(17));
    let mut problem = problem();
    problem.offerings[1].price = 30;
    assert_eq!(proven(&problem, &certificate), Ok(20));
}

/// Three pods that take more than half a node each, and one of 1 that is worth nothing: without it
/// room for 5 would be room for 3.
fn halves() -> Problem {
    let mut problem = problem();
    problem.groups[0].request[0] = 3;
    problem.groups.push(Group { request: vec![1], count: 1, priority: 0, class: 0 });
    problem.offerings.iter_mut().for_each(|offering| offering.capacity[0] = 5);
    problem
}

/// A search splits on pods of the plan that it began with, and the plan that it ends with may leave
/// others over.
#[test]
fn a_split_on_pods_that_are_not_placed_is_no_fault() {
    let problem = halves();
    let mut certificate = certificate();
    certificate.items = vec![vec![0], vec![1]];
    certificate.prices[0].items = vec![5 * UNIT, UNIT];
    let leaf = |rent| Step::Leaf(Rents { room: vec![rent], caps: vec![] });
    let split = |on| {
        let steps = vec![Step::Split { on, at: 0 }, leaf(25 * UNIT / 3 + 1), leaf(50 * UNIT)];
        let mut certificate = certificate.clone();
        certificate.prices[0].proofs = vec![Proof::Tree(steps.clone()), Proof::Tree(steps)];
        let mut placed = solution(&problem);
        placed.launches.pop();
        verify(&problem, &placed, &certificate)
    };
    // The second leaf is for nodes with a pod that is not there.
    assert_eq!(split(1), Ok(15));
    assert_eq!(split(2), Err(Fault::Unknown { object: "item", index: 2 }));
}

#[test]
fn room_that_no_sum_of_requests_fills_is_not_there() {
    let mut problem = halves();
    problem.groups.truncate(1);
    let mut certificate = certificate();
    certificate.prices[0].items[0] = 10 * UNIT;
    certificate.prices[0].proofs = vec![rent(10 * UNIT), rent(10 * UNIT)];
    assert_eq!(proven(&problem, &certificate), Ok(30));
}

#[test]
fn a_cut_proves_what_a_leaf_cannot() {
    let mut certificate = certificate();
    certificate.items = vec![vec![0], vec![1]];
    certificate.cuts.fill(vec![Cut { dim: 0, parts: 1 }]);
    let leaf = Rents { room: vec![0, 10 * UNIT], caps: vec![] };
    let proof = Proof::Tree(vec![Step::Leaf(leaf)]);
    certificate.prices[0].items = vec![10 * UNIT, 0];
    certificate.prices[0].proofs = vec![proof.clone(), proof];
    assert_eq!(proven(&halves(), &certificate), Ok(30));
    certificate.cuts[0][0].parts = 0;
    let refused = Fault::Range { object: "parts of a cut", found: 0 };
    assert_eq!(proven(&halves(), &certificate), Err(refused));
    certificate.cuts[0][0] = Cut { dim: 1, parts: 1 };
    let refused = Fault::Unknown { object: "dimension", index: 1 };
    assert_eq!(proven(&halves(), &certificate), Err(refused));
    certificate.cuts[0].clear();
    let refused = Fault::Length { object: "rents", found: 2, expected: 1 };
    assert_eq!(proven(&halves(), &certificate), Err(refused));
    certificate.cuts.clear();
    let refused = Fault::Length { object: "cuts", found: 0, expected: 2 };
    assert_eq!(proven(&halves(), &certificate), Err(refused));
}

#[test]
fn a_split_on_pods_and_a_grid_prove_what_a_leaf_cannot() {
    let problem = halves();
    let mut certificate = certificate();
    certificate.items = vec![vec![0], vec![1]];
    certificate.prices[0].items = vec![10 * UNIT, 0];
    let whole = |proof: Proof| {
        let mut certificate = certificate.clone();
        certificate.prices[0].proofs = vec![proof.clone(), proof];
        proven(&problem, &certificate)
    };
    let leaf = |rent| Step::Leaf(Rents { room: vec![rent], caps: vec![] });
    assert_eq!(whole(rent(0)), Ok(30));
    assert_eq!(whole(rent(50 * UNIT / 3)), Ok(18));
    assert_eq!(
        whole(Proof::Tree(vec![Step::Split { on: 0, at: 1 }, leaf(0), leaf(9 * UNIT)])),
        Ok(30)
    );
    assert_eq!(whole(Proof::Grid(vec![(0, 3)])), Ok(30));
    assert_eq!(whole(Proof::Grid(vec![])), Err(Fault::Grid));
    assert_eq!(
        whole(Proof::Grid(vec![(0, 0)])),
        Err(Fault::Range { object: "unit of room", found: 0 })
    );
}

#[test]
fn enumeration_proves_what_a_leaf_cannot_whatever_it_claims() {
    let problem = halves();
    let mut certificate = certificate();
    certificate.items = vec![vec![0], vec![1]];
    certificate.prices[0].items = vec![10 * UNIT, 0];
    let walked = |rent: i64, enough: i64| {
        let mut certificate = certificate.clone();
        let proof = Proof::Walk(Walk { rents: vec![rent], enough, steps: 100, ..Walk::default() });
        certificate.prices[0].proofs = vec![proof.clone(), proof];
        proven(&problem, &certificate)
    };
    let fair = 50 * UNIT / 3;
    for (rent, enough) in [(fair, 10 * UNIT), (fair, 0), (0, 0), (100 * UNIT, 0)] {
        assert_eq!(walked(rent, enough), Ok(30), "{rent} {enough}");
    }
    // A claim that is too high only makes the bound weaker.
    assert_eq!(walked(fair, 20 * UNIT), Ok(15));
    let refused = |found| Err(Fault::Range { object: "claimed worth", found });
    assert_eq!(walked(fair, -1), refused(-1));
    assert_eq!(walked(-1, 0), Err(Fault::Range { object: "rents", found: -1 }));
}

/// Twenty pods of which two fit into a node, whatever they are, and which pay for less than 2.8; and a
/// tiny one, which always fits.
fn thirds(outlooks: Vec<Outlook>, steps: u64) -> Result<Money, Fault> {
    let mut problem = problem();
    problem.dims = 2;
    let group = |at: i64| {
        let request = vec![36 + at % 5, 36 + at * 3 % 5];
        Group { request, count: 1, priority: 0, class: 0 }
    };
    problem.groups = (0..20).map(group).collect();
    problem.groups.push(Group { request: vec![1, 1], ..problem.groups[0].clone() });
    problem.offerings.truncate(1);
    (problem.offerings[0].capacity, problem.offerings[0].price) = (vec![107, 107], 6);
    problem.classes[0].offerings = BitSet::full(1);
    let walk = Walk { rents: vec![9 * UNIT / 2; 2], enough: 6 * UNIT, outlooks, steps };
    let certificate = Certificate {
        items: (0..=20).map(|group| vec![group]).collect(),
        kinds: vec![Members::Offerings(vec![0])],
        cuts: vec![vec![]],
        prices: vec![Prices {
            items: [vec![3 * UNIT; 20], vec![1]].concat(),
            proofs: vec![Proof::Walk(walk)],
            ..Prices::default()
        }],
        ..certificate()
    };
    proven(&problem, &certificate)
}

#[test]
fn outlooks_make_an_enumeration_shorter() {
    let outlook = |x, y, rent: i64| Outlook { axes: [x, y], rents: vec![rent; 2] };
    assert_eq!(thirds(vec![], 10_000), Ok(60));
    // What pods pay for room alone leaves 9 for each node, which costs 6.
    assert_eq!(thirds(vec![], 0), Ok(40));
    assert_eq!(thirds(vec![outlook((0, 1), (1, 1), 0)], 0), Ok(60));
    assert_eq!(thirds(vec![outlook((0, 12), (1, 2), 0)], 0), Ok(60));
    // Neither units that are too coarse nor rents for what is on the axes make it wrong.
    assert_eq!(thirds(vec![outlook((0, 30), (1, 30), 0)], 0), Ok(40));
    assert_eq!(thirds(vec![outlook((0, 1), (1, 1), 9 * UNIT)], 10_000), Ok(60));
    let unit = Fault::Range { object: "unit of room", found: 0 };
    assert_eq!(thirds(vec![outlook((0, 0), (1, 1), 0)], 0), Err(unit));
    let dim = Fault::Unknown { object: "dimension", index: 2 };
    assert_eq!(thirds(vec![outlook((0, 1), (2, 1), 0)], 0), Err(dim));
    assert_eq!(thirds(vec![outlook((1, 1), (1, 1), 0)], 0), Err(Fault::Grid));
    let rent = Fault::Range { object: "rents of an outlook", found: -1 };
    assert_eq!(thirds(vec![outlook((0, 1), (1, 1), -1)], 0), Err(rent));
}

/// Three of 300 different pods fit into a node. Nothing bounds the patterns but the room, and beyond
/// every three pods there are hundreds to try in vain.
#[test]
fn an_enumeration_sees_when_no_more_pods_fit() {
    let mut problem = problem();
    let group = |at: i64| Group { request: vec![1000 + at], count: 1, priority: 0, class: 0 };
    problem.groups = (0..300).map(group).collect();
    problem.offerings.truncate(1);
    (problem.offerings[0].capacity, problem.offerings[0].price) = (vec![3900], 9);
    problem.classes[0].offerings = BitSet::full(1);
    let certificate = Certificate {
        items: (0..300).map(|group| vec![group]).collect(),
        kinds: vec![Members::Offerings(vec![0])],
        cuts: vec![vec![]],
        prices: vec![Prices {
            items: vec![3 * UNIT; 300],
            proofs: vec![Proof::Walk(Walk {
                rents: vec![0],
                steps: LONGEST_WALK,
                ..Walk::default()
            })],
            ..Prices::default()
        }],
        ..certificate()
    };
    assert_eq!(proven(&problem, &certificate), Ok(900));
}

#[test]
fn limits_are_charged_and_existing_nodes_taken_off() {
    let mut problem = problem();
    problem.limits = vec![Limit { remaining: 1 }];
    problem.offerings[0].limits = vec![(0, 1)];
    let mut certificate = certificate();
    // One small node at most: a charge of 10/3 makes both kinds sell room at 20/3.
    certificate.prices[0] = Prices {
        items: vec![20 * UNIT / 3],
        limits: vec![10 * UNIT / 3 + 1],
        proofs: vec![rent(40 * UNIT / 3), rent(20 * UNIT)],
        ..Prices::default()
    };
    assert_eq!(proven(&problem, &certificate), Ok(17));
    problem.limits[0].remaining = 0;
    assert_eq!(proven(&problem, &certificate), Ok(20));
    problem.nodes = vec![Node { free: vec![1], domains: vec![] }];
    problem.classes[0].nodes = BitSet::full(1);
    certificate.kinds.push(Members::Nodes(vec![0]));
    certificate.cuts.push(vec![]);
    certificate.prices[0].proofs.push(rent(20 * UNIT / 3));
    assert_eq!(proven(&problem, &certificate), Ok(14));
}

/// Two groups whose pods all exclude each other.
fn apart() -> Problem {
    let mut problem = problem();
    problem.groups.push(Group { count: 1, ..problem.groups[0].clone() });
    problem.sets = vec![PodSet { groups: BitSet::full(2), bound: vec![] }];
    problem.exclusions = vec![Exclusion { groups: vec![0, 1], key: NODE_KEY, set: 0, cost: None }];
    problem
}

#[test]
fn caps_and_conflicts_follow_from_rules() {
    let problem = apart();
    let mut certificate = certificate();
    certificate.items = vec![vec![0], vec![1]];
    certificate.caps = vec![Cap { rule: Rule::Exclusion(0), items: vec![0, 1] }];
    let leaf = Rents { room: vec![0], caps: vec![(0, 10 * UNIT)] };
    let proof = Proof::Tree(vec![Step::Leaf(leaf)]);
    certificate.prices[0].items = vec![10 * UNIT; 2];
    certificate.prices[0].proofs = vec![proof.clone(), proof];
    assert_eq!(proven(&problem, &certificate), Ok(40));
    let mut soft = problem.clone();
    soft.exclusions[0].cost = Some(1);
    assert_eq!(proven(&soft, &certificate), Err(Fault::Cap { cap: 0 }));
    let mut one_sided = problem.clone();
    one_sided.exclusions[0].groups = vec![0];
    assert_eq!(proven(&one_sided, &certificate), Err(Fault::Cap { cap: 0 }));
    certificate.caps[0].items = vec![0];
    certificate.conflicts = vec![(0, 1)];
    let leaf = |caps| Step::Leaf(Rents { room: vec![0], caps });
    let split =
        Proof::Tree(vec![Step::Split { on: 1, at: 0 }, leaf(vec![(0, 10 * UNIT)]), leaf(vec![])]);
    certificate.prices[0].proofs = vec![split.clone(), split];
    // The second group is under no cap now; where its pod stands, the conflict keeps others off.
    assert_eq!(proven(&one_sided, &certificate), Ok(40));
    one_sided.exclusions.clear();
    certificate.caps.clear();
    assert_eq!(proven(&one_sided, &certificate), Err(Fault::Conflict { items: (0, 1) }));
}

/// Six pods of 1 that a spread keeps to two a node, and nodes of 3 for 10.
#[test]
fn a_spread_by_node_caps_where_it_counts_from_nothing() {
    let mut problem = problem();
    problem.groups[0].count = 6;
    problem.offerings.remove(0);
    problem.offerings[0].price = 10;
    problem.classes[0].offerings = BitSet::full(1);
    problem.sets = vec![PodSet { groups: BitSet::full(1), bound: vec![] }];
    problem.spreads =
        vec![Spread { max_skew: 2, min_domains: 7, ..Spread::even(NODE_KEY, 0, 0, 1) }];
    let mut certificate = certificate();
    certificate.kinds.truncate(1);
    certificate.cuts.truncate(1);
    certificate.caps = vec![Cap { rule: Rule::Spread(0), items: vec![0] }];
    let leaf = Rents { room: vec![0], caps: vec![(0, 5 * UNIT)] };
    certificate.prices[0].proofs = vec![Proof::Tree(vec![Step::Leaf(leaf)])];
    assert_eq!(proven(&problem, &certificate), Ok(30));
    let refused = |spoil: fn(&mut Spread)| {
        let mut problem = problem.clone();
        spoil(&mut problem.spreads[0]);
        assert_eq!(proven(&problem, &certificate), Err(Fault::Cap { cap: 0 }));
    };
    // Six nodes with a pod each could be the least there is of domains.
    refused(|spread| spread.min_domains = 6);
    refused(|spread| spread.cost = Some(1));
    refused(|spread| spread.counted_offerings = BitSet::empty(1));
    refused(|spread| spread.groups.clear());
}

#[test]
fn everything_that_does_not_hold_together_is_named() {
    type Spoil = fn(&mut Certificate);
    let cases: &[(Spoil, Fault)] = &[
        (|c| c.bits = 33, Fault::Range { object: "bits", found: 33 }),
        (
            |c| c.items[0] = vec![],
            Fault::Length { object: "an item's groups", found: 0, expected: 1 },
        ),
        (|c| c.items[0] = vec![1], Fault::Unknown { object: "group", index: 1 }),
        (|c| c.items[0] = vec![0, 0], Fault::Repeated { object: "group", index: 0 }),
        (
            |c| c.kinds[1] = Members::Offerings(vec![]),
            Fault::Length { object: "a kind's members", found: 0, expected: 1 },
        ),
        (
            |c| c.kinds[1] = Members::Offerings(vec![0]),
            Fault::Repeated { object: "offering", index: 0 },
        ),
        (|c| c.kinds[1] = Members::Nodes(vec![0]), Fault::Unknown { object: "node", index: 0 }),
        (
            |c| {
                c.kinds.pop();
                c.prices[0].proofs.pop();
            },
            Fault::Uncovered { object: "offering", index: 1 },
        ),
        (
            |c| c.prices[0].items.clear(),
            Fault::Length { object: "item prices", found: 0, expected: 1 },
        ),
        (|c| c.prices[0].items[0] = -1, Fault::Range { object: "item prices", found: -1 }),
        (
            |c| c.prices[0].limits.push(0),
            Fault::Length { object: "limit charges", found: 1, expected: 0 },
        ),
        (
            |c| drop(c.prices[0].proofs.pop()),
            Fault::Length { object: "proofs", found: 1, expected: 2 },
        ),
        (|c| c.prices[0].proofs[0] = rent(-1), Fault::Range { object: "rents", found: -1 }),
        (|c| c.prices[0].proofs[0] = Proof::Tree(vec![]), Fault::Tree),
        (|c| c.tree.clear(), Fault::Tree),
        (|c| c.tree.push(Step::Leaf(0)), Fault::Tree),
        (
            |c| {
                c.counted = vec![vec![0]];
                c.tree.insert(0, Step::Split { on: 0, at: 0 });
            },
            Fault::Tree,
        ),
        (|c| c.tree[0] = Step::Leaf(1), Fault::Unknown { object: "prices", index: 1 }),
        (
            |c| c.tree = vec![Step::Split { on: 0, at: 0 }, Step::Leaf(0), Step::Leaf(0)],
            Fault::Unknown { object: "counted kinds", index: 0 },
        ),
        (|c| c.counted = vec![vec![2]], Fault::Unknown { object: "counted kind", index: 2 }),
        (|c| c.counted = vec![vec![1, 0]], Fault::Repeated { object: "counted kind", index: 0 }),
        (|c| c.caps.push(Cap { rule: Rule::Port(0), items: vec![0] }), Fault::Cap { cap: 0 }),
        (|c| c.conflicts.push((0, 0)), Fault::Conflict { items: (0, 0) }),
    ];
    for (spoil, fault) in cases {
        let mut certificate = certificate();
        spoil(&mut certificate);
        assert_eq!(proven(&problem(), &certificate).as_ref(), Err(fault));
    }
}

#[test]
fn items_must_be_alike_and_pods_must_be_there() {
    let mut problem = problem();
    problem.groups.push(Group { request: vec![2], ..problem.groups[0].clone() });
    let mut certificate = certificate();
    certificate.items[0] = vec![0, 1];
    assert_eq!(proven(&problem, &certificate), Err(Fault::Item { item: 0, group: 1 }));
    let mut solution = solution(&problem);
    solution.launches[0].copies = 4;
    assert_eq!(verify(&problem, &solution, &certificate), Err(Fault::Placed { group: 0 }));
    problem.dims = 2;
    assert!(matches!(proven(&problem, &certificate), Err(Fault::Problem(_))));
}

#[test]
fn numbers_at_the_edge_are_refused_or_right() {
    let mut certificate = certificate();
    certificate.prices[0].items[0] = LARGEST_PRICE;
    certificate.prices[0].proofs = vec![rent(LARGEST_PRICE), rent(LARGEST_PRICE)];
    // A small node is worth two prices for 10, a large one three for 20.
    assert_eq!(proven(&problem(), &certificate), Ok(15));
    let mut vast = problem();
    vast.groups[0].request[0] = 1 << 60;
    // No node holds such a pod, so no solution can be cheaper than anything.
    assert_eq!(proven(&vast, &certificate), Ok(30));
    let mut dear = problem();
    dear.offerings[0].price = Money::MAX / 8;
    dear.offerings[1].price = Money::MAX / 8;
    certificate.bits = MOST_BITS;
    assert_eq!(proven(&dear, &certificate), Ok(3 << 24));
}

/// A pod at this price, two of which are on a small node and three on a large one.
fn at(price: i64) -> Prices {
    Prices {
        items: vec![price * UNIT],
        proofs: vec![rent(2 * price * UNIT), rent(3 * price * UNIT)],
        ..Prices::default()
    }
}

/// Prices far too high are of no use, and do no harm to what the least numbers of nodes cost.
#[test]
fn least_numbers_count_whatever_the_prices() {
    let mut certificate = certificate();
    certificate.counted = vec![vec![0], vec![1]];
    certificate.tree = vec![
        Step::Split { on: 1, at: 0 },
        Step::Split { on: 0, at: 1 },
        Step::Leaf(0),
        Step::Leaf(1),
        Step::Leaf(1),
    ];
    certificate.prices = vec![at(15), at(900)];
    // No large and at most one small node: 45 for three pods less 20 for what the small one is
    // worth beyond its price. More small ones cost 20, and so does a large one.
    assert_eq!(proven(&problem(), &certificate), Ok(20));
}

/// Three pods on nodes for two or for three: one node must be a large one, and otherwise there are two.
#[test]
fn numbers_of_several_kinds_count_together() {
    let mut certificate = certificate();
    certificate.counted = vec![vec![0], vec![1], vec![0, 1]];
    certificate.tree = vec![Step::Split { on: 2, at: 1 }, Step::Leaf(0), Step::Leaf(1)];
    certificate.prices = vec![at(15), at(0)];
    // One node at most: 45 for the pods less 25, what the large one is worth beyond its price; that is
    // more than the small one is. Two nodes or more: two small ones at least.
    assert_eq!(proven(&problem(), &certificate), Ok(20));
    // On the way to a leaf numbers are split that do not go together: none of both, but a large one.
    certificate.tree = vec![
        Step::Split { on: 1, at: 0 },
        Step::Leaf(0),
        Step::Split { on: 2, at: 0 },
        Step::Leaf(1),
        Step::Leaf(0),
    ];
    certificate.prices[0] = at(5);
    assert_eq!(proven(&problem(), &certificate), Ok(15));
}

/// The problem twice, the second time for pods of their own on offerings of their own.
fn twice() -> (Problem, Certificate) {
    let mut problem = problem();
    problem.groups.push(Group { class: 1, ..problem.groups[0].clone() });
    problem.offerings.extend_from_within(..);
    problem.classes = [[0, 1], [2, 3]]
        .map(|own| Class { offerings: BitSet::from_indices(4, own), nodes: BitSet::empty(0) })
        .to_vec();
    let other = Certificate {
        items: vec![vec![1]],
        kinds: vec![Members::Offerings(vec![2]), Members::Offerings(vec![3])],
        ..certificate()
    };
    (problem, Certificate { apart: vec![other], ..certificate() })
}

#[test]
fn what_is_apart_adds_up() {
    let (problem, mut certificate) = twice();
    assert_eq!(proven(&problem, &certificate), Ok(30));
    certificate.apart.clear();
    assert_eq!(proven(&problem, &certificate), Ok(15));
}

#[test]
fn what_has_something_in_common_is_refused() {
    let (mut problem, certificate) = twice();
    let mut nested = certificate.clone();
    nested.apart[0].apart = nested.apart.clone();
    let object = "certificates apart";
    assert_eq!(proven(&problem, &nested), Err(Fault::Length { object, found: 1, expected: 0 }));
    let mut again = certificate.clone();
    again.apart.extend_from_within(..);
    assert_eq!(proven(&problem, &again), Err(Fault::Repeated { object: "offering", index: 2 }));
    // An offering that the first certificate covers is not covered by the second one.
    problem.classes[1].offerings.insert(0);
    assert_eq!(
        proven(&problem, &certificate),
        Err(Fault::Uncovered { object: "offering", index: 0 })
    );
}
