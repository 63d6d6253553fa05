//! Reading a NodeClaim.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::{
    api::core::v1::{ResourceRequirements, Taint},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time},
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    NodeClaim,
    rules::{self, RawRequirement},
};
use crate::{
    api::{
        names,
        v1::{read_offerings, read_pods},
    },
    snapshot::{
        error::Fault,
        quantity::{self, Round},
        typed::{Meta, typed},
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    taints: Option<Vec<Taint>>,
    startup_taints: Option<Vec<Taint>>,
    requirements: Option<Vec<RawRequirement>>,
    resources: Option<ResourceRequirements>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    node_name: Option<String>,
    #[serde(rename = "providerID")]
    provider_id: Option<String>,
    capacity: Option<BTreeMap<String, Quantity>>,
    allocatable: Option<BTreeMap<String, Quantity>>,
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    r#type: String,
    status: String,
    last_transition_time: Option<Time>,
}

/// The annotation [`names::PROMISE`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Promise {
    capacity: BTreeMap<String, Quantity>,
    allocatable: BTreeMap<String, Quantity>,
}

impl NodeClaim {
    /// Reads a NodeClaim; the fault names the field.
    pub fn read(object: &Value) -> Result<Self, Fault> {
        let meta = Meta::of(object)?;
        let spec: Spec = part(object, "spec")?;
        let status: Status = part(object, "status")?;
        let in_spec = |fault: Fault| fault.within("spec");
        let in_status = |fault: Fault| fault.within("status");
        let taints = spec.taints.unwrap_or_default();
        rules::taints(&taints, "taints").map_err(in_spec)?;
        let startup_taints = spec.startup_taints.unwrap_or_default();
        rules::taints(&startup_taints, "startupTaints").map_err(in_spec)?;
        // Claims carry the keys that only Karpenter itself may set.
        let requirements = rules::requirements(&spec.requirements.unwrap_or_default(), false);
        let mut requirements = requirements.map_err(in_spec)?;
        requirements.0.retain(|_, one| !one.complement && one.values.len() == 1);
        let requests = spec.resources.and_then(|resources| resources.requests);
        let requests = quantity::resources(requests.as_ref(), "resources.requests", Round::Up);
        let down = |amounts: &Option<_>, field| {
            quantity::resources(amounts.as_ref(), field, Round::Down).map_err(in_status)
        };
        let (mut capacity, mut allocatable) =
            (down(&status.capacity, "capacity")?, down(&status.allocatable, "allocatable")?);
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let provider_id = text(status.provider_id);
        let notes = meta.annotations(|key| {
            [names::OFFERINGS, names::PLANNED_PODS, names::PROMISE, names::DO_NOT_DISRUPT]
                .contains(&key)
        });
        let note = |key: &str| notes.get(key).map_or("", String::as_str);
        let name = meta.name()?.to_owned();
        let created = meta.created();
        let mut labels = meta.labels.unwrap_or_default();
        if provider_id.is_none() {
            expect_offering(&mut labels, note(names::OFFERINGS));
        }
        if allocatable.0.is_empty() && !note(names::PROMISE).is_empty() {
            (capacity, allocatable) = promised(note(names::PROMISE))?;
        }
        let conditions = status.conditions.unwrap_or_default();
        let initialized = conditions
            .iter()
            .find(|condition| condition.r#type == "Initialized" && condition.status == "True");
        let since = initialized.and_then(|condition| condition.last_transition_time.as_ref());
        Ok(Self {
            name,
            labels: Arc::new(labels),
            taints,
            startup_taints,
            requirements,
            node_name: text(status.node_name),
            provider_id,
            capacity,
            allocatable,
            initialized: initialized.is_some(),
            deleting: meta.deletion_timestamp.is_some(),
            requests: requests.map_err(in_spec)?,
            created,
            initialized_at: since.map(|Time(time)| time.as_second()),
            planned_pods: read_pods(note(names::PLANNED_PODS)),
            do_not_disrupt: note(names::DO_NOT_DISRUPT) == "true",
        })
    }
}

/// Until it is launched, a claim stands where its first offering would.
fn expect_offering(labels: &mut BTreeMap<String, String>, offerings: &str) {
    let Some(first) = read_offerings(offerings).into_iter().next() else { return };
    let expected = [
        ("node.kubernetes.io/instance-type", first.instance_type),
        ("topology.kubernetes.io/zone", first.zone),
        (names::CAPACITY_TYPE, first.capacity_type),
    ];
    for (key, value) in expected {
        labels.entry(key.to_owned()).or_insert(value);
    }
}

/// Capacity and allocatable, as the plan that made the claim saw them.
fn promised(text: &str) -> Result<(Resources, Resources), Fault> {
    let field = format!("metadata.annotations[{}]", names::PROMISE);
    let promise: Promise = serde_json::from_str(text).map_err(|error| {
        Fault::new(field.clone(), error.to_string(), "delete the claim, another will be made")
    })?;
    let read = |amounts, part| {
        quantity::resources(Some(amounts), part, Round::Down).map_err(|it| it.within(&field))
    };
    Ok((read(&promise.capacity, "capacity")?, read(&promise.allocatable, "allocatable")?))
}

fn part<T: Default + serde::de::DeserializeOwned>(object: &Value, field: &str) -> Result<T, Fault> {
    let value = object.get(field).filter(|value| !value.is_null());
    value.map_or_else(|| Ok(T::default()), |value| typed(value).map_err(|it| it.within(field)))
}
