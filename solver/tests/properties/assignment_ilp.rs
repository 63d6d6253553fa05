//! The whole problem as one integer programme, pods of a group onto single nodes, solved by HiGHS.
//!
//! An oracle for problems that are too large to try everything, written to be read next to the
//! docstrings of `solver::problem`. Each node that exists is a place, and so is each node that could
//! be launched: as many per offering as pods accept it, since no launch is empty. All kinds of
//! constraints are stated exactly, the order in which required affinities are met included. Only
//! tiers are left out: a problem does not say what breaking them costs, and the check does not
//! judge them. The best is what [`worth`] calls best: most pods placed, priority by priority, then
//! least price and penalty.

mod affinity;
mod model;
mod nodes;
mod topology;

use solver::{Options, Problem, check, solve, text};

use crate::generate::{Random, Size, TINY, problem};
use crate::oracle::{Assignment, Seat, World, Worth, for_each_feasible, worth};

use model::Model;

/// Too large to try everything, small enough for the programme to take a fraction of a second.
const SMALL: Size =
    Size { groups: 5, pods_per_group: 4, pods: 9, offerings: 4, nodes: 3, constraints: 2 };

/// An assignment that nothing is better than, with its worth; it is feasible by the other oracle.
fn best(case: u64, problem: &Problem) -> (Assignment, Worth) {
    let found = Model::new(problem).best();
    // Placing nothing is always feasible.
    let (assignment, money) = found.unwrap_or_else(|error| panic!("case {case}: {error}"));
    let world = World::new(problem, &assignment);
    let solution = text::write_solution(&world.solution());
    let problem_text = text::write_problem(problem);
    assert!(world.is_feasible(), "case {case}\n{problem_text}\n{solution}");
    let found = world.cost() + world.penalty();
    assert_eq!(found, money, "case {case}: not the programme's cost\n{problem_text}\n{solution}");
    let worth = worth(problem, &assignment, money);
    (assignment, worth)
}

#[test]
fn the_programme_finds_what_trying_everything_finds() {
    for case in 0..crate::cases(20, 300) {
        let problem = problem(&mut Random::new(case), TINY);
        let (_, found) = best(case, &problem);
        let mut known: Option<Worth> = None;
        for_each_feasible(&problem, &mut |world, assignment| {
            let worth = worth(&problem, assignment, world.cost() + world.penalty());
            known = known.take().max(Some(worth));
        });
        assert_eq!(Some(found), known, "case {case}\n{}", text::write_problem(&problem));
    }
}

/// The solver's answer as an assignment, pod by pod.
fn assignment_of(problem: &Problem, solution: &solver::Solution) -> Assignment {
    let mut assignment = Assignment::default();
    let seats = |pods: &[(u32, u32)], seat| {
        let each = |&(group, count): &(u32, u32)| (0..count).map(move |_| (group as usize, seat));
        pods.iter().flat_map(each).collect::<Vec<_>>()
    };
    for placement in &solution.placements {
        assignment.pods.extend(seats(&placement.pods, Seat::Node(placement.node as usize)));
    }
    for launch in &solution.launches {
        for _ in 0..launch.copies {
            assignment.pods.extend(seats(&launch.pods, Seat::Launch(assignment.launches.len())));
            assignment.launches.push(launch.offering as usize);
        }
    }
    for unplaced in &solution.unplaced {
        assignment.pods.extend(seats(&[(unplaced.group, unplaced.count)], Seat::Nowhere));
    }
    assert_eq!(assignment.pods.len() as u64, problem.pods());
    assignment
}

#[test]
fn no_engine_beats_the_programme() {
    let (mut equal, mut behind) = (0, 0);
    for case in 0..crate::cases(50, 100) {
        let problem = problem(&mut Random::new(case), SMALL);
        let (assignment, most) = best(case, &problem);
        let perfect = World::new(&problem, &assignment).solution();
        let described = text::write_problem(&problem);
        assert_eq!(check(&problem, &perfect), [], "case {case}\n{described}");
        let bound = solver::bound::resource_bound(&problem, &perfect);
        assert!(bound <= perfect.cost, "case {case}: bound {bound} above {}", perfect.cost);
        let solution = solve(&problem, &Options::default());
        let money = solution.cost + solution.penalty;
        let found = worth(&problem, &assignment_of(&problem, &solution), money);
        assert!(found <= most, "case {case}: {found:?} beats {most:?}\n{described}");
        *(if found == most { &mut equal } else { &mut behind }) += 1;
    }
    assert!(equal > behind, "as good in {equal} cases, worse in {behind}");
}
