//! Kubernetes objects in few words.

use serde_json::{Value, json};

/// A pod that asks for half a core, with `extra` merged into its spec. Its label `app` is the part
/// of its name before the first dash; a name may say its namespace, `other/web-1`.
pub fn pod(name: &str, extra: Value) -> Value {
    let mut spec = json!({
        "containers": [{"name": "main", "resources": {"requests": {"cpu": "500m"}}}]
    });
    merge(&mut spec, extra);
    let (namespace, name) = namespaced(name);
    let app = name.split('-').next();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app, "rev": "1"}},
        "spec": spec
    })
}

/// A pod that is on a node already.
pub fn bound(name: &str, node: &str, extra: Value) -> Value {
    with(pod(name, extra), json!({"spec": {"nodeName": node}}))
}

/// The object while it is being deleted.
pub fn deleting(object: Value) -> Value {
    with(object, json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}))
}

/// A node of 4 cores in zone `zone`.
pub fn node(name: &str, zone: &str, extra: Value) -> Value {
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": zone
        }},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}
    });
    with(node, extra)
}

/// A pod whose volume is a claim of its namespace.
pub fn using(name: &str, claim: &str) -> Value {
    pod(name, json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]}))
}

/// A PersistentVolumeClaim.
pub fn claim(name: &str, spec: Value) -> Value {
    let (namespace, name) = namespaced(name);
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec
    })
}

/// A PersistentVolume of 10 GiB that nodes of one zone reach.
pub fn volume(name: &str, labels: Value, zone: &str) -> Value {
    let terms = json!([{"matchExpressions": [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
    ]}]);
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disks",
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            "csi": {"driver": "disk.example.com", "volumeHandle": name}
        }
    })
}

/// A CSINode with the attach limit of one driver.
pub fn attach_limit(node: &str, driver: &str, count: i32) -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": node},
        "spec": {"drivers": [{"name": driver, "nodeID": "1", "allocatable": {"count": count}}]}
    })
}

fn namespaced(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("default", name))
}

/// The object with `extra` merged into it.
pub fn with(mut object: Value, extra: Value) -> Value {
    merge(&mut object, extra);
    object
}

/// Puts `extra` into `value`, objects key by key; null takes a key out (RFC 7386).
pub fn merge(value: &mut Value, extra: Value) {
    match (value, extra) {
        (Value::Object(value), Value::Object(extra)) => {
            for (key, extra) in extra {
                if extra.is_null() {
                    value.remove(&key);
                } else {
                    merge(value.entry(key).or_insert(Value::Null), extra);
                }
            }
        }
        (value, extra) => *value = extra,
    }
}
