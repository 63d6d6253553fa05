//! Requests, which pods are planned, and how they group.

use std::{collections::BTreeMap, sync::Arc};

use provisioner::{
    formulate::requests,
    snapshot::{Nomination, SkipReason},
};
use serde_json::{Value, json};

use crate::builders::*;

/// (case, spec, CPU in milli-cores, memory in MiB)
fn request_cases() -> Vec<(&'static str, Value, i64, i64)> {
    let asks = |cpu: &str, mib: i64| container(cpu, &format!("{mib}Mi"));
    let sidecar = |cpu: &str, mib: i64| {
        let mut container = asks(cpu, mib);
        container["restartPolicy"] = json!("Always");
        container
    };
    vec![
        ("containers add up", json!({"containers": [asks("1", 10), asks("500m", 20)]}), 1500, 30),
        (
            "the largest init container counts where it is larger",
            json!({"containers": [asks("1", 10)],
                   "initContainers": [asks("3", 5), asks("2", 40)]}),
            3000,
            40,
        ),
        (
            "sidecars stay",
            json!({"containers": [asks("1", 10)], "initContainers": [sidecar("1", 5)]}),
            2000,
            15,
        ),
        (
            "an init container runs with the sidecars before it, not those after",
            json!({"containers": [asks("1", 10)],
                   "initContainers": [sidecar("1", 5), asks("4", 1), sidecar("2", 5)]}),
            5000,
            20,
        ),
        (
            "requests of the pod replace those of containers",
            json!({"containers": [asks("1", 10)], "resources": {"requests": {"cpu": "3"}}}),
            3000,
            10,
        ),
        (
            "overhead comes on top of pod-level requests",
            json!({"containers": [asks("1", 10)], "resources": {"requests": {"cpu": "3"}},
                   "overhead": {"cpu": "250m", "memory": "1Mi"}}),
            3250,
            11,
        ),
        (
            "overhead of the RuntimeClass where the pod states none",
            json!({"containers": [asks("1", 10)], "runtimeClassName": "kata"}),
            1500,
            110,
        ),
        (
            "limits stand in for requests",
            json!({"containers": [{"name": "main", "resources": {
                "limits": {"cpu": "2", "memory": "8Mi"}, "requests": {"cpu": "1"}}}]}),
            1000,
            8,
        ),
        ("fractions round up", json!({"containers": [asks("0.0001", 1)]}), 1, 1),
    ]
}

#[test]
fn requests_are_those_of_the_scheduler() {
    let class = serde_json::from_value(json!({
        "handler": "kata", "overhead": {"podFixed": {"cpu": "500m", "memory": "100Mi"}}}));
    let classes = BTreeMap::from([("kata".to_owned(), class.unwrap())]);
    for (case, spec, cpu, mib) in request_cases() {
        let request = requests::effective(&template(&[], spec).spec, &classes);
        let found = (request.get("cpu"), request.get("memory") >> 20, request.get("pods"));
        assert_eq!(found, (cpu, mib, 1), "{case}");
    }
}

