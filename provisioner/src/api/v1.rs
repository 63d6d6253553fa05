//! The objects as they travel between API server and tenon: every field optional that may be
//! absent, unknown requirement operators kept, nothing validated.

mod node_claim;
mod node_pool;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde::{Deserialize, Serialize};

pub use self::{
    node_claim::{
        NodeClaim, NodeClaimSpec, NodeClaimStatus, OfferingRef, PodRef, Resources, read_offerings,
        read_pods, write_offerings, write_pods,
    },
    node_pool::{
        Budget, Disruption, NodeClaimTemplate, NodeClaimTemplateSpec, NodePool, NodePoolSpec,
        NodePoolStatus, ObjectMeta as TemplateMeta,
    },
};

/// What a label of a node must be (`spec.requirements[]`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`, `Gte` or `Lte`.
    pub operator: String,
    /// What it is compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// How many distinct values must stay possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_values: Option<u32>,
}

/// `nodeClassRef`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeClassReference {
    /// API group, without a version.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Sets a condition; the time of transition changes only when the status does. True when anything
/// changed.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) -> bool {
    let fresh = Condition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: now.clone(),
    };
    let Some(old) = conditions.iter_mut().find(|condition| condition.type_ == kind) else {
        conditions.push(fresh);
        return true;
    };
    let last =
        if old.status == fresh.status { old.last_transition_time.clone() } else { now.clone() };
    let fresh = Condition { last_transition_time: last, ..fresh };
    let changed = *old != fresh;
    *old = fresh;
    changed
}

/// Whether a condition is True.
pub fn is_true(conditions: &[Condition], kind: &str) -> bool {
    conditions.iter().any(|condition| condition.type_ == kind && condition.status == "True")
}
