//! Spreads, affinities and exclusions, required and preferred, on the finished state.

mod tally;

use crate::check::{Place, Spot, Violation, spots};
use crate::problem::{Affinity, Exclusion, Money, Problem, Spread};
use crate::solution::Solution;

use tally::Tally;

/// A constraint that a group states, with where its pods are counted in the [`Tally`].
#[derive(Clone, Copy)]
enum Stated {
    Spread {
        index: u32,
        counter: u32,
    },
    /// One counter per key, one after the other.
    Affinity {
        index: u32,
        first_counter: u32,
    },
    Exclusion {
        index: u32,
        counter: u32,
    },
}

/// Reports the required constraints that are broken; returns what the preferred ones cost.
pub(super) fn judge(
    problem: &Problem,
    solution: &Solution,
    violations: &mut Vec<Violation>,
) -> Money {
    let spots = spots(problem, solution);
    let mut tally = Tally::new(problem);
    let stated = statements(problem, &mut tally);
    tally.count(problem, solution, &spots);
    let least = tally.least(problem, solution);
    let mut judge = Judge { problem, tally, least, violations, penalty: 0 };
    for &spot in spots.iter().filter(|spot| !spot.pods.is_empty()) {
        judge.tally.look_at(problem, solution, spot);
        for &(group, count) in spot.pods {
            for &constraint in &stated[group as usize] {
                judge.judge(constraint, spot, group, u64::from(count));
            }
        }
    }
    judge.penalty
}

/// The constraints of each group; registers what they count.
fn statements(problem: &Problem, tally: &mut Tally) -> Vec<Vec<Stated>> {
    let mut stated = vec![Vec::new(); problem.groups.len()];
    let mut state = |groups: &[u32], constraint| {
        for &group in groups {
            stated[group as usize].push(constraint);
        }
    };
    for (index, spread) in problem.spreads.iter().enumerate() {
        let counter = tally.counter(problem, spread.set, spread.key, Some(index as u32), true);
        state(&spread.groups, Stated::Spread { index: index as u32, counter });
    }
    for (index, affinity) in problem.affinities.iter().enumerate() {
        let first_counter = tally.next();
        for &key in &affinity.keys {
            tally.counter(problem, affinity.set, key, None, true);
        }
        state(&affinity.groups, Stated::Affinity { index: index as u32, first_counter });
    }
    for (index, exclusion) in problem.exclusions.iter().enumerate() {
        // What bound pods forbid to required exclusions is in the classes already.
        let bound = exclusion.cost.is_some();
        let counter = tally.counter(problem, exclusion.set, exclusion.key, None, bound);
        state(&exclusion.groups, Stated::Exclusion { index: index as u32, counter });
    }
    stated
}

struct Judge<'a, 'b> {
    problem: &'a Problem,
    tally: Tally,
    /// Pods in the emptiest domain, per spread.
    least: Vec<u64>,
    violations: &'b mut Vec<Violation>,
    penalty: Money,
}

impl Judge<'_, '_> {
    fn judge(&mut self, constraint: Stated, spot: Spot<'_>, group: u32, count: u64) {
        let problem = self.problem;
        let (cost, violation) = match constraint {
            Stated::Spread { index, counter } => {
                let spread = &problem.spreads[index as usize];
                (spread.cost, self.spread(index, spread, counter, spot, group))
            }
            Stated::Affinity { index, first_counter } => {
                let affinity = &problem.affinities[index as usize];
                (affinity.cost, self.affinity(index, affinity, first_counter, spot, group))
            }
            Stated::Exclusion { index, counter } => {
                let exclusion = &problem.exclusions[index as usize];
                (exclusion.cost, self.exclusion(index, exclusion, counter, spot, group))
            }
        };
        match (violation, cost) {
            (None, _) => {}
            (Some(violation), None) => self.violations.push(violation),
            (Some(_), Some(cost)) => {
                let pods = count.saturating_mul(u64::from(spot.copies));
                let pods = i64::try_from(pods).unwrap_or(i64::MAX);
                self.penalty = self.penalty.saturating_add(cost.saturating_mul(pods));
            }
        }
    }

    fn spread(
        &self,
        index: u32,
        spread: &Spread,
        counter: u32,
        spot: Spot<'_>,
        group: u32,
    ) -> Option<Violation> {
        let least = self.least[index as usize];
        let count = self.tally.at(counter, spot);
        let broken = match count {
            Some(count) => count.saturating_sub(least) > u64::from(spread.max_skew),
            // The filter refuses nodes without the key; the preference has nothing to count there.
            None => spread.cost.is_none(),
        };
        broken.then_some(Violation::Spread {
            spread: index,
            group,
            place: spot.place,
            count,
            least,
        })
    }

    fn affinity(
        &self,
        index: u32,
        affinity: &Affinity,
        first_counter: u32,
        spot: Spot<'_>,
        group: u32,
    ) -> Option<Violation> {
        let own = self.own(affinity.set, group);
        let counters = (first_counter..).take(affinity.keys.len());
        let mut others =
            counters.clone().map(|counter| Some(self.tally.at(counter, spot)?.saturating_sub(own)));
        let has_keys = others.clone().all(|count| count.is_some());
        let near = others.all(|count| count.is_some_and(|count| count > 0));
        let alone = counters.into_iter().all(|counter| self.tally.total(counter) == own);
        let first = affinity.cost.is_none() && own > 0 && alone && has_keys;
        (!near && !first).then_some(Violation::Affinity {
            affinity: index,
            group,
            place: spot.place,
        })
    }

    fn exclusion(
        &self,
        index: u32,
        exclusion: &Exclusion,
        counter: u32,
        spot: Spot<'_>,
        group: u32,
    ) -> Option<Violation> {
        let shared = self.tally.at(counter, spot)? > self.own(exclusion.set, group);
        shared.then_some(Violation::Exclusion { exclusion: index, group, place: spot.place })
    }

    /// How much a pod of the group adds to the count of the set in its own domain.
    fn own(&self, set: u32, group: u32) -> u64 {
        u64::from(self.problem.sets[set as usize].groups.contains(group as usize))
    }
}

/// Whether the spread counts pods at this place.
fn counts_at(spread: &Spread, place: Place, solution: &Solution) -> bool {
    match place {
        Place::Node(node) => spread.counted_nodes.contains(node as usize),
        Place::Launch(launch) => {
            let offering = solution.launches[launch as usize].offering;
            spread.counted_offerings.contains(offering as usize)
        }
    }
}
