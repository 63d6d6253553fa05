use solver::{Problem, check, text};

use crate::generate::{Random, TINY, problem};
use crate::oracle::{Assignment, Seat, World, for_each_feasible, worth};

/// Pods thrown anywhere, mostly where class and room allow it.
fn throw(random: &mut Random, problem: &Problem) -> Assignment {
    let mut assignment = Assignment::default();
    for (group, pods) in problem.groups.iter().enumerate() {
        for _ in 0..pods.count {
            let seat = match random.index(8) {
                0 => Seat::Nowhere,
                1..=3 if !problem.nodes.is_empty() => Seat::Node(random.index(problem.nodes.len())),
                4..=5 if !assignment.launches.is_empty() => {
                    Seat::Launch(random.index(assignment.launches.len()))
                }
                _ if problem.offerings.is_empty() => Seat::Nowhere,
                _ => {
                    assignment.launches.push(random.index(problem.offerings.len()));
                    Seat::Launch(assignment.launches.len() - 1)
                }
            };
            assignment.pods.push((group, seat));
        }
    }
    assignment
}

#[test]
fn on_random_assignments() {
    let (mut right, mut wrong) = (0, 0);
    for case in 0..20_000 {
        let random = &mut Random::new(case);
        let problem = problem(random, TINY);
        for _ in 0..4 {
            let assignment = throw(random, &problem);
            let world = World::new(&problem, &assignment);
            let violations = check(&problem, &world.solution());
            let feasible = world.is_feasible();
            assert_eq!(
                violations.is_empty(),
                feasible,
                "case {case}: the oracle says {feasible}, the check says {violations:?}\n{}\n{}",
                text::write_problem(&problem),
                text::write_solution(&world.solution()),
            );
            *(if feasible { &mut right } else { &mut wrong }) += 1;
        }
    }
    assert!(right > 5_000 && wrong > 5_000, "too one-sided: {right} right, {wrong} wrong");
}

#[test]
fn on_the_best_of_all_assignments() {
    for case in 0..3_000 {
        let problem = problem(&mut Random::new(case), TINY);
        let mut best = None;
        for_each_feasible(&problem, &mut |world, assignment| {
            let worth = worth(&problem, assignment, world.cost() + world.penalty());
            if best.as_ref().is_none_or(|(known, _)| *known < worth) {
                best = Some((worth, world.solution()));
            }
        });
        let (_, solution) = best.expect("placing nothing is always feasible");
        assert_eq!(
            check(&problem, &solution),
            [],
            "case {case}\n{}",
            text::write_problem(&problem)
        );
    }
}

#[test]
fn no_assignment_costs_less_than_its_bound() {
    let mut tight = 0;
    for case in 0..3_000 {
        let problem = problem(&mut Random::new(case), TINY);
        for_each_feasible(&problem, &mut |world, _| {
            let bound = solver::bound::resource_bound(&problem, &world.solution());
            let cost = world.cost();
            assert!(
                bound <= cost,
                "case {case}: bound {bound} above cost {cost}\n{}\n{}",
                text::write_problem(&problem),
                text::write_solution(&world.solution()),
            );
            tight += usize::from(bound > 0 && bound == cost);
        });
    }
    assert!(tight > 2_000, "only {tight} bounds are reached");
}
