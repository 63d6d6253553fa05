//! From a node of the cluster to one that pods can rely on.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::api::resource::Quantity};
use kube::ResourceExt;
use serde_json::json;

use super::{
    node::{has_taint, is_ready, taints},
    work::{Error, Work, label},
};
use crate::{
    api::{names, v1::NodeClaim},
    cloud::Cloud,
};

/// The condition.
pub const INITIALIZED: &str = "Initialized";

/// What a node still lacks: reason and message of the condition.
pub type Lack = (&'static str, String);

/// Taints of nodes that are still starting (karpenter.md, section 1.2).
const EPHEMERAL_TAINTS: [(&str, &str); 5] = [
    ("node.kubernetes.io/not-ready", "NoSchedule"),
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoSchedule"),
    ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule"),
    (names::UNREGISTERED, "NoExecute"),
];
/// Taints with this prefix belong to readiness rules and go by themselves.
const READINESS_PREFIX: &str = "readiness.k8s.io/";

/// Whether the node is complete; notes in the condition what it lacks.
pub(super) async fn initialize<C: Cloud>(
    work: &mut Work<'_, C>,
    node: Option<Arc<Node>>,
) -> Result<bool, Error> {
    if work.is_true(INITIALIZED) {
        return Ok(true);
    }
    let Some(node) = node else {
        work.set(INITIALIZED, "Unknown", "NodeNotFound", "Node not registered with cluster");
        return Ok(false);
    };
    if let Some((reason, message)) = lack(&node, &work.claim) {
        work.set(INITIALIZED, "Unknown", reason, &message);
        return Ok(false);
    }
    if label(&*node, names::INITIALIZED) != "true" {
        let labels = json!({ "metadata": { "labels": { names::INITIALIZED: "true" } } });
        work.patch_node(&node, labels).await?;
    }
    work.set_true(INITIALIZED);
    let startup = work.now().duration_since(work.created()).as_secs_f64();
    work.ctx.metrics.claim_startup.with_label_values(&[work.pool()]).observe(startup.max(0.0));
    tracing::info!(claim = work.name(), node = node.name_any(), "initialized");
    Ok(true)
}

/// The first thing that a node lacks to be initialised.
pub fn lack(node: &Node, claim: &NodeClaim) -> Option<Lack> {
    if !is_ready(node) {
        return Some(("NodeNotReady", "Node status is NotReady".to_owned()));
    }
    let startup = claim.spec.startup_taints.iter();
    if let Some(taint) =
        startup.clone().find(|taint| has_taint(taints(node), &taint.key, &taint.effect))
    {
        let shown = format!("StartupTaint \"{}:{}\" still exists", taint.key, taint.effect);
        return Some(("StartupTaintsExist", shown));
    }
    let ephemeral = taints(node).iter().find(|taint| {
        EPHEMERAL_TAINTS.contains(&(taint.key.as_str(), taint.effect.as_str()))
            || taint.key.starts_with(READINESS_PREFIX)
    });
    if let Some(taint) = ephemeral {
        let shown = format!("KnownEphemeralTaint \"{}:{}\" still exists", taint.key, taint.effect);
        return Some(("KnownEphemeralTaintsExist", shown));
    }
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
    let missing = claim.spec.resources.requests.iter().find(|(name, requested)| {
        // Amounts of what every node has are known from the start; devices register later.
        is_extended(name)
            && !is_zero(requested)
            && allocatable.and_then(|all| all.get(*name)).is_none_or(is_zero)
    });
    missing.map(|(name, _)| {
        ("ResourceNotRegistered", format!("Resource \"{name}\" was requested but not registered"))
    })
}

fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.starts_with("kubernetes.io/")
}

fn is_zero(quantity: &Quantity) -> bool {
    catalog::quantity::parse(&quantity.0).is_ok_and(|amount| amount.nanos() == 0)
}
