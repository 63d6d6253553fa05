//! Answers.

use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use super::{
    super::{
        events,
        kind::Kind,
        object::{Object, as_map},
        status::Refusal,
    },
    Body, whole,
};

/// What goes back to the client.
pub enum Answer {
    /// JSON, with an HTTP code.
    Json(u16, Bytes),
    /// JSON lines for as long as the watch lasts.
    Stream(Body),
    /// No.
    Refused(Refusal),
}

impl Answer {
    /// A value as JSON.
    pub fn value(code: u16, value: &Value) -> Self {
        Self::Json(code, value.to_string().into())
    }

    /// The HTTP response.
    pub fn into_response(self) -> Response<Body> {
        match self {
            Self::Json(code, bytes) => json_response(code, whole(bytes)),
            Self::Stream(body) => json_response(200, body),
            Self::Refused(refusal) => refuse(&refusal),
        }
    }
}

/// The response to a refused request.
pub fn refuse(refusal: &Refusal) -> Response<Body> {
    let mut response = json_response(refusal.code, whole(refusal.body().to_string()));
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn json_response(code: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// In which form objects are shown.
#[derive(Clone, Debug)]
pub struct View {
    version: String,
    /// `apiVersion` when it is not the one that objects are kept in.
    convert: Option<String>,
    events: bool,
    metadata_only: bool,
    built_in: bool,
    kind: String,
    list_kind: String,
}

impl View {
    /// The form that a request for this version accepts.
    pub fn new(kind: &Kind, version: &str, accept: &str) -> Self {
        let shown = kind.api_version(version);
        let other = shown != kind.stored_api_version();
        let first = accept.split(',').next().unwrap_or_default();
        Self {
            version: shown.clone(),
            convert: other.then_some(shown),
            events: kind.group == events::GROUP,
            metadata_only: first.contains("as=PartialObjectMetadata"),
            built_in: !kind.custom(),
            kind: kind.kind.clone(),
            list_kind: kind.list_kind.clone(),
        }
    }

    /// An object as JSON.
    pub fn object(&self, object: &Object) -> Bytes {
        if self.plain() { object.json() } else { self.shown(object).to_string().into() }
    }

    fn plain(&self) -> bool {
        self.convert.is_none() && !self.events && !self.metadata_only
    }

    fn shown(&self, object: &Object) -> Value {
        if self.metadata_only {
            let meta = object.value.get("metadata").cloned().unwrap_or_default();
            return json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta
            });
        }
        let mut value = object.value.clone();
        if self.events {
            value = events::from_core(value);
        } else if let Some(version) = &self.convert {
            as_map(&mut value).insert("apiVersion".to_owned(), version.as_str().into());
        }
        value
    }

    /// A list as JSON.
    pub fn list<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o Object>,
        metadata: &Value,
    ) -> Bytes {
        let (kind, version) = if self.metadata_only {
            ("PartialObjectMetadataList", "meta.k8s.io/v1")
        } else {
            (self.list_kind.as_str(), self.version.as_str())
        };
        let head = json!({"kind": kind, "apiVersion": version, "metadata": metadata}).to_string();
        let mut out = head.into_bytes();
        // The items go in before the closing brace.
        out.pop();
        out.extend(b",\"items\":[");
        let empty = out.len();
        for object in objects {
            if out.len() > empty {
                out.push(b',');
            }
            if self.plain() && self.built_in {
                out.push(b'{');
                out.extend(&object.json_without_type());
            } else {
                out.extend(&self.object(object));
            }
        }
        out.extend(b"]}");
        out.into()
    }

    /// One line of a watch.
    pub fn line(&self, change: &str, object: &Object) -> Bytes {
        let json = self.object(object);
        let mut out = Vec::with_capacity(json.len() + 40);
        out.extend(b"{\"type\":\"");
        out.extend(change.as_bytes());
        out.extend(b"\",\"object\":");
        out.extend(&json);
        out.extend(b"}\n");
        out.into()
    }

    /// A bookmark of a watch.
    pub fn bookmark(&self, revision: u64, end_of_initial: bool) -> Bytes {
        let mut metadata =
            json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
        if end_of_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, version) = if self.metadata_only {
            ("PartialObjectMetadata", "meta.k8s.io/v1")
        } else {
            (self.kind.as_str(), self.version.as_str())
        };
        let object = json!({"kind": kind, "apiVersion": version, "metadata": metadata});
        format!("{}\n", json!({"type": "BOOKMARK", "object": object})).into()
    }
}
