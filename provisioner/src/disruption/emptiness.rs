//! Nodes without pods that would need another one go.
//!
//! In three steps, so that no pod is bound to a node that is about to go: the claim is marked and
//! the node tainted; the API server is asked, not the cache, which pods are on it; then the claim
//! is deleted, or mark and taint are taken back.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod as FullPod};
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;

use super::budget::{self, Reason};
use crate::{
    api::{
        duration, names, node_pool,
        v1::{NodeClaim, NodePool, is_true},
    },
    cloud::Cloud,
    lifecycle::{Context, Error, EventReason, Pod, Work, World, node_is_ready, node_taints},
    snapshot::intern::Interner,
};

/// The condition that marks a claim as being disrupted.
const DISRUPTION_REASON: &str = "DisruptionReason";
/// Its reason here.
const EMPTY: &str = "Empty";

/// Looks for empty nodes again and again.
pub(crate) async fn empty_forever<C: Cloud>(ctx: &Context<C>) {
    loop {
        for claim in marked(&ctx.world()) {
            finish(ctx, &claim).await;
        }
        let now = ctx.now();
        for claim in choose(&ctx.world(), now) {
            if let Err(error) = begin(ctx, &claim).await {
                tracing::warn!(%error, claim = claim.name_any(), "empty node not disrupted");
                continue;
            }
            finish(ctx, &claim).await;
        }
        tokio::time::sleep(ctx.settings().empty_every.unsigned_abs()).await;
    }
}

/// Claims that an earlier round, or an earlier process, marked and did not finish.
fn marked(world: &World) -> Vec<Arc<NodeClaim>> {
    let claims = world.claims().into_iter();
    claims.filter(|claim| !claim.is_deleting() && is_marked(claim)).collect()
}

fn is_marked(claim: &NodeClaim) -> bool {
    claim.conditions().iter().any(|condition| {
        condition.type_ == DISRUPTION_REASON
            && condition.status == "True"
            && condition.reason == EMPTY
    })
}

/// The claims of empty nodes that may go now, in order of name, within the budgets of their pools.
pub fn choose(world: &World, now: Timestamp) -> Vec<Arc<NodeClaim>> {
    let claims = world.claims();
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for pool in world.pools() {
        let (nodes, disrupting) = census(&claims, world, &pool.name_any());
        let allowed = budget::allowed(&pool, Reason::Empty, nodes, disrupting, now);
        let spare = staying(&claims, &pool.name_any()) - least(&pool);
        left.insert(pool.name_any(), allowed.min(spare));
    }
    let mut chosen = vec![];
    for claim in claims.iter().filter(|claim| is_candidate(world, claim, now)) {
        let Some(left) = claim.pool().and_then(|pool| left.get_mut(pool)) else { continue };
        if *left > 0 {
            *left -= 1;
            chosen.push(Arc::clone(claim));
        }
    }
    chosen
}

/// The initialised nodes of a pool, and those of them that are unready or on their way out.
fn census(claims: &[Arc<NodeClaim>], world: &World, pool: &str) -> (i64, i64) {
    let (mut nodes, mut disrupting) = (0, 0);
    for claim in claims.iter().filter(|claim| claim.pool() == Some(pool)) {
        let conditions = claim.conditions();
        if !is_true(conditions, "Initialized") || is_true(conditions, "InstanceTerminating") {
            continue;
        }
        nodes += 1;
        let ready = node_of(world, claim).is_some_and(|node| node_is_ready(&node));
        if claim.is_deleting() || !ready || is_true(conditions, DISRUPTION_REASON) {
            disrupting += 1;
        }
    }
    (nodes, disrupting)
}

/// The claims of a pool that nobody has asked to leave.
fn staying(claims: &[Arc<NodeClaim>], pool: &str) -> i64 {
    let stays = |claim: &&Arc<NodeClaim>| {
        claim.pool() == Some(pool)
            && !claim.is_deleting()
            && !is_true(claim.conditions(), DISRUPTION_REASON)
    };
    i64::try_from(claims.iter().filter(stays).count()).unwrap_or(i64::MAX)
}

/// The least number of nodes of a pool; a pool that cannot be read keeps what it has.
fn least(pool: &NodePool) -> i64 {
    let read = serde_json::to_value(pool).ok().and_then(|it| node_pool::NodePool::read(&it).ok());
    read.map_or(i64::MAX, |pool| pool.min_nodes)
}

/// Whether a claim was made for no pod by name while a node was being drained, and that is not
/// over: the pods that are evicted there will need it.
fn replaces(world: &World, claim: &NodeClaim) -> bool {
    let made = claim.metadata.creation_timestamp.as_ref().map(|time| time.0);
    claim.planned_pods().is_empty()
        && world.nodes().iter().any(|node| {
            let left = node.metadata.deletion_timestamp.as_ref().map(|time| time.0);
            let drains = left.is_some() && left <= made;
            drains && world.pods_on(&node.name_any()).iter().any(|pod| pod.is_reschedulable())
        })
}

