//! Which constraint costs how much: what the same plan would cost with one of them taken away.
//!
//! A constraint is taken away in the objects, as if nobody had written it, and the plan is made
//! anew. So nothing has to be known of how it became part of the problem, and what is counted is
//! what whoever wrote it could save.

mod constraint;
mod edit;
mod find;

use solver::solution::Status;

pub use self::{
    constraint::Constraint,
    find::{Found, find},
};
use crate::plan::{Plan, Totals};

/// What was found out, the dearest constraint first.
#[derive(Clone, Debug, Default)]
pub struct WhyCost {
    /// The constraints that were taken away, each by itself.
    pub priced: Vec<Priced>,
    /// How many were not tried.
    pub left_out: usize,
}

/// A constraint and what it does to the plan.
#[derive(Clone, Debug)]
pub struct Priced {
    /// The constraint.
    pub constraint: Constraint,
    /// What the plan gains without it.
    pub effect: Effect,
}

/// What a plan gains when a constraint is taken away. Money is micro-dollars per hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// So many more pods have a place.
    Places {
        /// How many.
        pods: usize,
    },
    /// The plan is cheaper by so much, which is more than what both plans leave open.
    Costs {
        /// By how much.
        hourly: i64,
        /// It costs no more than this.
        at_most: i64,
    },
    /// The difference is smaller than what both plans leave open: nothing is certain.
    Within {
        /// The difference between the two plans; none when the second is no cheaper.
        hourly: i64,
        /// The constraint costs no more than this.
        at_most: i64,
    },
    /// The plan is no cheaper, and could not be.
    Nothing,
    /// The two plans place different pods, and neither places more.
    Unknown,
}

impl WhyCost {
    /// Puts the constraints in order: more pods, more money, what is uncertain, what is nothing.
    pub fn new(mut priced: Vec<Priced>, left_out: usize) -> Self {
        priced.sort_by_key(|one| {
            let rank = match one.effect {
                Effect::Places { pods } => (0, -(pods as i64)),
                Effect::Costs { hourly, .. } => (1, -hourly),
                Effect::Within { at_most, .. } => (2, -at_most),
                Effect::Unknown => (3, 0),
                Effect::Nothing => (4, 0),
            };
            (rank, one.constraint.to_string())
        });
        Self { priced, left_out }
    }
}

/// What `without` gains over `base`.
pub fn effect(base: &Plan, without: &Plan) -> Effect {
    if without.totals.placed > base.totals.placed {
        return Effect::Places { pods: without.totals.placed - base.totals.placed };
    }
    let same_pods =
        base.unplaced.iter().map(|one| one.pod).eq(without.unplaced.iter().map(|one| one.pod));
    if !same_pods {
        return Effect::Unknown;
    }
    let saved = base.totals.hourly.saturating_sub(without.totals.hourly);
    let at_most = saved.saturating_add(open(&without.totals));
    if saved > open(&base.totals).saturating_add(open(&without.totals)) {
        Effect::Costs { hourly: saved, at_most }
    } else if at_most > 0 {
        Effect::Within { hourly: saved.max(0), at_most }
    } else {
        Effect::Nothing
    }
}

/// How much cheaper a plan could be for all that is proven.
fn open(totals: &Totals) -> i64 {
    match totals.status {
        // Where preferences or weights keep a proven plan above the bound, nothing is open.
        Status::Optimal => 0,
        _ => totals.hourly.saturating_sub(totals.lower_bound).max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Unplaced;

    fn plan(hourly: i64, lower_bound: i64, status: Status) -> Plan {
        let totals = Totals { hourly, lower_bound, status, placed: 3, ..Totals::default() };
        Plan { totals, ..Plan::default() }
    }

    #[test]
    fn a_difference_counts_when_it_is_larger_than_what_is_open() {
        let base = plan(100, 98, Status::Within);
        for (hourly, bound, expected) in [
            (90, 89, Effect::Costs { hourly: 10, at_most: 11 }),
            (97, 96, Effect::Within { hourly: 3, at_most: 4 }),
            (101, 95, Effect::Within { hourly: 0, at_most: 5 }),
            (101, 101, Effect::Nothing),
            (100, 100, Effect::Nothing),
        ] {
            let without = plan(hourly, bound, Status::Within);
            assert_eq!(effect(&base, &without), expected, "{hourly} {bound}");
        }
    }

    #[test]
    fn a_proven_plan_leaves_nothing_open_whatever_its_bound() {
        let (base, without) = (plan(100, 50, Status::Optimal), plan(99, 40, Status::Optimal));
        assert_eq!(effect(&base, &without), Effect::Costs { hourly: 1, at_most: 1 });
    }

    #[test]
    fn plans_for_other_pods_are_not_compared_by_price() {
        let base = plan(100, 100, Status::Optimal);
        let mut without = plan(150, 150, Status::Optimal);
        without.totals.placed = 5;
        assert_eq!(effect(&base, &without), Effect::Places { pods: 2 });
        without.totals.placed = 2;
        without.unplaced.push(Unplaced {
            pod: 0,
            reason: solver::solution::Reason::Limit,
            detail: "".into(),
        });
        assert_eq!(effect(&base, &without), Effect::Unknown);
    }
}
