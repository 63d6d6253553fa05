//! The file that Karpenter's kwok provider reads with `--instance-types-file-path`: any cloud's
//! sizes as a JSON list. It is read and written.
//!
//! ```json
//! [{"name": "m5.large", "architecture": "amd64", "operatingSystems": ["linux"],
//!   "resources": {"cpu": "2", "memory": "8Gi", "pods": "29"},
//!   "offerings": [{"Price": 0.096, "Available": true, "Requirements": [
//!     {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
//!     {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"]}]}]}]
//! ```

mod offering;
mod wire;

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use crate::{
    InstanceType, Quantity, QuantityError, Resources, label_syntax, quantity,
    resources::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS},
    shape::Shape,
    well_known::{ARCH, KWOK_CPU, KWOK_MEMORY, OS},
};

/// Kubernetes' own limit, for sizes that name none.
const DEFAULT_PODS: i64 = 110;

/// Why a types file cannot be used.
#[derive(Debug, Error)]
pub enum TypesFileError {
    /// Not a JSON list.
    #[error("not a list of instance types: {0}")]
    Json(#[from] serde_json::Error),
    /// One entry is wrong.
    #[error("instance type {position} ({name:?}), {field}: {problem}")]
    Entry {
        /// From 1.
        position: usize,
        /// Its `name`, perhaps empty.
        name: String,
        /// Path inside the entry.
        field: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
}

/// A field and what is wrong with it.
type Fault = (String, String);

fn fault(field: impl Into<String>, problem: impl Into<String>) -> Fault {
    (field.into(), problem.into())
}

/// Reads a types file. As in Karpenter's kwok provider, sizes get its labels
/// (`karpenter.kwok.sh/instance-*`) and overhead (100m, 10Mi), and 110 pods when they name no
/// number. Unlike there, an offering that says it is not available stays so.
///
/// # Errors
/// Names the entry, the field and what is wrong: text that is not the form, a missing or
/// malformed value, a name that occurs twice.
pub fn parse(bytes: &[u8]) -> Result<Vec<InstanceType>, TypesFileError> {
    let entries: Vec<Value> = serde_json::from_slice(bytes)?;
    let mut names = BTreeSet::new();
    let mut types = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let name = entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let read = typed(entry).and_then(|entry| instance_type(&entry)).and_then(|one| {
            let new = names.insert(one.name.clone());
            new.then_some(one)
                .ok_or_else(|| fault("name", "an earlier entry has it; take one of them out"))
        });
        types.push(read.map_err(|(field, problem)| TypesFileError::Entry {
            position: index + 1,
            name,
            field,
            problem,
        })?);
    }
    Ok(types)
}

fn typed(entry: Value) -> Result<wire::Entry, Fault> {
    if !entry.is_object() {
        return Err(fault("the entry", "is not an object with name, resources and offerings"));
    }
    serde_path_to_error::deserialize(entry)
        .map_err(|error| fault(error.path().to_string(), error.inner().to_string()))
}

fn instance_type(entry: &wire::Entry) -> Result<InstanceType, Fault> {
    label("name", &entry.name)?;
    label("architecture", &entry.architecture)?;
    if entry.operating_systems.is_empty() {
        return Err(fault("operatingSystems", "is missing; list linux, windows or both"));
    }
    for os in &entry.operating_systems {
        label("operatingSystems", os)?;
    }
    let mut capacity = Resources::from([(PODS, DEFAULT_PODS)]);
    for (resource, amount) in &entry.resources {
        let field = format!("resources.{resource}");
        capacity.set(resource, whole(&field, resource, &amount.0)?);
    }
    let mut offerings = Vec::new();
    for (index, raw) in entry.offerings.iter().enumerate() {
        let at = |(field, problem)| (format!("offerings[{index}].{field}"), problem);
        offerings.extend(offering::read(raw).map_err(at)?);
    }
    let shape = Shape {
        name: &entry.name,
        architecture: &entry.architecture,
        operating_systems: entry.operating_systems.iter().map(String::as_str).collect(),
        cpu: needed(entry, CPU)?,
        memory: needed(entry, MEMORY)?,
        capacity,
        offerings,
    };
    Ok(shape.instance_type())
}

/// A text that becomes a label value and must not be empty.
fn label(field: &str, value: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Err(fault(field, "is missing"));
    }
    match label_syntax::value_fault(value) {
        Some(wrong) => Err(fault(field, format!("{value:?} is not a label value: {wrong}"))),
        None => Ok(()),
    }
}

fn whole(field: &str, resource: &str, text: &str) -> Result<i64, Fault> {
    match quantity::capacity(resource, text) {
        Ok(amount) if amount < 0 => Err(fault(field, format!("{text:?} is below zero"))),
        Ok(amount) => Ok(amount),
        Err(error) => Err(fault(field, error.to_string())),
    }
}

fn needed(entry: &wire::Entry, resource: &str) -> Result<Quantity, Fault> {
    let field = format!("resources.{resource}");
    let Some(amount) = entry.resources.get(resource) else {
        return Err(fault(field, "is missing"));
    };
    amount.0.parse().map_err(|error: QuantityError| fault(field, error.to_string()))
}

/// Writes sizes in the same form, so that [`parse`] and Karpenter's kwok provider can read them.
/// Labels that the form has no place for, and any overhead but kwok's, are lost.
pub fn render(types: &[InstanceType]) -> String {
    let entries: Vec<wire::Entry> = types.iter().map(entry).collect();
    // Only maps with keys that are no strings, or a failing writer, could make this fail.
    let mut text = serde_json::to_string_pretty(&entries).expect("plain data in memory");
    text.push('\n');
    text
}

fn entry(one: &InstanceType) -> wire::Entry {
    let values = |key: &str| -> Vec<String> {
        let values = one.requirements.get(key).map(|requirement| &requirement.values);
        values.into_iter().flatten().map(ToString::to_string).collect()
    };
    let amount = |(resource, amount): (&std::sync::Arc<str>, &i64)| {
        // The label keeps the way the amount was written: 2G, not 1953125Ki.
        let key = if &**resource == CPU { KWOK_CPU } else { KWOK_MEMORY };
        let written = values(key).pop().filter(|text| {
            matches!(&**resource, CPU | MEMORY) && quantity::capacity(resource, text) == Ok(*amount)
        });
        let text = written.unwrap_or_else(|| amount_text(resource, *amount));
        (resource.to_string(), wire::Amount(text))
    };
    wire::Entry {
        name: one.name.to_string(),
        offerings: one.offerings.iter().map(offering::write).collect(),
        architecture: values(ARCH).pop().unwrap_or_default(),
        operating_systems: values(OS),
        resources: one.capacity.0.iter().map(amount).collect(),
    }
}

fn amount_text(resource: &str, amount: i64) -> String {
    match resource {
        CPU => Quantity::from_milli(amount).to_string(),
        MEMORY | EPHEMERAL_STORAGE => Quantity::binary(amount).to_string(),
        _ if resource.starts_with("hugepages-") => Quantity::binary(amount).to_string(),
        _ => amount.to_string(),
    }
}
