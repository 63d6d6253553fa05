use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use solver::problem::{Class, Group, Limit, Offering, Variety};
use solver::solution::{Reason, Status};
use solver::{BitSet, Engine, Options, Problem, Progress, Solution, certify, check, solve, watch};

use crate::cases;
use crate::generate::Random;

/// Families of sizes, each twice as large as the one before and a little dearer or cheaper than
/// twice its price, and pods that suit some families better than others.
fn families(seed: u64, groups: usize, most: i64) -> Problem {
    let random = &mut Random::new(seed);
    let mut problem = Problem { dims: 2, ..Problem::default() };
    let (mut of_family, mut of_size) = (vec![], vec![]);
    for family in 0..random.between(2, 4) as u32 {
        let memory = [2, 4, 8, 3][family as usize];
        for size in 0..random.between(3, 5) {
            let cpu = 4 << size;
            let price = cpu * (100 + 20 * memory) + random.between(-90, 90);
            let number = problem.offerings.len() as u32;
            of_family.push((number, family));
            of_size.push((number, number));
            problem.offerings.push(Offering {
                capacity: vec![cpu, cpu * memory],
                price,
                tier: 0,
                domains: vec![],
                limits: vec![],
            });
        }
    }
    let all = problem.offerings.len();
    problem.classes = vec![
        Class { offerings: BitSet::full(all), nodes: BitSet::empty(0) },
        Class {
            offerings: BitSet::from_indices(all, (0..all).filter(|_| random.chance(70))),
            nodes: BitSet::empty(0),
        },
    ];
    for _ in 0..groups {
        let cpu = random.between(1, 6);
        problem.groups.push(Group {
            request: vec![cpu, cpu * random.between(1, 8)],
            count: random.between(1, most) as u32,
            priority: random.between(0, 1) as i32,
            class: u32::from(random.chance(30)),
        });
    }
    problem.varieties = vec![
        Variety { most: 1, used: vec![], values: of_family },
        Variety { most: random.between(1, 3) as u32, used: vec![], values: of_size },
    ];
    problem
}

/// Pods without a place, by priority, and what it costs.
fn worth(problem: &Problem, solution: &Solution) -> (u32, u32, i64) {
    let missing = |priority| -> u32 {
        let of = |group: u32| problem.groups[group as usize].priority == priority;
        solution.unplaced.iter().filter(|row| of(row.group)).map(|row| row.count).sum()
    };
    (missing(1), missing(0), solution.cost + solution.penalty)
}

/// The best of the plans that the solver makes for every set of sizes that the varieties allow.
fn best_of_all_sets(problem: &Problem, options: &Options) -> (u32, u32, i64) {
    let most = problem.varieties[1].most;
    let sets = 0..1u32 << problem.offerings.len();
    let sets = sets.filter(|set| {
        let chosen = problem.varieties[0].values.iter().filter(|(of, _)| set >> of & 1 == 1);
        let mut families: Vec<u32> = chosen.map(|(_, family)| *family).collect();
        families.dedup();
        set.count_ones() == most && families.len() <= 1
    });
    let worths = sets.map(|set| {
        let mut part = Problem { varieties: vec![], ..problem.clone() };
        let chosen = (0..part.offerings.len()).filter(|of| set >> of & 1 == 1);
        let chosen = BitSet::from_indices(part.offerings.len(), chosen);
        part.classes.iter_mut().for_each(|class| class.offerings.intersect_with(&chosen));
        worth(problem, &solve(&part, options))
    });
    worths.min().expect("there is a set")
}

#[test]
fn the_best_set_of_sizes_of_one_family_is_proven() {
    for case in 0..cases(10, 40) {
        let problem = families(case, 3, 3);
        let options = Options::default();
        let solution = solve(&problem, &options);
        assert_eq!(check(&problem, &solution), [], "case {case}");
        assert_eq!(solution.status, Status::Optimal, "case {case}");
        assert_eq!(solution.bound, solution.cost, "case {case}");
        assert_eq!(worth(&problem, &solution), best_of_all_sets(&problem, &options), "case {case}");
    }
}

/// Larger ones, by column generation: near the best of all sets, with a bound that holds.
#[test]
fn many_pods_get_a_set_that_is_near_the_best() {
    let options = Options { effort: 400_000, ..Options::default() };
    let (mut found, mut least, mut bounds) = (0, 0, 0);
    for case in 0..cases(100, 6) {
        let mut problem = families(case, 12, 40);
        problem.classes.truncate(1);
        problem.groups.iter_mut().for_each(|group| group.class = 0);
        let solution = solve(&problem, &options);
        assert_eq!(check(&problem, &solution), [], "case {case}");
        let few = Options { effort: 20_000, ..Options::default() };
        let best = best_of_all_sets(&problem, &few);
        assert_eq!((solution.unplaced.len(), best.0 + best.1), (0, 0), "case {case}");
        assert!(solution.bound <= best.2, "case {case}: {} above {}", solution.bound, best.2);
        found += solution.cost;
        least += best.2;
        bounds += solution.bound;
    }
    assert!(found * 1_000 <= least * 1_003, "{found} found, {least} is possible");
    assert!(bounds * 100 >= found * 98, "{bounds} proven, {found} found");
}

