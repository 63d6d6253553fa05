//! One look at one claim: what is missing for it to be a node, or to be gone.

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, runtime::controller::Action};

use super::{
    initialize::{INITIALIZED, initialize},
    launch::{LAUNCHED, launch},
    register::{REGISTERED, register},
    terminate::terminate,
    upkeep,
    work::{Context, Error, Work, duration},
};
use crate::{api::v1::NodeClaim, cloud::Cloud};

/// The condition that sums up Launched, Registered and Initialized.
pub const READY: &str = "Ready";

/// Brings a claim forward as far as it goes now.
pub(super) async fn reconcile<C: Cloud>(
    claim: Arc<NodeClaim>,
    ctx: Arc<Context<C>>,
) -> Result<Action, Error> {
    let mut work = Work::new(&ctx, &claim);
    let done = if claim.is_deleting() { terminate(&mut work).await } else { live(&mut work).await };
    let saved = if claim.is_deleting() { Ok(()) } else { work.save().await };
    // A claim that could not be brought forward still shows why.
    done.and(saved)?;
    ctx.succeeded(&claim.name_any());
    Ok(work.next().map_or_else(Action::await_change, |next| Action::requeue(duration(next))))
}

/// What to do about a claim that failed: look again after a while, each time longer.
pub(super) fn retry<C: Cloud>(
    claim: Arc<NodeClaim>,
    error: &Error,
    ctx: Arc<Context<C>>,
) -> Action {
    let name = claim.name_any();
    if error.is_conflict() {
        // The news is on its way here.
        return Action::requeue(Duration::from_millis(50));
    }
    let wait = ctx.failed(&name);
    tracing::warn!(claim = name, %error, retry_in = ?wait, "claim not brought forward");
    Action::requeue(wait)
}

async fn live<C: Cloud>(work: &mut Work<'_, C>) -> Result<(), Error> {
    upkeep::hold(work).await?;
    let outcome = forward(work).await;
    sum_up(work);
    outcome
}

/// The stages in order; each waits for the one before.
async fn forward<C: Cloud>(work: &mut Work<'_, C>) -> Result<(), Error> {
    for stage in [LAUNCHED, REGISTERED, INITIALIZED] {
        if work.since(stage).is_none() {
            work.set(
                stage,
                "Unknown",
                "AwaitingReconciliation",
                "object is awaiting reconciliation",
            );
        }
    }
    if upkeep::expire(work).await? || !launch(work).await? || !register(work).await? {
        return Ok(());
    }
    let node = node(work);
    if let Some(node) = &node
        && node.metadata.deletion_timestamp.is_some()
    {
        // Somebody deleted the node by hand: the claim goes with it, and drains it.
        return work.end("node_deleted").await;
    }
    if !initialize(work, node.clone()).await? {
        return Ok(());
    }
    if let Some(node) = node {
        upkeep::compare(work, &node).await;
        upkeep::note_pod_event(work, &node.name_any());
    }
    upkeep::judge_quiet(work);
    Ok(())
}

/// The claim's node.
fn node<C: Cloud>(work: &Work<'_, C>) -> Option<Arc<k8s_openapi::api::core::v1::Node>> {
    let nodes = work.ctx.world.nodes_of(work.claim.provider_id()?);
    let name = work.claim.status.as_ref().and_then(|status| status.node_name.as_deref());
    nodes.into_iter().find(|node| name.is_none_or(|name| node.name_any() == name))
}

/// Sets Ready from what it sums up.
fn sum_up<C: Cloud>(work: &mut Work<'_, C>) {
    let parts = [LAUNCHED, REGISTERED, INITIALIZED];
    let status = |kind: &str| {
        let found = work.claim.conditions().iter().find(|condition| condition.type_ == kind);
        found.map_or("Unknown", |condition| condition.status.as_str())
    };
    let missing: Vec<String> = parts
        .iter()
        .filter(|kind| status(kind) != "True")
        .map(|kind| format!("{kind}={}", status(kind)))
        .collect();
    let failed = parts.iter().any(|kind| status(kind) == "False");
    let message = missing.join(", ");
    match (missing.is_empty(), failed) {
        (true, _) => work.set_true(READY),
        (false, true) => work.set(READY, "False", "UnhealthyDependents", &message),
        (false, false) => work.set(READY, "Unknown", "ReconcilingDependents", &message),
    }
}
