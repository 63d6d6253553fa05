//! Labels that tell very many pods apart, as in Karpenter's own benchmark: spreads by node over what a
//! label selects, and a fifth of the pods that keep off each other's nodes.

use solver::{
    BitSet, Engine, Options, Problem, check,
    problem::{Class, Exclusion, Group, NODE_KEY, Offering, PodSet, Spread},
    solve, text,
};

use crate::{cases, generate::Random};

const LABELS: usize = 6;
const SIZES: i64 = 40;

/// What pods of a group do to others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Plain,
    /// At most one pod with this label where they are.
    Spread(usize),
    /// None like them where they are.
    Alone,
}

/// Pods of 20 requests and sizes that keep a tenth of a core and a little memory for themselves.
fn problem(random: &mut Random, pods: usize) -> Problem {
    let mut kinds: Vec<(Vec<i64>, usize, Manner, u32)> = Vec::new();
    for pod in 0..pods {
        let cpu = [100, 250, 500, 1_000, 1_500][random.index(5)];
        let memory = [256, 512, 2_048, 4_096][random.index(4)];
        let label = random.index(LABELS);
        let manner = match pod % 5 {
            0 => Manner::Alone,
            1 => Manner::Spread(random.index(LABELS)),
            _ => Manner::Plain,
        };
        let request = vec![cpu, memory];
        let like = |(r, l, m, _): &&mut (Vec<i64>, usize, Manner, u32)| {
            *r == request && *l == label && *m == manner
        };
        match kinds.iter_mut().find(like) {
            Some((_, _, _, count)) => *count += 1,
            None => kinds.push((request, label, manner, 1)),
        }
    }
    let groups = kinds.iter().map(|(request, _, _, count)| Group {
        request: request.clone(),
        count: *count,
        priority: 0,
        class: 0,
    });
    let of = |matches: &dyn Fn(usize, Manner) -> bool| {
        let all = kinds.iter().enumerate();
        let found = all.filter(|(_, (_, label, manner, _))| matches(*label, *manner));
        BitSet::from_indices(kinds.len(), found.map(|(at, _)| at))
    };
    let listed = |set: &BitSet| set.iter().map(|at| at as u32).collect::<Vec<_>>();
    let offering = |size: i64| Offering {
        capacity: vec![1_000 * size - 100, 2_048 * size - 10],
        price: 300 * size,
        tier: 0,
        domains: vec![],
        limits: vec![],
    };
    let mut sets: Vec<PodSet> = Vec::new();
    let mut spreads = Vec::new();
    for at in 0..LABELS {
        sets.push(PodSet { groups: of(&|label, _| label == at), bound: vec![] });
        spreads.push(Spread {
            groups: listed(&of(&|_, manner| manner == Manner::Spread(at))),
            key: NODE_KEY,
            set: at as u32,
            max_skew: 1,
            min_domains: u32::MAX,
            domains: vec![],
            counted_nodes: BitSet::empty(0),
            counted_offerings: BitSet::full(SIZES as usize),
            cost: None,
        });
    }
    let alone = of(&|_, manner| manner == Manner::Alone);
    let (groups_alone, set) = (listed(&alone), sets.len() as u32);
    sets.push(PodSet { groups: alone, bound: vec![] });
    Problem {
        dims: 2,
        groups: groups.collect(),
        classes: vec![Class { offerings: BitSet::full(SIZES as usize), nodes: BitSet::empty(0) }],
        offerings: (1..=SIZES).map(offering).collect(),
        sets,
        spreads,
        exclusions: vec![Exclusion { groups: groups_alone, key: NODE_KEY, set, cost: None }],
        ..Problem::default()
    }
}

#[test]
fn plans_are_right_near_the_bound_and_the_same_on_any_number_of_threads() {
    for case in 0..cases(200, 6) {
        let random = &mut Random::new(case);
        let problem = problem(random, 2_500);
        let options = Options { engine: Engine::Columns, effort: 300_000, ..Options::default() };
        let solution = solve(&problem, &options);
        let shown = || format!("case {case}\n{}", text::write_problem(&problem));
        assert_eq!(check(&problem, &solution), [], "{}", shown());
        assert!(solution.unplaced.is_empty(), "{}", shown());
        let nodes: u32 = solution.launches.iter().map(|launch| launch.copies).sum();
        assert_eq!(nodes, 500, "{}", shown());
        let gap = (solution.cost - solution.bound) as f64 / solution.cost as f64;
        assert!(gap < 0.02, "{gap}: {} above {}\n{}", solution.cost, solution.bound, shown());
        assert_eq!(solve(&problem, &Options { threads: 3, ..options }), solution, "case {case}");
    }
}
