//! The end of a claim: its node is deleted, kept free of new pods, drained and rid of volumes; then
//! the machine is deleted; then the finalizers go, the node's first.
//!
//! Each step reads where things stand and does what is missing, so that it may be cut off anywhere.

mod drain;
mod evict;
mod volumes;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Taint};
use kube::{Api, ResourceExt};
use serde_json::json;

pub use self::evict::Evictions;
use super::{
    events::Reason,
    node::{has_taint, is_held, is_ready, taints},
    upkeep,
    work::{Context, Error, Work, created, found, label, only},
};
use crate::{
    api::{duration, names, v1::NodeClaim},
    cloud::{Cloud, CloudError},
};

/// The condition: no pod is left that had to go.
pub const DRAINED: &str = "Drained";
/// The condition: no volume is attached any more.
pub const VOLUMES_DETACHED: &str = "VolumesDetached";
/// The condition: the cloud was asked to delete the machine.
pub const INSTANCE_TERMINATING: &str = "InstanceTerminating";

/// One step towards the end of a claim that somebody deleted.
pub(super) async fn terminate<C: Cloud>(work: &mut Work<'_, C>) -> Result<(), Error> {
    if !upkeep::is_held(&work.claim) {
        return Ok(());
    }
    let deadline = stamp_deadline(work).await?;
    let nodes = nodes(work);
    for node in &nodes {
        if node.metadata.deletion_timestamp.is_none() {
            delete_node(work, node).await?;
        }
    }
    let held: Vec<Arc<Node>> = nodes.into_iter().filter(|node| is_held(node)).collect();
    for node in &held {
        if is_lost(work, node).await? {
            continue;
        }
        fence(work, node).await?;
        if !drain::drain(work, node, deadline).await?
            || !volumes::detached(work, node, deadline).await?
        {
            return Ok(());
        }
    }
    if !delete_machine(work).await? {
        return Ok(());
    }
    for node in &held {
        release_node(work, node).await?;
    }
    release_claim(work).await
}

/// The nodes of the claim's machine.
fn nodes<C: Cloud>(work: &Work<'_, C>) -> Vec<Arc<Node>> {
    let world = &work.ctx.world;
    let by_id = work.claim.provider_id().map(|id| world.nodes_of(id)).unwrap_or_default();
    if !by_id.is_empty() {
        return by_id;
    }
    let status = work.claim.status.as_ref();
    let name = status.and_then(|status| status.node_name.as_deref());
    name.and_then(|name| world.node(name)).into_iter().collect()
}

/// When draining turns to force, written on the claim when it is first seen to be deleted.
async fn stamp_deadline<C: Cloud>(work: &mut Work<'_, C>) -> Result<Option<Timestamp>, Error> {
    if let Some(stamp) = deadline(&work.claim) {
        return Ok(Some(stamp));
    }
    let grace = work.claim.spec.termination_grace_period.as_deref().and_then(duration::parse);
    let deleted = work.claim.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let (Some(grace), Some(deleted)) = (grace, deleted) else { return Ok(None) };
    let stamp = deleted.checked_add(grace).unwrap_or(Timestamp::MAX);
    let text = jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%SZ", stamp);
    if let Ok(text) = text {
        work.patch(json!({ "annotations": { names::TERMINATION_TIMESTAMP: text } })).await?;
    }
    Ok(Some(stamp))
}

/// When draining turns to force, as the annotation says.
pub fn deadline(claim: &NodeClaim) -> Option<Timestamp> {
    claim.annotations().get(names::TERMINATION_TIMESTAMP)?.parse().ok()
}

async fn delete_node<C: Cloud>(work: &Work<'_, C>, node: &Node) -> Result<(), Error> {
    let api = Api::<Node>::all(work.ctx.client.clone());
    found(api.delete(&node.name_any(), &only(node)).await)?;
    Ok(())
}

