//! An independent look at a solution: is it what the problem asks for?
//!
//! Nothing here is shared with the engines. A state is judged as a whole: all bound and planned
//! pods in place, every planned pod must pass its filters as the last one to come. Only required
//! pod affinities also ask for an order in which the pods could have come.
//!
//! Work grows with the number of (launch line, group) pairs times the constraints that see the
//! group; equal nodes of one launch line are looked at once.

mod local;
mod order;
mod shape;
mod topology;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::problem::{Money, Problem};
use crate::solution::{Solution, Status};
use crate::validate::{ProblemError, validate};

/// Where pods are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Index into [`Problem::nodes`].
    Node(u32),
    /// Index into [`Solution::launches`].
    Launch(u32),
}

/// One thing that is wrong with a solution. Indices are those of [`Problem`] and [`Solution`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The problem itself is broken; nothing else was looked at.
    Problem(ProblemError),
    /// The solution names something that does not exist; nothing else was looked at.
    Unknown {
        /// What is named.
        object: &'static str,
        /// The index given.
        index: u32,
    },
    /// A list is not ascending, names something twice, or holds a zero count.
    Form {
        /// The list.
        list: &'static str,
        /// The position in `launches`, `placements` or `unplaced` where it shows.
        index: usize,
    },
    /// Placed and unplaced pods of a group do not add up to its count.
    Count {
        /// The group.
        group: u32,
        /// Placed and unplaced pods.
        found: u64,
        /// Its pods in the problem.
        expected: u64,
    },
    /// A pod is where its class does not allow it.
    Refused {
        /// The group.
        group: u32,
        /// Where it is.
        place: Place,
    },
    /// More is asked of a node than it has.
    Capacity {
        /// The node.
        place: Place,
        /// The dimension.
        dim: usize,
        /// What its pods ask.
        asked: i64,
        /// What there is.
        room: i64,
    },
    /// Two pods that cannot share a node do.
    Conflict {
        /// The groups; the same twice when two pods of one group meet.
        groups: (u32, u32),
        /// The node.
        place: Place,
    },
    /// The launches use more than a limit leaves.
    Limit {
        /// The limit.
        limit: u32,
        /// What the launches use.
        used: i64,
        /// What was left.
        remaining: i64,
    },
    /// The launches bring in more values than a variety leaves room for.
    Variety {
        /// The variety.
        variety: u32,
        /// Distinct values of the launches that are not used already.
        found: u32,
        /// How many there may be.
        room: u32,
    },
    /// A launch has too few alternatives.
    Flexibility {
        /// The rule.
        flexibility: u32,
        /// Index into [`Solution::launches`].
        launch: u32,
        /// Distinct values among the alternatives.
        found: u32,
    },
    /// A pod makes its domain too full compared to the emptiest one, or is in none.
    Spread {
        /// The constraint.
        spread: u32,
        /// The group that states it.
        group: u32,
        /// Where its pods are.
        place: Place,
        /// Counted pods in the domain; `None` when the place carries no such key.
        count: Option<u64>,
        /// Counted pods in the emptiest domain.
        least: u64,
    },
    /// A pod has none of the pods it must be near to.
    Affinity {
        /// The constraint.
        affinity: u32,
        /// The group that states it.
        group: u32,
        /// Where its pods are.
        place: Place,
    },
    /// The pods it must be near to could only come after it: there is no order.
    AffinityOrder {
        /// The group whose affinities cannot be met by pods that came before.
        group: u32,
        /// Where its pods are.
        place: Place,
    },
    /// A pod shares its domain with a pod that its anti-affinity forbids.
    Exclusion {
        /// The constraint.
        exclusion: u32,
        /// The group that states it.
        group: u32,
        /// Where its pods are.
        place: Place,
    },
    /// The stated cost is not the price of the launches.
    Cost {
        /// As the solution says.
        stated: Money,
        /// As it is.
        found: Money,
    },
    /// The stated penalty is not what the unmet preferences cost.
    Penalty {
        /// As the solution says.
        stated: Money,
        /// As it is.
        found: Money,
    },
    /// The bound is above the cost, or the solution calls itself optimal and they differ although
    /// there is nothing but cost to go by.
    Bound {
        /// As the solution says.
        stated: Money,
        /// The price of the launches.
        cost: Money,
    },
}

/// Everything that is wrong with `solution` as an answer to `problem`; empty when it is right.
///
/// Preferences are charged per pod: to a soft spread when the pod's domain is beyond the skew, to a
/// soft affinity or exclusion when the pod would fail it as a filter (being the first of its set is
/// no excuse then), to a preference when the place is outside of its class. A place without the
/// topology key is never beyond a skew, never shared, and never near anything.
///
/// The order of tiers, whether more pods could have been placed, and the reasons given for
/// unplaced pods are not judged.
pub fn check(problem: &Problem, solution: &Solution) -> Vec<Violation> {
    if let Err(error) = validate(problem) {
        return vec![Violation::Problem(error)];
    }
    let mut violations = Vec::new();
    if !shape::indices(problem, solution, &mut violations) {
        return violations;
    }
    shape::form(solution, &mut violations);
    shape::counts(problem, solution, &mut violations);
    local::places(problem, solution, &mut violations);
    local::limits(problem, solution, &mut violations);
    local::varieties(problem, solution, &mut violations);
    local::flexibilities(problem, solution, &mut violations);
    let penalty = topology::judge(problem, solution, &mut violations)
        .saturating_add(local::preferences(problem, solution));
    order::judge(problem, solution, &mut violations);
    money(problem, solution, penalty, &mut violations);
    violations
}

