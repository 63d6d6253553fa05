//! Reading a NodeClaim.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ResourceRequirements, Taint},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    NodeClaim,
    rules::{self, RawRequirement},
};
use crate::snapshot::{
    error::Fault,
    quantity::{self, Round},
    typed::{Meta, typed},
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
#[serde(default)]
struct Condition {
    r#type: String,
    status: String,
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
        let requests = spec.resources.and_then(|resources| resources.requests);
        let requests = quantity::resources(requests.as_ref(), "resources.requests", Round::Up);
        let down = |amounts: &Option<_>, field| {
            quantity::resources(amounts.as_ref(), field, Round::Down).map_err(in_status)
        };
        let conditions = status.conditions.unwrap_or_default();
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(Self {
            name: meta.name()?.to_owned(),
            taints,
            startup_taints,
            requirements: requirements.map_err(in_spec)?,
            capacity: down(&status.capacity, "capacity")?,
            allocatable: down(&status.allocatable, "allocatable")?,
            node_name: text(status.node_name),
            provider_id: text(status.provider_id),
            initialized: conditions
                .iter()
                .any(|condition| condition.r#type == "Initialized" && condition.status == "True"),
            deleting: meta.deletion_timestamp.is_some(),
            requests: requests.map_err(in_spec)?,
            labels: meta.labels.unwrap_or_default(),
        })
    }
}

fn part<T: Default + serde::de::DeserializeOwned>(object: &Value, field: &str) -> Result<T, Fault> {
    let value = object.get(field).filter(|value| !value.is_null());
    value.map_or_else(|| Ok(T::default()), |value| typed(value).map_err(|it| it.within(field)))
}
