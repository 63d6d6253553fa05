//! The objects that scenarios, tests and tools have in common, in the form that
//! [`Cluster::apply`](crate::cluster::Cluster::apply) takes.

use serde_json::{Value, json};

/// A node class on kwok, called `default`.
pub const NODE_CLASS: &str =
    "{apiVersion: karpenter.kwok.sh/v1alpha1, kind: KWOKNodeClass, metadata: {name: default}}";

/// A pool of regular amd64 nodes of [`NODE_CLASS`], which all may leave as soon as they are empty.
/// `requirements` come on top of those for system, architecture and capacity type.
pub fn pool(name: &str, requirements: &[Value]) -> Value {
    let class = json!({ "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default" });
    let mut all = vec![
        json!({ "key": "kubernetes.io/os", "operator": "In", "values": ["linux"] }),
        json!({ "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] }),
        json!({ "key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"] }),
    ];
    all.extend_from_slice(requirements);
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": { "name": name },
        "spec": {
            "template": { "spec": { "nodeClassRef": class, "requirements": all } },
            "disruption": { "consolidateAfter": "0s", "budgets": [{ "nodes": "100%" }] },
        },
    })
}

/// [`NODE_CLASS`] and the one [`pool`] that most clusters need, called `general`.
pub fn general_pool() -> String {
    format!("{NODE_CLASS}\n---\n{}", pool("general", &[]))
}

/// A Deployment of pods with these labels and requests.
pub fn deployment(name: &str, labels: &Value, replicas: usize, requests: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [{
                    "name": "main", "image": name, "resources": { "requests": requests },
                }] },
            },
        },
    })
}
