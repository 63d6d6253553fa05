use solver::{Engine, Options, Problem, Solution, bound, check, solve, text};

use crate::cases;
use crate::generate::{Random, Size, TINY, problem};
use crate::oracle::for_each_feasible;

/// Larger than what the oracle can do, small enough for thousands of cases.
const SMALL: Size =
    Size { groups: 8, pods_per_group: 12, pods: 60, offerings: 8, nodes: 5, constraints: 3 };

fn greedy() -> Options {
    Options { engine: Engine::Greedy, ..Options::default() }
}

/// Column generation, cut short so that thousands of cases can be looked at.
fn columns() -> Options {
    Options { engine: Engine::Columns, effort: 20_000, ..Options::default() }
}

#[track_caller]
fn assert_right(case: u64, problem: &Problem, solution: &Solution) {
    let violations = check(problem, solution);
    let bound = bound::resource_bound(problem, solution);
    assert!(
        violations.is_empty() && bound <= solution.cost,
        "case {case}: {violations:?}, bound {bound}, cost {}\n{}\n{}",
        solution.cost,
        text::write_problem(problem),
        text::write_solution(solution),
    );
}

#[test]
fn solutions_are_right() {
    let mut placed = 0;
    for case in 0..10_000 {
        let size = if case < 5_000 { TINY } else { SMALL };
        let problem = problem(&mut Random::new(case), size);
        let solution = solve(&problem, &greedy());
        assert_right(case, &problem, &solution);
        placed +=
            problem.pods() - solution.unplaced.iter().map(|u| u64::from(u.count)).sum::<u64>();
    }
    assert!(placed > 50_000, "only {placed} pods placed");
}

/// What the search ranks by: pods without a place, then money.
fn worth(solution: &Solution) -> (u64, i64) {
    let unplaced = solution.unplaced.iter().map(|missing| u64::from(missing.count)).sum();
    (unplaced, solution.cost + solution.penalty)
}

#[test]
fn column_generation_only_betters_the_greedy() {
    let mut bettered = 0;
    for case in 0..cases(5, 300) {
        let mut problem = problem(&mut Random::new(case), SMALL);
        // With one priority and one tier the order of solutions is plain.
        problem.groups.iter_mut().for_each(|group| group.priority = 0);
        problem.offerings.iter_mut().for_each(|offering| offering.tier = 0);
        let first = solve(&problem, &greedy());
        let better = solve(&problem, &columns());
        assert_right(case, &problem, &better);
        assert!(better.bound <= better.cost, "case {case}");
        assert!(worth(&better) <= worth(&first), "case {case}");
        bettered += u64::from(worth(&better) < worth(&first));
    }
    assert!(bettered > 0, "nothing was bettered");
}

#[test]
fn solutions_do_not_depend_on_the_run_or_the_threads() {
    for case in 0..cases(5, 300) {
        let problem = problem(&mut Random::new(case), SMALL);
        let solution = solve(&problem, &columns());
        for threads in [0, 1, 3] {
            assert_eq!(solve(&problem, &Options { threads, ..columns() }), solution, "case {case}");
        }
    }
}

/// Over many problems nearly all that can be placed must be, and bounds must hold.
#[test]
fn solutions_are_near_the_best() {
    let (mut most, mut placed) = (0, 0);
    for case in 0..1_000 {
        let problem = problem(&mut Random::new(case), TINY);
        let solution = solve(&problem, &greedy());
        let unplaced: u32 = solution.unplaced.iter().map(|u| u.count).sum();
        let mut fewest = u32::MAX;
        let mut least = i64::MAX;
        for_each_feasible(&problem, &mut |world, _| {
            let other = world.solution();
            let left: u32 = other.unplaced.iter().map(|u| u.count).sum();
            let counts =
                |s: &Solution| s.unplaced.iter().map(|u| (u.group, u.count)).collect::<Vec<_>>();
            if counts(&other) == counts(&solution) {
                least = least.min(other.cost);
            }
            fewest = fewest.min(left);
        });
        assert!(fewest <= unplaced && least <= solution.cost, "case {case}");
        assert!(solution.bound <= least, "case {case}: bound above the least cost {least}");
        let pods = problem.pods() as u32;
        most += pods - fewest;
        placed += pods - unplaced;
    }
    assert!(placed * 100 >= most * 96, "{placed} of {most} placeable pods placed");
}
