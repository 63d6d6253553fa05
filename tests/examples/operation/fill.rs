//! The cluster that is measured: nodes of 16 cores, full of pods as large as real ones are.

use std::sync::Arc;

use futures::{StreamExt, stream};
use hyper::Request;
use kube::{Client, ResourceExt};
use provisioner::api::{crd, v1::NodeClaim};
use serde_json::{Map, Value, json};
use tenon_tests::{
    control_plane::{ControlPlane, Object, builtin},
    objects::general_pool,
};

/// Requests at a time.
const WIDTH: usize = 16;
/// Pods that agree in everything but their name.
const PER_WORKLOAD: usize = 100;
/// Shapes of the pods that come at once.
const SHAPES: usize = 40;

const PODS: &str = "/api/v1/namespaces/default/pods";
const OWNERS: &str = "/apis/apps/v1/namespaces/default/replicasets";
const CLAIMS: &str = "/apis/karpenter.sh/v1/nodeclaims";

/// Writes objects.
pub struct Filler(Client);

impl Filler {
    /// With this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = Request::builder().method(method).uri(path).header("Content-Type", kind);
        let request = request.body(body.to_string().into_bytes()).unwrap();
        let answer: Result<Value, _> = self.0.request(request).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Definitions, node class and pool.
    pub async fn install(&self) {
        for (_, definition) in crd::all() {
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            self.send("POST", path, &definition).await;
        }
        let objects: Vec<Value> = serde_saphyr::from_multiple(&general_pool()).unwrap();
        for object in objects {
            let path = match object["kind"].as_str() {
                Some("NodePool") => "/apis/karpenter.sh/v1/nodepools",
                _ => "/apis/karpenter.kwok.sh/v1alpha1/kwoknodeclasses",
            };
            self.send("POST", path, &object).await;
        }
    }

    /// Nodes with claims, and pods bound to them.
    pub async fn fill(&self, nodes: usize, pods: usize) {
        stream::iter(0..nodes).for_each_concurrent(WIDTH, |at| self.node(at)).await;
        let owners = self.owners("service", pods.div_ceil(PER_WORKLOAD)).await;
        let owners = &owners;
        let bound = |at: usize| async move {
            let mut pod = pod(&owners[at / PER_WORKLOAD], at, 500);
            pod["spec"]["nodeName"] = format!("node-{}", at % nodes).into();
            let status = json!({"status": {"phase": "Running",
                "conditions": [condition("PodScheduled", "True", "")]}});
            self.pod(&pod, &status).await;
        };
        stream::iter(0..pods).for_each_concurrent(WIDTH, bound).await;
    }

    /// The sets that own the pods: what has no owner any more is collected as garbage.
    async fn owners(&self, kind: &str, count: usize) -> Vec<Owner> {
        let owner = |at: usize| async move {
            let name = format!("{kind}-{at}");
            let labels = json!({"app.kubernetes.io/name": name});
            let body = json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name},
                "spec": {"replicas": 0, "selector": {"matchLabels": labels},
                         "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}
            });
            let made = self.send("POST", OWNERS, &body).await;
            Owner { name, uid: made["metadata"]["uid"].as_str().unwrap().to_owned() }
        };
        stream::iter(0..count).map(owner).buffered(WIDTH).collect().await
    }

    /// A pod as its scheduler and kubelet would leave it.
    async fn pod(&self, pod: &Value, status: &Value) {
        self.send("POST", PODS, pod).await;
        let name = pod["metadata"]["name"].as_str().unwrap();
        self.send("PATCH", &format!("{PODS}/{name}/status"), status).await;
    }

    async fn node(&self, at: usize) {
        let (node, claim) = (node(at), claim(at));
        self.send("POST", CLAIMS, &claim).await;
        let status = json!({"status": claim["status"]});
        self.send("PATCH", &format!("{CLAIMS}/claim-{at}/status"), &status).await;
        self.send("POST", "/api/v1/nodes", &node).await;
        let status = json!({"status": node["status"]});
        self.send("PATCH", &format!("/api/v1/nodes/node-{at}/status"), &status).await;
    }

    /// A kubelet's sign of life.
    pub async fn beat(&self, at: usize) {
        let conditions = conditions(&k8s_openapi::jiff::Timestamp::now().to_string());
        let status = json!({"status": {"conditions": conditions}});
        self.send("PATCH", &format!("/api/v1/nodes/node-{at}/status"), &status).await;
    }

    /// Owners of the pods of a burst.
    pub async fn shapes(&self) -> Vec<Owner> {
        self.owners("burst", SHAPES).await
    }

    /// Pods that wait behind a gate.
    pub async fn burst(&self, owners: &[Owner], count: usize) {
        let gated = |at: usize| async move {
            let mut pod = pod(&owners[at % SHAPES], at, 1000 + 50 * (at % SHAPES));
            pod["spec"]["schedulingGates"] = json!([{"name": "example.com/burst"}]);
            self.send("POST", PODS, &pod).await;
        };
        stream::iter(0..count).for_each_concurrent(WIDTH, gated).await;
    }

    /// Takes away the pods of [`Filler::burst`] and what they were given.
    pub async fn clean(&self, owners: &[Owner], count: usize, claims: &[NodeClaim]) {
        let none = json!({"gracePeriodSeconds": 0});
        let none = &none;
        let gone = |at: usize| async move {
            let path = format!("{PODS}/{}", pod_name(&owners[at % SHAPES], at));
            self.send("DELETE", &path, none).await;
        };
        stream::iter(0..count).for_each_concurrent(WIDTH, gone).await;
        let gone = |claim: String| async move {
            self.send("DELETE", &format!("{CLAIMS}/{claim}"), none).await;
        };
        let names = claims.iter().map(ResourceExt::name_any);
        stream::iter(names).for_each_concurrent(WIDTH, gone).await;
    }
}

