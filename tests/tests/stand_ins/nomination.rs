//! Nominated pods go where they are nominated to, and the others leave them their room.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::scheduler::{Decision, pod_key};

use crate::objects::{decide_all, node, nominated, place, pod, put, scheduler};

#[test]
fn the_nominated_node_comes_before_all_scores() {
    let nodes = [node("a", "1"), node("b", "1")];
    let taken = [crate::objects::bound(pod("old", "x", "3", json!({})), "a")];
    let new = nominated(pod("new", "y", "1", json!({})), "a");
    assert_eq!(place(&nodes, &taken, &new), Ok("a".to_owned()));
}

#[test]
fn a_nominated_node_that_does_not_fit_is_no_obstacle() {
    let nodes = [node("a", "1"), node("b", "1")];
    let taken = [crate::objects::bound(pod("old", "x", "4", json!({})), "a")];
    let new = nominated(pod("new", "y", "1", json!({})), "a");
    assert_eq!(place(&nodes, &taken, &new), Ok("b".to_owned()));
    let new = nominated(pod("new", "y", "1", json!({})), "not-there-yet");
    assert_eq!(place(&nodes, &taken, &new), Ok("b".to_owned()));
}

/// Room of nominated pods is kept from pods of the same or lower priority only.
#[test]
fn others_leave_nominated_pods_their_room() {
    let waiting = |priority: i32| {
        let gate = json!({ "priority": priority, "schedulingGates": [{ "name": "wait" }] });
        nominated(pod("waiting", "x", "4", gate), "a")
    };
    let new = |priority: i32| pod("new", "y", "1", json!({ "priority": priority }));
    let full = Err("0/1 nodes are available: 1 Insufficient cpu.".to_owned());
    assert_eq!(place(&[node("a", "1")], &[waiting(0)], &new(0)), full);
    assert_eq!(place(&[node("a", "1")], &[waiting(1)], &new(0)), full);
    assert_eq!(place(&[node("a", "1")], &[waiting(0)], &new(1)), Ok("a".to_owned()));
}

/// Twelve pods of 1 CPU and four of 3 CPUs, planned to fill six nodes of 4 CPUs exactly.
pub fn planned() -> Vec<(Value, &'static str)> {
    let nodes = ["n1", "n2", "n3", "n4", "n5", "n6"];
    let mut pods = Vec::new();
    // Nodes 1 to 4 take one pod of 3 CPUs and one of 1 CPU, nodes 5 and 6 four pods of 1 CPU.
    let small = [0, 1, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5];
    for (number, node) in small.into_iter().enumerate() {
        pods.push((pod(&format!("small-{number:02}"), "small", "1", json!({})), nodes[node]));
    }
    for (number, node) in nodes.into_iter().take(4).enumerate() {
        pods.push((pod(&format!("large-{number}"), "large", "3", json!({})), node));
    }
    pods
}

fn nodes() -> Vec<Value> {
    (1..=6).map(|number| node(&format!("n{number}"), "1")).collect()
}

#[test]
fn a_plan_without_slack_comes_true_by_nomination() {
    for seed in 0..20 {
        let pods: Vec<Value> =
            planned().into_iter().map(|(pod, node)| nominated(pod, node)).collect();
        let mut scheduler = scheduler(seed, &nodes(), &pods);
        decide_all(&mut scheduler, Duration::ZERO);
        for (pod, node) in planned() {
            let key = pod_key(&serde_json::from_value(pod).expect("a pod"));
            assert_eq!(scheduler.cache.node_of(&key), Some(node), "{key}, seed {seed}");
        }
    }
}

/// The small pods come first and spread over all nodes, so that the large ones fit on few.
#[test]
fn a_plan_without_slack_fails_without_nomination() {
    for seed in 0..20 {
        let pods: Vec<Value> = planned().into_iter().map(|(pod, _)| pod).collect();
        let mut scheduler = scheduler(seed, &nodes(), &pods);
        let decisions = decide_all(&mut scheduler, Duration::ZERO);
        let nowhere = decisions.iter().filter(|(pod, decision)| {
            pod.starts_with("large") && matches!(decision, Decision::Unschedulable(_))
        });
        assert_eq!(nowhere.count(), 4, "seed {seed}: {decisions:?}");
    }
}

/// Where the plan's pods come that were tried once before there was any node.
fn tried_before_the_nodes_came(renewed: bool) -> Vec<(String, Option<String>)> {
    let pods: Vec<Value> = planned().into_iter().map(|(pod, node)| nominated(pod, node)).collect();
    let mut scheduler = scheduler(3, &[], &pods);
    let decisions = decide_all(&mut scheduler, Duration::ZERO);
    assert!(decisions.iter().all(|(_, it)| matches!(it, Decision::Unschedulable(_))));
    for pod in pods.iter().filter(|_| renewed) {
        put(&mut scheduler, pod);
    }
    for node in nodes() {
        let node = serde_json::from_value(node).expect("a node");
        scheduler.cache.apply_node(&node);
    }
    scheduler.wake();
    decide_all(&mut scheduler, Duration::from_secs(10));
    let place = |pod: Value| {
        let key = pod_key(&serde_json::from_value(pod).expect("a pod"));
        (key.to_string(), scheduler.cache.node_of(&key).map(str::to_owned))
    };
    planned().into_iter().map(|(pod, _)| place(pod)).collect()
}

#[test]
fn a_try_in_vain_costs_the_nomination() {
    let as_planned = |places: &[(String, Option<String>)]| {
        let both = places.iter().zip(planned());
        both.filter(|((_, place), (_, node))| place.as_deref() == Some(node)).count()
    };
    let places = tried_before_the_nodes_came(false);
    assert!(as_planned(&places) < 16, "{places:?}");
    let places = tried_before_the_nodes_came(true);
    assert_eq!(as_planned(&places), 16, "{places:?}");
}

#[test]
fn a_nomination_that_changes_moves_the_room() {
    let nodes = [node("a", "1"), node("b", "1")];
    let gated = |to: &str| {
        nominated(pod("waiting", "x", "4", json!({ "schedulingGates": [{ "name": "wait" }] })), to)
    };
    let mut scheduler = scheduler(1, &nodes, &[gated("a")]);
    put(&mut scheduler, &gated("b"));
    put(&mut scheduler, &pod("new", "y", "4", json!({})));
    let decisions = decide_all(&mut scheduler, Duration::ZERO);
    assert_eq!(decisions, [("new".to_owned(), Decision::Bind("a".to_owned()))]);
}

/// Each counts the other as if it were there, and neither may be the second one: whoever is tried
/// first is refused and loses its nomination, and only then the other fits.
#[test]
fn spread_pods_nominated_to_one_node_keep_each_other_out() {
    let spread = json!({ "topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": { "matchLabels": { "app": "x" } },
    }] });
    let new = |name: &str| nominated(pod(name, "x", "1", spread.clone()), "a");
    let nodes = [node("a", "1"), node("b", "2")];
    let full = crate::objects::bound(pod("old", "y", "4", json!({})), "b");
    assert_eq!(place(&nodes, std::slice::from_ref(&full), &new("one")), Ok("a".to_owned()));
    let mut scheduler = scheduler(1, &nodes, &[full, new("one"), new("two")]);
    let decisions: Vec<Decision> =
        decide_all(&mut scheduler, Duration::ZERO).into_iter().map(|(_, it)| it).collect();
    let [Decision::Unschedulable(_), Decision::Bind(node)] = &decisions[..] else {
        panic!("{decisions:?}");
    };
    assert_eq!(node, "a");
}
