//! Garbage on both sides: claims whose machine is gone, machines whose claim is gone, nodes that
//! wait for a claim that is gone.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    launch::LAUNCHED,
    node::{is_held, is_ready},
    register::REGISTERED,
    work::{Context, Error, since},
    world::provider_id,
};
use crate::{
    api::v1::{NodeClaim, is_true},
    cloud::{Cloud, CloudError, Instance},
};

/// Since when machines have been without a claim, by provider id.
#[derive(Debug, Default)]
pub struct Orphans(FxHashMap<String, Timestamp>);

/// One comparison of claims, nodes and machines.
pub(super) async fn collect<C: Cloud>(
    ctx: &Context<C>,
    orphans: &mut Orphans,
) -> Result<(), Error> {
    // Claims are read after machines: a machine that is listed had its claim before.
    let machines = ctx.call(ctx.cloud.list()).await?;
    let claims = ctx.world.claims();
    let now = ctx.clock.now();
    let listed = machines.iter().map(|machine| machine.provider_id.as_str()).collect();
    for claim in &claims {
        if is_lost(ctx, claim, &listed, now) && is_missing(ctx, claim).await? {
            tracing::warn!(claim = claim.name_any(), "the machine is gone");
            ctx.end_claim(claim, "garbage_collected").await?;
        }
    }
    for machine in orphans.ripe(&machines, &claims, now, ctx.settings.orphan_grace) {
        tracing::warn!(machine = machine.provider_id, "deleting a machine without a claim");
        match ctx.call(ctx.cloud.delete(&machine.provider_id)).await {
            Ok(()) | Err(CloudError::NotFound(_)) => {}
            Err(error) => tracing::warn!(%error, "machine not deleted; trying again later"),
        }
    }
    for node in stranded(&ctx.world.nodes(), &claims) {
        super::terminate::drop_finalizer(ctx, &node).await?;
    }
    Ok(())
}

/// Whether a claim's machine is not in the cloud's list and nothing else speaks for its life.
fn is_lost<C: Cloud>(
    ctx: &Context<C>,
    claim: &NodeClaim,
    listed: &FxHashSet<&str>,
    now: Timestamp,
) -> bool {
    let Some(id) = claim.provider_id() else { return false };
    if claim.is_deleting() || listed.contains(id) {
        return false;
    }
    if is_true(claim.conditions(), REGISTERED) {
        return !ctx.world.nodes_of(id).iter().any(|node| is_ready(node));
    }
    // Lists lag behind what was just made.
    let launched = since(claim.conditions(), LAUNCHED);
    launched.is_some_and(|launched| now.duration_since(launched) >= ctx.settings.orphan_grace)
}

/// Asks the cloud for the one machine: a claim must not die of a list that forgot something.
async fn is_missing<C: Cloud>(ctx: &Context<C>, claim: &NodeClaim) -> Result<bool, Error> {
    let Some(id) = claim.provider_id() else { return Ok(false) };
    match ctx.call(ctx.cloud.get(id)).await {
        Err(CloudError::NotFound(_)) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Orphans {
    /// The machines that have been without a claim for `grace`; keeps count of the others.
    fn ripe<'m>(
        &mut self,
        machines: &'m [Instance],
        claims: &[Arc<NodeClaim>],
        now: Timestamp,
        grace: jiff::SignedDuration,
    ) -> Vec<&'m Instance> {
        let names: FxHashSet<String> = claims.iter().map(|claim| claim.name_any()).collect();
        let ids: FxHashSet<&str> = claims.iter().filter_map(|claim| claim.provider_id()).collect();
        let claimed = |machine: &Instance| {
            ids.contains(machine.provider_id.as_str())
                || machine.claim.as_ref().is_some_and(|claim| names.contains(claim))
        };
        let alone: Vec<&Instance> =
            machines.iter().filter(|machine| !machine.deleting && !claimed(machine)).collect();
        let known = std::mem::take(&mut self.0);
        self.0.extend(alone.iter().map(|machine| {
            let first = known.get(&machine.provider_id).copied().unwrap_or(now);
            (machine.provider_id.clone(), first)
        }));
        let is_ripe =
            |machine: &&Instance| now.duration_since(self.0[&machine.provider_id]) >= grace;
        alone.into_iter().filter(is_ripe).collect()
    }
}

/// Nodes whose end waits for a claim that there is none of: nobody would take their finalizer off.
fn stranded(nodes: &[Arc<Node>], claims: &[Arc<NodeClaim>]) -> Vec<Arc<Node>> {
    let ids: BTreeSet<&str> = claims.iter().filter_map(|claim| claim.provider_id()).collect();
    let named = |node: &Node| {
        claims.iter().any(|claim| {
            let status = claim.status.as_ref();
            status.and_then(|status| status.node_name.as_deref()) == Some(&node.name_any())
        })
    };
    let stranded = nodes.iter().filter(|node| {
        node.metadata.deletion_timestamp.is_some()
            && is_held(node)
            && !provider_id(node).is_some_and(|id| ids.contains(id))
            && !named(node)
    });
    stranded.cloned().collect()
}
