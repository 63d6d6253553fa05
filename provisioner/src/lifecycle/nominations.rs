//! Nominations are kept up until their pods are bound.
//!
//! Until a node takes pods kube-scheduler tries the planned ones in vain, as often as any node
//! changes, and each try costs a pod its nomination ([`crate::nominate`]). Were they not renewed,
//! the pods would take each other's room when the node takes pods at last.

use jiff::SignedDuration;

use super::{initialize::INITIALIZED, work::Work};
use crate::{api::v1::PodRef, cloud::Cloud, formulate::KEPT_SECONDS, nominate::renew};

/// Nominates the claim's planned pods again that are not bound yet and nominated to no node, for as
/// long as their room is kept.
pub(super) async fn keep<C: Cloud>(work: &Work<'_, C>) {
    let status = work.claim.status.as_ref();
    let Some(node) = status.and_then(|status| status.node_name.as_deref()) else { return };
    let kept = SignedDuration::from_secs(KEPT_SECONDS);
    let ready = work.since(INITIALIZED).filter(|_| work.is_true(INITIALIZED));
    if ready.is_some_and(|since| work.now().duration_since(since) >= kept) {
        return;
    }
    renewed(work, node).await;
}

/// Nominates again what lost its nomination, and those whose turn it is now; says whether there was
/// any such pod.
pub(super) async fn renewed<C: Cloud>(work: &Work<'_, C>, node: &str) -> bool {
    let world = &work.ctx.world;
    let is_adrift = |pod: &PodRef| world.is_adrift(&pod.namespace, &pod.name);
    let mut waiting: Vec<PodRef> = work.claim.planned_pods();
    waiting.retain(|pod| world.is_waiting(&pod.namespace, &pod.name));
    let kept = waiting.iter().filter(|pod| !is_adrift(pod)).count();
    if kept == waiting.len() {
        return false;
    }
    // Those that are nominated still come first: they count before others of their family.
    waiting.sort_by_key(is_adrift);
    let nominated = renew(&work.ctx.client, node, &waiting).await;
    tracing::debug!(claim = work.name(), node, %nominated, "nominations renewed");
    nominated.nominated > kept
}
