//! One claim under work: what is read, what is about to be written, when to look again.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{Node, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::{
    Settings,
    events::{Events, Reason},
    health::PoolHealth,
    metrics::Metrics,
    register::Openings,
    terminate::Evictions,
    world::World,
};
use crate::{
    api::{
        names,
        v1::{NodeClaim, NodeClaimStatus, set_condition},
    },
    clock::Clock,
    cloud::{Cloud, CloudError},
    refusals::Refusals,
    source::Catalog,
};

/// Why a claim is not done with; it is looked at again after a while.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server.
    #[error("API server: {0}")]
    Kube(#[from] kube::Error),
    /// The cloud.
    #[error("cloud: {0}")]
    Cloud(#[from] CloudError),
}

impl Error {
    /// Whether somebody else wrote the object since it was read: reading it again helps.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube(error) if code(error) == Some(409))
    }
}

/// The HTTP code of the API server's answer.
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Turns "not found" into `None`.
pub fn found<T>(answer: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if code(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What all claims share.
pub struct Context<C> {
    pub(super) client: Client,
    pub(super) cloud: Arc<C>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) world: Arc<World>,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) metrics: Metrics,
    pub(super) events: Events,
    pub(super) evictions: Evictions,
    pub(super) openings: Openings,
    pub(super) health: PoolHealth,
    /// How often in a row a claim has failed.
    pub(super) failures: Mutex<FxHashMap<String, u32>>,
}

impl<C: Cloud> Context<C> {
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn world(&self) -> Arc<World> {
        Arc::clone(&self.world)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A call to the cloud, given up after [`Settings::cloud_timeout`].
    pub(crate) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        let limit = duration(self.settings.cloud_timeout);
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CloudError::Transient(format!("no answer within {limit:?}"))),
        }
    }

    /// Asks for a claim's end, for a reason of Karpenter's `nodeclaims_disrupted_total`.
    pub(crate) async fn end_claim(&self, claim: &NodeClaim, reason: &str) -> Result<(), Error> {
        let api = Api::<NodeClaim>::all(self.client.clone());
        if found(api.delete(&claim.name_any(), &only(claim)).await)?.is_some() {
            let policy = claim
                .pool()
                .and_then(|pool| self.world.pool(pool))
                .and_then(|pool| pool.spec.disruption.consolidation_policy.clone());
            let mode = if reason == "empty" { "graceful" } else { "forceful" };
            self.metrics
                .claims_disrupted
                .with_label_values(&[
                    reason,
                    claim.pool().unwrap_or_default(),
                    label(claim, names::CAPACITY_TYPE),
                    policy.as_deref().unwrap_or_default(),
                    mode,
                ])
                .inc();
            tracing::info!(claim = claim.name_any(), reason, "asked for the claim's end");
        }
        Ok(())
    }

    /// Notes that a claim failed, and says after what time to look again.
    pub(crate) fn failed(&self, claim: &str) -> Duration {
        const FIRST: Duration = Duration::from_millis(200);
        const LAST: Duration = Duration::from_secs(30);
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let times = failures.entry(claim.to_owned()).or_insert(0);
        *times += 1;
        LAST.min(FIRST * 2_u32.pow((*times - 1).min(10)))
    }

    /// Forgets the failures of a claim.
    pub(crate) fn succeeded(&self, claim: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(claim);
    }
}

/// A claim under work.
pub struct Work<'a, C> {
    pub(super) ctx: &'a Context<C>,
    pub(super) claim: NodeClaim,
    /// The status as the API server has it.
    stored: NodeClaimStatus,
    next: Option<SignedDuration>,
}

impl<'a, C: Cloud> Work<'a, C> {
    /// Takes up a claim as it was read.
    pub(crate) fn new(ctx: &'a Context<C>, claim: &NodeClaim) -> Self {
        let claim = claim.clone();
        let stored = claim.status.clone().unwrap_or_default();
        Self { ctx, claim, stored, next: None }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ctx.clock.now()
    }

    pub(crate) fn name(&self) -> String {
        self.claim.name_any()
    }

    /// The pool's name, empty without one.
    pub(crate) fn pool(&self) -> &str {
        self.claim.pool().unwrap_or_default()
    }

    pub(crate) fn reference(&self) -> ObjectReference {
        self.claim.object_ref(&())
    }

    pub(crate) async fn tell(&self, reason: Reason, note: &str) {
        self.ctx.events.tell(&self.reference(), reason, note).await;
    }

    pub(crate) fn status(&mut self) -> &mut NodeClaimStatus {
        self.claim.status.get_or_insert_default()
    }