#[test]
fn pods_play_their_part() {
    use SkipReason::*;
    type Change = fn(&mut Cluster);
    let cases: [(&str, Change, Option<SkipReason>, usize); 10] = [
        ("pending", |_| {}, None, 1),
        ("finished", |c| c.pod_mut(0).terminal = true, Some(Terminal), 0),
        ("being deleted", |c| c.pod_mut(0).deleting = true, Some(Deleting), 0),
        (
            "owned by a daemon set",
            |c| Arc::make_mut(&mut c.pod_mut(0).template).owner_kind = Some("DaemonSet".into()),
            Some(DaemonSetPod),
            0,
        ),
        (
            "static",
            |c| Arc::make_mut(&mut c.pod_mut(0).template).owner_kind = Some("Node".into()),
            Some(StaticPod),
            0,
        ),
        (
            "gated",
            |c| {
                let spec = &mut Arc::make_mut(&mut c.pod_mut(0).template).spec;
                spec.scheduling_gates = serde_json::from_value(json!([{"name": "wait"}])).unwrap();
            },
            Some(SchedulingGated),
            0,
        ),
        (
            "of another scheduler",
            |c| {
                let spec = &mut Arc::make_mut(&mut c.pod_mut(0).template).spec;
                spec.scheduler_name = Some("volcano".into());
            },
            Some(OtherScheduler),
            0,
        ),
        (
            "nominated to a node that stays",
            |c| c.pod_mut(0).nominated_node = nominated("node-0", None),
            Some(Nominated),
            0,
        ),
        (
            "nominated to a node that is gone",
            |c| c.pod_mut(0).nominated_node = nominated("node-9", None),
            None,
            1,
        ),
        (
            "on a node that goes away",
            |c| {
                c.pod_mut(0).node_name = Some("node-0".into());
                let spec = c.node_mut(0).spec.get_or_insert_default();
                spec.taints = Some(vec![taint("karpenter.sh/disrupted", "NoSchedule")]);
            },
            None,
            1,
        ),
    ];
    for (case, change, reason, planned) in cases {
        let found =
            Cluster::new().nodes(&["a"]).pending(1, &[], json!({})).with(change).formulate();
        assert_eq!(skip_reason(&found), reason, "{case}");
        assert_eq!(found.problem.pods(), planned as u64, "{case}");
    }
}

#[test]
fn a_nominated_pod_keeps_its_room() {
    let found = Cluster::new()
        .nodes(&["a"])
        .pending(1, &[], json!({}))
        .with(|c| c.pod_mut(0).nominated_node = nominated("node-0", None))
        .formulate();
    assert_eq!(found.problem.nodes[0].free[0], 3000);
}

#[test]
fn labels_that_nobody_reads_do_not_split_groups() {
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    let cases = [
        (
            "labels nobody reads",
            Cluster::new().pending(2, &[("a", "1")], json!({})).pending(
                2,
                &[("a", "2")],
                json!({}),
            ),
            1,
        ),
        (
            "priority",
            Cluster::new().pending(2, &[], json!({})).pending(2, &[], json!({"priority": 5})),
            2,
        ),
        (
            "requests",
            Cluster::new().pending(1, &[], json!({})).pending(
                1,
                &[],
                json!({"containers": [container("2", "1Gi")]}),
            ),
            2,
        ),
        (
            "a label that a selector reads",
            Cluster::new()
                .pending(1, &[("app", "web")], json!({}))
                .pending(1, &[("app", "db")], json!({}))
                .pending(1, &[("app", "cache")], json!({}))
                .pending(1, &[("app", "web")], spread),
            3,
        ),
    ];
    for (case, cluster, groups) in cases {
        let found = cluster.formulate();
        assert_eq!(found.problem.groups.len(), groups, "{case}");
        let pods: usize = found.index.groups.iter().map(Vec::len).sum();
        assert_eq!(pods, cluster.snapshot.pods.len(), "{case}");
    }
}

/// kube-scheduler does not have a pod where tenon wanted it, for a reason that tenon does not see:
/// the pod is planned anew after a minute, and for another node.
#[test]
fn a_nomination_that_comes_to_nothing_is_given_up() {
    let waiting = |planned_at: i64| {
        Cluster::new().nodes(&["a", "b"]).pending(2, &[], json!({})).with(|c| {
            c.snapshot.taken_at = 1_000;
            c.pod_mut(0).nominated_node = nominated("node-0", Some(planned_at));
        })
    };
    let young = waiting(941).formulate();
    assert_eq!((skip_reason(&young), young.problem.pods()), (Some(SkipReason::Nominated), 1));
    assert_eq!(young.problem.nodes[0].free[0], 3_000);
    let old = waiting(940).formulate();
    assert_eq!((skip_reason(&old), old.problem.pods()), (None, 2));
    assert_eq!(old.problem.nodes[0].free[0], 4_000, "its room is free again");
    let nodes: Vec<_> = (0..2).map(|group| accepted_nodes(&old, group)).collect();
    assert_eq!(nodes, [vec!["node-1"], vec!["node-0", "node-1"]], "nor is it sent there again");
}

fn nominated(node: &str, planned_at: Option<i64>) -> Option<Nomination> {
    Some(Nomination { node: node.into(), planned_at })
}
