//! The objects that controllers look at, and small questions about them.

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet},
        core::v1::{Node, Pod},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference},
        util::intstr::IntOrString,
    },
    jiff::Timestamp,
};

use crate::scheduler::selector::Selector;

/// All objects by `namespace/name`.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// Pods.
    pub pods: BTreeMap<String, Pod>,
    /// Nodes by name.
    pub nodes: BTreeMap<String, Node>,
    /// Deployments.
    pub deployments: BTreeMap<String, Deployment>,
    /// ReplicaSets.
    pub replica_sets: BTreeMap<String, ReplicaSet>,
    /// DaemonSets.
    pub daemon_sets: BTreeMap<String, DaemonSet>,
    /// Disruption budgets.
    pub budgets: BTreeMap<String, PodDisruptionBudget>,
}

impl World {
    /// Pods by the uid of their controller, those that have ended left out.
    pub(super) fn pods_by_owner(&self) -> HashMap<&str, Vec<&Pod>> {
        let mut pods: HashMap<&str, Vec<&Pod>> = HashMap::new();
        for pod in self.pods.values().filter(|pod| !has_ended(pod)) {
            if let Some(owner) = owner(&pod.metadata) {
                pods.entry(&owner.uid).or_default().push(pod);
            }
        }
        pods
    }
}

/// The controller of an object.
pub(super) fn owner(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// A reference to the controller of what it makes.
pub(super) fn owned_by(kind: &str, meta: &ObjectMeta) -> Vec<OwnerReference> {
    vec![OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: kind.to_owned(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }]
}

pub(super) fn is_deleting(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some()
}

pub(super) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

pub(super) fn node_name(pod: &Pod) -> Option<&str> {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    name.filter(|name| !name.is_empty())
}

/// Whether a selector means an object. None means nothing here, an empty one everything.
pub(super) fn selects(selector: Option<&LabelSelector>, meta: &ObjectMeta) -> bool {
    let labels = meta.labels.clone().unwrap_or_default();
    Selector::new(selector).is_some_and(|selector| selector.matches(&labels))
}

/// A number, or a share of `of`, rounded up or down. What is no number is 0.
pub(super) fn scaled(value: &IntOrString, of: i32, up: bool) -> i32 {
    match value {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent = text.strip_suffix('%').and_then(|text| text.parse::<i64>().ok());
            let hundredths = percent.unwrap_or(0).saturating_mul(i64::from(of));
            let rest = i64::from(up && hundredths.rem_euclid(100) > 0);
            i32::try_from(hundredths.div_euclid(100) + rest).unwrap_or(i32::MAX)
        }
    }
}
