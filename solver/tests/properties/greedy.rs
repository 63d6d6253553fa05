use solver::{Options, Problem, Solution, bound, check, solve, text};

use crate::generate::{Random, Size, TINY, problem};
use crate::oracle::for_each_feasible;

/// Larger than what the oracle can do, small enough for thousands of cases.
const SMALL: Size =
    Size { groups: 8, pods_per_group: 12, pods: 60, offerings: 8, nodes: 5, constraints: 3 };

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
        let solution = solve(&problem, &Options::default());
        assert_right(case, &problem, &solution);
        placed +=
            problem.pods() - solution.unplaced.iter().map(|u| u64::from(u.count)).sum::<u64>();
    }
    assert!(placed > 50_000, "only {placed} pods placed");
}

#[test]
fn solutions_do_not_depend_on_the_run_or_the_threads() {
    for case in 0..300 {
        let problem = problem(&mut Random::new(case), SMALL);
        let solution = solve(&problem, &Options::default());
        for threads in [0, 1, 3] {
            assert_eq!(
                solve(&problem, &Options { threads, ..Options::default() }),
                solution,
                "case {case}"
            );
        }
    }
}

/// Over many problems nearly all that can be placed must be, and bounds must hold.
#[test]
fn solutions_are_near_the_best() {
    let (mut most, mut placed) = (0, 0);
    for case in 0..1_000 {
        let problem = problem(&mut Random::new(case), TINY);
        let solution = solve(&problem, &Options::default());
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
