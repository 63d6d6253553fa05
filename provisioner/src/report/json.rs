//! The stable form for programs, `tenon.sh/plan/v1`.
//!
//! Fields are only ever added. Money is in dollars with at most six decimals, exact to the
//! micro-dollar; resources are integers, milli-cores for `cpu`, bytes or pieces for the others.
//! `seconds` is the only field that two runs over the same input may differ in, unless `--time`
//! stopped them.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::Taint;
use serde::Serialize;
use solver::solution::Effort;

use super::{
    Explained, Report,
    money::{monthly_usd, usd},
    names::{pod_name, reason_name, skip_name, status_name},
};
use crate::{
    plan::{Alternative, ExistingNode, Launch, PodIndex, Totals},
    why_cost::{Effect, Priced},
};

/// `version` of a plan.
pub const PLAN_VERSION: &str = "tenon.sh/plan/v1";

/// A plan, ready to be written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    version: &'static str,
    totals: TotalsDocument,
    effort: EffortDocument,
    launches: Vec<LaunchDocument>,
    existing: Vec<ExistingDocument>,
    unplaced: Vec<UnplacedDocument>,
    skipped: Vec<SkippedDocument>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanations: Vec<ExplainedDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_cost: Option<Vec<PricedDocument>>,
    /// Constraints that `whyCost` knows nothing of, because there are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    why_cost_left_out: Option<usize>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalsDocument {
    hourly_usd: f64,
    monthly_usd: f64,
    lower_bound_usd: f64,
    /// (price − bound) / price, of launch prices: preferences have no part in it.
    gap: f64,
    status: &'static str,
    penalty_usd: f64,
    existing_hourly_usd: f64,
    existing_unpriced: usize,
    nodes: usize,
    pods: usize,
    placed: usize,
    unplaced: usize,
    groups: usize,
    offerings: usize,
}

/// What the search took, in counts that are the same on every machine.
#[derive(Debug, Serialize)]
pub(super) struct EffortDocument {
    columns: u64,
    pivots: u64,
    prices: u64,
    dives: u64,
    nodes: u64,
}

