use std::time::Duration;

use k8s_openapi::api::{
    core::v1::{ConfigMap, Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api,
    api::{DeleteParams, EvictParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{create, object, pod, refused, start};

/// Binds a pod and lets it run, as scheduler and kubelet do.
async fn run(pods: &Api<Pod>, name: &str, node: &str) {
    let binding = json!({"target": {"kind": "Node", "name": node}});
    let _: Value = pods
        .create_subresource("binding", name, &PostParams::default(), &binding)
        .await
        .expect("the pod is bound");
    let status = json!({"status": {
        "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]
    }});
    let params = PatchParams::default();
    pods.patch_status(name, &params, &Patch::Strategic(status)).await.expect("the pod runs");
}

/// Asks again until there is an answer; the controllers of the server take a moment.
async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it comes in the end")
}

#[tokio::test]
async fn a_running_pod_goes_when_its_kubelet_says_so() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    create(&pods, &pod("a", json!({}))).await;
    run(&pods, "a", "n1").await;
    let other = json!({"target": {"kind": "Node", "name": "n2"}});
    let again: kube::Result<Value> =
        pods.create_subresource("binding", "a", &PostParams::default(), &other).await;
    assert_eq!(refused(again).code, 409);

    pods.delete("a", &DeleteParams::default()).await.unwrap();
    let marked = pods.get("a").await.unwrap().metadata;
    assert_eq!(marked.deletion_grace_period_seconds, Some(30));
    assert!(marked.deletion_timestamp.unwrap().0 > marked.creation_timestamp.unwrap().0);
    pods.delete("a", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("a").await.unwrap().is_none());
}

#[tokio::test]
async fn finalizers_hold_an_object_back() {
    let (_plane, client) = start().await;
    let nodes: Api<Node> = Api::all(client);
    let node =
        object(json!({"metadata": {"name": "n", "finalizers": ["tenon.sh/x", "tenon.sh/y"]}}));
    nodes.create(&PostParams::default(), &node).await.unwrap();
    nodes.delete("n", &DeleteParams::default()).await.unwrap();
    let set = |list: Value| Patch::Merge(json!({"metadata": {"finalizers": list}}));
    let params = PatchParams::default();
    let added = nodes.patch("n", &params, &set(json!(["tenon.sh/x", "tenon.sh/z"]))).await;
    assert_eq!(refused(added).code, 422);
    let left = nodes.patch("n", &params, &set(json!(["tenon.sh/y"]))).await.unwrap();
    assert!(left.metadata.deletion_timestamp.is_some());
    nodes.patch("n", &params, &set(json!(null))).await.unwrap();
    assert!(nodes.get_opt("n").await.unwrap().is_none());
}

#[tokio::test]
async fn evictions_respect_the_budget() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let budgets: Api<PodDisruptionBudget> = Api::default_namespaced(client);
    for name in ["a", "b", "c"] {
        create(&pods, &pod(name, json!({"app": "web"}))).await;
        run(&pods, name, "n1").await;
    }
    let budget = object(json!({
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    }));
    budgets.create(&PostParams::default(), &budget).await.unwrap();
    let allowed = async |wanted: i32| {
        eventually(async || {
            let status = budgets.get("web").await.unwrap().status?;
            let counted = status.observed_generation == Some(1)
                && status.current_healthy == Some(2 + wanted)
                && status.disruptions_allowed == Some(wanted);
            counted.then_some(())
        })
        .await;
    };
    allowed(1).await;
    let params = EvictParams::default();
    pods.evict("a", &params).await.unwrap();
    let refusal = refused(pods.evict("b", &params).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (429, "TooManyRequests"));
    let causes = refusal.details.unwrap().causes;
    assert_eq!(causes[0].reason, "DisruptionBudget");
    let told = "The disruption budget web needs 2 healthy pods and has ";
    assert!(causes[0].message.starts_with(told), "{}", causes[0].message);
    let going = pods.get("a").await.unwrap();
    let conditions = going.status.unwrap().conditions.unwrap();
    assert!(conditions.iter().any(|it| it.type_ == "DisruptionTarget"));
    allowed(0).await;

    let second = object(json!({
        "metadata": {"name": "all"}, "spec": {"maxUnavailable": 1, "selector": {}}
    }));
    budgets.create(&PostParams::default(), &second).await.unwrap();
    assert_eq!(refused(pods.evict("b", &params).await).code, 500);
}

#[tokio::test]
async fn dependents_follow_their_owner_and_contents_their_namespace() {
    let (_plane, client) = start().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let owner = object(json!({"metadata": {"name": "owner"}}));
    let owner = maps.create(&PostParams::default(), &owner).await.unwrap();
    let dependent = object(json!({"metadata": {"name": "dependent", "ownerReferences": [{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid
    }]}}));
    maps.create(&PostParams::default(), &dependent).await.unwrap();
    maps.delete("owner", &DeleteParams::background()).await.unwrap();
    eventually(async || maps.get_opt("dependent").await.unwrap().is_none().then_some(())).await;

    let spaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let space = object(json!({"metadata": {"name": "shop"}}));
    spaces.create(&PostParams::default(), &space).await.unwrap();
    let inside: Api<ConfigMap> = Api::namespaced(client, "shop");
    let map = object(json!({"metadata": {"name": "x"}}));
    inside.create(&PostParams::default(), &map).await.unwrap();
    spaces.delete("shop", &DeleteParams::default()).await.unwrap();
    eventually(async || spaces.get_opt("shop").await.unwrap().is_none().then_some(())).await;
    assert_eq!(refused(inside.create(&PostParams::default(), &map).await).code, 404);
}
