//! Reading a NodePool and checking it by the rules of its definition.

use std::{collections::BTreeMap, ops::RangeInclusive};

use catalog::Resources;
use k8s_openapi::{api::core::v1::Taint, apimachinery::pkg::api::resource::Quantity};
use serde::Deserialize;
use serde_json::Value;

use super::{
    NodeClassRef, NodePool,
    rules::{self, RawRequirement},
};
use crate::{
    api::names,
    snapshot::{
        error::Fault,
        quantity::{self, Round},
        typed::{Meta, typed},
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    template: Template,
    limits: Option<BTreeMap<String, Quantity>>,
    weight: Option<i64>,
    replicas: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMeta,
    spec: TemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMeta {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TemplateSpec {
    taints: Option<Vec<Taint>>,
    startup_taints: Option<Vec<Taint>>,
    requirements: Option<Vec<RawRequirement>>,
    node_class_ref: Option<RawClassRef>,
}

/// v1 has `group`; v1beta1 had `apiVersion`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawClassRef {
    group: Option<String>,
    api_version: Option<String>,
    kind: String,
    name: String,
}

impl RawClassRef {
    pub fn read(self) -> Result<NodeClassRef, Fault> {
        if self.name.is_empty() {
            return Err(Fault::new("nodeClassRef.name", "is missing", "name the node class"));
        }
        let version = self.api_version.unwrap_or_default();
        let of_version = version.split_once('/').map(|(group, _)| group.to_owned());
        let group = self.group.or(of_version).unwrap_or_default();
        Ok(NodeClassRef { group, kind: self.kind, name: self.name })
    }
}

impl NodePool {
    /// Reads a NodePool; the fault names the field and the rule that it breaks.
    pub fn read(object: &Value) -> Result<Self, Fault> {
        let name = Meta::of(object)?.name()?.to_owned();
        let spec = object.get("spec").filter(|spec| spec.is_object());
        let spec = spec.ok_or_else(|| Fault::new("spec", "is missing", "give it a spec"))?;
        let spec: Spec = typed(spec).map_err(|fault| fault.within("spec"))?;
        let mut pool = read_spec(name, spec).map_err(|fault| fault.within("spec"))?;
        pool.closed = closed(object);
        let meta = Meta::of(object)?;
        let nodes = (0..=MOST_NODES, "is no number of nodes");
        let most = count(&meta, names::MAX_NODES, &nodes)?;
        pool.node_limit = [pool.node_limit, most].into_iter().flatten().min();
        let system = pool.labels.get(AKS_MODE).is_some_and(|mode| mode == "system");
        pool.min_nodes =
            count(&meta, names::MIN_NODES, &nodes)?.unwrap_or(0).max(i64::from(system));
        let sizes = (1..=MOST_SIZES, "is no number of sizes");
        let sizes = count(&meta, names::MAX_INSTANCE_TYPES, &sizes)?;
        pool.max_instance_types = sizes.and_then(|most| most.try_into().ok());
        let families = (1..=MOST_SIZES, "is no number of families");
        let families = count(&meta, names::MAX_FAMILIES, &families)?;
        pool.max_families = families.and_then(|most| most.try_into().ok());
        Ok(pool)
    }
}

/// Label that tells AKS system pools, which keep a node whatever happens.
const AKS_MODE: &str = "kubernetes.azure.com/mode";

/// Why nothing may be bought for a pool now.
fn closed(pool: &Value) -> Option<String> {
    if pool.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Some("is being deleted".to_owned());
    }
    let conditions = pool.pointer("/status/conditions").and_then(Value::as_array)?;
    let text = |condition: &Value, key: &str| {
        condition.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let ready = conditions.iter().find(|condition| text(condition, "type") == "Ready")?;
    (text(ready, "status") == "False")
        .then(|| format!("is not ready ({}): {}", text(ready, "reason"), text(ready, "message")))
}

/// A number in an annotation: from which to which, and what a value is not that is none.
fn count(
    meta: &Meta,
    key: &str,
    (range, what): &(RangeInclusive<i64>, &str),
) -> Result<Option<i64>, Fault> {
    let found = meta.annotations(|one| one == key).remove(key);
    let Some(text) = found else { return Ok(None) };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let help = format!("give a number from {} to {}", range.start(), range.end());
            let field = format!("metadata.annotations[{key}]");
            Err(Fault::new(field, format!("{text:?} {what}"), help))
        }
    }
}

/// More nodes than any cluster has.
const MOST_NODES: i64 = 100_000;

/// More sizes than any cloud sells.
const MOST_SIZES: i64 = 100_000;

fn read_spec(name: String, spec: Spec) -> Result<NodePool, Fault> {
    let of_template = |fault: Fault| fault.within("spec").within("template");
    let (limits, node_limit) = limits(spec.limits.as_ref())?;
    let weight = weight(spec.weight)?;
    let replicas = spec.replicas;
    if replicas.is_some_and(|count| count < 0) {
        return Err(Fault::new("replicas", "is negative", "give 0 or more"));
    }
    if replicas.is_some() && (spec.weight.is_some() || !limits.0.is_empty()) {
        let problem = "a pool with replicas has neither weight nor limits other than nodes";
        return Err(Fault::new("replicas", problem, "take out the one or the other"));
    }
    let labels = spec.template.metadata.labels.unwrap_or_default();
    rules::labels(&labels).map_err(|fault| fault.within("metadata").within("template"))?;
    let inner = spec.template.spec;
    let taints = inner.taints.unwrap_or_default();
    rules::taints(&taints, "taints").map_err(of_template)?;
    let startup_taints = inner.startup_taints.unwrap_or_default();
    rules::taints(&startup_taints, "startupTaints").map_err(of_template)?;
    let requirements = rules::requirements(&inner.requirements.unwrap_or_default(), true);
    let node_class = inner.node_class_ref.map(RawClassRef::read).transpose();
    Ok(NodePool {
        name,
        labels,
        taints,
        startup_taints,
        requirements: requirements.map_err(of_template)?,
        limits,
        node_limit,
        weight,
        replicas,
        node_class: node_class.map_err(of_template)?.unwrap_or_default(),
        default: false,
        min_nodes: 0,
        max_instance_types: None,
        max_families: None,
        closed: None,
    })
}

/// Limits on resources, and on the number of nodes.
fn limits(amounts: Option<&BTreeMap<String, Quantity>>) -> Result<(Resources, Option<i64>), Fault> {
    let mut limits = quantity::resources(amounts, "limits", Round::Down)?;
    let nodes = limits.0.remove("nodes");
    Ok((limits, nodes))
}

fn weight(weight: Option<i64>) -> Result<u32, Fault> {
    match weight {
        None => Ok(0),
        Some(weight @ 1..=100) => Ok(weight as u32),
        Some(weight) => {
            let problem = format!("{weight} is out of range");
            Err(Fault::new("weight", problem, "give a number from 1 to 100, or none"))
        }
    }
}