    /// Sets a condition in the status to be saved.
    pub(crate) fn set(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let now = Time(self.now());
        let generation = self.claim.metadata.generation;
        let conditions = &mut self.status().conditions;
        set_condition(conditions, kind, status, reason, message, generation, &now);
    }

    /// Sets a condition True, with its own name as reason, as Karpenter does.
    pub(crate) fn set_true(&mut self, kind: &str) {
        self.set(kind, "True", kind, "");
    }

    pub(crate) fn clear(&mut self, kind: &str) {
        self.status().conditions.retain(|condition| condition.type_ != kind);
    }

    pub(crate) fn is_true(&self, kind: &str) -> bool {
        crate::api::v1::is_true(self.claim.conditions(), kind)
    }

    /// Since when a condition has had its status.
    pub(crate) fn since(&self, kind: &str) -> Option<Timestamp> {
        since(self.claim.conditions(), kind)
    }

    /// When the claim was made.
    pub(crate) fn created(&self) -> Timestamp {
        created(&self.claim.metadata).unwrap_or_else(|| self.now())
    }

    /// Asks to be looked at again no later than after `wait`.
    pub(crate) fn again_in(&mut self, wait: SignedDuration) {
        let wait = wait.max(SignedDuration::from_millis(1));
        self.next = Some(self.next.map_or(wait, |next| next.min(wait)));
    }

    /// As [`Self::again_in`], for a point in time. True when it is over.
    pub(crate) fn is_over(&mut self, end: Timestamp) -> bool {
        let left = end.duration_since(self.now());
        if left > SignedDuration::ZERO {
            self.again_in(left);
        }
        left <= SignedDuration::ZERO
    }

    pub(crate) fn next(&self) -> Option<SignedDuration> {
        self.next
    }

    /// Patches the claim's metadata, unless somebody else wrote since it was read.
    pub(crate) async fn patch(&mut self, metadata: Value) -> Result<(), Error> {
        let api = Api::<NodeClaim>::all(self.ctx.client.clone());
        let patch = guarded(metadata, &self.claim.metadata.resource_version);
        let answer = api.patch(&self.name(), &params(), &Patch::Merge(patch)).await?;
        self.claim.metadata = answer.metadata;
        Ok(())
    }

    /// Writes the status if it changed, unless somebody else wrote since it was read.
    pub(crate) async fn save(&mut self) -> Result<(), Error> {
        let status = self.claim.status.clone().unwrap_or_default();
        if status == self.stored {
            return Ok(());
        }
        let api = Api::<NodeClaim>::all(self.ctx.client.clone());
        let version = &self.claim.metadata.resource_version;
        let patch = json!({ "metadata": { "resourceVersion": version }, "status": status });
        let answer = api.patch_status(&self.name(), &params(), &Patch::Merge(patch)).await?;
        self.claim.metadata = answer.metadata;
        self.stored = status;
        Ok(())
    }

    /// Asks for the claim's end, after what is known of it has been written.
    pub(crate) async fn end(&mut self, reason: &str) -> Result<(), Error> {
        self.save().await?;
        self.ctx.end_claim(&self.claim, reason).await
    }

    /// Patches a node, unless somebody else wrote since it was read.
    pub(crate) async fn patch_node(&self, node: &Node, mut patch: Value) -> Result<Node, Error> {
        let api = Api::<Node>::all(self.ctx.client.clone());
        if patch["metadata"].is_null() {
            patch["metadata"] = json!({});
        }
        patch["metadata"]["resourceVersion"] = json!(node.metadata.resource_version);
        Ok(api.patch(&node.name_any(), &params(), &Patch::Merge(patch)).await?)
    }
}

/// Since when a condition has had its status.
pub fn since(conditions: &[Condition], kind: &str) -> Option<Timestamp> {
    let condition = conditions.iter().find(|condition| condition.type_ == kind)?;
    Some(condition.last_transition_time.0)
}

/// When an object was made.
pub fn created(
    metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// A label's value, empty when there is none.
pub fn label<'o>(object: &'o impl Resource, key: &str) -> &'o str {
    let labels = object.meta().labels.as_ref();
    labels.and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

/// For waiting in the runtime; nothing here is negative.
pub fn duration(duration: SignedDuration) -> Duration {
    duration.unsigned_abs()
}

/// The one way to patch.
pub fn params() -> PatchParams {
    PatchParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Deletes this object and no later one of its name.
pub fn only(object: &impl Resource) -> DeleteParams {
    let preconditions = Preconditions { uid: object.meta().uid.clone(), resource_version: None };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}

fn guarded(mut metadata: Value, version: &Option<String>) -> Value {
    metadata["resourceVersion"] = json!(version);
    json!({ "metadata": metadata })
}
