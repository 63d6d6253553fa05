use std::sync::atomic::AtomicBool;

use super::{Budget, Outcome, solve};
use crate::check::check;
use crate::greedy;
use crate::problem::Problem;
use crate::solution::Solution;
use crate::text::read_problem;

fn problem(text: &str) -> Problem {
    read_problem(&format!("tenon-problem 1\n{text}")).expect("the test's text is a problem")
}

fn solved(problem: &Problem) -> Solution {
    let mut budget = Budget::new(1_000_000, None);
    let outcome = solve(problem, greedy::solve(&greedy::Prepared::new(problem)), &mut budget);
    assert!(outcome.proven);
    assert_eq!(check(problem, &outcome.solution), []);
    outcome.solution
}

/// Three pods that fit two and two, or all three on a dearer node.
const THREE: &str = "dims 1
keys
class offerings=0-1 nodes=
group count=3 priority=0 class=0 request=2
offering price=10 tier=0 capacity=4
offering price=14 tier=0 capacity=6
";

fn nothing_placed(problem: &Problem) -> Solution {
    let groups = (0u32..).zip(&problem.groups);
    let unplaced = groups.map(|(group, of)| crate::solution::Unplaced {
        group,
        count: of.count,
        reason: crate::solution::Reason::Combination,
    });
    Solution { unplaced: unplaced.collect(), ..Solution::default() }
}

#[test]
fn the_cheapest_partition_is_found_and_proven() {
    let solution = solved(&problem(THREE));
    assert_eq!((solution.cost, solution.bound), (14, 14));
}

#[test]
fn without_budget_the_incumbent_comes_back() {
    let problem = problem(THREE);
    let incumbent = nothing_placed(&problem);
    let stop = AtomicBool::new(true);
    for mut budget in [Budget::new(0, None), Budget::new(1_000_000, Some(&stop))] {
        let Outcome { solution, proven, .. } = solve(&problem, incumbent.clone(), &mut budget);
        assert_eq!((solution, proven), (incumbent.clone(), false));
    }
}

#[test]
fn more_budget_is_never_worse() {
    let problem = problem(
        "dims 1
keys 2
class offerings=0-3 nodes=
group count=4 priority=0 class=0 request=2
group count=5 priority=0 class=0 request=3
offering price=10 tier=0 capacity=5 domains=0
offering price=11 tier=0 capacity=5 domains=1
offering price=17 tier=0 capacity=9 domains=0
offering price=19 tier=0 capacity=9 domains=1
set groups=0-1
spread groups=0-1 key=0 set=0 max-skew=1 min-domains=1 domains=0-1 offerings=0-3
",
    );
    let mut before = None;
    for units in (0..400).map(|step| step * 100) {
        let mut budget = Budget::new(units, None);
        let outcome = solve(&problem, nothing_placed(&problem), &mut budget);
        assert_eq!(check(&problem, &outcome.solution), []);
        let left: u32 = outcome.solution.unplaced.iter().map(|u| u.count).sum();
        let rank = (left, outcome.solution.cost, !outcome.proven);
        assert!(before.is_none_or(|before| rank <= before), "{rank:?} after {before:?}");
        before = Some(rank);
    }
    assert_eq!(before, Some((0, 46, false)));
}

#[test]
fn a_dear_node_of_an_earlier_tier_goes_before_a_cheap_one() {
    let solution = solved(&problem(
        "dims 1
keys
class offerings=0-1 nodes=
group count=2 priority=0 class=0 request=2
offering price=100 tier=0 capacity=4
offering price=1 tier=1 capacity=4
",
    ));
    // The pods could be had for 1, so that is all that the bound may say.
    assert_eq!((solution.cost, solution.bound), (100, 1));
}

#[test]
fn a_preference_may_be_worth_its_price() {
    let solution = solved(&problem(
        "dims 1
keys
class offerings=0-1 nodes=
class offerings=1 nodes=
group count=2 priority=0 class=0 request=2
offering price=10 tier=0 capacity=4
offering price=12 tier=0 capacity=4
preference groups=0 class=1 cost=3
",
    ));
    assert_eq!((solution.cost, solution.penalty, solution.bound), (12, 0, 10));
}

#[test]
fn only_one_pod_can_be_the_first_of_its_set() {
    let solution = solved(&problem(
        "dims 1
keys
class offerings=0 nodes=
group count=5 priority=0 class=0 request=2
offering price=10 tier=0 capacity=4
set groups=0
affinity groups=0 keys=node set=0
",
    ));
    let left: u32 = solution.unplaced.iter().map(|u| u.count).sum();
    assert_eq!((left, solution.cost), (3, 10));
}
