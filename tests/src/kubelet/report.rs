//! What a kubelet writes into the status of nodes and pods.

use k8s_openapi::{
    api::core::v1::{Node, NodeCondition, Pod, PodCondition},
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
    jiff::Timestamp,
};
use serde_json::{Value, json};

/// The conditions of a healthy node: type, status and reason.
const HEALTHY: [(&str, &str, &str); 4] = [
    ("Ready", "True", "KubeletReady"),
    ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID"),
];

/// The conditions of a pod that runs.
const RUNNING: [&str; 5] =
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

/// Whether a node says that it is ready.
pub(super) fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// A merge patch that makes a node healthy as of `now`. Conditions that are no kubelet's stay; a
/// node without capacity gets its allocatable amounts as such.
pub(super) fn node_status(node: &Node, now: Timestamp) -> Value {
    let status = node.status.clone().unwrap_or_default();
    let mut conditions = status.conditions.unwrap_or_default();
    for (type_, value, reason) in HEALTHY {
        let old = conditions.iter().position(|condition| condition.type_ == type_);
        let same = old.filter(|at| conditions[*at].status == value);
        let since = same.and_then(|at| conditions[at].last_transition_time.clone());
        let new = NodeCondition {
            type_: type_.to_owned(),
            status: value.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some("as a stand-in for a kubelet has it".to_owned()),
            last_heartbeat_time: Some(Time(now)),
            last_transition_time: Some(since.unwrap_or(Time(now))),
        };
        match old {
            Some(at) => conditions[at] = new,
            None => conditions.push(new),
        }
    }
    let mut patch = json!({
        "metadata": { "uid": node.metadata.uid },
        "status": { "conditions": conditions },
    });
    if status.capacity.is_none() && status.allocatable.is_some() {
        patch["status"]["capacity"] = json!(status.allocatable);
    }
    patch
}

/// The lease by which a node shows that it was well at `now`. It goes with the node.
pub(super) fn lease(node: &Node, now: Timestamp) -> Value {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": name,
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "Node", "name": name, "uid": node.metadata.uid },
            ],
        },
        "spec": {
            "holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": MicroTime(now),
        },
    })
}

/// The node that a pod is bound to.
pub(super) fn node_name(pod: &Pod) -> Option<&str> {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    name.filter(|name| !name.is_empty())
}

/// Whether a pod has not started yet.
pub(super) fn is_waiting(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, None | Some("" | "Pending"))
}

/// A merge patch that makes a pod run as of `now`. Its address follows from `number`.
pub(super) fn running(pod: &Pod, number: u32, now: Timestamp) -> Value {
    let status = pod.status.clone().unwrap_or_default();
    let mut conditions = status.conditions.unwrap_or_default();
    for type_ in RUNNING {
        let old = conditions.iter().position(|condition| condition.type_ == type_);
        let same = old.filter(|at| conditions[*at].status == "True");
        let since = same.and_then(|at| conditions[at].last_transition_time.clone());
        let new = PodCondition {
            type_: type_.to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(since.unwrap_or(Time(now))),
            ..PodCondition::default()
        };
        match old {
            Some(at) => conditions[at] = new,
            None => conditions.push(new),
        }
    }
    let [_, high, middle, low] = number.to_be_bytes();
    let address = format!("10.{high}.{middle}.{low}");
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let containers: Vec<Value> = containers
        .map(|container| {
            json!({
                "name": container.name, "image": container.image.clone().unwrap_or_default(),
                "imageID": "", "ready": true, "started": true, "restartCount": 0,
                "state": { "running": { "startedAt": Time(now) } },
            })
        })
        .collect();
    json!({
        "metadata": { "uid": pod.metadata.uid },
        "status": {
            "phase": "Running",
            "startTime": status.start_time.unwrap_or(Time(now)),
            "podIP": address,
            "podIPs": [{ "ip": address }],
            "conditions": conditions,
            "containerStatuses": containers,
        },
    })
}
