//! What is kept true of a claim while its node lives: its labels, its age, whether it has what was
//! promised, and how quiet it has been.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::apis::meta::v1::Time};
use kube::ResourceExt;
use serde_json::json;

use super::{
    events::Reason,
    initialize::INITIALIZED,
    work::{Error, Work, created},
};
use crate::{
    api::{
        duration::{self, Lasting},
        names,
        v1::NodeClaim,
    },
    cloud::Cloud,
};

/// The condition that says whether a node has what its type promises.
pub const CONSISTENT: &str = "ConsistentStateFound";
/// The condition that says whether a node has been quiet for long enough.
pub const CONSOLIDATABLE: &str = "Consolidatable";

/// Puts the finalizer on a new claim, and on old ones the labels that newer versions set.
pub(super) async fn hold<C: Cloud>(work: &mut Work<'_, C>) -> Result<(), Error> {
    let mut metadata = json!({});
    if !is_held(&work.claim) {
        let mut finalizers = work.claim.finalizers().to_vec();
        finalizers.push(names::TERMINATION.to_owned());
        metadata["finalizers"] = json!(finalizers);
    }
    let (key, value) = class_label(&work.claim);
    if !value.is_empty() && work.claim.labels().get(&key) != Some(&value) {
        metadata["labels"] = json!({ key: value });
    }
    if metadata.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(());
    }
    work.patch(metadata).await
}

/// Whether the claim carries tenon's (and Karpenter's) finalizer.
pub fn is_held(claim: &NodeClaim) -> bool {
    claim.finalizers().iter().any(|finalizer| finalizer == names::TERMINATION)
}

/// The label that names the node class: `<group>/<kind in small letters>`.
fn class_label(claim: &NodeClaim) -> (String, String) {
    let class = &claim.spec.node_class_ref;
    (format!("{}/{}", class.group, class.kind.to_lowercase()), class.name.clone())
}

/// Ends a claim that has lived its time. True when it did.
pub(super) async fn expire<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    let Some(end) = expires(&work.claim) else { return Ok(false) };
    if !work.is_over(end) {
        return Ok(false);
    }
    work.end("expired").await?;
    Ok(true)
}

/// When a claim has lived its time.
pub fn expires(claim: &NodeClaim) -> Option<Timestamp> {
    let text = claim.spec.expire_after.as_deref()?;
    created(&claim.metadata)?.checked_add(duration::lasting(text)?.finite()?).ok()
}

/// Compares the node with what its type promises. Karpenter does so every ten minutes; here it
/// costs a few comparisons and happens whenever the node has changed.
pub(super) async fn compare<C: Cloud>(work: &mut Work<'_, C>, node: &Node) {
    match shortage(node, &work.claim) {
        None => work.set_true(CONSISTENT),
        Some(note) => {
            work.tell(Reason::FailedConsistencyCheck, &note).await;
            work.set(CONSISTENT, "False", "ConsistencyCheckFailed", &note);
        }
    }
}

/// The first resource of which a node has less than nine tenths of what was promised (Karpenter's
/// NodeShape check).
pub fn shortage(node: &Node, claim: &NodeClaim) -> Option<String> {
    let promised = &claim.status.as_ref()?.capacity;
    let has = node.status.as_ref().and_then(|status| status.capacity.as_ref());
    promised.iter().find_map(|(name, promised)| {
        let amount = |text: &str| catalog::quantity::parse(text).map_or(0, |it| it.nanos());
        let found = has.and_then(|has| has.get(name));
        let promise = amount(&promised.0);
        let short = promise > 0 && amount(found.map_or("0", |it| &it.0)) * 10 < promise * 9;
        short.then(|| {
            let found = found.map_or("none", |it| &it.0);
            format!("expected {} of resource {name}, but found {found} on the node", promised.0)
        })
    })
}

/// Writes down when a pod last came or went.
pub(super) fn note_pod_event<C: Cloud>(work: &mut Work<'_, C>, node: &str) {
    let Some(event) = work.ctx.world.last_pod_event(node) else { return };
    let every = work.ctx.settings.pod_event_every;
    let status = work.claim.status.as_ref();
    let last = status.and_then(|status| status.last_pod_event_time.as_ref()).map(|time| time.0);
    if last.is_none_or(|last| event.duration_since(last) >= every) {
        work.status().last_pod_event_time = Some(Time(event));
    }
}

/// Keeps the condition Consolidatable.
pub(super) fn judge_quiet<C: Cloud>(work: &mut Work<'_, C>) {
    let pool = work.claim.pool().and_then(|pool| work.ctx.world.pool(pool));
    let after = pool.map(|pool| {
        let text = pool.spec.disruption.consolidate_after.clone();
        text.map_or(Some(Lasting::For(SignedDuration::ZERO)), |text| duration::lasting(&text))
    });
    // A duration that cannot be read must not cost anybody a node.
    let Some(Some(Lasting::For(after))) = after else {
        work.clear(CONSOLIDATABLE);
        return;
    };
    match quiet_until(&work.claim, after) {
        Some(end) if work.is_over(end) => work.set_true(CONSOLIDATABLE),
        _ => work.clear(CONSOLIDATABLE),
    }
}

/// When a node that nothing happens to will have been quiet for `after`: counted from its
/// initialisation or its last pod event.
pub fn quiet_until(claim: &NodeClaim, after: SignedDuration) -> Option<Timestamp> {
    let initialized = super::work::since(claim.conditions(), INITIALIZED)?;
    let status = claim.status.as_ref();
    let event = status.and_then(|status| status.last_pod_event_time.as_ref()).map(|time| time.0);
    event.map_or(initialized, |event| event.max(initialized)).checked_add(after).ok()
}
