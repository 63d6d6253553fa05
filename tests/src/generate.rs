//! Clusters made up from a seed, with every kind of constraint mixed.
//!
//! The same seed, size and cloud give the same objects on every machine.

mod nodes;
mod pods;
mod pools;
mod relations;
pub(crate) mod rng;
mod volumes;

use serde_json::{Value, json};

pub use self::rng::Rng;

/// Namespaces and the team that each belongs to.
const NAMESPACES: [(&str, &str); 3] = [("shop", "red"), ("data", "blue"), ("jobs", "red")];

/// Which catalog the cluster is meant for: it decides the names of zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Karpenter's kwok catalog.
    Kwok,
    /// Azure's region eastus.
    Azure,
}

impl Cloud {
    /// Zones that the catalog sells.
    fn zones(self) -> &'static [&'static str] {
        match self {
            Self::Kwok => &["test-zone-a", "test-zone-b", "test-zone-c", "test-zone-d"],
            Self::Azure => &["eastus-1", "eastus-2", "eastus-3"],
        }
    }
}

/// What the parts of the generator share.
struct Scene {
    rng: Rng,
    cloud: Cloud,
    objects: Vec<Value>,
    /// Names of existing nodes.
    nodes: Vec<String>,
    /// Names of volume claims per namespace index that a pod may use, each with whether only one
    /// pod may.
    claims: Vec<(usize, String, bool)>,
}

impl Scene {
    fn zone(&mut self) -> &'static str {
        self.rng.pick(self.cloud.zones())
    }
}

/// Objects of a cluster with about `size` groups of waiting pods.
pub fn generate(seed: u64, size: usize, cloud: Cloud) -> Vec<Value> {
    let mut scene = Scene {
        rng: Rng::new(seed),
        cloud,
        objects: Vec::new(),
        nodes: Vec::new(),
        claims: Vec::new(),
    };
    for (name, team) in NAMESPACES {
        let labels = json!({"kubernetes.io/metadata.name": name, "team": team});
        scene.objects.push(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}
        }));
    }
    scene.objects.push(json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "kata"},
        "handler": "kata", "overhead": {"podFixed": {"cpu": "120m", "memory": "160Mi"}}
    }));
    scene.add_pools();
    scene.add_nodes(size);
    scene.add_volumes();
    scene.add_daemons();
    scene.add_bound();
    for group in 0..size {
        scene.add_group(group);
    }
    scene.objects
}

/// The objects as one `List` document.
pub fn as_list(objects: &[Value]) -> Vec<u8> {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string().into_bytes()
}

/// Puts `extra` into `value`, objects key by key.
fn merge(value: &mut Value, extra: Value) {
    match (value, extra) {
        (Value::Object(value), Value::Object(extra)) => {
            for (key, extra) in extra {
                merge(value.entry(key).or_insert(Value::Null), extra);
            }
        }
        (value, extra) => *value = extra,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_one_cluster() {
        let make = |seed| as_list(&generate(seed, 6, Cloud::Kwok));
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }

    #[test]
    fn every_kind_of_constraint_turns_up() {
        let mut text = String::new();
        for seed in 0..200 {
            text.push_str(&String::from_utf8_lossy(&as_list(&generate(seed, 6, Cloud::Azure))));
        }
        let missing: BTreeSet<_> = [
            "initContainers",
            "restartPolicy",
            "runtimeClassName",
            "hostPort",
            "nodeSelector",
            "NotIn",
            "Gt",
            "tolerations",
            "startupTaints",
            "weight",
            "limits",
            "minValues",
            "minDomains",
            "nodeTaintsPolicy",
            "nodeAffinityPolicy",
            "matchLabelKeys",
            "mismatchLabelKeys",
            "podAffinity",
            "podAntiAffinity",
            "namespaceSelector",
            "ReadWriteOncePod",
            "allowedTopologies",
            "CSINode",
            "nvidia.com/gpu",
            "DaemonSet",
            "priority",
            "deletionTimestamp",
            "NodeClaim",
            "preferredDuringScheduling",
            "ScheduleAnyway",
            "volumeName",
            "ephemeral",
            "schedulingGates",
            "nominatedNodeName",
            "Deployment",
            "karpenter.sh/capacity-type",
            "PreferNoSchedule",
            "unschedulable",
        ]
        .into_iter()
        .filter(|word| !text.contains(word))
        .collect();
        assert_eq!(missing, BTreeSet::new());
    }
}
