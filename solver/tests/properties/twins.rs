//! Zones that sell the same, and pods that must spread over them: the plans of column generation
//! against those of the exact engine.

use solver::{
    BitSet, Engine, Options, Problem, Solution, check,
    problem::{Affinity, Class, Exclusion, Group, Limit, NODE_KEY, Node, Offering, PodSet, Spread},
    solution::Status,
    solve, text,
};

use crate::{cases, generate::Random};

const ZONES: u32 = 3;

/// Deployments that spread by zone, of up to `pods` pods each, and `nodes` existing nodes. Every zone
/// sells every size, except for one that one zone may lack or sell for more.
fn problem(random: &mut Random, groups: usize, pods: i64, nodes: usize) -> Problem {
    let limits: Vec<Limit> =
        (0..random.between(0, 1)).map(|_| Limit { remaining: random.between(20, 60) }).collect();
    let mut offerings = Vec::new();
    for size in 1..=random.between(1, 3) {
        for zone in 0..ZONES {
            let odd = zone == 2 && random.chance(20);
            if odd && random.chance(50) {
                continue;
            }
            offerings.push(Offering {
                capacity: vec![4 * size, 7 * size],
                price: 10 * size - size * size / 2 + i64::from(odd),
                tier: 0,
                domains: vec![zone],
                limits: (0..limits.len() as u32).map(|limit| (limit, 4 * size)).collect(),
            });
        }
    }
    let nodes: Vec<Node> = (0..nodes)
        .map(|at| Node {
            free: vec![random.between(1, 7), random.between(2, 9)],
            domains: vec![at as u32 % ZONES],
        })
        .collect();
    let all = (BitSet::full(offerings.len()), BitSet::full(nodes.len()));
    let mut problem = Problem {
        dims: 2,
        keys: vec![ZONES],
        classes: vec![Class { offerings: all.0.clone(), nodes: all.1.clone() }],
        limits,
        offerings,
        nodes,
        ..Problem::default()
    };
    for group in 0..groups {
        problem.groups.push(Group {
            request: vec![random.between(1, 3), random.between(1, 4)],
            count: random.between(1, pods) as u32,
            priority: 0,
            class: 0,
        });
        let members = BitSet::from_indices(groups, [group]);
        problem.sets.push(PodSet { groups: members, bound: Vec::new() });
        if random.chance(75) {
            problem.spreads.push(Spread {
                groups: vec![group as u32],
                key: 0,
                set: group as u32,
                max_skew: random.between(1, 2) as u32,
                min_domains: 1,
                domains: (0..ZONES).collect(),
                counted_nodes: all.1.clone(),
                counted_offerings: all.0.clone(),
                cost: None,
            });
        }
        if random.chance(25) {
            let (groups, set) = (vec![group as u32], group as u32);
            problem.exclusions.push(Exclusion { groups, key: NODE_KEY, set, cost: None });
        }
    }
    problem
}

fn columns(effort: u64) -> Options {
    Options { engine: Engine::Columns, effort, gap_ppm: 0, ..Options::default() }
}

fn shown(case: u64, problem: &Problem, solution: &Solution) -> String {
    let (problem, solution) = (text::write_problem(problem), text::write_solution(solution));
    format!("case {case}\n{problem}\n{solution}")
}

#[test]
fn bounds_and_plans_lie_on_either_side_of_the_optimum() {
    let (mut compared, mut reached) = (0, 0);
    for case in 0..cases(5, 200) {
        let random = &mut Random::new(case);
        let nodes = random.index(7);
        let problem = problem(random, 3, 3, nodes);
        let solution = solve(&problem, &columns(60_000));
        let shown = || shown(case, &problem, &solution);
        assert_eq!(check(&problem, &solution), [], "{}", shown());
        let best = solve(&problem, &Options { engine: Engine::Exact, ..Options::default() });
        if best.status != Status::Optimal || best.unplaced != solution.unplaced {
            continue;
        }
        compared += 1;
        reached += u64::from(solution.cost == best.cost);
        assert!(solution.bound <= best.cost && best.cost <= solution.cost, "{}", shown());
    }
    assert!(compared * 2 > cases(5, 200), "only {compared} compared");
    // Which pods stand in which zone is up to the greedy engine, so not every optimum is in reach.
    assert!(reached * 4 >= compared * 3, "only {reached} of {compared} reached the optimum");
}

#[test]
fn plans_are_right_and_the_same_on_any_number_of_threads() {
    for case in 0..cases(20, 60) {
        let random = &mut Random::new(case);
        let nodes = random.index(16);
        let problem = problem(random, 12, 12, nodes);
        let solution = solve(&problem, &columns(150_000));
        assert_eq!(check(&problem, &solution), [], "{}", shown(case, &problem, &solution));
        assert!(solution.bound <= solution.cost, "{}", shown(case, &problem, &solution));
        for threads in [1, 3] {
            let again = solve(&problem, &Options { threads, ..columns(150_000) });
            assert_eq!(again, solution, "case {case}, {threads} threads");
        }
    }
}

/// All workers must be in the zone of one pod that need not be near them.
#[test]
fn workers_stand_near_their_coordinator() {
    let mut reached = 0;
    for case in 0..cases(50, 40) {
        let random = &mut Random::new(case);
        let mut problem = problem(random, 2, 8, 0);
        (problem.spreads, problem.exclusions) = (Vec::new(), Vec::new());
        problem.limits.clear();
        problem.offerings.iter_mut().for_each(|offering| offering.limits.clear());
        problem.groups[0].count = 1;
        let set = problem.sets.len() as u32;
        problem.sets.push(PodSet { groups: BitSet::full(2), bound: Vec::new() });
        let near = Affinity { groups: vec![1], keys: vec![0], set, cost: None };
        problem.affinities.push(near);
        let solution = solve(&problem, &columns(60_000));
        let shown = || shown(case, &problem, &solution);
        assert_eq!(check(&problem, &solution), [], "{}", shown());
        let best = solve(&problem, &Options { engine: Engine::Exact, ..Options::default() });
        assert_eq!(best.status, Status::Optimal, "{}", shown());
        assert_eq!(solution.unplaced, best.unplaced, "{}", shown());
        assert!(solution.bound <= best.cost && best.cost <= solution.cost, "{}", shown());
        reached += u64::from(solution.cost == best.cost);
    }
    let all = cases(50, 40);
    assert!(reached * 10 >= all * 7, "only {reached} of {all} reached the optimum");
}
