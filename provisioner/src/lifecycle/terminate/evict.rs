//! Calls of the eviction API, each pod at its own pace.

use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ObjectReference, Pod as FullPod};
use kube::{
    Api,
    api::{DeleteParams, EvictParams, Preconditions},
};
use rustc_hash::FxHashMap;

use crate::{
    cloud::Cloud,
    lifecycle::{
        events::Reason,
        work::{Error, Work, code, found},
        world::Pod,
    },
};

/// Between two evictions of a pod (Karpenter: 100 ms to 10 s).
const FIRST_WAIT: SignedDuration = SignedDuration::from_millis(100);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(10);
/// A pod that left is forgotten after this.
const FORGET_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// Requests in flight for one node.
const AT_ONCE: usize = 16;

/// When the eviction of a pod may be tried again, by uid.
#[derive(Debug, Default)]
pub struct Evictions(Mutex<FxHashMap<String, Wait>>);

#[derive(Clone, Copy, Debug)]
struct Wait {
    until: Timestamp,
    length: SignedDuration,
}

impl Evictions {
    /// How long a pod has still to wait; nothing when it may be tried now.
    fn left(&self, uid: &str, now: Timestamp) -> Option<SignedDuration> {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waits.get(uid)?.until.duration_since(now);
        (left > SignedDuration::ZERO).then_some(left)
    }

    /// Notes an attempt and gives the time to the next.
    fn attempted(&self, uid: &str, now: Timestamp) -> SignedDuration {
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waits.retain(|_, wait| now.duration_since(wait.until) < FORGET_AFTER);
        let next = waits.get(uid).map_or(FIRST_WAIT, |wait| (wait.length * 2).min(LONGEST_WAIT));
        let until = now.checked_add(next).unwrap_or(Timestamp::MAX);
        waits.insert(uid.to_owned(), Wait { until, length: next });
        next
    }
}

/// Evicts the pods whose time has come; gives the time until one of the others may be tried.
pub(super) async fn evict<C: Cloud>(
    work: &Work<'_, C>,
    pods: &[Arc<Pod>],
) -> Result<Option<SignedDuration>, Error> {
    // The items are owned: a closure over references would not be general enough to be sent.
    let waits: Vec<SignedDuration> = stream::iter(pods.iter().cloned())
        .map(|pod| evict_one(work, pod))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(waits.into_iter().min())
}

/// Evicts a pod, unless it has to wait; gives the time to the next attempt.
async fn evict_one<C: Cloud>(work: &Work<'_, C>, pod: Arc<Pod>) -> Result<SignedDuration, Error> {
    let pod = &*pod;
    let evictions = &work.ctx.evictions;
    if let Some(left) = evictions.left(&pod.uid, work.now()) {
        return Ok(left);
    }
    let api = Api::<FullPod>::namespaced(work.ctx.client.clone(), pod.namespace());
    let params = EvictParams { delete_options: Some(this(pod, None)), ..EvictParams::default() };
    let answer = api.evict(pod.name(), &params).await;
    let next = evictions.attempted(&pod.uid, work.now());
    if let Some(number) = answer.as_ref().map_or_else(code, |_| Some(200)) {
        work.ctx.metrics.evictions.with_label_values(&[&number.to_string()]).inc();
    }
    match answer {
        Ok(_) => tell(work, pod, Reason::Evicted, "Evicted pod: node is being terminated").await,
        // Gone, or another pod of that name.
        Err(error) if matches!(code(&error), Some(404 | 409)) => {}
        // One disruption budget says no, or several of them cover the pod.
        Err(error) if matches!(code(&error), Some(429 | 500)) => {
            let note = format!("Failed to drain node: {error}");
            tell(work, pod, Reason::FailedDraining, &note).await;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(next)
}

/// Deletes pods whose time is up, past disruption budgets and annotations.
pub(super) async fn force<C: Cloud>(
    work: &Work<'_, C>,
    pods: &[(Arc<Pod>, SignedDuration)],
) -> Result<(), Error> {
    let calls = stream::iter(pods.iter().cloned());
    let calls = calls.map(|(pod, grace)| force_one(work, pod, grace));
    calls.buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn force_one<C: Cloud>(
    work: &Work<'_, C>,
    pod: Arc<Pod>,
    grace: SignedDuration,
) -> Result<(), Error> {
    let pod = &*pod;
    let api = Api::<FullPod>::namespaced(work.ctx.client.clone(), pod.namespace());
    let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX).max(1);
    let answer = api.delete(pod.name(), &this(pod, Some(seconds))).await;
    if answer.as_ref().is_err_and(|error| code(error) == Some(409)) {
        return Ok(());
    }
    if found(answer)?.is_some() {
        let note = "Deleted pod: the node's termination grace period is over";
        tell(work, pod, Reason::Disrupted, note).await;
    }
    Ok(())
}

/// Deletes this pod and no later one of its name.
fn this(pod: &Pod, grace: Option<u32>) -> DeleteParams {
    let uid = Some(pod.uid.to_string()).filter(|uid| !uid.is_empty());
    DeleteParams {
        grace_period_seconds: grace,
        preconditions: Some(Preconditions { uid, resource_version: None }),
        ..DeleteParams::default()
    }
}

async fn tell<C: Cloud>(work: &Work<'_, C>, pod: &Pod, reason: Reason, note: &str) {
    let about = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(pod.namespace().to_owned()),
        name: Some(pod.name().to_owned()),
        uid: Some(pod.uid.to_string()),
        ..ObjectReference::default()
    };
    work.ctx.events.tell(&about, reason, note).await;
}
