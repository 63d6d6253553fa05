//! Up to 12 pods, 6 offerings and 3 existing nodes, with every kind of constraint.
//!
//! `TENON_CASES` says how many problems are drawn. Each is of the first of [`SIZES`] that the
//! search for something better ([`crate::refute`]) gets through, so every case is compared with
//! all solutions there are; how many of each size there were is printed. Of 10,000 cases more than 9
//! in 10 are of the first size, and more than half have 12 pods.

use std::sync::atomic::{AtomicU64, Ordering};

use solver::solution::Status;
use solver::{Options, Problem, Solution, check, solve, text};

use crate::generate::{Random, Size, TINY, problem};
use crate::oracle::for_each_feasible;
use crate::refute::{Rank, Verdict, rank, refute};

/// Tried in this order.
const SIZES: [Size; 4] = [
    Size { groups: 12, pods_per_group: 4, pods: 12, offerings: 6, nodes: 3, constraints: 2 },
    Size { groups: 8, pods_per_group: 3, pods: 9, offerings: 5, nodes: 2, constraints: 2 },
    Size { groups: 6, pods_per_group: 3, pods: 6, offerings: 4, nodes: 2, constraints: 2 },
    TINY,
];

/// What the search for something better may look at, per problem.
const STEPS: u64 = 200_000;

fn shown(case: u64, problem: &Problem, solution: &Solution) -> String {
    let (problem, solution) = (text::write_problem(problem), text::write_solution(solution));
    format!("case {case}\n{problem}\n{solution}")
}

/// The problem of placing the same pods where only the price of launches counts.
fn price_only(problem: &Problem, solution: &Solution) -> Problem {
    let mut problem = problem.clone();
    for unplaced in &solution.unplaced {
        problem.groups[unplaced.group as usize].count -= unplaced.count;
    }
    problem.offerings.iter_mut().for_each(|offering| offering.tier = 0);
    problem.preferences.clear();
    problem.spreads.iter_mut().for_each(|spread| spread.cost = spread.cost.map(|_| 0));
    problem.affinities.iter_mut().for_each(|affinity| affinity.cost = affinity.cost.map(|_| 0));
    problem.exclusions.iter_mut().for_each(|exclusion| exclusion.cost = exclusion.cost.map(|_| 0));
    problem
}

/// Solves one size of a case and looks for a better solution, and for one below the bound; `None`
/// when there is too much to try.
fn pods_solved(case: u64, size: Size) -> Option<u64> {
    let problem = problem(&mut Random::new(case), size);
    let solution = solve(&problem, &Options::default());
    let shown = || shown(case, &problem, &solution);
    assert_eq!(check(&problem, &solution), [], "{}", shown());
    assert_eq!(solution.status, Status::Optimal, "{}", shown());
    let holds = |problem: &Problem, claim: &Rank| match refute(problem, claim, STEPS) {
        Verdict::Holds => true,
        Verdict::TooLarge => false,
        Verdict::Refuted(better) => {
            panic!("{}\nthis is better:\n{}", shown(), text::write_solution(&better))
        }
    };
    let priced = price_only(&problem, &solution);
    let bound = Solution { cost: solution.bound, ..Solution::default() };
    let holds = holds(&problem, &rank(&problem, &solution))
        && (problem == priced || holds(&priced, &rank(&priced, &bound)));
    holds.then(|| problem.pods())
}

#[test]
fn nothing_is_better() {
    let by_size: [AtomicU64; SIZES.len()] = Default::default();
    let by_pods: [AtomicU64; 13] = Default::default();
    let next = AtomicU64::new(0);
    let run = || {
        let mut case = next.fetch_add(1, Ordering::Relaxed);
        while case < crate::cases(1, 500) {
            let solved = |(at, &size)| Some((at, pods_solved(case, size)?));
            let (size, pods) =
                SIZES.iter().enumerate().find_map(solved).expect("the smallest is never too large");
            by_size[size].fetch_add(1, Ordering::Relaxed);
            by_pods[pods as usize].fetch_add(1, Ordering::Relaxed);
            case = next.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(run);
        }
    });
    println!("cases by size, largest first: {by_size:?}; by pods: {by_pods:?}");
    let largest = by_size[0].load(Ordering::Relaxed);
    assert!(largest * 100 >= crate::cases(1, 500) * 90, "only {largest} cases of the largest size");
}

/// As above, with the simplest enumeration there is: every pod by itself, everywhere.
#[test]
fn the_best_of_all_assignments_is_found() {
    for case in 0..2_000 {
        let problem = problem(&mut Random::new(case), TINY);
        let solution = solve(&problem, &Options::default());
        let counts =
            |s: &Solution| s.unplaced.iter().map(|u| (u.group, u.count)).collect::<Vec<_>>();
        let (mut best, mut least) = (None::<Rank>, i64::MAX);
        for_each_feasible(&problem, &mut |world, _| {
            let other = world.solution();
            let rank = rank(&problem, &other);
            best = Some(best.take().map_or(rank.clone(), |best| best.min(rank)));
            if counts(&other) == counts(&solution) {
                least = least.min(other.cost);
            }
        });
        let shown = || shown(case, &problem, &solution);
        assert_eq!(Some(rank(&problem, &solution)), best, "{}", shown());
        assert_eq!(solution.bound, least, "{}", shown());
    }
}
