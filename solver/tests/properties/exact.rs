use solver::solution::Status;
use solver::{Options, Problem, Solution, check, solve, text};

use crate::generate::{Random, TINY, problem};
use crate::oracle::for_each_feasible;

/// Unplaced pods by priority, highest first; money by tier, last first, down to the second; all
/// money; nodes. Less is better.
type Rank = (Vec<u64>, Vec<i64>, i64, u64);

fn rank(problem: &Problem, solution: &Solution) -> Rank {
    let mut priorities: Vec<i32> = problem.groups.iter().map(|group| group.priority).collect();
    priorities.sort_unstable_by_key(|&priority| std::cmp::Reverse(priority));
    priorities.dedup();
    let left = |priority: &i32| {
        let of = |u: &&solver::solution::Unplaced| {
            problem.groups[u.group as usize].priority == *priority
        };
        solution.unplaced.iter().filter(of).map(|u| u64::from(u.count)).sum()
    };
    let mut tiers: Vec<u16> = problem.offerings.iter().map(|offering| offering.tier).collect();
    tiers.sort_unstable_by_key(|&tier| std::cmp::Reverse(tier));
    tiers.dedup();
    tiers.pop();
    let spent = |tier: &u16| {
        let launches = solution.launches.iter();
        let of = launches.filter(|l| problem.offerings[l.offering as usize].tier == *tier);
        of.map(|l| problem.offerings[l.offering as usize].price * i64::from(l.copies)).sum()
    };
    (
        priorities.iter().map(left).collect(),
        tiers.iter().map(spent).collect(),
        solution.cost + solution.penalty,
        solution.launches.iter().map(|launch| u64::from(launch.copies)).sum(),
    )
}

#[test]
fn the_best_of_all_assignments_is_found() {
    let mut proven = 0;
    for case in 0..3_000 {
        let problem = problem(&mut Random::new(case), TINY);
        let solution = solve(&problem, &Options::default());
        let mut best: Option<Rank> = None;
        let mut least = i64::MAX;
        let counts =
            |s: &Solution| s.unplaced.iter().map(|u| (u.group, u.count)).collect::<Vec<_>>();
        for_each_feasible(&problem, &mut |world, _| {
            let other = world.solution();
            let rank = rank(&problem, &other);
            if best.as_ref().is_none_or(|known| rank < *known) {
                best = Some(rank);
            }
            if counts(&other) == counts(&solution) {
                least = least.min(other.cost);
            }
        });
        let shown =
            || format!("{}\n{}", text::write_problem(&problem), text::write_solution(&solution));
        assert_eq!(check(&problem, &solution), [], "case {case}\n{}", shown());
        assert_eq!(Some(rank(&problem, &solution)), best, "case {case}\n{}", shown());
        assert!(solution.bound <= least, "case {case}: {least}\n{}", shown());
        proven += usize::from(solution.status == Status::Optimal);
    }
    assert_eq!(proven, 3_000);
}
