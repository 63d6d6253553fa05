//! The rules that the custom resource definitions of Karpenter put on fields, shared by the kinds.

use std::collections::BTreeMap;

use catalog::{Operator, Requirement, Requirements, well_known};
use k8s_openapi::api::core::v1::Taint;
use serde::Deserialize;

use crate::snapshot::error::Fault;

/// An entry of `requirements` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawRequirement {
    pub key: String,
    pub operator: String,
    pub values: Option<Vec<String>>,
    pub min_values: Option<i64>,
}

/// Most entries of `requirements` or labels (CRD).
const MOST: usize = 100;

/// Reads `requirements`; `restricted` says whether keys that users must not set are refused.
pub fn requirements(raw: &[RawRequirement], restricted: bool) -> Result<Requirements, Fault> {
    if raw.len() > MOST {
        let problem = format!("has {} entries, at most {MOST} are allowed", raw.len());
        return Err(Fault::new("requirements", problem, "shorten the list"));
    }
    let mut requirements = Requirements::default();
    for (position, entry) in raw.iter().enumerate() {
        let at = |fault: Fault| fault.within(&format!("requirements[{position}]"));
        if restricted {
            let rule = well_known::restricted(&entry.key);
            user_key(&entry.key, rule).map_err(|fault| at(fault.within("key")))?;
        }
        requirements.add(requirement(entry).map_err(at)?);
    }
    Ok(requirements)
}

/// One requirement; what may stand in it is known to the catalog.
fn requirement(raw: &RawRequirement) -> Result<Requirement, Fault> {
    let operator = operator(&raw.operator)?;
    let values = raw.values.as_deref().unwrap_or_default();
    let min_values = raw.min_values.map(u32::try_from).transpose().map_err(|_| {
        Fault::new("minValues", "is out of range", "give a number from 1 to 50, or none")
    })?;
    Requirement::new(&raw.key, operator, values, min_values)
        .map_err(|error| Fault::new("", error.to_string(), "correct the requirement"))
}

fn operator(name: &str) -> Result<Operator, Fault> {
    Ok(match name {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        "Gte" => Operator::Gte,
        "Lte" => Operator::Lte,
        _ => {
            let help = "use In, NotIn, Exists, DoesNotExist, Gt, Lt, Gte or Lte";
            return Err(Fault::new("operator", format!("{name:?} is no operator"), help));
        }
    })
}

/// Refuses a label key that a rule keeps for the system.
fn user_key(key: &str, rule: Option<&'static str>) -> Result<(), Fault> {
    match rule {
        None => Ok(()),
        Some(rule) => {
            let problem = format!("the label {key:?} is restricted: {rule}");
            Err(Fault::new("", problem, "take it out"))
        }
    }
}

/// Labels that a user may set on nodes, with values that Kubernetes takes.
pub fn labels(labels: &BTreeMap<String, String>) -> Result<(), Fault> {
    if labels.len() > MOST {
        let problem = format!("has {} entries, at most {MOST} are allowed", labels.len());
        return Err(Fault::new("labels", problem, "shorten the list"));
    }
    for (key, value) in labels {
        let rule = well_known::restricted_label(key);
        user_key(key, rule).map_err(|fault| fault.within("labels"))?;
        if !is_label_value(value) {
            let help = "use at most 63 letters, digits, dashes, dots and underscores, with a \
                        letter or digit at both ends";
            let problem = format!("{value:?} is not a label value");
            return Err(Fault::new(format!("labels[{key}]"), problem, help));
        }
    }
    Ok(())
}

fn is_label_value(value: &str) -> bool {
    let ends = |sign: Option<char>| sign.is_none_or(|sign| sign.is_ascii_alphanumeric());
    value.len() <= 63
        && ends(value.chars().next())
        && ends(value.chars().next_back())
        && value.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign))
}

/// Taints must have a key and one of the three effects.
pub fn taints(taints: &[Taint], field: &str) -> Result<(), Fault> {
    for (position, taint) in taints.iter().enumerate() {
        let at = format!("{field}[{position}]");
        if taint.key.is_empty() {
            return Err(Fault::new(format!("{at}.key"), "is missing", "name the taint"));
        }
        if !matches!(taint.effect.as_str(), "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
            let problem = format!("{:?} is no taint effect", taint.effect);
            let help = "use NoSchedule, PreferNoSchedule or NoExecute";
            return Err(Fault::new(format!("{at}.effect"), problem, help));
        }
    }
    Ok(())
}
