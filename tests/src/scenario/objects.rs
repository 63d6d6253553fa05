//! The objects of a scenario, from their short forms.

use serde_json::{Map, Value, json};

use super::{Pool, Workload};

/// The node class of all pools, as YAML.
pub(super) const NODE_CLASS: &str =
    "{apiVersion: karpenter.kwok.sh/v1alpha1, kind: KWOKNodeClass, metadata: {name: default}}";

/// The pool as an object.
pub(super) fn pool(pool: &Pool) -> Value {
    let mut requirements = vec![
        json!({ "key": "kubernetes.io/os", "operator": "In", "values": ["linux"] }),
        json!({ "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] }),
        json!({ "key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"] }),
    ];
    requirements.extend(pool.requirements.iter().cloned());
    let class = json!({
        "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default",
    });
    let template = json!({ "nodeClassRef": class, "requirements": requirements });
    let mut spec = json!({
        "template": { "spec": template },
        "disruption": { "consolidateAfter": "0s", "budgets": [{ "nodes": "100%" }] },
    });
    // A static pool takes neither.
    if pool.spec.contains_key("replicas") {
        spec["disruption"] = json!({});
    }
    merge(&mut spec, &pool.spec);
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
        "metadata": { "name": pool.name, "annotations": pool.annotations },
        "spec": spec,
    })
}

/// The workload as a Deployment without pods.
pub(super) fn deployment(workload: &Workload) -> Value {
    let labels = json!({ "app": workload.name });
    let requests = json!({ "cpu": workload.cpu, "memory": workload.memory });
    let mut pod = json!({
        "terminationGracePeriodSeconds": 1,
        "containers": [{
            "name": "main", "image": workload.name, "resources": { "requests": requests },
        }],
    });
    merge(&mut pod, &workload.pod);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": workload.name, "namespace": "default" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels, "annotations": workload.annotations },
                "spec": pod,
            },
        },
    })
}

fn merge(value: &mut Value, patch: &Map<String, Value>) {
    json_patch::merge(value, &Value::Object(patch.clone()));
}
