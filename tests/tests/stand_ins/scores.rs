//! Among nodes that fit, the scheduler takes the one that kube-scheduler would.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::{Value, json};
use tenon_tests::scheduler::Decision;

use crate::objects::{bound, decide_all, merge, node, place, pod, put, scheduler};

fn with(mut object: Value, over: Value) -> Value {
    merge(&mut object, over);
    object
}

#[test]
fn the_node_with_more_left() {
    let nodes = [node("a", "1"), node("b", "1")];
    let pods = [bound(pod("old", "x", "1", json!({})), "a")];
    assert_eq!(place(&nodes, &pods, &pod("new", "y", "1", json!({}))), Ok("b".to_owned()));
}

/// LeastAllocated alone would take the node that is larger by a little: 50 against 49 of 100. But
/// there the pod fills CPU and leaves memory, which costs balance.
#[test]
fn the_node_that_stays_in_balance() {
    let sized = |name: &str, cpu: &str, memory: &str| {
        let allocatable = json!({ "cpu": cpu, "memory": memory });
        with(node(name, "1"), json!({ "status": { "allocatable": allocatable } }))
    };
    let nodes = [sized("lopsided", "2", "100Gi"), sized("even", "4", "4Gi")];
    let requests = json!({ "requests": { "cpu": "2", "memory": "2Gi" } });
    let container = json!({ "name": "main", "resources": requests });
    let new = pod("new", "y", "0", json!({ "containers": [container] }));
    // lopsided: (0 + 98) / 2 = 49 free, deviation 0.49; even: 50 free, deviation 0.
    assert_eq!(place(&nodes, &[], &new), Ok("even".to_owned()));
}

#[test]
fn the_node_without_a_taint_to_be_avoided() {
    let taint = json!({ "key": "x", "effect": "PreferNoSchedule" });
    let tainted = with(node("a", "1"), json!({ "spec": { "taints": [taint] } }));
    let pods = [bound(pod("old", "x", "2", json!({})), "b")];
    let new = pod("new", "y", "1", json!({}));
    assert_eq!(place(&[tainted, node("b", "1")], &pods, &new), Ok("b".to_owned()));
}

#[test]
fn the_node_that_it_prefers() {
    let term = json!({ "weight": 1, "preference": { "matchExpressions": [
        { "key": "topology.kubernetes.io/zone", "operator": "In", "values": ["2"] } ] } });
    let preferred = json!({ "preferredDuringSchedulingIgnoredDuringExecution": [term] });
    let new = pod("new", "y", "1", json!({ "affinity": { "nodeAffinity": preferred } }));
    let pods = [bound(pod("old", "x", "2", json!({})), "b")];
    assert_eq!(place(&[node("a", "1"), node("b", "2")], &pods, &new), Ok("b".to_owned()));
}

#[test]
fn the_zone_with_fewer_of_its_kind() {
    let rule = json!({
        "topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": { "matchLabels": { "app": "web" } },
    });
    let new = pod("new", "web", "1", json!({ "topologySpreadConstraints": [rule] }));
    let pods = [
        bound(pod("1", "web", "0", json!({})), "a"),
        bound(pod("2", "other", "2", json!({})), "b"),
    ];
    assert_eq!(place(&[node("a", "1"), node("b", "2")], &pods, &new), Ok("b".to_owned()));
}

/// Pods of a ReplicaSet spread over nodes although nobody asked for it; others do not.
#[test]
fn the_node_with_fewer_of_its_replicas() {
    let owned = |name: &str| {
        let owner = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web",
            "uid": "web", "controller": true });
        let meta = json!({ "metadata": { "ownerReferences": [owner] } });
        with(pod(name, "web", "0", json!({})), meta)
    };
    let nodes = [node("a", "1"), node("b", "1")];
    let pods = [
        bound(owned("1"), "a"),
        bound(owned("2"), "a"),
        bound(pod("other", "x", "1", json!({})), "b"),
    ];
    let place = |selector: Option<&LabelSelector>| {
        let mut scheduler = scheduler(1, &nodes, &pods);
        scheduler.cache.set_controller("ReplicaSet", "default", "web", selector);
        put(&mut scheduler, &owned("new"));
        decide_all(&mut scheduler, std::time::Duration::ZERO)
    };
    let bind = |node: &str| vec![("new".to_owned(), Decision::Bind(node.to_owned()))];
    let selector = json!({ "matchLabels": { "app": "web" } });
    let selector: LabelSelector = serde_json::from_value(selector).expect("a selector");
    assert_eq!(place(Some(&selector)), bind("b"));
    assert_eq!(place(None), bind("a"));
}

#[test]
fn pods_that_it_likes_or_that_like_it() {
    let term = json!({ "topologyKey": "topology.kubernetes.io/zone",
        "labelSelector": { "matchLabels": { "app": "web" } } });
    let preferred = json!({ "preferredDuringSchedulingIgnoredDuringExecution": [
            { "weight": 10, "podAffinityTerm": term } ] });
    let affinity = |kind: &str| {
        let mut affinity = serde_json::Map::new();
        affinity.insert(kind.to_owned(), preferred.clone());
        json!({ "affinity": affinity })
    };
    let nodes = [node("a", "1"), node("b", "2")];
    let big = bound(pod("big", "x", "1", json!({})), "b");
    let friend = bound(pod("friend", "db", "0", affinity("podAffinity")), "b");
    let new = pod("new", "web", "1", json!({}));
    assert_eq!(place(&nodes, &[big.clone(), friend], &new), Ok("b".to_owned()), "liked");
    let web = bound(pod("old", "web", "0", json!({})), "b");
    let new = pod("new", "db", "1", affinity("podAffinity"));
    assert_eq!(place(&nodes, &[big, web], &new), Ok("b".to_owned()), "likes");
    let big = bound(pod("big", "x", "1", json!({})), "a");
    let web = bound(pod("old", "web", "0", json!({})), "b");
    let new = pod("new", "db", "1", affinity("podAntiAffinity"));
    assert_eq!(place(&nodes, &[big, web], &new), Ok("a".to_owned()), "shuns");
}

/// The same seed gives the same choice; over many seeds every node of the best score is chosen.
#[test]
fn equals_are_drawn_by_seed() {
    let nodes = ["a", "b", "c"].map(|name| node(name, "1"));
    let draw = |seed: u64| {
        let mut scheduler = scheduler(seed, &nodes, &[pod("new", "x", "1", json!({}))]);
        decide_all(&mut scheduler, std::time::Duration::ZERO)
    };
    let drawn: BTreeSet<String> = (0..32).map(|seed| format!("{:?}", draw(seed))).collect();
    assert_eq!(drawn.len(), 3);
    assert_eq!(draw(7), draw(7));
}
