//! Claims as they are written, field by field.

use catalog::Resources;
use provisioner::{
    act::claim::{Order, name, node_claim},
    api::{
        node_pool::NodeClaim,
        v1::{self, OfferingRef, PodRef},
    },
};
use serde_json::{Value, json};

use crate::{feed, sizes::GIB};

fn offering(instance_type: &str, zone: &str) -> OfferingRef {
    OfferingRef {
        instance_type: instance_type.to_owned(),
        zone: zone.to_owned(),
        capacity_type: "on-demand".to_owned(),
    }
}

fn order(pool: &v1::NodePool) -> Order<'_> {
    Order {
        pool,
        name: "general-0a".to_owned(),
        round: "0123456789",
        turn: 2,
        offerings: vec![offering("big", "b"), offering("huge", "b"), offering("big", "a")],
        pods: vec![PodRef { namespace: "shop".to_owned(), name: "web-0".to_owned() }],
        labels: [("team".to_owned(), "shop".to_owned())].into(),
        requests: Resources::from([("cpu", 1_600), ("memory", 3 * GIB), ("pods", 2)]),
        capacity: Resources::from([("cpu", 4_000), ("memory", 16 * GIB), ("pods", 30)]),
        allocatable: Resources::from([("cpu", 3_900), ("memory", 15 * GIB), ("pods", 30)]),
    }
}

fn general() -> v1::NodePool {
    serde_json::from_value(feed::pool("general")).unwrap()
}

#[test]
fn a_claim_has_karpenters_shape() {
    let pool = general();
    let claim = serde_json::to_value(node_claim(&order(&pool))).unwrap();
    let expected = json!({
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {
            "name": "general-0a",
            "labels": {
                "karpenter.kwok.sh/kwoknodeclass": "default",
                "karpenter.sh/nodepool": "general",
                "team": "shop"
            },
            "annotations": {
                "karpenter.sh/nodepool-hash": "4711",
                "karpenter.sh/nodepool-hash-version": "v3",
                "note": "kept",
                "tenon.sh/offerings": "big/b/on-demand,huge/b/on-demand,big/a/on-demand",
                "tenon.sh/planned-pods": "shop/web-0",
                "tenon.sh/promise": "{\"capacity\":{\"cpu\":\"4\",\"memory\":\"16Gi\",\"pods\":\"30\"},\
                    \"allocatable\":{\"cpu\":\"3900m\",\"memory\":\"15Gi\",\"pods\":\"30\"}}",
                "tenon.sh/round": "0123456789", "tenon.sh/turn": "2"
            },
            "finalizers": ["karpenter.sh/termination"],
            "ownerReferences": [{
                "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": "general",
                "uid": "uid-general", "blockOwnerDeletion": true
            }]
        },
        "spec": {
            "taints": [{"key": "dedicated", "value": "shop", "effect": "PreferNoSchedule"}],
            "startupTaints": [{"key": "cni", "effect": "NoSchedule"}],
            "requirements": [
                {"key": "team", "operator": "In", "values": ["shop"]},
                {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["general"]},
                {"key": "node.kubernetes.io/instance-type", "operator": "In",
                 "values": ["big", "huge"], "minValues": 2},
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}
            ],
            "resources": {"requests": {"cpu": "1600m", "memory": "3Gi", "pods": "2"}},
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass",
                             "name": "default"},
            "terminationGracePeriod": "1h",
            "expireAfter": "720h"
        }
    });
    assert_eq!(sorted(claim), sorted(expected));
}

/// The same value with the keys of maps in order, so that a difference is easy to read.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let map: std::collections::BTreeMap<_, _> =
                map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(map.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[test]
fn too_few_sizes_for_min_values_are_owned_up_to() {
    let pool = general();
    let few = Order { offerings: vec![offering("big", "b")], ..order(&pool) };
    let claim = node_claim(&few);
    let notes = claim.metadata.annotations.unwrap();
    assert_eq!(notes["karpenter.sh/nodeclaim-min-values-relaxed"], "true");
    let sizes = claim.spec.requirements.iter().find(|one| one.key.ends_with("instance-type"));
    assert_eq!(sizes.unwrap().min_values, Some(1));
}

#[test]
fn a_claim_counts_from_the_moment_it_is_written() {
    let pool = general();
    let written = serde_json::to_value(node_claim(&order(&pool))).unwrap();
    let read = NodeClaim::read(&written).unwrap();
    assert_eq!(read.allocatable.get("cpu"), 3_900);
    assert_eq!(read.capacity.get("memory"), 16 * GIB);
    assert_eq!(read.labels["topology.kubernetes.io/zone"], "b");
    assert_eq!(read.labels["node.kubernetes.io/instance-type"], "big");
    assert_eq!(read.planned_pods.len(), 1);
    assert!(read.requirements.0.values().all(|one| one.values.len() == 1));
}

#[test]
fn names_follow_the_purpose_and_fit() {
    let long = "pool.".repeat(40);
    let all = [
        name("general", &["a", "b"], 0),
        name("general", &["a", "c"], 0),
        name("general", &["a", "b"], 1),
        name("other", &["a", "b"], 0),
        name(&long, &["a", "b"], 0),
    ];
    assert_eq!(all[0], name("general", &["a", "b"], 0), "the same purpose, the same name");
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert!(all.iter().all(|name| name.len() <= 63 && !name.contains(".-")));
}
