//! All stand-ins together: what the scheduler and the controllers do to objects of an API server.
//! On a real cluster the same shows that the stand-ins do as the real ones do.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, NodeCondition, Pod};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tenon_tests::{
    cluster::{Cluster, Options, is_running},
    kubelet::is_fake,
};

use crate::{
    nomination::planned,
    objects::{merge, node},
};

/// Far more than is needed on the slowest day.
const DEADLINE: Duration = Duration::from_secs(120);

/// A node that the kubelet stand-in takes care of.
fn fake_node(name: &str) -> Value {
    let mut node = node(name, "1");
    merge(
        &mut node,
        json!({ "apiVersion": "v1", "kind": "Node",
            "metadata": { "annotations": { "kwok.x-k8s.io/node": "fake" } } }),
    );
    node
}

/// The pods of the plan, with the label `part: plan`; nominated, and held back by a gate, when
/// `to_nodes` says so.
fn plan_objects(to_nodes: bool) -> Vec<Value> {
    (planned().into_iter())
        .map(|(mut pod, node)| {
            merge(
                &mut pod,
                json!({ "apiVersion": "v1", "kind": "Pod",
                    "metadata": {
                        "uid": null, "namespace": null, "labels": { "part": "plan" },
                    } }),
            );
            if to_nodes {
                merge(
                    &mut pod,
                    json!({ "spec": { "schedulingGates": [{ "name": "tenon.sh/wait" }] },
                        "status": { "nominatedNodeName": node } }),
                );
            }
            without_nulls(pod)
        })
        .collect()
}

fn without_nulls(mut pod: Value) -> Value {
    if let Some(meta) = pod["metadata"].as_object_mut() {
        meta.retain(|_, value| !value.is_null());
    }
    pod
}

/// JSON documents are YAML documents.
fn yaml(objects: &[Value]) -> String {
    objects.iter().map(|object| format!("---\n{object}\n")).collect()
}

fn nodes() -> String {
    yaml(&["n1", "n2", "n3", "n4", "n5", "n6"].map(fake_node))
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref())
}

/// Sixteen pods that fill six nodes exactly: nominated before the nodes exist, each goes where it
/// is planned. A gate keeps the scheduler from trying them before, which would cost the nomination.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_plan_comes_true_by_nomination() {
    let cluster = Cluster::open(Options::seeded(1)).await.expect("a cluster");
    cluster.apply(&yaml(&plan_objects(true))).await.expect("pods");
    cluster.apply(&nodes()).await.expect("nodes");
    ready(&cluster, 6).await;
    let api = Api::<Pod>::namespaced(cluster.client(), cluster.namespace());
    let open = Patch::Merge(json!({ "spec": { "schedulingGates": null } }));
    for (pod, _) in planned() {
        let name = pod["metadata"]["name"].as_str().expect("a name");
        api.patch(name, &PatchParams::default(), &open).await.expect("the gate opens");
    }
    cluster.pods_running("part=plan", 16, DEADLINE).await.expect("all run");
    let pods = cluster.pods("part=plan").await.expect("pods");
    for (planned, node) in planned() {
        let name = planned["metadata"]["name"].as_str();
        let pod = pods.iter().find(|pod| pod.metadata.name.as_deref() == name).expect("the pod");
        assert_eq!(node_of(pod), Some(node), "{name:?}");
    }
    cluster.stop().await;
}

/// Left to itself the scheduler spreads the small pods and has no room for the large ones; it says
/// so in their condition.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_plan_fails_without_nomination() {
    let cluster = Cluster::open(Options::seeded(1)).await.expect("a cluster");
    cluster.apply(&nodes()).await.expect("nodes");
    ready(&cluster, 6).await;
    cluster.apply(&yaml(&plan_objects(false))).await.expect("pods");
    let settled = |pods: &[Pod]| {
        pods.len() == 16 && pods.iter().all(|pod| is_running(pod) || unschedulable(pod).is_some())
    };
    let what = "every pod runs or is known to fit nowhere";
    cluster
        .wait_until(what, DEADLINE, |client| async move {
            Ok(settled(&Api::<Pod>::all(client).list(&Default::default()).await?.items))
        })
        .await
        .expect("settled");
    let pods = cluster.pods("part=plan").await.expect("pods");
    let messages: Vec<String> = pods.iter().filter_map(unschedulable).collect();
    assert!(!messages.is_empty());
    for message in messages {
        // A real scheduler goes on to say what preemption would not change.
        assert!(message.contains("nodes are available: 6 Insufficient cpu"), "{message}");
    }
    cluster.stop().await;
}

