//! Rounds: what is planned, what the next round sees of it, what is recorded.

use std::sync::Arc;

use jiff::Timestamp;
use provisioner::{
    act::{Orders, plan_orders},
    api::v1::{NodeClaim, OfferingRef, PodRef},
    control::Recording,
    pipeline::{self, Means, Outcome, Search, Settings},
    refusals::{RefusalReason, Refusals},
    saved::{self, Saved},
    snapshot::{SkipReason, Snapshot},
    source::Catalog,
    watch::Stores,
};
use serde_json::{Value, json};

use crate::{
    feed::{apply, listed, pod, pool},
    sizes::size,
};

pub fn catalog() -> Catalog {
    let types = [size("small", 2, 8), size("big", 8, 32)].map(Arc::new);
    Catalog::Types { name: "test".to_owned(), types: types.into() }
}

pub fn settings() -> Settings {
    Settings {
        kubernetes_version: (1, 36),
        network_plugin: Default::default(),
        max_pods: None,
        os_disk_price: None,
        policies: pipeline::Policies::default(),
        search: Search::greedy(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn snapshot(stores: &Stores, second: i64) -> Snapshot {
    stores.snapshot(at(second), vec![]).unwrap()
}

fn plan(snapshot: &Snapshot) -> Outcome {
    let outcome = pipeline::plan(snapshot, &catalog(), &settings(), &Means::default());
    assert_eq!(outcome.violations, Vec::<String>::new());
    outcome
}

fn orders(stores: &Stores, snapshot: &Snapshot) -> Orders {
    plan_orders(snapshot, &plan(snapshot).plan, &stores.pools(), "round")
}

/// A pool whose taint and minimum of sizes do not matter.
pub fn plain_pool() -> Value {
    let mut pool = pool("general");
    let spec = &mut pool["spec"]["template"]["spec"];
    spec["taints"] = json!([]);
    spec["requirements"].as_array_mut().unwrap().retain(|one| one["minValues"].is_null());
    pool
}

/// A claim as the server answers.
fn stored(claim: &NodeClaim, version: u64) -> NodeClaim {
    let mut claim = claim.clone();
    claim.metadata.resource_version = Some(version.to_string());
    claim.metadata.creation_timestamp =
        serde_json::from_value(json!("1970-01-01T00:01:40Z")).unwrap();
    claim
}

fn web(count: usize) -> Vec<Value> {
    (0..count).map(|at| pod(&format!("web-{at}"), "1")).collect()
}

#[test]
fn what_is_on_its_way_is_not_launched_again() {
    let mut items = web(7);
    items.push(plain_pool());
    let stores = listed(&items);
    let first = snapshot(&stores, 100);
    let written = orders(&stores, &first);
    let listed: usize = written.claims.iter().map(|(claim, _)| claim.planned_pods().len()).sum();
    assert_eq!(listed, 7, "every pod is listed by a claim");
    for (claim, _) in &written.claims {
        stores.expect(&stored(claim, 20), at(100));
    }
    let second = snapshot(&stores, 101);
    let again = plan(&second);
    assert_eq!(again.plan.launches.len(), 0);
    assert_eq!(again.plan.totals.pods, 0);
    let kept = again.plan.skipped.iter().filter(|one| one.reason == SkipReason::Planned);
    assert_eq!(kept.count(), 7);
    assert!(orders(&stores, &second).claims.is_empty());
}

#[test]
fn a_second_leader_asks_for_the_same_names() {
    let mut items = web(5);
    items.push(plain_pool());
    let names = |stores: &Stores| -> Vec<String> {
        let orders = orders(stores, &snapshot(stores, 100));
        orders.claims.iter().filter_map(|(claim, _)| claim.metadata.name.clone()).collect()
    };
    let (one, other) = (names(&listed(&items)), names(&listed(&items)));
    assert!(!one.is_empty());
    assert_eq!(one, other);
}

#[test]
fn a_late_pod_joins_a_claim_with_room() {
    let stores = listed(&[pod("web-0", "1"), plain_pool()]);
    let first = snapshot(&stores, 100);
    let written = orders(&stores, &first);
    assert_eq!(written.claims.len(), 1);
    let claim = &written.claims[0].0;
    stores.expect(&stored(claim, 20), at(100));
    apply(&stores, pod("tiny", "500m"));
    let next = orders(&stores, &snapshot(&stores, 102));
    assert!(next.claims.is_empty(), "the small node has 0.9 cores left");
    assert_eq!(next.appends.len(), 1);
    assert_eq!(Some(&next.appends[0].claim), claim.metadata.name.as_ref());
    let names: Vec<&str> = next.appends[0].pods.iter().map(|pod| &*pod.name).collect();
    assert_eq!(names, ["web-0", "tiny"]);
}

#[test]
fn room_is_kept_for_a_minute_after_the_node_is_ready() {
    let stores = listed(&[pod("web-0", "1"), plain_pool()]);
    let written = orders(&stores, &snapshot(&stores, 100));
    let mut claim = serde_json::to_value(stored(&written.claims[0].0, 20)).unwrap();
    claim["status"] = json!({
        "nodeName": "node-1", "providerID": "kwok://node-1",
        "capacity": {"cpu": "2", "memory": "8Gi", "pods": "30"},
        "allocatable": {"cpu": "1900m", "memory": "8Gi", "pods": "30"},
        "conditions": [{"type": "Initialized", "status": "True", "reason": "Initialized",
                        "message": "", "lastTransitionTime": "1970-01-01T00:01:50Z"}]
    });
    apply(&stores, claim);
    apply(
        &stores,
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "node-1", "labels": {
                "kubernetes.io/hostname": "node-1", "karpenter.sh/nodepool": "general",
                "karpenter.sh/initialized": "true"}},
            "spec": {"providerID": "kwok://node-1"},
            "status": {"allocatable": {"cpu": "1900m", "memory": "8Gi", "pods": "30"},
                       "capacity": {"cpu": "2", "memory": "8Gi", "pods": "30"}}
        }),
    );
    let mut nominated = pod("web-0", "1");
    nominated["status"]["nominatedNodeName"] = json!("node-1");
    apply(&stores, nominated);
    let waits = plan(&snapshot(&stores, 160));
    assert_eq!(waits.plan.totals.pods, 0, "it is expected on its node");
    apply(&stores, pod("web-0", "1"));
    let waits = plan(&snapshot(&stores, 169));
    assert_eq!(waits.plan.totals.pods, 0, "with or without a nomination");
    let anew = plan(&snapshot(&stores, 170));
    assert_eq!(anew.plan.totals.pods, 1, "it has not come, so it is planned again");
}

