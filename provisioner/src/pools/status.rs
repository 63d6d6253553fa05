//! The status that a node pool should have; a function of what was read.

use std::collections::BTreeMap;

use catalog::quantity;
use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::Value;

use crate::{
    api::{
        node_pool,
        v1::{NodeClaim, NodePool, NodePoolStatus, is_true, set_condition},
    },
    snapshot::error::Fault,
};

/// A pool's node class, as the API server has it.
#[derive(Clone, Debug)]
pub enum NodeClass {
    /// There is none of that name or kind.
    Missing,
    /// Objects of this kind (`plural.group`) must not be read.
    Forbidden(String),
    /// The object.
    Found(Box<DynamicObject>),
}

/// The names that Karpenter always shows, even at zero.
const ALWAYS: [&str; 5] = ["cpu", "ephemeral-storage", "memory", "nodes", "pods"];

/// The status of `pool` with its `claims`; `raw` is the same pool as it was read.
pub fn status(
    pool: &NodePool,
    raw: &Value,
    claims: &[&NodeClaim],
    class: &NodeClass,
    now: &Time,
) -> NodePoolStatus {
    let mut fresh = pool.status.clone().unwrap_or_default();
    let generation = pool.metadata.generation;
    let mut set = |kind: &str, (status, reason, message): (&str, &str, String)| {
        set_condition(&mut fresh.conditions, kind, status, reason, &message, generation, now)
    };
    let valid = validation(raw);
    let ready = readiness(class);
    let root = root(&valid, &ready);
    set("ValidationSucceeded", valid);
    set("NodeClassReady", ready);
    set("Ready", root);
    let used: Vec<&NodeClaim> =
        claims.iter().copied().filter(|claim| is_true(claim.conditions(), "Launched")).collect();
    fresh.nodes = i64::try_from(used.len()).ok();
    fresh.resources = resources(&used);
    if let NodeClass::Found(class) = class {
        fresh.node_class_observed_generation = class.metadata.generation;
    }
    fresh
}

type State = (&'static str, &'static str, String);

fn validation(raw: &Value) -> State {
    match node_pool::NodePool::read(raw) {
        Ok(_) => ("True", "ValidationSucceeded", String::new()),
        Err(fault) => ("False", "NodePoolValidationFailed", sentence(&fault)),
    }
}

fn sentence(fault: &Fault) -> String {
    format!("{} {}; {}", fault.field, fault.problem, fault.help).trim().to_owned()
}

/// Kinds without conditions are ready because they are there.
fn readiness(class: &NodeClass) -> State {
    let class = match class {
        NodeClass::Missing => {
            return ("False", "NodeClassNotFound", "NodeClass not found on cluster".to_owned());
        }
        NodeClass::Forbidden(kind) => {
            let message = format!("no role allows tenon to get {kind}; grant it");
            return ("False", "NodeClassForbidden", message);
        }
        NodeClass::Found(class) => class,
    };
    if class.metadata.deletion_timestamp.is_some() {
        return ("False", "NodeClassTerminating", "NodeClass is Terminating".to_owned());
    }
    let conditions = class.data.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|one| one["type"] == "Ready");
    let is_kwok = class.types.as_ref().is_some_and(|types| types.kind == "KWOKNodeClass");
    match ready {
        Some(ready) if ready["status"] == "True" => ("True", "NodeClassReady", String::new()),
        Some(ready) if ready["status"] == "False" => {
            let message = ready["message"].as_str().unwrap_or_default();
            let reason = ready["reason"].as_str().unwrap_or_default();
            ("False", "NodeClassNotReady", format!("{}: {reason} {message}", class.name_any()))
        }
        None if is_kwok => ("True", "NodeClassReady", String::new()),
        _ => ("False", "NodeClassReadinessUnknown", "Node Class Readiness Unknown".to_owned()),
    }
}

/// Ready when both others are; otherwise the first that is not says why.
fn root(valid: &State, ready: &State) -> State {
    for (kind, (status, _, message)) in [("ValidationSucceeded", valid), ("NodeClassReady", ready)]
    {
        if *status != "True" {
            return ("False", "UnhealthyDependents", format!("{kind}=False: {message}"));
        }
    }
    ("True", "Ready", String::new())
}

/// The sum of what the machines have.
fn resources(claims: &[&NodeClaim]) -> BTreeMap<String, Quantity> {
    let mut sums: BTreeMap<&str, i64> = ALWAYS.iter().map(|name| (*name, 0)).collect();
    for claim in claims {
        for (name, amount) in claim.status.iter().flat_map(|status| &status.capacity) {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(quantity::capacity(name, &amount.0).unwrap_or(0));
        }
    }
    sums.insert("nodes", i64::try_from(claims.len()).unwrap_or(i64::MAX));
    sums.into_iter().map(|(name, sum)| (name.to_owned(), written(name, sum))).collect()
}

/// An amount in the resource's customary form.
fn written(name: &str, amount: i64) -> Quantity {
    let quantity = match name {
        "cpu" => quantity::Quantity::from_milli(amount),
        "memory" | "ephemeral-storage" => quantity::Quantity::binary(amount),
        _ => return Quantity(amount.to_string()),
    };
    Quantity(quantity.to_string())
}
