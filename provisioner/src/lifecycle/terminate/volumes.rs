//! Waiting for volumes to leave a node, so that the next node gets them whole.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::api::{
    core::v1::{Node, PersistentVolume, PersistentVolumeClaim},
    storage::v1::VolumeAttachment,
};
use kube::{Api, Resource, ResourceExt};

use super::VOLUMES_DETACHED;
use crate::{
    cloud::Cloud,
    lifecycle::{
        events::Reason,
        work::{Error, Work},
        world::Pod,
    },
};

/// Whether no volume is left to wait for. After the deadline nothing is waited for.
pub(super) async fn detached<C: Cloud>(
    work: &mut Work<'_, C>,
    node: &Node,
    deadline: Option<Timestamp>,
) -> Result<bool, Error> {
    if work.is_true(VOLUMES_DETACHED) {
        return Ok(true);
    }
    let name = node.name_any();
    let attached = work.ctx.world.attachments_on(&name);
    if attached.is_empty() {
        work.set_true(VOLUMES_DETACHED);
        return Ok(true);
    }
    if deadline.is_some_and(|deadline| work.is_over(deadline)) {
        let note = "the termination grace period is over";
        work.set(VOLUMES_DETACHED, "False", "TerminationGracePeriodElapsed", note);
        return Ok(true);
    }
    let waiting = waited_for(work, &attached, &work.ctx.world.pods_on(&name)).await?;
    if waiting.is_empty() {
        work.set_true(VOLUMES_DETACHED);
        return Ok(true);
    }
    let note = format!("Waiting for volumes to detach: {}", waiting.join(", "));
    work.ctx.events.tell(&node.object_ref(&()), Reason::AwaitingVolumeDetachment, &note).await;
    work.set(VOLUMES_DETACHED, "Unknown", "AwaitingVolumeDetachment", &note);
    // Whoever wonders why a claim does not go looks at its conditions.
    work.save().await?;
    Ok(false)
}

/// The volumes whose detaching matters: not those of pods that stay with the node to its end, and
/// not those that several nodes may have at once.
async fn waited_for<C: Cloud>(
    work: &Work<'_, C>,
    attached: &[Arc<VolumeAttachment>],
    pods: &[Arc<Pod>],
) -> Result<Vec<String>, Error> {
    let kept = volumes_of(work, pods).await?;
    let volumes = Api::<PersistentVolume>::all(work.ctx.client.clone());
    let mut waiting = BTreeSet::new();
    for attachment in attached {
        let Some(name) = &attachment.spec.source.persistent_volume_name else { continue };
        if kept.contains(name) {
            continue;
        }
        let volume = volumes.get_opt(name).await?;
        if !volume.as_ref().is_some_and(is_shared) {
            waiting.insert(name.clone());
        }
    }
    Ok(waiting.into_iter().collect())
}

/// The volumes of pods that are still running: after draining, of those that stay.
async fn volumes_of<C: Cloud>(
    work: &Work<'_, C>,
    pods: &[Arc<Pod>],
) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for pod in pods.iter().filter(|pod| !pod.terminal) {
        let api =
            Api::<PersistentVolumeClaim>::namespaced(work.ctx.client.clone(), pod.namespace());
        for claim in &pod.volume_claims {
            let claim = api.get_opt(claim).await?;
            names.extend(claim.and_then(|claim| claim.spec?.volume_name));
        }
    }
    Ok(names)
}

fn is_shared(volume: &PersistentVolume) -> bool {
    let modes = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref());
    modes.unwrap_or_default().iter().any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany")
}
