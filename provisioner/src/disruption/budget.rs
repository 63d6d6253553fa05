//! How many nodes of a pool may be disrupted at once (karpenter.md, section 3.6).

use croner::parser::{CronParser, Seconds, Year};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{
    duration,
    v1::{Budget, NodePool},
};

/// Where a pool says nothing.
const DEFAULT_PERCENT: i64 = 10;

/// What a budget is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No pods to move.
    Empty,
    /// Cheaper otherwise.
    Underutilized,
    /// Not as its pool asks any more.
    Drifted,
}

impl Reason {
    /// As budgets write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Underutilized => "Underutilized",
            Self::Drifted => "Drifted",
        }
    }
}

/// How many more nodes of a pool of `nodes` may be disrupted for a reason, `disrupting` of them
/// being unready or on their way out already: the least that any budget in force leaves. A budget
/// that cannot be read leaves nothing.
pub fn allowed(
    pool: &NodePool,
    reason: Reason,
    nodes: i64,
    disrupting: i64,
    now: Timestamp,
) -> i64 {
    let budgets = &pool.spec.disruption.budgets;
    if budgets.is_empty() {
        return percent(nodes, DEFAULT_PERCENT).saturating_sub(disrupting).max(0);
    }
    let concerned = budgets.iter().filter(|budget| {
        budget.reasons.is_empty() || budget.reasons.iter().any(|one| one == reason.as_str())
    });
    let limits = concerned.filter_map(|budget| match is_active(budget, now) {
        Some(true) => Some(limit(&budget.nodes, nodes).unwrap_or(0)),
        Some(false) => None,
        None => Some(0),
    });
    limits.min().unwrap_or(i64::MAX).saturating_sub(disrupting).max(0)
}

/// Nodes that a budget allows of `nodes`; percentages round up.
fn limit(text: &IntOrString, nodes: i64) -> Option<i64> {
    match text {
        IntOrString::Int(number) => Some(i64::from(*number).max(0)),
        IntOrString::String(text) => match text.strip_suffix('%') {
            Some(share) => share
                .parse()
                .ok()
                .filter(|share| (0..=100).contains(share))
                .map(|share| percent(nodes, share)),
            None => text.parse().ok().filter(|number| *number >= 0),
        },
    }
}

fn percent(nodes: i64, share: i64) -> i64 {
    (nodes.saturating_mul(share) + 99) / 100
}

/// Whether a budget is in force: without a schedule always, else for its duration from every hit
/// of the schedule on. `None` when it cannot be read.
fn is_active(budget: &Budget, now: Timestamp) -> Option<bool> {
    let (schedule, length) = match (&budget.schedule, &budget.duration) {
        (None, None) => return Some(true),
        (Some(schedule), Some(length)) => (schedule, duration::parse(length)?),
        _ => return None,
    };
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = parser.parse(schedule.trim()).ok()?;
    let start = now.checked_sub(length).ok()?;
    // A hit at the very start is over by now.
    let start = start.checked_add(SignedDuration::from_nanos(1)).ok()?;
    match cron.find_next_occurrence(&start.to_zoned(TimeZone::UTC), true) {
        Ok(hit) => Some(hit.timestamp() <= now),
        // A schedule that never hits is never in force.
        Err(_) => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(nodes: &str, schedule: Option<(&str, &str)>, reasons: &[&str]) -> Budget {
        Budget {
            nodes: nodes
                .parse()
                .map_or_else(|_| IntOrString::String(nodes.to_owned()), IntOrString::Int),
            schedule: schedule.map(|(schedule, _)| schedule.to_owned()),
            duration: schedule.map(|(_, length)| length.to_owned()),
            reasons: reasons.iter().map(|&one| one.to_owned()).collect(),
        }
    }

    fn pool(budgets: Vec<Budget>) -> NodePool {
        let mut pool = NodePool::default();
        pool.spec.disruption.budgets = budgets;
        pool
    }

    fn allowed_now(budgets: Vec<Budget>, nodes: i64, disrupting: i64) -> i64 {
        // A Friday, 10:30 UTC.
        let now: Timestamp = "2026-08-21T10:30:00Z".parse().expect("time");
        allowed(&pool(budgets), Reason::Empty, nodes, disrupting, now)
    }

    #[test]
    fn numbers_and_percentages() {
        for (text, nodes, disrupting, want) in [
            ("3", 10, 0, 3),
            ("3", 10, 2, 1),
            ("3", 10, 5, 0),
            ("0", 10, 0, 0),
            ("10%", 1, 0, 1),
            ("10%", 11, 0, 2),
            ("100%", 11, 1, 10),
            ("0%", 11, 0, 0),
            ("ten", 11, 0, 0),
            ("200%", 11, 0, 0),
            ("-1", 11, 0, 0),
        ] {
            let left = allowed_now(vec![budget(text, None, &[])], nodes, disrupting);
            assert_eq!(left, want, "{text} of {nodes}, {disrupting} disrupting");
        }
        assert_eq!(allowed_now(vec![], 11, 0), 2, "10 % when nothing is said");
    }

    #[test]
    fn schedules_reasons_and_the_least_of_several() {
        let all = || budget("5", None, &[]);
        for (extra, want) in [
            (budget("1", Some(("0 9 * * *", "2h")), &[]), 1),
            (budget("1", Some(("0 9 * * *", "1h")), &[]), 5),
            (budget("1", Some(("30 10 * * *", "1h")), &[]), 1),
            (budget("1", Some(("30 9 * * *", "1h")), &[]), 5),
            (budget("1", Some(("@daily", "11h")), &[]), 1),
            (budget("1", Some(("0 9 * * mon-fri", "8h")), &[]), 1),
            (budget("1", Some(("0 9 * * sat", "8h")), &[]), 5),
            (budget("1", Some(("no schedule", "8h")), &[]), 0),
            (budget("1", Some(("0 9 * * *", "long")), &[]), 0),
            (budget("1", None, &["Drifted"]), 5),
            (budget("1", None, &["Drifted", "Empty"]), 1),
        ] {
            assert_eq!(allowed_now(vec![all(), extra.clone()], 50, 0), want, "{extra:?}");
        }
        let other = budget("0", None, &["Underutilized"]);
        assert_eq!(allowed_now(vec![other], 50, 0), i64::MAX, "no budget speaks of empty nodes");
    }
}
