//! One version of one object, and how its metadata is read.

use std::sync::OnceLock;

use hyper::body::Bytes;
use serde_json::{Map, Value};

/// Namespace (empty for cluster-wide kinds) and name.
pub type Key = (String, String);

/// One version of one object. It never changes; a write makes another.
#[derive(Debug)]
pub struct Object {
    /// The object, `apiVersion` and `kind` included.
    pub value: Value,
    /// Its `metadata.resourceVersion`.
    pub revision: u64,
    bytes: OnceLock<(Bytes, usize)>,
}

impl Object {
    /// A version of an object, whose `metadata.resourceVersion` gets set.
    pub fn new(mut value: Value, revision: u64) -> Self {
        meta_mut(&mut value).insert("resourceVersion".to_owned(), revision.to_string().into());
        Self { value, revision, bytes: OnceLock::new() }
    }

    /// As JSON, written once.
    pub fn json(&self) -> Bytes {
        self.written().0.clone()
    }

    /// As an item of a list of a built-in kind, which has neither `kind` nor `apiVersion`: the JSON
    /// without its first byte and the two fields, to be written after `{`.
    pub fn json_without_type(&self) -> Bytes {
        let (bytes, rest) = self.written();
        bytes.slice(rest..)
    }

    fn written(&self) -> &(Bytes, usize) {
        self.bytes.get_or_init(|| {
            let mut out = Vec::with_capacity(1024);
            out.extend(b"{\"kind\":");
            write(&mut out, self.value.get("kind"));
            out.extend(b",\"apiVersion\":");
            write(&mut out, self.value.get("apiVersion"));
            out.push(b',');
            let rest = out.len();
            for (key, value) in self.value.as_object().into_iter().flatten() {
                if key != "kind" && key != "apiVersion" {
                    // A `&str` always becomes JSON.
                    let _ = serde_json::to_writer(&mut out, key);
                    out.push(b':');
                    write(&mut out, Some(value));
                    out.push(b',');
                }
            }
            // There is always `metadata`, so the last byte is its comma.
            out.pop();
            out.push(b'}');
            (out.into(), rest)
        })
    }
}

fn write(out: &mut Vec<u8>, value: Option<&Value>) {
    // A `Value` always becomes JSON, and a `Vec` takes every byte.
    let _ = serde_json::to_writer(out, value.unwrap_or(&Value::Null));
}

/// The text at a JSON pointer, empty when there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub fn name(value: &Value) -> &str {
    text(value, "/metadata/name")
}

/// `metadata.namespace`, empty when there is none.
pub fn namespace(value: &Value) -> &str {
    text(value, "/metadata/namespace")
}

/// `metadata.uid`.
pub fn uid(value: &Value) -> &str {
    text(value, "/metadata/uid")
}

/// Namespace and name.
pub fn key(value: &Value) -> Key {
    (namespace(value).to_owned(), name(value).to_owned())
}

/// Whether deletion has begun.
pub fn deleting(value: &Value) -> bool {
    !text(value, "/metadata/deletionTimestamp").is_empty()
}

/// `metadata.finalizers`.
pub fn finalizers(value: &Value) -> Vec<&str> {
    let list = value.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The map at `key`, made when it is not there or no map.
pub fn child<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = map.entry(key).or_insert(Value::Null);
    as_map(slot)
}

/// `metadata`, made when it is not there.
pub fn meta_mut(value: &mut Value) -> &mut Map<String, Value> {
    child(as_map(value), "metadata")
}

/// The value as a map; anything else becomes an empty one first.
pub fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("it was just made a map"),
    }
}

/// Puts what is at `key` of `from` in `into`, or takes it out there.
pub fn carry(into: &mut Map<String, Value>, from: &Value, key: &str) {
    match from.get(key) {
        Some(value) => {
            into.insert(key.to_owned(), value.clone());
        }
        None => {
            into.shift_remove(key);
        }
    }
}
