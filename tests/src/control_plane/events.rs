//! Events of both groups are the same objects under other field names.

use serde_json::{Map, Value, json};

use super::object::as_map;

/// The newer group of events.
pub const GROUP: &str = "events.k8s.io";

/// The name in `events.k8s.io/v1` and the one in the core.
const NAMES: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// From `events.k8s.io/v1` to `v1`.
pub fn to_core(mut event: Value) -> Value {
    let map = as_map(&mut event);
    for (new, core) in NAMES {
        rename(map, new, core);
    }
    map.insert("apiVersion".to_owned(), json!("v1"));
    event
}

/// From `v1` to `events.k8s.io/v1`.
pub fn from_core(mut event: Value) -> Value {
    let map = as_map(&mut event);
    for (new, core) in NAMES {
        rename(map, core, new);
    }
    map.insert("apiVersion".to_owned(), json!("events.k8s.io/v1"));
    event
}

fn rename(map: &mut Map<String, Value>, from: &str, to: &str) {
    if let Some(value) = map.shift_remove(from) {
        map.insert(to.to_owned(), value);
    }
}
