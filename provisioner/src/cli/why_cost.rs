//! Answers `--why-cost`.

use super::{exit::Failure, plan::Work};
use crate::{
    pipeline::Outcome,
    snapshot::Snapshot,
    why_cost::{self, Priced, WhyCost},
};

/// Constraints that are tried at most; each takes as long as a plan.
const MOST: usize = 40;

/// Plans again without each constraint.
pub(super) fn answer(
    snapshot: &Snapshot,
    outcome: &Outcome,
    work: &Work<'_>,
) -> Result<WhyCost, Failure> {
    let found = why_cost::find(snapshot, work.catalog, work.settings, outcome, MOST);
    let number = found.constraints.len();
    let message = format!("planning again without each of {number} constraints");
    let progress = work.console.progress(number > 0, message);
    let mut priced = Vec::with_capacity(number);
    for constraint in found.constraints {
        let without = work.solve_silently(&constraint.without(snapshot))?;
        let effect = why_cost::effect(&outcome.plan, &without.plan);
        priced.push(Priced { constraint, effect });
    }
    drop(progress);
    Ok(WhyCost::new(priced, found.left_out))
}
