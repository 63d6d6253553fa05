//! Nodes that stand: room, claims in flight, price.

use std::sync::Arc;

use catalog::Resources;
use provisioner::api::node_pool::NodeClaim;
use serde_json::json;

use crate::builders::*;

#[test]
fn free_room_is_what_bound_and_expected_pods_leave() {
    let agent = |c: &mut Cluster| {
        let agent = Arc::new(template(&[], json!({"containers": [container("500m", "1Gi")]})));
        c.snapshot.daemon_sets = vec![("kube-system/agent".to_owned(), agent)];
    };
    let owned = |c: &mut Cluster| {
        Arc::make_mut(&mut c.pod_mut(0).template).owner_kind = Some("DaemonSet".into());
    };
    let small = json!({"containers": [container("500m", "1Gi")]});
    let big = json!({"containers": [container("9", "1Gi")]});
    let cases = [
        ("empty", Cluster::new().nodes(&["a"]), 4000, 30),
        ("one pod", Cluster::new().nodes(&["a"]).bound("node-0", &[], json!({})), 3000, 29),
        ("daemon to come", Cluster::new().nodes(&["a"]).with(agent), 3500, 29),
        (
            "daemon there",
            Cluster::new().nodes(&["a"]).bound("node-0", &[], small).with(agent).with(owned),
            3500,
            29,
        ),
        ("over-full", Cluster::new().nodes(&["a"]).bound("node-0", &[], big), 0, 29),
    ];
    for (case, cluster, cpu, pods) in cases {
        let found = cluster.formulate();
        let free = &found.problem.nodes[0].free;
        assert_eq!(
            (amount(&found, free, "cpu"), amount(&found, free, "pods")),
            (cpu, pods),
            "{case}"
        );
    }
}

#[test]
fn a_resized_pod_takes_what_it_holds() {
    let found = Cluster::new()
        .nodes(&["a"])
        .bound("node-0", &[], json!({}))
        .with(|c| c.pod_mut(0).resized = Some(Box::new(Resources::from([("cpu", 3_500)]))))
        .formulate();
    assert_eq!(found.problem.nodes[0].free[0], 500);
}

fn spec(cluster: &mut Cluster) -> &mut k8s_openapi::api::core::v1::NodeSpec {
    cluster.node_mut(0).spec.get_or_insert_default()
}

#[test]
fn nodes_that_start_are_planned_with_as_their_claims_promise() {
    let claim = NodeClaim {
        name: "main-x".into(),
        node_name: Some("node-0".into()),
        startup_taints: vec![taint("cni", "NoExecute")],
        allocatable: Resources::from([("nvidia.com/gpu", 2), ("cpu", 9_000)]),
        ..NodeClaim::default()
    };
    let gpu = json!({"containers": [{"name": "main", "resources": {"requests": {"nvidia.com/gpu": "1"}}}]});
    let cluster = |initialized| {
        Cluster::new().nodes(&["a"]).pending(1, &[], gpu.clone()).with(|c| {
            c.snapshot.node_claims = vec![NodeClaim { initialized, ..claim.clone() }.into()];
            spec(c).taints = Some(vec![
                taint("cni", "NoExecute"),
                taint("node.kubernetes.io/not-ready", "NoSchedule"),
            ]);
        })
    };
    for (initialized, nodes, gpus) in [(false, 1, 2), (true, 0, 0)] {
        let found = cluster(initialized).formulate();
        assert_eq!(accepted_nodes(&found, 0).len(), nodes);
        let free = &found.problem.nodes[0].free;
        assert_eq!(amount(&found, free, "nvidia.com/gpu"), gpus);
        assert_eq!(amount(&found, free, "cpu"), 4000, "what the kubelet reports wins");
    }
}

#[test]
fn claims_without_a_node_are_nodes_on_their_way() {
    let found = Cluster::new()
        .pending(1, &[], json!({"nodeSelector": {"topology.kubernetes.io/zone": "b"}}))
        .with(|c| {
            c.snapshot.node_claims = vec![
                NodeClaim {
                    name: "main-x".into(),
                    labels: Arc::new(
                        [("topology.kubernetes.io/zone".to_owned(), "b".to_owned())].into(),
                    ),
                    allocatable: Resources::from([("cpu", 2_000), ("memory", GIB), ("pods", 5)]),
                    ..NodeClaim::default()
                }
                .into(),
            ];
        })
        .formulate();
    assert_eq!(accepted_nodes(&found, 0), ["main-x"]);
    assert!(found.index.nodes[0].in_flight);
    assert_eq!(found.problem.nodes[0].free, [2_000, GIB, 5]);
}

#[test]
fn standing_nodes_are_priced_by_their_labels() {
    let found = Cluster::new()
        .nodes(&["a", "a"])
        .with(|c| {
            let labels = c.node_mut(0).metadata.labels.get_or_insert_default();
            labels.insert("node.kubernetes.io/instance-type".into(), "s8".into());
            labels.insert("karpenter.sh/capacity-type".into(), "spot".into());
        })
        .formulate();
    let prices: Vec<Option<i64>> = found.index.nodes.iter().map(|node| node.price).collect();
    assert_eq!(prices, [Some(320_000), None]);
}