/// Whether nobody is left to drain: the node does not answer and the cloud has no such machine.
async fn is_lost<C: Cloud>(work: &Work<'_, C>, node: &Node) -> Result<bool, Error> {
    let Some(id) = work.claim.provider_id().filter(|_| !is_ready(node)) else { return Ok(false) };
    match work.ctx.call(work.ctx.cloud.get(id)).await {
        Ok(_) => Ok(false),
        Err(CloudError::NotFound(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Keeps new pods and load balancers away.
async fn fence<C: Cloud>(work: &Work<'_, C>, node: &Node) -> Result<(), Error> {
    match fencing(node) {
        Some(patch) => work.patch_node(node, patch).await.map(|_| ()),
        None => Ok(()),
    }
}

/// The patch that keeps new pods and load balancers away; `None` when it has been done.
fn fencing(node: &Node) -> Option<serde_json::Value> {
    let mut patch = json!({});
    if label(node, names::EXCLUDE_FROM_LOAD_BALANCERS).is_empty() {
        let labels = json!({ names::EXCLUDE_FROM_LOAD_BALANCERS: "karpenter" });
        patch["metadata"] = json!({ "labels": labels });
    }
    if !has_taint(taints(node), names::DISRUPTED, "NoSchedule") {
        let mut taints = taints(node).to_vec();
        taints.push(disrupted_taint());
        patch["spec"] = json!({ "taints": taints });
    }
    patch.as_object().is_some_and(|parts| !parts.is_empty()).then_some(patch)
}

/// `karpenter.sh/disrupted:NoSchedule`.
pub fn disrupted_taint() -> Taint {
    Taint { key: names::DISRUPTED.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() }
}

/// Asks the cloud for the machine's end. True when there is no machine any more.
async fn delete_machine<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    let Some(id) = machine(work).await? else { return Ok(true) };
    match work.ctx.call(work.ctx.cloud.delete(&id)).await {
        Err(CloudError::NotFound(_)) => {
            if let Some(asked) = work.since(INSTANCE_TERMINATING) {
                let took = work.now().duration_since(asked).as_secs_f64().max(0.0);
                let metric = &work.ctx.metrics.instance_termination;
                metric.with_label_values(&[work.pool()]).observe(took);
            }
            Ok(true)
        }
        Ok(()) => {
            work.set_true(INSTANCE_TERMINATING);
            work.save().await?;
            poll(work);
            Ok(false)
        }
        Err(error) => {
            work.tell(Reason::FailedTermination, &error.to_string()).await;
            Err(error.into())
        }
    }
}

/// Asks again soon at first, then at the pace of [`super::Settings::terminate_poll`].
fn poll<C: Cloud>(work: &mut Work<'_, C>) {
    let asked = work.since(INSTANCE_TERMINATING).unwrap_or_else(|| work.now());
    let passed = work.now().duration_since(asked);
    let least = SignedDuration::from_millis(100);
    work.again_in(passed.max(least).min(work.ctx.settings.terminate_poll));
}

/// The claim's machine. One that was made just before a crash is known to the cloud only.
async fn machine<C: Cloud>(work: &Work<'_, C>) -> Result<Option<String>, Error> {
    if let Some(id) = work.claim.provider_id() {
        return Ok(Some(id.to_owned()));
    }
    let name = work.name();
    let all = work.ctx.call(work.ctx.cloud.list()).await?;
    let own = all.into_iter().find(|machine| machine.claim.as_deref() == Some(&name));
    Ok(own.map(|machine| machine.provider_id))
}

async fn release_node<C: Cloud>(work: &Work<'_, C>, node: &Node) -> Result<(), Error> {
    drop_finalizer(work.ctx, node).await?;
    let metrics = &work.ctx.metrics;
    let pool = work.pool();
    let zone = label(node, catalog::well_known::ZONE);
    metrics.nodes_terminated.with_label_values(&[pool, zone]).inc();
    let since = |start: Option<Timestamp>| {
        start.map(|start| work.now().duration_since(start).as_secs_f64().max(0.0))
    };
    if let Some(took) = since(node.metadata.deletion_timestamp.as_ref().map(|time| time.0)) {
        metrics.node_termination.with_label_values(&[pool]).observe(took);
    }
    if let Some(lived) = since(created(&node.metadata)) {
        metrics.node_lifetime.with_label_values(&[pool]).observe(lived);
    }
    Ok(())
}

/// Takes the finalizer off a node that is being deleted. Reads it anew: the node may have been
/// fenced since.
pub(super) async fn drop_finalizer<C>(ctx: &Context<C>, node: &Node) -> Result<(), Error> {
    let api = Api::<Node>::all(ctx.client.clone());
    let Some(node) = api.get_opt(&node.name_any()).await?.filter(|now| now.uid() == node.uid())
    else {
        return Ok(());
    };
    let left: Vec<&String> =
        node.finalizers().iter().filter(|one| *one != names::TERMINATION).collect();
    let metadata = json!({ "finalizers": left, "resourceVersion": node.resource_version() });
    let patch = kube::api::Patch::Merge(json!({ "metadata": metadata }));
    found(api.patch(&node.name_any(), &super::work::params(), &patch).await)?;
    Ok(())
}

async fn release_claim<C: Cloud>(work: &mut Work<'_, C>) -> Result<(), Error> {
    work.save().await?;
    let finalizers: Vec<String> = work.claim.finalizers().to_vec();
    let left: Vec<String> =
        finalizers.into_iter().filter(|one| one != names::TERMINATION).collect();
    work.patch(json!({ "finalizers": left })).await?;
    let metrics = &work.ctx.metrics;
    let zone = label(&work.claim, catalog::well_known::ZONE);
    let capacity_type = label(&work.claim, names::CAPACITY_TYPE);
    metrics.claims_terminated.with_label_values(&[work.pool(), capacity_type, zone]).inc();
    if let Some(deleted) = &work.claim.metadata.deletion_timestamp {
        let took = work.now().duration_since(deleted.0).as_secs_f64().max(0.0);
        metrics.claim_termination.with_label_values(&[work.pool()]).observe(took);
    }
    tracing::info!(claim = work.name(), "terminated");
    Ok(())
}
