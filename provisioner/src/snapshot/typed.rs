//! From loose values to typed ones, with the field's path when it fails.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{OwnerReference, Time},
    jiff::Timestamp,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

use super::error::Fault;

/// Reads a typed value; `null` stands for an absent one where the type has a default.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    T::deserialize(value).or_else(|_| {
        // Tracking the path costs time, so it is done only when there is something to tell.
        serde_path_to_error::deserialize(value).map_err(|error| {
            let field = error.path().to_string();
            let field = if field == "." { String::new() } else { field };
            let help = "correct the field or take the object out";
            Fault::new(field, error.into_inner().to_string(), help)
        })
    })
}

/// The part of an object's metadata that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the names are the fields of ObjectMeta")]
pub struct Meta {
    pub name: Option<String>,
    pub generate_name: Option<String>,
    pub namespace: Option<String>,
    pub uid: Option<String>,
    pub creation_timestamp: Option<Time>,
    pub deletion_timestamp: Option<Time>,
    pub labels: Option<BTreeMap<String, String>>,
    pub annotations: Option<BTreeMap<String, Value>>,
    pub owner_references: Option<Vec<OwnerReference>>,
}

/// An object without a name.
pub fn nameless() -> Fault {
    Fault::new("metadata.name", "is missing", "give it a name")
}

impl Meta {
    /// Reads `metadata` of an object.
    pub fn of(object: &Value) -> Result<Self, Fault> {
        match object.get("metadata") {
            None | Some(Value::Null) => Ok(Self::default()),
            Some(meta) => typed(meta).map_err(|fault| fault.within("metadata")),
        }
    }

    /// The name, which an object must have.
    pub fn name(&self) -> Result<&str, Fault> {
        match self.name.as_deref() {
            Some("") | None => Err(nameless()),
            Some(name) => Ok(name),
        }
    }

    /// The namespace, `default` when absent.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or("default")
    }

    /// Seconds since 1970, 0 when absent.
    pub fn created(&self) -> i64 {
        self.creation_timestamp.as_ref().map_or(0, |Time(time)| Timestamp::as_second(*time))
    }

    /// The owner that manages the object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
    }

    /// The annotations whose keys `wanted` picks.
    pub fn annotations(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        let annotations = self.annotations.iter().flatten().filter(|(key, _)| wanted(key));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        annotations.map(|(key, value)| (key.clone(), text(value))).collect()
    }
}
