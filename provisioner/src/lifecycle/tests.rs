//! The stages' decisions as functions of objects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{Node, NodeCondition, NodeSpec, NodeStatus, Taint},
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, Time},
    },
};
use serde_json::json;

use super::{
    initialize::lack,
    launch::cheapest_first,
    register::registration,
    upkeep::{expires, quiet_until, shortage},
};
use crate::api::{
    names,
    v1::{NodeClaim, NodeClaimSpec, Requirement, set_condition, write_offerings},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("small")
}

fn taint(key: &str, effect: &str) -> Taint {
    Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() }
}

fn requirement(key: &str, operator: &str, values: &[&str]) -> Requirement {
    Requirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        min_values: None,
    }
}

fn amounts(pairs: &[(&str, &str)]) -> BTreeMap<String, Quantity> {
    pairs.iter().map(|&(name, text)| (name.to_owned(), Quantity(text.to_owned()))).collect()
}

fn claim() -> NodeClaim {
    let mut claim = NodeClaim::new("c", NodeClaimSpec::default());
    claim.metadata.uid = Some("u".to_owned());
    claim.metadata.creation_timestamp = Some(Time(at(0)));
    claim.metadata.labels = Some(BTreeMap::from([("team".to_owned(), "a".to_owned())]));
    claim.metadata.annotations = Some(BTreeMap::from([
        (names::NODE_POOL_HASH.to_owned(), "1".to_owned()),
        (names::OFFERINGS.to_owned(), write_offerings(&[])),
    ]));
    claim.spec.taints = vec![taint("dedicated", "NoSchedule")];
    claim.spec.startup_taints = vec![taint("cilium", "NoExecute")];
    claim
}

fn node(ready: &str, taints: Vec<Taint>) -> Node {
    let condition = NodeCondition {
        type_: "Ready".to_owned(),
        status: ready.to_owned(),
        ..NodeCondition::default()
    };
    Node {
        metadata: ObjectMeta { name: Some("n".to_owned()), ..ObjectMeta::default() },
        spec: Some(NodeSpec { taints: Some(taints), ..NodeSpec::default() }),
        status: Some(NodeStatus { conditions: Some(vec![condition]), ..NodeStatus::default() }),
    }
}

#[test]
fn registration_is_one_patch_and_then_none() {
    let claim = claim();
    let fresh = node("False", vec![taint(names::UNREGISTERED, "NoExecute")]);
    let patch = registration(&fresh, &claim).expect("something is missing");
    assert_eq!(
        patch,
        json!({
            "metadata": {
                "labels": { "team": "a", names::REGISTERED: "true" },
                "annotations": { names::NODE_POOL_HASH: "1" },
                "finalizers": [names::TERMINATION],
                "ownerReferences": [{
                    "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": "c", "uid": "u",
                    "blockOwnerDeletion": true,
                }],
            },
            "spec": { "taints": [
                { "key": "dedicated", "effect": "NoSchedule" },
                { "key": "cilium", "effect": "NoExecute" },
            ] },
        })
    );
    // A start-up taint that is taken off afterwards does not come back.
    let mut done = node("True", vec![taint("dedicated", "NoSchedule")]);
    done.metadata.labels =
        serde_json::from_value(patch["metadata"]["labels"].clone()).expect("labels");
    done.metadata.annotations =
        serde_json::from_value(patch["metadata"]["annotations"].clone()).expect("annotations");
    done.metadata.finalizers = Some(vec![names::TERMINATION.to_owned()]);
    done.metadata.owner_references =
        serde_json::from_value(patch["metadata"]["ownerReferences"].clone()).expect("owners");
    assert_eq!(registration(&done, &claim), None);
}

#[test]
fn taints_are_the_nodes_own_when_it_says_so() {
    let mut claim = claim();
    let labels = claim.metadata.labels.get_or_insert_default();
    labels.insert(names::DO_NOT_SYNC_TAINTS.to_owned(), "true".to_owned());
    let own = vec![taint(names::UNREGISTERED, "NoExecute"), taint("own", "NoSchedule")];
    let patch = registration(&node("False", own), &claim).expect("something is missing");
    assert_eq!(patch["spec"], json!({ "taints": [{ "key": "own", "effect": "NoSchedule" }] }));
}

