//! What the stores of a large cluster take. Not part of the ordinary run:
//! `cargo test --release -p provisioner --test live -- --ignored --nocapture memory`.

use kube::runtime::watcher::Event;
use provisioner::watch::{Object, Stores, WATCHED};
use serde_json::{Value, json};

use crate::feed::kind;

const NODES: usize = 5_000;
const PODS: usize = 150_000;
/// Pods that agree in everything but their name.
const PER_WORKLOAD: usize = 100;

/// Resident memory in MiB, as Linux counts it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn pod(at: usize) -> Value {
    let workload = at / PER_WORKLOAD;
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("service-{workload}-7d9f8c6b5-{at:06}"),
            "namespace": format!("team-{}", workload % 50),
            "uid": format!("00000000-0000-4000-8000-{at:012}"),
            "resourceVersion": at.to_string(),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/name": format!("service-{workload}"),
                       "pod-template-hash": "7d9f8c6b5"},
            "annotations": {"cni.projectcalico.org/podIP": format!("10.0.{}.{}", at / 250, at % 250)},
            "managedFields": (0..3).map(|n| json!({"manager": format!("manager-{n}"),
                "fieldsV1": {"f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {".": {}}}}}}))
                .collect::<Vec<_>>(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "uid": "rs",
                                 "name": format!("service-{workload}"), "controller": true}]
        },
        "spec": {
            "nodeName": format!("node-{}", at % NODES),
            "priority": 0, "schedulerName": "default-scheduler",
            "containers": (0..2).map(|n| json!({
                "name": format!("container-{n}"), "image": "registry.example/service:1.2.3",
                "env": (0..10).map(|e| json!({"name": format!("VARIABLE_{e}"),
                    "value": "some value of a variable"})).collect::<Vec<_>>(),
                "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}},
                "volumeMounts": [{"name": "kube-api-access", "mountPath": "/var/run/secrets"}]
            })).collect::<Vec<_>>(),
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists",
                             "effect": "NoExecute", "tolerationSeconds": 300}]
        },
        "status": {"phase": "Running"}
    })
}

fn node(at: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("node-{at}"),
            "labels": (0..25).map(|n| (format!("example.com/label-{n}"), json!(format!("value-{n}"))))
                .collect::<serde_json::Map<_, _>>()},
        "spec": {"providerID": format!("kwok://node-{at}")},
        "status": {
            "allocatable": {"cpu": "15890m", "memory": "60Gi", "pods": "110"},
            "capacity": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "conditions": (0..6).map(|n| json!({"type": format!("Condition{n}"), "status": "False",
                "reason": "KubeletIsFine", "message": "kubelet has nothing to complain about",
                "lastHeartbeatTime": "2026-01-01T00:00:00Z"})).collect::<Vec<_>>(),
            "images": (0..40).map(|n| json!({"names": [format!("registry.example/image-{n}:1")],
                "sizeBytes": 100_000_000})).collect::<Vec<_>>(),
            "nodeInfo": {"architecture": "amd64", "bootID": "b", "containerRuntimeVersion": "c",
                "kernelVersion": "6", "kubeProxyVersion": "v1", "kubeletVersion": "v1",
                "machineID": "m", "operatingSystem": "linux", "osImage": "i", "systemUUID": "s"}
        }
    })
}

#[test]
#[ignore = "measures memory; needs a process of its own"]
fn memory_of_a_large_cluster() {
    let before = resident();
    let stores = Stores::default();
    for of in WATCHED {
        stores.take(of, Event::Init);
    }
    for at in 0..NODES {
        stores.take(kind("Node"), Event::InitApply(Object::new(node(at))));
    }
    let with_nodes = resident();
    for at in 0..PODS {
        stores.take(kind("Pod"), Event::InitApply(Object::new(pod(at))));
    }
    for of in WATCHED {
        stores.take(of, Event::InitDone);
    }
    let with_pods = resident();
    let start = std::time::Instant::now();
    let snapshot = stores.snapshot(jiff::Timestamp::UNIX_EPOCH, vec![]).unwrap();
    let took = start.elapsed();
    println!(
        "before {before} MiB, {NODES} nodes {with_nodes} MiB, {PODS} pods {with_pods} MiB, \
         with a snapshot {} MiB, taken in {took:?}",
        resident()
    );
    assert_eq!((snapshot.pods.len(), snapshot.nodes.len()), (PODS, NODES));
    assert!(with_pods <= 400, "{with_pods} MiB");
}
