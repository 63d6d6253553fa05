//! Who comes first, and who waits how long.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::scheduler::{Decision, pod_key};

use crate::objects::{bound, decide_all, node, nominated, pod, put, scheduler};

/// Spread over the zones, one pod more in one than in another at most.
fn spread(app: &str) -> Value {
    json!({ "topologySpreadConstraints": [{
        "topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": { "matchLabels": { "app": app } },
    }] })
}

fn with_priority(name: &str, priority: i32) -> Value {
    pod(name, "x", "1", json!({ "priority": priority }))
}

#[test]
fn priority_then_arrival() {
    let pods = [with_priority("late", 0), with_priority("last", 0), with_priority("first", 5)];
    let mut scheduler = scheduler(1, &[node("a", "1")], &pods);
    let order: Vec<String> =
        decide_all(&mut scheduler, Duration::ZERO).into_iter().map(|(pod, _)| pod).collect();
    assert_eq!(order, ["first", "late", "last"]);
}

#[test]
fn gated_foreign_and_deleted_pods_have_no_turn() {
    let gated = pod("gated", "x", "1", json!({ "schedulingGates": [{ "name": "wait" }] }));
    let foreign = pod("foreign", "x", "1", json!({ "schedulerName": "other" }));
    let mut deleted = pod("deleted", "x", "1", json!({}));
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut scheduler = scheduler(1, &[node("a", "1")], &[gated, foreign, deleted]);
    assert_eq!(decide_all(&mut scheduler, Duration::ZERO), []);
    put(&mut scheduler, &pod("gated", "x", "1", json!({})));
    let decisions = decide_all(&mut scheduler, Duration::ZERO);
    assert_eq!(decisions, [("gated".to_owned(), Decision::Bind("a".to_owned()))]);
}

/// After the n-th failure 1 s, 2 s, 4 s, 8 s and from then on 10 s, and only when something
/// changed meanwhile.
#[test]
fn failures_are_tried_again_after_a_doubling_wait() {
    let mut scheduler = scheduler(1, &[node("a", "1")], &[pod("big", "x", "5", json!({}))]);
    let mut now = Duration::ZERO;
    assert_eq!(decide_all(&mut scheduler, now).len(), 1);
    assert_eq!(decide_all(&mut scheduler, now + Duration::from_secs(900)), [], "nothing changed");
    for wait in [1, 2, 4, 8, 10, 10] {
        scheduler.wake();
        let early = now + Duration::from_secs(wait) - Duration::from_millis(1);
        assert_eq!(decide_all(&mut scheduler, early), [], "before {wait} s");
        now += Duration::from_secs(wait);
        assert_eq!(scheduler.next_retry(), Some(now));
        assert_eq!(decide_all(&mut scheduler, now).len(), 1, "after {wait} s");
    }
}

/// Three pods that must be spread over the zones, one for each node: the one for the second node of
/// a zone fits only once the other zone has its own, and nothing else happens after that.
#[test]
fn a_pod_that_arrives_lets_those_try_again_that_are_spread_with_it() {
    let web = |name: &str| pod(name, "web", "3", spread("web"));
    let nodes = [node("a1", "1"), node("a2", "1"), node("b1", "2")];
    let (first, early) = (bound(web("first"), "a1"), web("early"));
    let other = nominated(web("other"), "b1");
    let mut scheduler = scheduler(1, &nodes, &[first, early, other.clone()]);
    let decisions = decide_all(&mut scheduler, Duration::ZERO);
    let [(tried, Decision::Unschedulable(why)), (placed, Decision::Bind(node))] = &decisions[..]
    else {
        panic!("{decisions:?}");
    };
    assert_eq!((&**tried, &**placed, &**node), ("early", "other", "b1"), "{why}");
    assert_eq!(
        decide_all(&mut scheduler, Duration::from_secs(60)),
        [],
        "not yet known to be there"
    );
    put(&mut scheduler, &bound(other, "b1"));
    let later = decide_all(&mut scheduler, Duration::from_secs(61));
    assert_eq!(later, [("early".to_owned(), Decision::Bind("a2".to_owned()))]);
}

/// Room that was kept for a pod is free when its nomination ends or moves, although no pod went.
#[test]
fn a_nomination_that_ends_lets_others_try_again() {
    let nodes = [node("a", "1"), node("b", "1")];
    let gated = pod("waiting", "x", "4", json!({ "schedulingGates": [{ "name": "wait" }] }));
    for after in [gated.clone(), nominated(gated.clone(), "b")] {
        let taken = bound(pod("old", "x", "4", json!({})), "b");
        let mut scheduler = scheduler(1, &nodes, &[taken, nominated(gated.clone(), "a")]);
        put(&mut scheduler, &pod("new", "y", "4", json!({})));
        let decisions = decide_all(&mut scheduler, Duration::ZERO);
        assert!(matches!(&decisions[..], [(_, Decision::Unschedulable(_))]), "{decisions:?}");
        assert_eq!(decide_all(&mut scheduler, Duration::from_secs(60)), [], "nothing changed");
        put(&mut scheduler, &after);
        let later = decide_all(&mut scheduler, Duration::from_secs(61));
        assert_eq!(later, [("new".to_owned(), Decision::Bind("a".to_owned()))]);
    }
}

#[test]
fn a_refused_binding_frees_the_node() {
    let mut scheduler = scheduler(1, &[node("a", "1")], &[pod("one", "x", "4", json!({}))]);
    let bind = Decision::Bind("a".to_owned());
    assert_eq!(decide_all(&mut scheduler, Duration::ZERO), [("one".to_owned(), bind.clone())]);
    put(&mut scheduler, &pod("two", "x", "4", json!({})));
    assert!(matches!(
        &decide_all(&mut scheduler, Duration::ZERO)[..],
        [(_, Decision::Unschedulable(_))]
    ));
    let one = serde_json::from_value(pod("one", "x", "4", json!({}))).expect("a pod");
    scheduler.retract(&pod_key(&one), Duration::ZERO);
    scheduler.delete_pod(&pod_key(&one));
    let later = decide_all(&mut scheduler, Duration::from_secs(1));
    assert_eq!(later, [("two".to_owned(), bind)]);
}

/// A thousand nodes and ten thousand pods of a hundred kinds, a tenth of them with relations to
/// others: all find a place, and not one node holds more than it can.
#[test]
fn many_pods_on_many_nodes() {
    let nodes: Vec<Value> =
        (0..1000).map(|n| node(&format!("n{n}"), &(n % 3).to_string())).collect();
    let pods: Vec<Value> = (0..10_000)
        .map(|n| {
            let app = format!("app-{}", n % 100);
            let spec = if n % 10 == 0 { spread(&app) } else { json!({}) };
            pod(&format!("p{n}"), &app, ["100m", "300m", "500m"][n % 3], spec)
        })
        .collect();
    let mut scheduler = scheduler(1, &nodes, &pods);
    let decisions = decide_all(&mut scheduler, Duration::ZERO);
    let placed = decisions.iter().filter(|(_, it)| matches!(it, Decision::Bind(_))).count();
    assert_eq!(placed, 10_000);
    // 40 pods of 100m fill a node; LeastAllocated keeps all far below that.
    assert!(scheduler.cache.pods_by_node().values().all(|pods| *pods < 40));
}
