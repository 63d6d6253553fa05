//! How strictly wishes are taken: Karpenter's `--preference-policy` and `--min-values-policy`.

use serde::{Deserialize, Serialize};
use solver::{Problem, Solution, problem::Flexibility, solution::Reason};

/// Both policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policies {
    /// What pods prefer.
    pub preferences: PreferencePolicy,
    /// What pools say about `minValues`.
    pub min_values: MinValuesPolicy,
}

/// What becomes of what pods prefer: preferred affinities, soft spreads, taints that only prefer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PreferencePolicy {
    /// It weighs in the plan's cost.
    #[default]
    Respect,
    /// It is not looked at.
    Ignore,
}

/// What becomes of a pool's `minValues` that a pod cannot have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MinValuesPolicy {
    /// The pod gets no place.
    #[default]
    Strict,
    /// It is lowered as far as the pod needs, and claims say so.
    BestEffort,
}

/// The rules about alternatives, lowered to what those groups can have that had no place because
/// of them; `None` when there are no such groups or nothing to lower.
pub(super) fn lowered(problem: &Problem, solution: &Solution) -> Option<Vec<Flexibility>> {
    let unplaced = solution.unplaced.iter().filter(|one| one.reason == Reason::Flexibility);
    let groups: Vec<u32> = unplaced.map(|one| one.group).collect();
    let lower = |rule: &Flexibility| {
        let attainable = groups.iter().map(|&group| alternatives(problem, rule, group));
        // A group that nothing in the rule's pool can host is not held up by the rule.
        let least = attainable.filter(|&count| count > 0).min();
        Flexibility { min: least.map_or(rule.min, |least| rule.min.min(least)), ..rule.clone() }
    };
    let rules: Vec<Flexibility> = problem.flexibilities.iter().map(lower).collect();
    (rules != problem.flexibilities).then_some(rules)
}

/// Distinct values among a rule's offerings that can host one pod of a group.
fn alternatives(problem: &Problem, rule: &Flexibility, group: u32) -> u32 {
    let asked = &problem.groups[group as usize].request;
    let accepted = &problem.class_of(group).offerings;
    let hosts = |offering: usize| {
        let capacity = &problem.offerings[offering].capacity;
        accepted.contains(offering) && asked.iter().zip(capacity).all(|(ask, room)| ask <= room)
    };
    let mut values: Vec<u32> = rule
        .values
        .iter()
        .filter(|(offering, _)| hosts(*offering as usize))
        .map(|&(_, value)| value)
        .collect();
    values.sort_unstable();
    values.dedup();
    values.len() as u32
}
