//! Streams in few words.

use kube::runtime::watcher::Event;
use provisioner::watch::{Kind, Object, Stores, WATCHED, Wake};
use serde_json::{Value, json};

/// The kind of that name.
pub fn kind(name: &str) -> Kind {
    *WATCHED.iter().find(|kind| kind.kind == name).unwrap()
}

/// A first listing of `items`, whatever their kinds; all other kinds are empty.
pub fn listed(items: &[Value]) -> Stores {
    let stores = Stores::default();
    for kind in WATCHED {
        relist(&stores, kind, items);
    }
    assert!(stores.synced());
    stores
}

/// Lists one kind from the start, as a watch does that was interrupted.
pub fn relist(stores: &Stores, kind: Kind, items: &[Value]) -> Option<Wake> {
    stores.take(kind, Event::Init);
    for item in items.iter().filter(|item| item["kind"] == kind.kind) {
        stores.take(kind, Event::InitApply(Object::new(item.clone())));
    }
    stores.take(kind, Event::InitDone)
}

/// An object is new or different.
pub fn apply(stores: &Stores, item: Value) -> Option<Wake> {
    let name = item["kind"].as_str().unwrap().to_owned();
    stores.take(kind(&name), Event::Apply(Object::new(item)))
}

/// An object is gone.
pub fn delete(stores: &Stores, item: Value) -> Option<Wake> {
    let name = item["kind"].as_str().unwrap().to_owned();
    stores.take(kind(&name), Event::Delete(Object::new(item)))
}

/// A pod that waits, of a ReplicaSet, as a server gives it.
pub fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"),
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "web"},
            "managedFields": [{"manager": "kube-controller-manager", "operation": "Update"}],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web",
                                 "uid": "rs", "controller": true}]
        },
        "spec": {
            "priority": 0,
            "schedulerName": "default-scheduler",
            "containers": [{"name": "main", "image": "web:1", "command": ["serve"],
                "env": [{"name": "A", "value": "1"}],
                "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]
        },
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}
    })
}

/// A pool that may buy everything.
pub fn pool(name: &str) -> Value {
    json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {
            "name": name, "uid": format!("uid-{name}"), "resourceVersion": "3",
            "annotations": {"karpenter.sh/nodepool-hash": "4711",
                            "karpenter.sh/nodepool-hash-version": "v3"}
        },
        "spec": {
            "template": {
                "metadata": {"labels": {"team": "shop"}, "annotations": {"note": "kept"}},
                "spec": {
                    "requirements": [
                        {"key": "karpenter.sh/capacity-type", "operator": "In",
                         "values": ["on-demand"]},
                        {"key": "node.kubernetes.io/instance-type", "operator": "Exists",
                         "minValues": 2}],
                    "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass",
                                     "name": "default"},
                    "taints": [{"key": "dedicated", "value": "shop", "effect": "PreferNoSchedule"}],
                    "startupTaints": [{"key": "cni", "effect": "NoSchedule"}],
                    "expireAfter": "720h",
                    "terminationGracePeriod": "1h"
                }
            },
            "disruption": {"consolidateAfter": "0s"}
        }
    })
}