/// Waits until so many fake nodes are ready, and every taint is gone that kept pods away until then.
async fn ready(cluster: &Cluster, count: usize) {
    let is_ready = |node: &Node| {
        let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
        let well = |it: &NodeCondition| it.type_ == "Ready" && it.status == "True";
        is_fake(node)
            && conditions.unwrap_or_default().iter().any(well)
            && taints.unwrap_or_default().is_empty()
    };
    cluster
        .wait_until("the nodes are ready", DEADLINE, |client| async move {
            let nodes = Api::<Node>::all(client).list(&Default::default()).await?;
            Ok(nodes.iter().filter(|node| is_ready(node)).count() == count)
        })
        .await
        .expect("ready");
}

fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    });
    condition?.message.clone()
}

const WORKLOADS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 5
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: main, image: web:1, resources: { requests: { cpu: 500m, memory: 64Mi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      containers:
        - { name: main, image: agent:1, resources: { requests: { cpu: 100m, memory: 64Mi } } }
"#;

/// A deployment and a daemon set find their size, and find it again after a scale, an image change
/// and the loss of a pod and of a node.
#[tokio::test(flavor = "multi_thread")]
async fn workloads_keep_their_size() {
    let cluster = Cluster::open(Options::seeded(2)).await.expect("a cluster");
    cluster.apply(&yaml(&["a", "b", "c"].map(fake_node))).await.expect("nodes");
    cluster.apply(WORKLOADS).await.expect("workloads");
    cluster.pods_running("app=web", 5, DEADLINE).await.expect("a deployment");
    cluster.pods_running("app=agent", 3, DEADLINE).await.expect("a daemon set");
    cluster.apply(&WORKLOADS.replace("replicas: 5", "replicas: 2")).await.expect("fewer");
    cluster.pods_running("app=web", 2, DEADLINE).await.expect("scaled down");
    cluster.apply(&WORKLOADS.replace("web:1", "web:2")).await.expect("another image");
    let web = ListParams::default().labels("app=web");
    cluster
        .wait_until("five pods of the new image", DEADLINE, |client| {
            let web = web.clone();
            async move {
                let pods = Api::<Pod>::all(client).list(&web).await?;
                let new = |pod: &Pod| {
                    let mut containers = pod.spec.iter().flat_map(|spec| &spec.containers);
                    containers.all(|container| container.image.as_deref() == Some("web:2"))
                };
                Ok(pods.items.len() == 5 && pods.iter().all(|pod| new(pod) && is_running(pod)))
            }
        })
        .await
        .expect("rolled out");
    let pods: Api<Pod> = Api::namespaced(cluster.client(), cluster.namespace());
    let first = cluster.pods("app=web").await.expect("pods").swap_remove(0);
    let name = first.metadata.name.clone().expect("a name");
    pods.delete(&name, &DeleteParams::default()).await.expect("deleted");
    cluster
        .wait_until("another pod in its stead", DEADLINE, |client| {
            let (name, web) = (name.clone(), web.clone());
            async move {
                let pods = Api::<Pod>::all(client).list(&web).await?;
                let other = |pod: &Pod| pod.metadata.name.as_ref() != Some(&name);
                Ok(pods.items.len() == 5 && pods.iter().all(|pod| other(pod) && is_running(pod)))
            }
        })
        .await
        .expect("replaced");
    cluster.stop().await;
}

/// What is bound to a node that does not answer neither starts nor ends; it does when the node is
/// back.
#[tokio::test(flavor = "multi_thread")]
async fn lost_nodes_do_nothing() {
    let mut options = Options::seeded(3);
    options.kubelet.heartbeat = Duration::from_millis(50);
    let cluster = Cluster::open(options).await.expect("a cluster");
    cluster.apply(&yaml(&[fake_node("a")])).await.expect("a node");
    ready(&cluster, 1).await;
    cluster.lost().lose("a");
    cluster.apply(WORKLOADS).await.expect("workloads");
    let both = ListParams::default().labels("app in (web, agent)");
    cluster
        .wait_until("all pods are bound", DEADLINE, |client| {
            let both = both.clone();
            async move {
                let pods = Api::<Pod>::all(client).list(&both).await?;
                Ok(pods.items.len() == 6 && pods.iter().all(|pod| node_of(pod).is_some()))
            }
        })
        .await
        .expect("bound");
    assert!(!cluster.pods("app=web").await.expect("pods").iter().any(is_running));
    cluster.lost().find("a");
    cluster.pods_running("app=web", 5, DEADLINE).await.expect("back");
    cluster.stop().await;
}
