use std::time::Duration;

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::scene::{Scene, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_respects_budgets_and_leaves_critical_pods_for_last() {
    let scene = Scene::start().await;
    let _running = scene.run();
    scene.ready_node("a").await;
    scene.running_pod("web", "a", json!({})).await;
    let critical = json!({ "priorityClassName": "system-cluster-critical" });
    scene.running_pod("dns", "a", critical).await;
    let stays = json!({ "tolerations": [{ "operator": "Exists" }] });
    scene.running_pod("agent", "a", stays).await;
    let budgets = scene.budgets();
    let budget = json!({
        "metadata": { "name": "web" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "web" } } },
    });
    let budget: PodDisruptionBudget = serde_json::from_value(budget).expect("a budget");
    budgets.create(&PostParams::default(), &budget).await.expect("the budget is valid");
    until("the budget is counted", async || {
        let budget = budgets.get("web").await.expect("is there");
        budget.status.is_some_and(|status| status.expected_pods == Some(1))
    })
    .await;

    scene.claims().delete("a", &DeleteParams::default()).await.expect("is there");
    until("the eviction is refused", async || {
        scene.event_reasons().await.iter().any(|one| one == "FailedDraining")
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(scene.has_pod("web").await, "the budget protects it");
    assert!(scene.has_pod("dns").await, "its wave comes last");
    let node = scene.nodes().get("a").await.expect("is there");
    assert!(node.metadata.deletion_timestamp.is_some());
    assert_eq!(
        node.labels()["node.kubernetes.io/exclude-from-external-load-balancers"],
        "karpenter"
    );
    let taints = node.spec.expect("has one").taints.unwrap_or_default();
    assert!(taints.iter().any(|taint| taint.key == "karpenter.sh/disrupted"));

    budgets.delete("web", &DeleteParams::default()).await.expect("is there");
    scene.until_gone("a").await;
    assert!(!scene.has_pod("web").await && !scene.has_pod("dns").await);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_period_ends_what_a_pod_forbids() {
    let scene = Scene::start().await;
    let _running = scene.run();
    let offerings = json!({ "tenon.sh/offerings": "c-4x-amd64-linux/test-zone-a/spot" });
    scene.claim("a", offerings, json!({ "terminationGracePeriod": "4s" })).await;
    scene.until_initialized("a").await;
    scene.running_pod("job", "a", json!({})).await;
    let patch = json!({ "metadata": { "annotations": { "karpenter.sh/do-not-disrupt": "true" } } });
    let patch = Patch::Merge(patch);
    scene.pods().patch("job", &PatchParams::default(), &patch).await.expect("is there");
    scene.claims().delete("a", &DeleteParams::default()).await.expect("is there");
    until("the deadline is written down", async || {
        let claim = scene.claims().get("a").await.expect("is there");
        claim.annotations().contains_key("karpenter.sh/nodeclaim-termination-timestamp")
    })
    .await;
    assert!(scene.has_pod("job").await, "it may stay for now");
    scene.until_gone("a").await;
    assert!(!scene.has_pod("job").await);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_deleted_by_hand_takes_its_claim_along() {
    let scene = Scene::start().await;
    let _running = scene.run();
    scene.ready_node("a").await;
    scene.running_pod("web", "a", json!({})).await;
    scene.nodes().delete("a", &DeleteParams::default()).await.expect("is there");
    scene.until_gone("a").await;
    assert!(!scene.has_pod("web").await, "it was evicted first");
    let evicted = scene.event_reasons().await.iter().any(|one| one == "Evicted");
    assert!(evicted);
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_collected_on_both_sides() {
    let scene = Scene::start().await;
    let _running = scene.run();
    scene.ready_node("a").await;
    // The machine under a node is gone, and the kubelet fell silent.
    let gone = json!({ "kwok.tenon.sh/machine-gone": "lost", "kwok.x-k8s.io/node": null });
    let patch = Patch::Merge(json!({ "metadata": { "annotations": gone } }));
    scene.nodes().patch("a", &PatchParams::default(), &patch).await.expect("is there");
    let silent = json!([{ "type": "Ready", "status": "Unknown" }]);
    let patch = Patch::Merge(json!({ "status": { "conditions": silent } }));
    scene.nodes().patch_status("a", &PatchParams::default(), &patch).await.expect("is there");
    scene.until_gone("a").await;

    // A machine that nobody claims.
    let node = json!({
        "metadata": {
            "name": "b",
            "labels": { "kwok.x-k8s.io/node": "fake", "kubernetes.io/hostname": "b" },
        },
        "spec": { "providerID": "kwok://b" },
    });
    let node = serde_json::from_value(node).expect("a node");
    scene.nodes().create(&PostParams::default(), &node).await.expect("the node is valid");
    until("the orphan is deleted", async || {
        scene.nodes().get_opt("b").await.expect("an answer").is_none()
    })
    .await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_get_lost_by_rule() {
    let mut scene = Scene::start().await;
    scene.cloud.faults.lose = vec!["*/*/spot=1@2s".parse().expect("rule")];
    let _running = scene.run();
    scene.ready_node("a").await;
    scene.until_gone("a").await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_nodes_leave_and_others_stay() {
    let scene = Scene::start().await;
    let _running = scene.run();
    for name in ["a", "b", "c"] {
        scene.ready_node(name).await;
    }
    scene.running_pod("web", "b", json!({})).await;
    scene.waiting_pod("soon").await;
    scene.nominate("soon", Some("c")).await;
    scene.consolidate().await;
    scene.until_gone("a").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for name in ["b", "c"] {
        let claim = scene.claims().get(name).await.expect("is there");
        assert!(claim.metadata.deletion_timestamp.is_none(), "{name} is needed");
    }
    scene.stop().await;
}