/// Price of all launches.
fn cost(problem: &Problem, solution: &Solution) -> Money {
    let prices = solution.launches.iter().map(|launch| {
        let price = problem.offerings[launch.offering as usize].price;
        price.saturating_mul(i64::from(launch.copies))
    });
    prices.fold(0, Money::saturating_add)
}

fn money(problem: &Problem, solution: &Solution, penalty: Money, violations: &mut Vec<Violation>) {
    let cost = cost(problem, solution);
    let stated = solution.cost;
    if stated != cost {
        violations.push(Violation::Cost { stated, found: cost });
    }
    let stated = solution.penalty;
    if stated != penalty {
        violations.push(Violation::Penalty { stated, found: penalty });
    }
    let stated = solution.bound;
    let is_tight = solution.status == Status::Optimal && !has_trade_offs(problem);
    if stated > cost || (is_tight && stated != cost) {
        violations.push(Violation::Bound { stated, cost });
    }
}

/// Whether the best solution may cost more than another that places the same pods: for the sake of
/// a preference, or to stay in an earlier tier.
fn has_trade_offs(problem: &Problem) -> bool {
    let costs = (problem.preferences.iter().map(|preference| Some(preference.cost)))
        .chain(problem.spreads.iter().map(|spread| spread.cost))
        .chain(problem.affinities.iter().map(|affinity| affinity.cost))
        .chain(problem.exclusions.iter().map(|exclusion| exclusion.cost));
    let tiers = problem.offerings.windows(2);
    costs.flatten().any(|cost| cost > 0)
        || tiers.into_iter().any(|pair| pair[0].tier != pair[1].tier)
}

/// A place that holds planned or bound pods, as the checks walk over them.
#[derive(Clone, Copy)]
struct Spot<'a> {
    place: Place,
    /// (group, pods per node), as the solution gives it.
    pods: &'a [(u32, u32)],
    /// Equal nodes; 1 for an existing one.
    copies: u32,
    domains: &'a [u32],
}

/// All existing nodes, in order, with what is planned on them, then all launches.
fn spots<'a>(problem: &'a Problem, solution: &'a Solution) -> Vec<Spot<'a>> {
    let mut spots: Vec<Spot<'a>> = (problem.nodes.iter().enumerate())
        .map(|(index, node)| Spot {
            place: Place::Node(index as u32),
            pods: &[],
            copies: 1,
            domains: &node.domains,
        })
        .collect();
    for placement in &solution.placements {
        spots[placement.node as usize].pods = &placement.pods;
    }
    spots.extend(solution.launches.iter().enumerate().map(|(index, launch)| Spot {
        place: Place::Launch(index as u32),
        pods: &launch.pods,
        copies: launch.copies,
        domains: &problem.offerings[launch.offering as usize].domains,
    }));
    spots
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(index) => write!(f, "node {index}"),
            Self::Launch(index) => write!(f, "launch {index}"),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(error) => write!(f, "the problem is broken: {error}"),
            Self::Unknown { object, index } => write!(f, "there is no {object} {index}"),
            Self::Form { list, index } => {
                write!(f, "{list} {index}: not ascending, named twice, or empty")
            }
            Self::Count { group, found, expected } => {
                write!(f, "group {group}: {found} pods are accounted for, there are {expected}")
            }
            Self::Refused { group, place } => write!(f, "group {group} does not accept {place}"),
            Self::Capacity { place, dim, asked, room } => {
                write!(f, "{place}: {asked} asked of dimension {dim}, there is {room}")
            }
            Self::Conflict { groups: (a, b), place } => {
                write!(f, "{place}: groups {a} and {b} cannot share a node")
            }
            Self::Limit { limit, used, remaining } => {
                write!(f, "limit {limit}: {used} used, {remaining} left")
            }
            Self::Variety { variety, found, room } => {
                write!(f, "variety {variety}: {found} new values, there is room for {room}")
            }
            Self::Flexibility { flexibility, launch, found } => {
                write!(
                    f,
                    "launch {launch}: {found} alternatives, too few for flexibility {flexibility}"
                )
            }
            Self::Spread { spread, group, place, count: Some(count), least } => write!(
                f,
                "{place}: spread {spread} of group {group}: {count} pods in the domain, {least} in \
                 the emptiest"
            ),
            Self::Spread { spread, group, place, count: None, .. } => {
                write!(f, "{place}: spread {spread} of group {group}: the place has no such domain")
            }
            Self::Affinity { affinity, group, place } => {
                write!(f, "{place}: affinity {affinity} of group {group} is not met")
            }
            Self::AffinityOrder { group, place } => {
                write!(f, "{place}: no order meets the affinities of group {group}")
            }
            Self::Exclusion { exclusion, group, place } => {
                write!(f, "{place}: exclusion {exclusion} of group {group} is broken")
            }
            Self::Cost { stated, found } => write!(f, "cost is {found}, {stated} stated"),
            Self::Penalty { stated, found } => write!(f, "penalty is {found}, {stated} stated"),
            Self::Bound { stated, cost } => {
                write!(f, "bound {stated} does not go with cost {cost} and the status")
            }
        }
    }
}
