//! What watches have shown makes the snapshot that files would.

use jiff::Timestamp;
use provisioner::{
    snapshot::{
        SkipReason, Snapshot,
        read::{ReadOptions, Reader},
    },
    watch::{Stores, WATCHED, Wake},
};
use serde_json::{Value, json};

use crate::feed::{apply, delete, kind, listed, pod, pool, relist};

fn from_files(items: &[Value]) -> Snapshot {
    let mut reader = Reader::new(ReadOptions::default());
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    reader.add_bytes("list", list.to_string().as_bytes()).unwrap();
    reader.finish()
}

fn from_watch(stores: &Stores) -> Snapshot {
    let snapshot = stores.snapshot(Timestamp::UNIX_EPOCH, vec![]);
    snapshot.expect("everything is listed")
}

/// A cluster dump as `kubectl get -o json` gives it, without the kinds that nobody watches and
/// with uids, which servers give to everything.
fn dump() -> Vec<Value> {
    let text = include_str!("../../../examples/cluster-dump/dump.json");
    let list: Value = serde_json::from_str(text).unwrap();
    let watched = |item: &&Value| WATCHED.iter().any(|kind| item["kind"] == kind.kind);
    let items = list["items"].as_array().unwrap().iter().filter(watched).cloned();
    items.enumerate().map(|(at, item)| with_uid(item, at)).collect()
}

fn with_uid(mut item: Value, at: usize) -> Value {
    item["metadata"]["uid"] = json!(format!("uid-{at}"));
    item
}

#[test]
fn a_listing_gives_what_the_files_give() {
    let items = dump();
    assert!(items.len() > 10);
    assert_eq!(from_watch(&listed(&items)), from_files(&items));
}

#[test]
fn admission_and_ephemeral_volumes_are_the_same() {
    let mut scratch = pod("scratch", "1");
    scratch["spec"]["volumes"] = json!([{"name": "tmp", "ephemeral": {"volumeClaimTemplate":
        {"spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast",
                  "resources": {"requests": {"storage": "10Gi"}}}}}}]);
    scratch["spec"]["priorityClassName"] = json!("high");
    scratch["spec"].as_object_mut().unwrap().remove("priority");
    let items = vec![
        scratch,
        pod("web-0", "500m"),
        pool("general"),
        json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
               "metadata": {"name": "high"}, "value": 1000}),
        json!({"apiVersion": "v1", "kind": "LimitRange",
               "metadata": {"name": "least", "namespace": "kube-system"},
               "spec": {"limits": [{"type": "Container", "defaultRequest": {"cpu": "10m"}}]}}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet",
               "metadata": {"name": "logs", "namespace": "kube-system"},
               "spec": {"selector": {}, "template": {"metadata": {"labels": {"app": "logs"}},
                   "spec": {"containers": [{"name": "main"}]}}}}),
        json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
               "metadata": {"name": "gvisor"}, "handler": "runsc",
               "overhead": {"podFixed": {"cpu": "50m"}}}),
    ];
    let (live, files) = (from_watch(&listed(&items)), from_files(&items));
    assert_eq!(live, files);
    assert_eq!(live.pods[0].template.spec.priority, Some(1000));
    assert_eq!(live.volume_claims.len(), 1);
}

#[test]
fn events_lead_to_the_same_place_as_a_listing() {
    let items = [pod("web-0", "1"), pod("web-1", "1"), pool("general")];
    let stores = listed(&items);
    delete(&stores, pod("web-1", "1"));
    apply(&stores, pod("web-2", "2"));
    let mut bound = pod("web-0", "1");
    bound["spec"]["nodeName"] = json!("node-1");
    apply(&stores, bound.clone());
    let now = [bound, pod("web-2", "2"), pool("general")];
    assert_eq!(from_watch(&stores), from_files(&now));
    assert_eq!(stores.unbound(), 1);
}

#[test]
fn what_a_new_listing_does_not_show_is_gone() {
    let stores = listed(&[pod("web-0", "1"), pod("web-1", "1"), pool("general")]);
    relist(&stores, kind("Pod"), &[pod("web-1", "1")]);
    assert_eq!(from_watch(&stores), from_files(&[pod("web-1", "1"), pool("general")]));
    stores.absent(kind("NodePool"));
    assert!(from_watch(&stores).node_pools.is_empty());
}

#[test]
fn a_bad_object_is_left_out_and_named() {
    let mut bad = pod("bad", "1");
    bad["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("many");
    let stores = listed(&[bad, pod("good", "1"), json!({"kind": "Pod", "metadata": 3})]);
    let snapshot = from_watch(&stores);
    assert_eq!(snapshot.pods.len(), 1);
    let named: Vec<_> = snapshot.skipped.iter().filter(|one| one.object.contains("bad")).collect();
    assert_eq!(named.len(), 1, "{:?}", snapshot.skipped);
    assert_eq!(named[0].reason, SkipReason::Malformed);
    assert!(named[0].detail.contains("cpu"), "{}", named[0].detail);
    apply(&stores, pod("bad", "1"));
    assert_eq!(from_watch(&stores).pods.len(), 2, "it counts as soon as it is good");
}

#[test]
fn only_new_needs_wake_the_loop() {
    let stores = listed(&[pool("general")]);
    let wake = apply(&stores, pod("web-0", "1"));
    assert_eq!(wake, Some(Wake::Pod("uid-web-0".into())));
    assert_eq!(apply(&stores, pod("web-0", "1")), None, "it is known");
    let mut daemon = pod("logs", "1");
    daemon["metadata"]["ownerReferences"][0]["kind"] = json!("DaemonSet");
    assert_eq!(apply(&stores, daemon), None, "it follows its node");
    assert_eq!(apply(&stores, pool("general")), Some(Wake::Supply));
}

#[test]
fn nothing_is_shown_before_everything_is_listed() {
    let stores = Stores::default();
    for kind in &WATCHED[1..] {
        assert_eq!(relist(&stores, *kind, &[]), None);
    }
    assert!(stores.snapshot(Timestamp::UNIX_EPOCH, vec![]).is_none());
    assert_eq!(relist(&stores, WATCHED[0], &[]), Some(Wake::Synced));
    assert!(stores.snapshot(Timestamp::UNIX_EPOCH, vec![]).is_some());
}
