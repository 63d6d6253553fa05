//! Refusals, in the form of `meta/v1` Status.

use serde_json::{Value, json};

/// Why a request was refused: what becomes a `Status` body and an HTTP code.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// HTTP code.
    pub code: u16,
    /// `reason` of the Status, such as `NotFound`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// `details` of the Status, `null` for none.
    pub details: Value,
}

/// One field that is wrong, in the form of `StatusCause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Such as `FieldValueInvalid`.
    pub reason: &'static str,
    /// Path of the field, such as `spec.weight`.
    pub field: String,
    /// Sentence without the field.
    pub message: String,
}

impl Cause {
    /// The field's value is not allowed.
    pub fn invalid(field: impl Into<String>, value: &Value, why: impl AsRef<str>) -> Self {
        let message = format!("Invalid value: {}: {}", shown(value), why.as_ref());
        Self { reason: "FieldValueInvalid", field: field.into(), message }
    }

    /// The field must be there.
    pub fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".to_owned()
        } else {
            format!("Required value: {why}")
        };
        Self { reason: "FieldValueRequired", field: field.into(), message }
    }

    /// The field must not be there or must not change.
    pub fn forbidden(field: impl Into<String>, why: &str) -> Self {
        let message = format!("Forbidden: {why}");
        Self { reason: "FieldValueForbidden", field: field.into(), message }
    }

    /// The field's value is none of a closed list.
    pub fn unsupported(field: impl Into<String>, value: &Value, allowed: &[String]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|it| format!("{it:?}")).collect();
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            shown(value),
            allowed.join(", ")
        );
        Self { reason: "FieldValueNotSupported", field: field.into(), message }
    }

    /// A list's item or key stands there twice.
    pub fn duplicate(field: impl Into<String>, value: &Value) -> Self {
        let message = format!("Duplicate value: {}", shown(value));
        Self { reason: "FieldValueDuplicate", field: field.into(), message }
    }
}

/// As the API server quotes a value in messages: strings and numbers as JSON, objects as `object`
/// would be unreadable and are shown as JSON too.
fn shown(value: &Value) -> String {
    value.to_string()
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    /// 400: the request itself is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403: allowed for nobody.
    pub fn forbidden(resource: &str, name: &str, why: impl AsRef<str>) -> Self {
        let message = format!("{resource} {name:?} is forbidden: {}", why.as_ref());
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 404: no such object.
    pub fn not_found(resource: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} {name:?} not found")).about(resource, name)
    }

    /// 404: no such path.
    pub fn no_such_path() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource")
    }

    /// 405: the resource does not know the verb.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message)
    }

    /// 409: an object of this name exists.
    pub fn already_exists(resource: &str, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} {name:?} already exists"))
            .about(resource, name)
    }

    /// 409: the caller knew another version of the object.
    pub fn conflict(resource: &str, name: &str, why: impl AsRef<str>) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {resource} {name:?}: {}", why.as_ref());
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: the object was changed since the caller read it.
    pub fn stale(resource: &str, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(resource, name, why)
    }

    /// 410: the version asked for is no longer known.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// 415: the body's form is not known.
    pub fn unsupported_media(given: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: \
             application/json, application/yaml; got {given:?}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 422: fields are wrong; `kind` with its group, as in `NodePool.karpenter.sh`.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let title = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let lines: Vec<_> =
            causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let said = match &lines[..] {
            [one] => one.clone(),
            _ => format!("[{}]", lines.join(", ")),
        };
        let mut refusal = Self::new(422, "Invalid", format!("{title} {name:?} is invalid: {said}"));
        let causes: Vec<_> = causes
            .iter()
            .map(|it| json!({"reason": it.reason, "message": it.message, "field": it.field}))
            .collect();
        refusal.details = json!({"name": name, "group": group, "kind": kind, "causes": causes});
        refusal
    }

    /// 429: later perhaps; after `seconds`.
    pub fn too_many(message: impl Into<String>, seconds: u32) -> Self {
        let mut refusal = Self::new(429, "TooManyRequests", message);
        refusal.details = json!({"retryAfterSeconds": seconds});
        refusal
    }

    /// 500: the server's fault.
    pub fn internal(message: impl AsRef<str>) -> Self {
        let message = format!("Internal error occurred: {}", message.as_ref());
        Self::new(500, "InternalError", message)
    }

    /// Names the object in the details. `resource` may carry its group: `nodepools.karpenter.sh`.
    pub fn about(mut self, resource: &str, name: &str) -> Self {
        let (kind, group) = resource.split_once('.').unwrap_or((resource, ""));
        let mut details = json!({"name": name, "kind": kind});
        if !group.is_empty() {
            details["group"] = group.into();
        }
        self.details = details;
        self
    }

    /// Adds one cause to the details.
    pub fn because(mut self, reason: &str, message: impl Into<String>) -> Self {
        if self.details.is_null() {
            self.details = json!({});
        }
        let cause = json!({"reason": reason, "message": message.into()});
        match self.details.get_mut("causes").and_then(Value::as_array_mut) {
            Some(causes) => causes.push(cause),
            None => self.details["causes"] = json!([cause]),
        }
        self
    }

    /// Seconds after which to ask again.
    pub fn retry_after(&self) -> Option<u64> {
        self.details.get("retryAfterSeconds").and_then(Value::as_u64)
    }

    /// The `Status` object.
    pub fn body(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason
        });
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body["code"] = self.code.into();
        body
    }
}