#[test]
fn steps_are_told_in_order_and_none_breaks_the_rule() {
    for case in 0..20 {
        let problem = families(case, 8, 20);
        let mut told: Vec<Progress> = vec![];
        let options = Options { effort: 100_000, ..Options::default() };
        let solution = watch(&problem, &options, &mut |progress| told.push(progress));
        assert!(!told.is_empty(), "case {case}");
        for pair in told.windows(2) {
            let fewer = pair[1].unplaced < pair[0].unplaced;
            let same = pair[1].unplaced == pair[0].unplaced;
            // Priorities may be traded for each other; money counts where they are not.
            let first = problem.groups.iter().all(|group| group.priority == 0);
            let better = pair[1].cost <= pair[0].cost && pair[1].bound >= pair[0].bound;
            assert!(fewer || better || !(same && first), "case {case}: {pair:?}");
        }
        let last = told[told.len() - 1];
        let unplaced: u32 = solution.unplaced.iter().map(|row| row.count).sum();
        assert_eq!((last.cost, last.unplaced), (solution.cost, u64::from(unplaced)), "case {case}");
    }
}

#[test]
fn engines_better_the_greedy_and_do_not_depend_on_the_threads() {
    for case in 0..15 {
        let problem = families(case, 8, 20);
        let first = solve(&problem, &Options { engine: Engine::Greedy, ..Options::default() });
        assert_eq!(check(&problem, &first), [], "case {case}");
        for effort in [1, 1_000, 50_000] {
            let with = |threads| {
                let engine = Engine::Columns;
                let options = Options { engine, effort, threads, ..Options::default() };
                certify(&problem, &options, &mut |_| {})
            };
            let (solution, certificate) = with(1);
            assert_eq!(check(&problem, &solution), [], "case {case}");
            assert!(worth(&problem, &solution) <= worth(&problem, &first), "case {case}");
            if let Some(certificate) = &certificate {
                let proven = solver::verify(&problem, &solution, certificate);
                assert!(proven.is_ok_and(|bound| bound <= solution.bound), "case {case}");
            }
            assert_eq!(with(3), (solution, certificate), "case {case}");
        }
    }
}

#[test]
fn a_stop_leaves_a_plan_that_holds() {
    for case in 0..10 {
        let problem = families(case, 8, 20);
        let stop = Arc::new(AtomicBool::new(false));
        let options = Options { stop: Some(stop.clone()), ..Options::default() };
        let solution = watch(&problem, &options, &mut |_| stop.store(true, Ordering::Relaxed));
        assert_eq!(check(&problem, &solution), [], "case {case}");
        assert!(!solution.launches.is_empty(), "case {case}");
    }
}

/// A thousand pods of fifty kinds, sixty families of eight sizes: what a pool of AKS meets.
fn large() -> Problem {
    let random = &mut Random::new(7);
    let mut problem = families(1, 50, 40);
    let (mut of_family, mut of_size) = (vec![], vec![]);
    problem.offerings.clear();
    for family in 0..60u32 {
        let memory = random.between(2, 9);
        let factor = random.between(90, 130);
        for size in 0..8 {
            let number = problem.offerings.len() as u32;
            of_family.push((number, family));
            of_size.push((number, number));
            let cpu = 2 << size;
            problem.offerings.push(Offering {
                capacity: vec![cpu, cpu * memory],
                price: cpu * (100 + 12 * memory) * factor / 100,
                tier: 0,
                domains: vec![],
                limits: vec![],
            });
        }
    }
    let offerings = BitSet::full(problem.offerings.len());
    problem.classes = vec![Class { offerings, nodes: BitSet::empty(0) }; 2];
    problem.varieties = vec![
        Variety { most: 1, used: vec![], values: of_family },
        Variety { most: 5, used: vec![], values: of_size },
    ];
    problem
}

#[test]
fn large_problems_get_plans_within_the_effort() {
    let problem = large();
    let solution = solve(&problem, &Options { effort: 1_000_000, ..Options::default() });
    assert_eq!(check(&problem, &solution), []);
    let greedy = solve(&problem, &Options { engine: Engine::Greedy, ..Options::default() });
    assert_eq!(check(&problem, &greedy), []);
    assert!(solution.cost <= greedy.cost);
    assert!(solution.bound * 100 >= solution.cost * 97, "{} {}", solution.bound, solution.cost);
}

#[test]
fn pods_that_a_variety_keeps_out_are_told_so() {
    let mut problem = families(0, 1, 1);
    let offering = |capacity| Offering {
        capacity: vec![capacity, 100],
        price: 10,
        tier: 0,
        domains: vec![],
        limits: vec![],
    };
    problem.offerings = vec![offering(4), offering(4), offering(4)];
    problem.offerings[1].limits = vec![(0, 1)];
    problem.limits = vec![Limit { remaining: 0 }];
    let only =
        |of: usize| Class { offerings: BitSet::from_indices(3, [of]), nodes: BitSet::empty(0) };
    problem.classes = vec![only(0), only(1), only(2)];
    let group = |class, priority, ask| Group { request: vec![ask, 1], count: 1, priority, class };
    problem.groups = vec![group(0, 1, 4), group(1, 0, 4), group(2, 0, 4), group(2, 0, 5)];
    problem.varieties =
        vec![Variety { most: 2, used: vec![9], values: vec![(0, 0), (1, 1), (2, 2)] }];
    for engine in [Engine::Auto, Engine::Greedy, Engine::Columns] {
        let solution = solve(&problem, &Options { engine, ..Options::default() });
        assert_eq!(check(&problem, &solution), []);
        let reasons: Vec<(u32, Reason)> =
            solution.unplaced.iter().map(|row| (row.group, row.reason)).collect();
        let expected = [(1, Reason::Limit), (2, Reason::Variety), (3, Reason::TooLarge)];
        assert_eq!(reasons, expected, "{engine:?}");
    }
}
