//! From a claim to a machine: the offerings in order, a refusal moves to the next in one breath.

use std::{cmp::Reverse, collections::BTreeMap};

use catalog::{InstanceType, Requirements, Resources, quantity, well_known};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use serde_json::json;
use tracing::Instrument;

use super::{
    events::Reason,
    requirement,
    work::{Error, Work},
};
use crate::{
    api::{
        names,
        v1::{NodeClaim, OfferingRef},
    },
    cloud::{Cloud, CloudError, Instance, quantities},
    refusals::RefusalReason,
};

/// The condition.
pub const LAUNCHED: &str = "Launched";
/// More offerings than this are not tried for one claim: each may take a call to the cloud, and a
/// claim so unlucky had better be planned anew.
const MOST_TRIES: usize = 100;

/// Whether the claim has a machine; makes one if not.
pub(super) async fn launch<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    if work.is_true(LAUNCHED) {
        return Ok(true);
    }
    let round = work.claim.annotations().get(names::ROUND).map(String::as_str);
    let span = tracing::info_span!("launch", claim = work.name(), round);
    buy(work).instrument(span).await
}

/// Asks for one offering after the other.
async fn buy<C: Cloud>(work: &mut Work<'_, C>) -> Result<bool, Error> {
    let offerings = match wanted(work) {
        Ok(offerings) => offerings,
        Err(error) => return failed(work, error).await,
    };
    let mut last = None;
    for offering in offerings {
        if work.ctx.refusals.is_refused(&offering, work.now()) {
            continue;
        }
        match work.ctx.call(work.ctx.cloud.create(&work.claim, &offering)).await {
            Ok(instance) => return launched(work, instance).await.map(|()| true),
            Err(error) if error.is_refusal() => {
                refused(work, offering, &error);
                last = Some(error);
            }
            Err(error @ CloudError::NodeClassNotReady { .. }) => {
                work.tell(Reason::NodeClassNotReady, &error.to_string()).await;
                work.end("nodeclass_not_ready").await?;
                return Ok(false);
            }
            Err(error) => return failed(work, error).await,
        }
    }
    let note = last.map_or_else(
        || "every offering of the claim was refused a short while ago".to_owned(),
        |error| error.to_string(),
    );
    work.tell(Reason::InsufficientCapacityError, &note).await;
    work.set(LAUNCHED, "False", "InsufficientCapacity", &note);
    work.end("insufficient_capacity").await?;
    Ok(false)
}

/// What to try: what the plan says, or what the claim's requirements leave.
fn wanted<C: Cloud>(work: &Work<'_, C>) -> Result<Vec<OfferingRef>, CloudError> {
    let planned = work.claim.offerings();
    if !planned.is_empty() {
        return Ok(planned);
    }
    // Claims of others ask for sizes by label; what a node class would add to the overhead does
    // not matter for them, because kube-scheduler decides what fits in the end.
    let types = work.ctx.catalog.instance_types(&catalog::azure::NodeSettings::default());
    cheapest_first(&work.claim, types.iter().map(AsRef::as_ref))
}

fn refused<C: Cloud>(work: &Work<'_, C>, offering: OfferingRef, error: &CloudError) {
    tracing::info!(claim = work.name(), %error, "offering refused");
    if let Some(reason) = RefusalReason::of(error) {
        let word = format!("{reason:?}");
        work.ctx.metrics.refusals.with_label_values(&[&word]).inc();
        work.ctx.refusals.refuse(offering, work.ctx.refusals.until(work.now()), reason);
    }
}

/// A failure that may pass, until the claim has had its time (Karpenter's launch timeout).
async fn failed<C: Cloud>(work: &mut Work<'_, C>, error: CloudError) -> Result<bool, Error> {
    let (reason, message) = match &error {
        CloudError::Rejected { reason, message } => (reason.clone(), message.clone()),
        other => ("LaunchFailed".to_owned(), other.to_string()),
    };
    work.set(LAUNCHED, "Unknown", &reason, &message);
    let end = work.created().saturating_add(work.ctx.settings.launch_timeout);
    if end.is_ok_and(|end| end <= work.now()) {
        work.ctx.health.failed(work.pool());
        work.end("liveness").await?;
        return Ok(false);
    }
    Err(error.into())
}

/// Writes down what was bought: first the labels, then the status that says it is done.
async fn launched<C: Cloud>(work: &mut Work<'_, C>, instance: Instance) -> Result<(), Error> {
    let mut labels = requirement::labels(&requirement::read(&work.claim.spec.requirements)?);
    labels.extend(instance.labels);
    labels.extend(work.claim.labels().clone());
    if labels != *work.claim.labels() {
        work.patch(json!({ "labels": labels })).await?;
    }
    tracing::info!(claim = work.name(), machine = instance.provider_id, "launched");
    let status = work.status();
    status.provider_id = Some(instance.provider_id);
    status.image_id = instance.image_id;
    status.capacity = quantities(&instance.capacity);
    status.allocatable = quantities(&instance.allocatable);
    work.set_true(LAUNCHED);
    work.save().await
}

/// All offerings that suit a claim, cheapest first; of equal prices the first in order of name.
///
/// # Errors
///
/// [`CloudError::Rejected`] when the claim's requirements or requests cannot be read.
pub fn cheapest_first<'t>(
    claim: &NodeClaim,
    types: impl Iterator<Item = &'t InstanceType>,
) -> Result<Vec<OfferingRef>, CloudError> {
    let asked = requirement::read(&claim.spec.requirements)?;
    let requests = amounts(&claim.spec.resources.requests)?;
    let mut found = vec![];
    for one in types.filter(|one| suits(one, &asked, &requests)) {
        for offering in &one.offerings {
            let labels = Requirements::from_labels([
                (well_known::ZONE, &*offering.zone),
                (well_known::CAPACITY_TYPE, offering.capacity_type.as_str()),
            ]);
            let Some(price) = offering.price.filter(|_| offering.available) else { continue };
            if asked.intersects(&labels).is_ok() && asked.intersects(&offering.requirements).is_ok()
            {
                found.push((price, one.name.clone(), offering));
            }
        }
    }
    found.sort_by_key(|(price, name, offering)| {
        (*price, name.clone(), offering.zone.clone(), Reverse(offering.capacity_type))
    });
    let named = found.into_iter().take(MOST_TRIES).map(|(_, name, offering)| OfferingRef {
        instance_type: name.to_string(),
        zone: offering.zone.to_string(),
        capacity_type: offering.capacity_type.as_str().to_owned(),
    });
    Ok(named.collect())
}

fn suits(one: &InstanceType, asked: &Requirements, requests: &Resources) -> bool {
    // A claim lists the types it may be when it means them; sizes for those who ask are asked for.
    asked.intersects(&one.requirements).is_ok()
        && requests.0.iter().all(|(name, amount)| *amount <= one.allocatable_of(name))
}

fn amounts(requests: &BTreeMap<String, Quantity>) -> Result<Resources, CloudError> {
    let mut amounts = Resources::default();
    for (name, text) in requests {
        let amount = quantity::request(name, &text.0).map_err(|error| CloudError::Rejected {
            reason: "InvalidRequests".to_owned(),
            message: format!("spec.resources.requests[{name}]: {error}"),
        })?;
        amounts.set(name, amount);
    }
    Ok(amounts)
}
