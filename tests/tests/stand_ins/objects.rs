//! Short ways to write nodes and pods down, and to have pods scheduled.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};
use tenon_tests::scheduler::{Decision, Options, Scheduler, pod_key};

/// A node of 4 CPUs, 16 GiB and 110 pods, labelled with its name and its zone.
pub fn node(name: &str, zone: &str) -> Value {
    json!({
        "metadata": { "name": name, "labels": {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": zone,
        }},
        "status": { "allocatable": { "cpu": "4", "memory": "16Gi", "pods": "110" } },
    })
}

/// A pod of namespace `default` with label `app` that asks for CPU, with `spec` laid over its own.
pub fn pod(name: &str, app: &str, cpu: &str, spec: Value) -> Value {
    let mut pod = json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": name, "labels": { "app": app },
        },
        "spec": { "containers": [
            { "name": "main", "resources": { "requests": { "cpu": cpu, "memory": "64Mi" } } },
        ]},
    });
    merge(&mut pod["spec"], spec);
    pod
}

/// The same pod on a node.
pub fn bound(mut pod: Value, node: &str) -> Value {
    pod["spec"]["nodeName"] = json!(node);
    pod
}

/// The same pod, nominated to a node.
pub fn nominated(mut pod: Value, node: &str) -> Value {
    pod["status"]["nominatedNodeName"] = json!(node);
    pod
}

/// Lays the fields of `over` over those of `under`.
pub fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (name, value) in over {
                merge(under.entry(name).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// A scheduler that knows these nodes and pods.
pub fn scheduler(seed: u64, nodes: &[Value], pods: &[Value]) -> Scheduler {
    let mut scheduler = Scheduler::new(&Options { seed, ..Options::default() });
    for node in nodes {
        let node: Node = serde_json::from_value(node.clone()).expect("a node");
        scheduler.cache.apply_node(&node);
    }
    for pod in pods {
        put(&mut scheduler, pod);
    }
    scheduler
}

/// Tells the scheduler of a pod.
pub fn put(scheduler: &mut Scheduler, pod: &Value) {
    let pod: Pod = serde_json::from_value(pod.clone()).expect("a pod");
    scheduler.apply_pod(&pod);
}

/// Decides about all pods whose turn it is.
pub fn decide_all(scheduler: &mut Scheduler, now: Duration) -> Vec<(String, Decision)> {
    std::iter::from_fn(|| scheduler.next(now))
        .map(|(pod, decision)| (pod.rsplit('/').next().unwrap_or_default().to_owned(), decision))
        .collect()
}

/// Where the scheduler puts one more pod: a node, or the message.
pub fn place(nodes: &[Value], pods: &[Value], new: &Value) -> Result<String, String> {
    let mut scheduler = scheduler(1, nodes, pods);
    put(&mut scheduler, new);
    let key = pod_key(&serde_json::from_value::<Pod>(new.clone()).expect("a pod"));
    let mut turns = std::iter::from_fn(|| scheduler.next(Duration::ZERO));
    match turns.find(|(pod, _)| *pod == key).expect("the pod has its turn").1 {
        Decision::Bind(node) => Ok(node),
        Decision::Unschedulable(message) => Err(message),
    }
}