fn node_of(world: &World, claim: &NodeClaim) -> Option<Arc<Node>> {
    let name = claim.status.as_ref()?.node_name.as_deref()?;
    world.node(name)
}

fn is_candidate(world: &World, claim: &NodeClaim, now: Timestamp) -> bool {
    let conditions = claim.conditions();
    let quiet = ["Initialized", "Consolidatable"].iter().all(|kind| is_true(conditions, kind));
    let pool = claim.pool().and_then(|pool| world.pool(pool));
    if claim.is_deleting()
        || !quiet
        || is_true(conditions, DISRUPTION_REASON)
        || !pool.is_some_and(|pool| consolidates(&pool))
    {
        return false;
    }
    let Some(node) = node_of(world, claim) else { return false };
    let name = node.name_any();
    let free_to_go = node.metadata.deletion_timestamp.is_none()
        && node.annotations().get(names::DO_NOT_DISRUPT).map(String::as_str) != Some("true")
        && !node_taints(&node).iter().any(|taint| taint.key == names::DISRUPTED);
    // A pod whose node was planned and has come up is about to be bound to it.
    let awaited = world.is_nominated(&name)
        || claim.planned_pods().iter().any(|pod| world.is_waiting(&pod.namespace, &pod.name));
    // What looks at all nodes comes last: few nodes get so far.
    free_to_go && !awaited && is_empty(&world.pods_on(&name), now) && !replaces(world, claim)
}

/// Whether a pool lets its empty nodes go; static pools keep their number.
fn consolidates(pool: &NodePool) -> bool {
    let after = pool.spec.disruption.consolidate_after.as_deref();
    let after = after.map_or(Some(duration::Lasting::For(jiff::SignedDuration::ZERO)), |text| {
        duration::lasting(text)
    });
    pool.spec.replicas.is_none() && after.is_some_and(|after| after.finite().is_some())
}

/// Whether no pod would need another node, and none forbids to take this one.
pub fn is_empty(pods: &[Arc<Pod>], now: Timestamp) -> bool {
    pods.iter().all(|pod| {
        let protected = !pod.terminal && pod.protected_until.is_some_and(|until| until > now);
        !pod.is_reschedulable() && !protected
    })
}

/// Marks the claim and taints the node.
async fn begin<C: Cloud>(ctx: &Context<C>, claim: &NodeClaim) -> Result<(), Error> {
    let mut work = Work::new(ctx, claim);
    work.set(DISRUPTION_REASON, "True", EMPTY, "");
    work.save().await?;
    let Some(node) = node_of(&ctx.world(), claim) else { return Ok(()) };
    let mut taints = node_taints(&node).to_vec();
    taints.push(crate::lifecycle::disrupted_taint());
    work.patch_node(&node, json!({ "spec": { "taints": taints } })).await?;
    Ok(())
}

/// Deletes a marked claim if its node is empty still, else takes mark and taint back. What fails
/// is tried again in the next round: the mark stands.
async fn finish<C: Cloud>(ctx: &Context<C>, claim: &NodeClaim) {
    if let Err(error) = try_finish(ctx, claim).await {
        tracing::warn!(%error, claim = claim.name_any(), "disruption not finished");
    }
}

async fn try_finish<C: Cloud>(ctx: &Context<C>, claim: &NodeClaim) -> Result<(), Error> {
    let claims = Api::<NodeClaim>::all(ctx.client());
    let nodes = Api::<Node>::all(ctx.client());
    let Some(claim) = claims.get_opt(&claim.name_any()).await? else { return Ok(()) };
    let name = claim.status.as_ref().and_then(|status| status.node_name.clone());
    let node = nodes.get_opt(name.as_deref().unwrap_or_default()).await?;
    let Some(node) = node.filter(|_| !claim.is_deleting()) else { return Ok(()) };
    let tainted = node_taints(&node).iter().any(|taint| taint.key == names::DISRUPTED);
    let mut work = Work::new(ctx, &claim);
    if tainted && is_empty(&pods_on(ctx, &node.name_any()).await?, ctx.now()) {
        work.tell(EventReason::DisruptionTerminating, "Disrupting NodeClaim: Empty/Delete").await;
        return work.end("empty").await;
    }
    if tainted {
        work.tell(EventReason::DisruptionBlocked, "a pod came to the empty node").await;
    }
    let mut taints = node_taints(&node).to_vec();
    taints.retain(|taint| taint.key != names::DISRUPTED);
    work.patch_node(&node, json!({ "spec": { "taints": taints } })).await?;
    work.clear(DISRUPTION_REASON);
    work.save().await
}

/// The pods on a node as the API server has them now.
async fn pods_on<C: Cloud>(ctx: &Context<C>, node: &str) -> Result<Vec<Arc<Pod>>, Error> {
    let selected = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let pods = Api::<FullPod>::all(ctx.client()).list(&selected).await?;
    let mut interner = Interner::default();
    let pods = pods.items.iter().map(|pod| Arc::new(Pod::of(pod, &mut interner)));
    Ok(pods.filter(|pod| pod.node.as_deref() == Some(node)).collect())
}
