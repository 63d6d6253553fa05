//! Controllers as functions from the world to what is to be done.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tenon_tests::controllers::{Action, Kind, Options, World, actions};

fn object<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object")
}

fn meta(kind: &str, name: &str, owner: Option<(&str, &str)>) -> Value {
    let owners: Vec<Value> = (owner.into_iter())
        .map(|(kind, uid)| {
            json!({ "apiVersion": "apps/v1", "kind": kind, "name": uid, "uid": uid,
                "controller": true })
        })
        .collect();
    json!({ "name": name, "namespace": "default", "uid": name, "labels": { "app": "web" },
        "ownerReferences": owners, "annotations": { "kind": kind } })
}

/// A ReplicaSet that asks for `replicas`, and pods of which the first `ready` are.
fn world(replicas: usize, pods: usize, ready: usize) -> World {
    let mut world = World::default();
    let selector = json!({ "matchLabels": { "app": "web" } });
    let template =
        json!({ "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [] } });
    let set = json!({ "metadata": meta("ReplicaSet", "web", None),
        "spec": { "replicas": replicas, "selector": selector, "template": template } });
    world.replica_sets.insert("default/web".to_owned(), object(set));
    for number in 0..pods {
        let status = if number < ready { "True" } else { "False" };
        let name = format!("web-{number}");
        let pod = json!({
            "metadata": meta("Pod", &name, Some(("ReplicaSet", "web"))),
            "spec": { "containers": [] },
            "status": { "phase": "Running", "conditions": [
                { "type": "Ready", "status": status } ] },
        });
        world.pods.insert(format!("default/{name}"), object(pod));
    }
    world
}

/// Expected, desired, healthy and allowed of a budget over that world.
fn budget(mut world: World, spec: Value) -> [i64; 4] {
    let mut budget = json!({ "metadata": meta("PodDisruptionBudget", "web", None), "spec": spec });
    budget["spec"]["selector"] = json!({ "matchLabels": { "app": "web" } });
    world.budgets.insert("default/web".to_owned(), object(budget));
    let status = actions(&world, &Options::default()).into_iter().find_map(|action| match action {
        Action::Status { kind: Kind::Budget, patch, .. } => Some(patch["status"].clone()),
        _ => None,
    });
    let status = status.expect("a status");
    ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"]
        .map(|field| status[field].as_i64().expect("a number"))
}

/// Percentages are rounded up, of what the controller asks for and not of the pods that are there.
#[test]
fn budgets_round_as_the_real_controller_does() {
    for (spec, world, expected) in [
        (json!({ "minAvailable": 2 }), world(5, 4, 4), [4, 2, 4, 2]),
        (json!({ "minAvailable": 6 }), world(5, 5, 5), [5, 6, 5, 0]),
        (json!({ "minAvailable": "50%" }), world(5, 4, 4), [5, 3, 4, 1]),
        (json!({ "maxUnavailable": 1 }), world(5, 5, 5), [5, 4, 5, 1]),
        (json!({ "maxUnavailable": 1 }), world(5, 5, 3), [5, 4, 3, 0]),
        (json!({ "maxUnavailable": "30%" }), world(5, 5, 5), [5, 3, 5, 2]),
        (json!({ "maxUnavailable": "100%" }), world(3, 3, 3), [3, 0, 3, 3]),
        (json!({ "maxUnavailable": 1 }), world(0, 0, 0), [0, 0, 0, 0]),
    ] {
        assert_eq!(budget(world, spec.clone()), expected, "{spec}");
    }
}

#[test]
fn missing_pods_are_made_and_surplus_ones_deleted() {
    let made = |world: &World| {
        let actions = actions(world, &Options::default());
        actions.iter().filter(|action| matches!(action, Action::CreatePod(_))).count()
    };
    assert_eq!(made(&world(5, 3, 3)), 2);
    assert_eq!(made(&world(3, 3, 3)), 0);
    let deleted: Vec<String> = (actions(&world(1, 3, 2), &Options::default()).into_iter())
        .filter_map(|action| match action {
            Action::DeletePod { pod, force: false } => pod.metadata.name,
            _ => None,
        })
        .collect();
    assert_eq!(deleted.len(), 2);
    assert_eq!(deleted[0], "web-2", "the one that is not ready goes first");
}

#[test]
fn what_is_left_over_goes() {
    let mut world = world(1, 1, 1);
    world.replica_sets.clear();
    let orphan = |force: bool, world: &World| Action::DeletePod {
        pod: Box::new(world.pods["default/web-0"].clone()),
        force,
    };
    assert_eq!(actions(&world, &Options::default()), [orphan(false, &world)]);
    let pod = world.pods.get_mut("default/web-0").expect("the pod");
    pod.metadata.owner_references = None;
    pod.spec.as_mut().expect("a spec").node_name = Some("gone".to_owned());
    assert_eq!(actions(&world, &Options::default()), [orphan(true, &world)]);
    let off = Options { lost_pods: false, ..Options::default() };
    assert_eq!(actions(&world, &off), []);
}