/// Every gated pod, and how it looks when its gate is open and a scheduler has found no node for it.
pub fn gated(plane: &ControlPlane) -> Vec<(Arc<Object>, Value)> {
    let mut pods = plane.store().all("pods");
    pods.retain(|pod| pod.value["spec"].get("schedulingGates").is_some());
    let open = |pod: Arc<Object>| {
        let mut open = pod.value.clone();
        open["spec"].as_object_mut().unwrap().remove("schedulingGates");
        open["status"]["conditions"] = json!([condition("PodScheduled", "False", "Unschedulable")]);
        (pod, open)
    };
    pods.into_iter().map(open).collect()
}

/// Opens the gates. It goes by the store, so that all pods are pending as good as at once.
pub fn release(plane: &ControlPlane, gated: Vec<(Arc<Object>, Value)>) {
    let kind = builtin::kinds().into_iter().find(|kind| kind.table() == "pods").unwrap();
    for (pod, open) in gated {
        plane.store().replace(&kind, &pod, open).unwrap();
    }
}

/// A ReplicaSet that pods belong to.
pub struct Owner {
    name: String,
    uid: String,
}

fn pod_name(owner: &Owner, at: usize) -> String {
    format!("{}-7d9f8c6b5-{at:06}", owner.name)
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason,
           "lastTransitionTime": "2026-01-01T00:00:00Z"})
}

fn pod(owner: &Owner, at: usize, milli: usize) -> Value {
    let container = |nth: usize, milli: usize| {
        json!({
            "name": format!("container-{nth}"), "image": "registry.example/service:1.2.3",
            "env": (0..10).map(|e| json!({"name": format!("VARIABLE_{e}"),
                "value": "some value of a variable"})).collect::<Vec<_>>(),
            "resources": {"requests": {"cpu": format!("{milli}m"), "memory": "512Mi"}},
        })
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": pod_name(owner, at),
            "labels": {"app.kubernetes.io/name": owner.name, "pod-template-hash": "7d9f8c6b5"},
            "annotations": {"cni.projectcalico.org/podIP": format!("10.0.{}.{}", at / 250, at % 250)},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": owner.uid,
                                 "name": owner.name, "controller": true}]
        },
        "spec": {"containers": [container(0, milli / 2), container(1, milli / 2)]},
    })
}

fn labels() -> Map<String, Value> {
    let mut labels: Map<String, Value> =
        (0..15).map(|n| (format!("example.com/label-{n}"), json!(format!("value-{n}")))).collect();
    for (key, value) in [
        ("karpenter.sh/nodepool", "general"),
        ("karpenter.sh/registered", "true"),
        ("karpenter.sh/initialized", "true"),
        ("karpenter.sh/capacity-type", "on-demand"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/instance-type", "s-16x-amd64-linux"),
        ("topology.kubernetes.io/zone", "test-zone-a"),
    ] {
        labels.insert(key.to_owned(), value.into());
    }
    labels
}

fn capacity() -> Value {
    json!({"cpu": "16", "memory": "64Gi", "pods": "256", "ephemeral-storage": "20Gi"})
}

fn conditions(beat: &str) -> Value {
    let kinds = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable", "Ready"];
    let all = kinds.map(|kind| {
        json!({"type": kind, "status": if kind == "Ready" { "True" } else { "False" },
               "reason": "KubeletIsFine", "message": "kubelet has nothing to complain about",
               "lastHeartbeatTime": beat, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    });
    all.to_vec().into()
}

fn node(at: usize) -> Value {
    let mut labels = labels();
    labels.insert("kubernetes.io/hostname".to_owned(), format!("node-{at}").into());
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("node-{at}"), "labels": labels,
                     "finalizers": ["karpenter.sh/termination"]},
        "spec": {"providerID": format!("kwok://node-{at}")},
        "status": {
            "allocatable": {"cpu": "15900m", "memory": "65526Mi", "pods": "256",
                            "ephemeral-storage": "20Gi"},
            "capacity": capacity(),
            "conditions": conditions("2026-01-01T00:00:00Z"),
            "images": (0..40).map(|n| json!({"names": [format!("registry.example/image-{n}:1")],
                "sizeBytes": 100_000_000})).collect::<Vec<_>>(),
            "nodeInfo": {"architecture": "amd64", "bootID": "b", "containerRuntimeVersion": "c",
                "kernelVersion": "6", "kubeProxyVersion": "v1", "kubeletVersion": "v1",
                "machineID": "m", "operatingSystem": "linux", "osImage": "i", "systemUUID": "s"}
        }
    })
}

fn claim(at: usize) -> Value {
    let mut labels = labels();
    labels.insert("karpenter.kwok.sh/kwoknodeclass".to_owned(), "default".into());
    let done = ["Launched", "Registered", "Initialized", "Ready"].map(|kind| {
        json!({"type": kind, "status": "True", "reason": kind, "message": "",
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    });
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": {"name": format!("claim-{at}"), "labels": labels,
                     "finalizers": ["karpenter.sh/termination"]},
        "spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [{"key": "karpenter.sh/nodepool", "operator": "In", "values": ["general"]}],
            "expireAfter": "Never"
        },
        "status": {
            "providerID": format!("kwok://node-{at}"), "nodeName": format!("node-{at}"),
            "capacity": capacity(), "allocatable": capacity(), "conditions": done.to_vec()
        }
    })
}
