//! Whose nomination a pod has: the API server keeps for each field who wrote it last, and when
//! (`metadata.managedFields`).

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::names::FIELD_MANAGER;

/// Takes all out of a `metadata` that says who wrote which field, but what [`written_at`] reads.
pub fn keep_only(meta: &mut serde_json::Map<String, Value>) {
    let Some(entries) = meta.remove("managedFields") else { return };
    let own = entries.as_array().into_iter().flatten().find_map(own_nomination);
    if let Some(time) = own {
        let entry = json!({
            "manager": FIELD_MANAGER, "time": time,
            "fieldsV1": { "f:status": { "f:nominatedNodeName": {} } },
        });
        meta.insert("managedFields".to_owned(), json!([entry]));
    }
}

/// When tenon wrote `status.nominatedNodeName` of a pod, seconds since 1970; `None` when somebody
/// else did.
pub fn written_at(pod: &Value) -> Option<i64> {
    let entries = pod.get("metadata")?.get("managedFields")?.as_array()?;
    let time: Timestamp = entries.iter().find_map(own_nomination)?.parse().ok()?;
    Some(time.as_second())
}

/// The time of an entry, if it is tenon's and about the nomination.
fn own_nomination(entry: &Value) -> Option<&str> {
    let ours = entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER);
    let status = entry.get("fieldsV1")?.get("f:status")?;
    let about = status.get("f:nominatedNodeName").is_some();
    entry.get("time").and_then(Value::as_str).filter(|_| ours && about)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(manager: &str) -> Value {
        json!({ "metadata": { "name": "web", "managedFields": [
            { "manager": "kubelet", "time": "2026-01-01T00:00:00Z",
              "fieldsV1": { "f:status": { "f:phase": {} } } },
            { "manager": manager, "subresource": "status", "time": "2026-01-01T00:01:00Z",
              "fieldsV1": { "f:status": { "f:nominatedNodeName": {} } } },
        ] } })
    }

    #[test]
    fn the_server_tells_whose_nomination_it_is() {
        let minute = "2026-01-01T00:01:00Z".parse::<Timestamp>().expect("a time").as_second();
        for (manager, expected) in [("tenon", Some(minute)), ("kube-scheduler", None)] {
            let mut pod = pod(manager);
            assert_eq!(written_at(&pod), expected, "{manager}");
            let meta = pod["metadata"].as_object_mut().expect("an object");
            keep_only(meta);
            assert_eq!(meta.contains_key("managedFields"), expected.is_some(), "{manager}");
            assert_eq!(written_at(&pod), expected, "{manager}, trimmed");
        }
    }
}
