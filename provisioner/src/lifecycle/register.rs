//! From a machine to a node of the cluster: labels, taints and owner are put on it, the pods
//! planned for it are nominated, and only then the taint goes that kept all others away.

mod turn;

use std::time::Instant;

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use self::turn::Opening;
pub use self::turn::Openings;
use super::{
    events::Reason,
    node::{has_taint, is_held, merge_taints, taints},
    nominations,
    work::{Error, Work, duration, label},
};
use crate::{
    api::{names, v1::NodeClaim},
    cloud::Cloud,
    nominate::nominate,
};

/// The condition.
pub const REGISTERED: &str = "Registered";
/// Other writers of the same node are met so often before it is looked at anew.
const MOST_CONFLICTS: usize = 3;
/// The scheduler's tries, which cost pods their nominations, come in bursts with news of a node; one
/// of so many looks finds them all nominated. Where news never end, a node must not wait any longer.
const MOST_LOOKS: usize = 5;

/// Whether the claim's node is part of the cluster.
pub(super) async fn register<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    if work.is_true(REGISTERED) {
        nominations::keep(work).await;
        return Ok(true);
    }
    let nodes = work.claim.provider_id().map(|id| work.ctx.world.nodes_of(id)).unwrap_or_default();
    match nodes.as_slice() {
        [] => {
            work.set(REGISTERED, "Unknown", "NodeNotFound", "Node not registered with cluster");
            overdue(work).await
        }
        [node] => join(work, node).await,
        several => {
            let found: Vec<String> = several.iter().map(|node| node.name_any()).collect();
            let note =
                format!("nodes {} share one provider id; delete all but one", found.join(", "));
            work.set(REGISTERED, "False", "MultipleNodesFound", &note);
            overdue(work).await
        }
    }
}

/// Gives the claim up when its node has had its time.
async fn overdue<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    let launched = work.since(super::launch::LAUNCHED).unwrap_or_else(|| work.created());
    let end = launched.saturating_add(work.ctx.settings.registration_timeout);
    if end.is_ok_and(|end| work.is_over(end)) {
        work.ctx.health.failed(work.pool());
        work.end("liveness").await?;
    }
    Ok(false)
}

/// Makes the claim's node part of the cluster; false when it is gone meanwhile.
async fn join<C: Cloud>(work: &mut Work<'_, C>, node: &Node) -> Result<bool, Error> {
    let name = node.name_any();
    let joined = label(node, names::REGISTERED) == "true";
    let ctx = work.ctx;
    let opening = ctx.openings.enter(work.claim.turn(), &work.name());
    if !joined {
        if !has_taint(taints(node), names::UNREGISTERED, "NoExecute") {
            let note = "the node came up without the taint karpenter.sh/unregistered: pods may \
                        have been bound to it before its labels and taints were complete";
            work.tell(Reason::UnregisteredTaintMissing, note).await;
        }
        expect_pods(work, &opening, &name).await;
    }
    if !open(work, node).await? {
        return Ok(false);
    }
    drop(opening);
    work.status().node_name = Some(name);
    work.set_true(REGISTERED);
    work.save().await?;
    work.ctx.metrics.nodes_created.with_label_values(&[work.pool()]).inc();
    work.ctx.health.registered(work.pool());
    Ok(true)
}

/// Nominates the pods that were planned for the node, and waits for the node's turn: until the
/// scheduler can know of them, and those before it are open. Nominations that got lost meanwhile are
/// renewed first.
async fn expect_pods<C: Cloud>(work: &Work<'_, C>, opening: &Opening<'_>, node: &str) {
    let pods = work.claim.planned_pods();
    let mut start = Instant::now();
    let nominated = nominate(&work.ctx.client, node, &pods).await;
    tracing::info!(claim = work.name(), node, %nominated, "registering");
    if pods.is_empty() {
        return;
    }
    for _ in 0..MOST_LOOKS {
        opening.turn(duration(work.ctx.settings.nomination_settle), start.elapsed()).await;
        start = Instant::now();
        if !nominations::renewed(work, node).await {
            return;
        }
    }
}

/// Takes the taint off that kept pods away, and writes all that the claim says of its node. False
/// when the node is gone.
async fn open<C: Cloud>(work: &Work<'_, C>, seen: &Node) -> Result<bool, Error> {
    let api = Api::<Node>::all(work.ctx.client.clone());
    let mut tries = 0;
    loop {
        // Kubelets write to new nodes all the time, so what was seen is old by now.
        let Some(node) = api.get_opt(&seen.name_any()).await? else { return Ok(false) };
        if node.uid() != seen.uid() {
            return Ok(false);
        }
        let Some(patch) = registration(&node, &work.claim) else { return Ok(true) };
        match work.patch_node(&node, patch).await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_conflict() && tries < MOST_CONFLICTS => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// What turns a machine's bare node into the claim's: one patch, so that no pod sees it half done.
/// `None` when nothing is missing.
pub fn registration(node: &Node, claim: &NodeClaim) -> Option<Value> {
    let mut metadata = json!({});
    let mut labels = claim.labels().clone();
    labels.insert(names::REGISTERED.to_owned(), "true".to_owned());
    labels.retain(|key, value| node.labels().get(key) != Some(value));
    let mut annotations = claim.annotations().clone();
    // The plan is the claim's business; on the node it would only take memory in every watch.
    annotations.retain(|key, value| {
        !key.starts_with("tenon.sh/") && node.annotations().get(key) != Some(value)
    });
    if !labels.is_empty() {
        metadata["labels"] = json!(labels);
    }
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    if !is_held(node) {
        let mut finalizers = node.finalizers().to_vec();
        finalizers.push(names::TERMINATION.to_owned());
        metadata["finalizers"] = json!(finalizers);
    }
    if let Some(owners) = owners(node, claim) {
        metadata["ownerReferences"] = owners;
    }
    let mut patch = json!({});
    if metadata.as_object().is_some_and(|fields| !fields.is_empty()) {
        patch["metadata"] = metadata;
    }
    let wanted = registered_taints(node, claim);
    if wanted != taints(node) {
        patch["spec"] = json!({ "taints": wanted });
    }
    patch.as_object().is_some_and(|parts| !parts.is_empty()).then_some(patch)
}

/// The node's taints with the claim's and without the one for unregistered nodes.
fn registered_taints(node: &Node, claim: &NodeClaim) -> Vec<Taint> {
    let mut wanted = taints(node).to_vec();
    if label(node, names::DO_NOT_SYNC_TAINTS) != "true"
        && label(claim, names::DO_NOT_SYNC_TAINTS) != "true"
    {
        merge_taints(&mut wanted, &claim.spec.taints);
        // Start-up taints that were taken off before must not come back.
        if label(node, names::REGISTERED) != "true" {
            merge_taints(&mut wanted, &claim.spec.startup_taints);
        }
    }
    wanted.retain(|taint| taint.key != names::UNREGISTERED);
    wanted
}

/// The node's owners with the claim among them; `None` when it is there.
fn owners(node: &Node, claim: &NodeClaim) -> Option<Value> {
    use kube::Resource;
    let mut owner = claim.owner_ref(&())?;
    if node.owner_references().iter().any(|known| known.uid == owner.uid) {
        return None;
    }
    owner.block_owner_deletion = Some(true);
    let mut owners = node.owner_references().to_vec();
    owners.push(owner);
    Some(json!(owners))
}