impl From<Effort> for EffortDocument {
    fn from(effort: Effort) -> Self {
        let Effort { columns, pivots, prices, dives, nodes } = effort;
        Self { columns, pivots, prices, dives, nodes }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LaunchDocument {
    name: String,
    node_pool: Arc<str>,
    instance_type: Arc<str>,
    zone: Arc<str>,
    capacity_type: &'static str,
    hourly_usd: f64,
    pods: Vec<String>,
    requests: BTreeMap<Arc<str>, i64>,
    daemon_requests: BTreeMap<Arc<str>, i64>,
    allocatable: BTreeMap<Arc<str>, i64>,
    labels: BTreeMap<Arc<str>, Arc<str>>,
    taints: Vec<Taint>,
    os_disk: String,
    alternatives: Vec<AlternativeDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlternativeDocument {
    instance_type: Arc<str>,
    zone: Arc<str>,
    capacity_type: &'static str,
    hourly_usd: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExistingDocument {
    node: Arc<str>,
    in_flight: bool,
    pods: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UnplacedDocument {
    pod: String,
    reason: &'static str,
    detail: Arc<str>,
}

#[derive(Debug, Serialize)]
struct SkippedDocument {
    object: String,
    reason: &'static str,
    detail: String,
}

#[derive(Debug, Serialize)]
struct ExplainedDocument {
    pod: String,
    lines: Vec<String>,
}

/// A constraint, and what a plan without it would save.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PricedDocument {
    constraint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<String>,
    hourly_usd: f64,
    monthly_usd: f64,
    /// The constraint cannot cost more than this; absent where plans for other pods came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most_hourly_usd: Option<f64>,
    /// The difference is smaller than what is open between both plans and their bounds.
    within_gap: bool,
    /// Pods that have a place without the constraint alone; their price is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    more_pods: Option<usize>,
    /// Whether the plan without the constraint is for the same pods, or for more.
    comparable: bool,
}

/// The plan as a document.
pub fn document(report: &Report<'_>) -> Document {
    let plan = report.plan;
    let names = |pods: &[PodIndex]| -> Vec<String> {
        pods.iter().map(|&pod| pod_name(report.snapshot, pod)).collect()
    };
    Document {
        version: PLAN_VERSION,
        totals: totals(&plan.totals, plan.launches.len(), plan.unplaced.len()),
        effort: plan.totals.effort.into(),
        launches: plan.launches.iter().map(|launch| node(launch, names(&launch.pods))).collect(),
        existing: plan.existing.iter().map(|node| existing(node, names(&node.pods))).collect(),
        unplaced: plan
            .unplaced
            .iter()
            .map(|entry| UnplacedDocument {
                pod: pod_name(report.snapshot, entry.pod),
                reason: reason_name(entry.reason),
                detail: entry.detail.clone(),
            })
            .collect(),
        skipped: plan
            .skipped
            .iter()
            .map(|entry| SkippedDocument {
                object: entry.object.clone(),
                reason: skip_name(entry.reason),
                detail: entry.detail.clone(),
            })
            .collect(),
        warnings: plan.warnings.clone(),
        explanations: report.explanations.iter().map(explained).collect(),
        why_cost: report.why_cost.map(|why| why.priced.iter().map(priced).collect()),
        why_cost_left_out: report.why_cost.map(|why| why.left_out),
        seconds: report.seconds,
    }
}

/// The share of the hourly price that a better plan for the same pods might save, at most.
pub(super) fn gap(totals: &Totals) -> f64 {
    if totals.hourly <= 0 {
        return 0.0;
    }
    let bound = totals.lower_bound.clamp(0, totals.hourly);
    (totals.hourly - bound) as f64 / totals.hourly as f64
}

fn totals(totals: &Totals, nodes: usize, unplaced: usize) -> TotalsDocument {
    TotalsDocument {
        hourly_usd: usd(totals.hourly),
        monthly_usd: monthly_usd(totals.hourly),
        lower_bound_usd: usd(totals.lower_bound),
        gap: gap(totals),
        status: status_name(totals.status),
        penalty_usd: usd(totals.penalty),
        existing_hourly_usd: usd(totals.existing_hourly),
        existing_unpriced: totals.existing_unpriced,
        nodes,
        pods: totals.pods,
        placed: totals.placed,
        unplaced,
        groups: totals.groups,
        offerings: totals.offerings,
    }
}

fn node(launch: &Launch, pods: Vec<String>) -> LaunchDocument {
    LaunchDocument {
        name: launch.name.clone(),
        node_pool: launch.node_pool.clone(),
        instance_type: launch.instance_type.clone(),
        zone: launch.zone.clone(),
        capacity_type: launch.capacity_type,
        hourly_usd: usd(launch.price),
        pods,
        requests: launch.requests.0.clone(),
        daemon_requests: launch.daemon_requests.0.clone(),
        allocatable: launch.allocatable.0.clone(),
        labels: launch.labels.clone(),
        taints: launch.taints.clone(),
        os_disk: launch.os_disk.clone(),
        alternatives: launch.alternatives.iter().map(alternative).collect(),
    }
}

fn alternative(alternative: &Alternative) -> AlternativeDocument {
    AlternativeDocument {
        instance_type: alternative.instance_type.clone(),
        zone: alternative.zone.clone(),
        capacity_type: alternative.capacity_type,
        hourly_usd: usd(alternative.price),
    }
}

fn existing(node: &ExistingNode, pods: Vec<String>) -> ExistingDocument {
    ExistingDocument { node: node.node.clone(), in_flight: node.in_flight, pods }
}

fn explained(explained: &Explained) -> ExplainedDocument {
    ExplainedDocument { pod: explained.pod.clone(), lines: explained.lines.clone() }
}

fn priced(priced: &Priced) -> PricedDocument {
    let (hourly, at_most) = match priced.effect {
        Effect::Costs { hourly, at_most } | Effect::Within { hourly, at_most } => {
            (hourly, Some(at_most))
        }
        Effect::Nothing => (0, Some(0)),
        Effect::Places { .. } | Effect::Unknown => (0, None),
    };
    PricedDocument {
        constraint: priced.constraint.words.clone(),
        workload: priced.constraint.workload.clone(),
        hourly_usd: usd(hourly),
        monthly_usd: monthly_usd(hourly),
        at_most_hourly_usd: at_most.map(usd),
        within_gap: matches!(priced.effect, Effect::Within { .. }),
        more_pods: match priced.effect {
            Effect::Places { pods } => Some(pods),
            _ => None,
        },
        comparable: priced.effect != Effect::Unknown,
    }
}

/// Indented JSON, newline at the end.
pub fn to_json<T: Serialize>(document: &T) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_else(|error| {
        // Every document is made of strings, numbers, lists and maps with string keys.
        unreachable!("a document of plain values is always JSON: {error}")
    });
    text.push('\n');
    text
}

/// YAML with the same fields.
pub fn to_yaml<T: Serialize>(document: &T) -> String {
    let mut text = serde_saphyr::to_string(document)
        .unwrap_or_else(|error| unreachable!("a document of plain values is always YAML: {error}"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