#[test]
fn what_a_node_lacks_before_pods_can_rely_on_it() {
    let mut claim = claim();
    claim.spec.resources.requests = amounts(&[("cpu", "1"), ("nvidia.com/gpu", "2")]);
    let mut complete = node("True", vec![taint("dedicated", "NoSchedule")]);
    let status = complete.status.as_mut().expect("has one");
    status.allocatable = Some(amounts(&[("cpu", "4"), ("nvidia.com/gpu", "2")]));
    assert_eq!(lack(&complete, &claim), None);
    let reason = |node: &Node| lack(node, &claim).map(|(reason, _)| reason);
    assert_eq!(reason(&node("Unknown", vec![])), Some("NodeNotReady"));
    for (key, effect, want) in [
        ("cilium", "NoExecute", "StartupTaintsExist"),
        ("node.kubernetes.io/not-ready", "NoSchedule", "KnownEphemeralTaintsExist"),
        ("readiness.k8s.io/network", "NoSchedule", "KnownEphemeralTaintsExist"),
        (names::UNREGISTERED, "NoExecute", "KnownEphemeralTaintsExist"),
    ] {
        let mut node = complete.clone();
        node.spec.as_mut().expect("has one").taints = Some(vec![taint(key, effect)]);
        assert_eq!(reason(&node), Some(want), "{key}");
    }
    for amount in [None, Some("0")] {
        let mut node = complete.clone();
        let status = node.status.as_mut().expect("has one");
        status.allocatable =
            Some(amount.map_or_else(BTreeMap::new, |text| amounts(&[("nvidia.com/gpu", text)])));
        assert_eq!(reason(&node), Some("ResourceNotRegistered"));
    }
}

#[test]
fn a_claim_without_a_plan_takes_the_cheapest_that_suits() {
    let types = catalog::kwok::instance_types();
    let mut claim = NodeClaim::new("c", NodeClaimSpec::default());
    claim.spec.requirements = vec![
        requirement("kubernetes.io/arch", "In", &["amd64"]),
        requirement("kubernetes.io/os", "In", &["linux"]),
        requirement("karpenter.sh/capacity-type", "In", &["on-demand"]),
        requirement("topology.kubernetes.io/zone", "NotIn", &["test-zone-a"]),
        requirement("node.example.com/not-of-the-catalog", "In", &["x"]),
    ];
    claim.spec.resources.requests = amounts(&[("cpu", "3"), ("memory", "10Gi")]);
    let found = cheapest_first(&claim, types.iter()).expect("can be read");
    let shown = write_offerings(&found[..3]);
    assert_eq!(
        shown,
        "s-4x-amd64-linux/test-zone-b/on-demand,s-4x-amd64-linux/test-zone-c/on-demand,\
         s-4x-amd64-linux/test-zone-d/on-demand"
    );
    assert!(found.iter().all(|one| one.zone != "test-zone-a" && one.capacity_type == "on-demand"));
    claim.spec.requirements.push(requirement("x", "Near", &["y"]));
    let error = cheapest_first(&claim, types.iter()).expect_err("no such operator").to_string();
    assert!(error.contains("spec.requirements[5]"), "{error}");
}

#[test]
fn less_than_nine_tenths_is_a_shortage() {
    let mut claim = claim();
    claim.status.get_or_insert_default().capacity = amounts(&[("cpu", "4"), ("memory", "10Gi")]);
    for (memory, short) in [("10Gi", false), ("9Gi", false), ("8.9Gi", true), ("0", true)] {
        let mut node = node("True", vec![]);
        node.status.as_mut().expect("has one").capacity =
            Some(amounts(&[("cpu", "4"), ("memory", memory)]));
        assert_eq!(shortage(&node, &claim).is_some(), short, "{memory}");
    }
}

#[test]
fn age_and_quiet() {
    let mut claim = claim();
    assert_eq!(expires(&claim), None);
    for (text, want) in [("Never", None), ("1h", Some(at(3600))), ("nonsense", None)] {
        claim.spec.expire_after = Some(text.to_owned());
        assert_eq!(expires(&claim), want, "{text}");
    }
    let after = SignedDuration::from_secs(30);
    assert_eq!(quiet_until(&claim, after), None, "not initialised");
    let status = claim.status.get_or_insert_default();
    set_condition(&mut status.conditions, "Initialized", "True", "", "", None, &Time(at(100)));
    assert_eq!(quiet_until(&claim, after), Some(at(130)));
    for (event, want) in [(50, 130), (120, 150)] {
        claim.status.get_or_insert_default().last_pod_event_time = Some(Time(at(event)));
        assert_eq!(quiet_until(&claim, after), Some(at(want)), "event at {event}");
    }
}