#[test]
fn pools_that_are_closed_sell_nothing() {
    let mut closed = plain_pool();
    closed["status"] = json!({"conditions": [{"type": "Ready", "status": "False",
        "reason": "NodeClassNotReady", "message": "the node class is missing"}]});
    let stores = listed(&[pod("web-0", "1"), closed]);
    let outcome = plan(&snapshot(&stores, 100));
    assert_eq!(outcome.plan.unplaced.len(), 1);
    let told = outcome.plan.skipped.iter().find(|one| one.reason == SkipReason::NodePool);
    assert!(told.unwrap().detail.contains("NodeClassNotReady"));
}

#[test]
fn refused_offerings_are_not_planned_with() {
    let stores = listed(&[pod("web-0", "1"), plain_pool()]);
    let refusals = Refusals::default();
    let cheapest = |refusals: &Refusals| -> OfferingRef {
        let snapshot = stores.snapshot(at(100), refusals.list(at(100))).unwrap();
        let orders = orders(&stores, &snapshot);
        let offerings = orders.claims[0].0.offerings();
        assert!(offerings.iter().all(|one| !refusals.is_refused(one, at(100))));
        offerings[0].clone()
    };
    let first = cheapest(&refusals);
    let until = refusals.until(at(100));
    refusals.refuse(first.clone(), until, RefusalReason::InsufficientCapacity);
    assert_ne!(cheapest(&refusals), first);
}

#[test]
fn a_recorded_round_replays_to_the_same_plan() {
    let folder = tempfile::tempdir().unwrap();
    let recording = Recording { folder: folder.path().join("rounds"), keep: 2 };
    let mut items = web(5);
    items.push(plain_pool());
    let stores = listed(&items);
    let refusals = Refusals::default();
    let refused = OfferingRef {
        instance_type: "small".to_owned(),
        zone: "a".to_owned(),
        capacity_type: "on-demand".to_owned(),
    };
    refusals.refuse(refused, at(500), RefusalReason::Quota);
    let snapshot = stores.snapshot(at(100), refusals.list(at(100))).unwrap();
    let (catalog, settings) = (catalog(), settings());
    let saved = Saved { settings: &settings, catalog: &catalog, snapshot: &snapshot };
    let mut paths = vec![];
    for round in ["a1", "a2", "a3"] {
        paths.push(recording.record(round, &saved).unwrap());
    }
    assert!(!paths[0].exists(), "the oldest has made room");
    let text = std::fs::read_to_string(&paths[2]).unwrap();
    let loaded = saved::from_text(&text).unwrap();
    assert_eq!(loaded.snapshot, snapshot);
    let again =
        pipeline::plan(&loaded.snapshot, &loaded.catalog, &loaded.settings, &Means::default());
    let first = plan(&snapshot);
    assert!(!first.plan.launches.is_empty());
    assert_eq!(format!("{:?}", again.plan.launches), format!("{:?}", first.plan.launches));
}

#[test]
fn pods_on_existing_nodes_are_nominated() {
    let stores = listed(&[
        pod("web-0", "1"),
        plain_pool(),
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1"}},
            "spec": {},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "30"}}
        }),
    ]);
    let orders = orders(&stores, &snapshot(&stores, 100));
    assert!(orders.claims.is_empty());
    let expected = PodRef { namespace: "shop".to_owned(), name: "web-0".to_owned() };
    assert_eq!(orders.nominations, [(Arc::from("node-1"), vec![expected])]);
}
