//! The JSON form of a types file. Karpenter reads names in any case; the usual two are known.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) offerings: Vec<Offering>,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default, rename = "operatingSystems")]
    pub(super) operating_systems: Vec<String>,
    #[serde(default)]
    pub(super) resources: BTreeMap<String, Amount>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Offering {
    /// Dollars per hour.
    #[serde(rename = "Price", alias = "price", default, skip_serializing_if = "Option::is_none")]
    pub(super) price: Option<f64>,
    #[serde(rename = "Available", alias = "available", default = "yes")]
    pub(super) available: bool,
    #[serde(rename = "Requirements", alias = "requirements", default)]
    pub(super) requirements: Vec<Requirement>,
    /// Older files say it here instead of in `Requirements`.
    #[serde(rename = "CapacityType", alias = "capacityType", default, skip_serializing)]
    pub(super) capacity_type: Option<String>,
    /// Likewise.
    #[serde(rename = "Zone", alias = "zone", default, skip_serializing)]
    pub(super) zone: Option<String>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Requirement {
    #[serde(default)]
    pub(super) key: String,
    pub(super) operator: crate::Operator,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<String>,
}

/// A quantity; JSON numbers are taken as well, as Kubernetes does.
#[derive(Debug, Serialize)]
pub(super) struct Amount(pub(super) String);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("a quantity is a string or a number, such as \"2Gi\"")),
        }
    }
}
