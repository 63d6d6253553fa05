//! The four kinds of patches, and who owns which field afterwards.

mod apply;
mod fields;
mod lists;
mod strategic;

use serde_json::Value;

pub use self::fields::{Managed, record};
pub use self::{
    apply::{applied, apply},
    lists::ListType,
};
use super::{
    kind::Kind,
    object::{as_map, name},
    status::Refusal,
    write::Changed,
};

/// A patch, by the content type of its request.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which merges lists by keys.
    Strategic(Value),
    /// Server-side apply.
    Apply(Value),
}

impl Patch {
    /// Reads a request's body.
    ///
    /// # Errors
    /// 400 when it cannot be read, 415 for another content type.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, Refusal> {
        let json = || {
            serde_json::from_slice::<Value>(body)
                .map_err(|err| Refusal::bad_request(format!("error decoding patch: {err}")))
        };
        match content_type {
            "application/json-patch+json" => serde_json::from_slice(body)
                .map(Self::Json)
                .map_err(|err| Refusal::bad_request(format!("error decoding patch: {err}"))),
            "application/merge-patch+json" => json().map(Self::Merge),
            "application/strategic-merge-patch+json" => json().map(Self::Strategic),
            "application/apply-patch+yaml" => json_or_yaml(body).map(Self::Apply),
            other => Err(Refusal::unsupported_media(other)),
        }
    }

    /// What the patch makes of `old`, for every kind of patch but apply.
    ///
    /// # Errors
    /// 415 for strategic patches of custom resources, 422 for JSON patches that do not fit.
    pub fn make(&self, kind: &Kind, old: &Value) -> Result<Changed, Refusal> {
        let mut value = old.clone();
        // A version in the patch is a precondition; without one the newest version is meant.
        if let Some(meta) = value.get_mut("metadata") {
            as_map(meta).shift_remove("resourceVersion");
        }
        match self {
            Self::Json(patch) => {
                json_patch::patch(&mut value, patch).map_err(|err| {
                    let message = format!(
                        "the server rejected our request due to an error in our request: {err}"
                    );
                    Refusal::new(422, "Invalid", message).about(&kind.id(), name(old))
                })?;
            }
            Self::Merge(patch) => json_patch::merge(&mut value, patch),
            Self::Strategic(_) if kind.custom() => {
                return Err(Refusal::unsupported_media("application/strategic-merge-patch+json"));
            }
            Self::Strategic(patch) => strategic::merge(kind, &mut value, patch),
            Self::Apply(_) => {}
        }
        Ok(Changed { value, managed: Managed::Update })
    }
}

/// Reads JSON, or YAML if it is none.
///
/// # Errors
/// 400 when it is neither.
pub fn json_or_yaml(body: &[u8]) -> Result<Value, Refusal> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(body)
        .map_err(|err| Refusal::bad_request(format!("error decoding YAML: {err}")))?;
    serde_saphyr::from_str(text)
        .map_err(|err| Refusal::bad_request(format!("error decoding YAML: {err}")))
}
