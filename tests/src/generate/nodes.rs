//! Nodes that exist, that leave, and that are on their way; daemon sets and bound pods.

use serde_json::{Value, json};

use super::{Scene, merge};

impl Scene {
    /// Existing nodes, then claims in flight.
    pub(super) fn add_nodes(&mut self, size: usize) {
        for index in 0..self.rng.below(size / 2 + 2) {
            self.add_node(index);
        }
        for index in 0..self.rng.below(4).saturating_sub(1) {
            self.add_claim(index);
        }
    }

    fn labels(&mut self, name: &str) -> Value {
        let zone = self.zone();
        let capacity_type = self.rng.pick(&["spot", "on-demand"]);
        let mut labels = json!({
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": zone,
            "node.kubernetes.io/instance-type": "made-up"
        });
        if self.rng.chance(60) {
            merge(
                &mut labels,
                json!({
                    "karpenter.sh/nodepool": "pool-0",
                    "karpenter.sh/capacity-type": capacity_type,
                    "karpenter.sh/registered": "true"
                }),
            );
            if self.rng.chance(85) {
                merge(&mut labels, json!({"karpenter.sh/initialized": "true"}));
            }
        }
        if self.rng.chance(40) {
            let team = self.rng.pick(&["red", "blue"]);
            merge(&mut labels, json!({"example.com/team": team, "example.com/tier": "2"}));
        }
        labels
    }

    fn add_node(&mut self, index: usize) {
        let name = format!("node-{index}");
        let cores = self.rng.pick(&[2, 4, 8]);
        let room = json!({
            "cpu": format!("{cores}"), "memory": format!("{}Gi", cores * 4), "pods": "40",
            "ephemeral-storage": "100Gi"
        });
        let mut node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": self.labels(&name)},
            "spec": {},
            "status": {
                "capacity": room, "allocatable": room,
                "conditions": [{"type": "Ready", "status": "True"}]
            }
        });
        if self.rng.chance(15) {
            let taint = self.rng.pick(&[
                ("example.com/only", "NoSchedule"),
                ("example.com/only", "NoExecute"),
                ("example.com/only", "PreferNoSchedule"),
                ("karpenter.sh/disrupted", "NoSchedule"),
                ("example.com/agent-starts", "NoSchedule"),
                ("node.kubernetes.io/not-ready", "NoSchedule"),
            ]);
            let taints = json!([{"key": taint.0, "value": "batch", "effect": taint.1}]);
            merge(&mut node, json!({"spec": {"taints": taints}}));
        }
        if self.rng.chance(6) {
            merge(&mut node, json!({"metadata": {"deletionTimestamp": "2026-08-01T00:00:00Z"}}));
        }
        if self.rng.chance(6) {
            merge(&mut node, json!({"spec": {"unschedulable": true}}));
        }
        if self.rng.chance(10) {
            let gpus = json!({"nvidia.com/gpu": "2"});
            merge(&mut node, json!({"status": {"allocatable": gpus, "capacity": gpus}}));
        }
        if self.rng.chance(50) {
            let count = 1 + self.rng.below(3);
            self.objects.push(json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "metadata": {"name": name},
                "spec": {"drivers": [{"name": "disk.csi.example.com", "nodeID": name,
                    "allocatable": {"count": count}}]}
            }));
        }
        self.objects.push(node);
        self.nodes.push(name);
    }

    fn add_claim(&mut self, index: usize) {
        let zone = self.zone();
        let capacity_type = self.rng.pick(&["spot", "on-demand"]);
        let room = json!({"cpu": "4", "memory": "16Gi", "pods": "40", "ephemeral-storage": "50Gi"});
        let requirements = json!([
            {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["pool-0"]},
            {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
        ]);
        let mut claim = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
            "metadata": {"name": format!("pool-0-flight{index}"), "labels": {
                "karpenter.sh/nodepool": "pool-0",
                "karpenter.sh/capacity-type": capacity_type,
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
                "node.kubernetes.io/instance-type": "made-up"
            }},
            "spec": {"requirements": requirements, "nodeClassRef": {
                "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"
            }, "resources": {"requests": {"cpu": "1"}}},
            "status": {
                "capacity": room, "allocatable": room, "providerID": format!("made-up:///{index}")
            }
        });
        if self.rng.chance(20) {
            let taints =
                json!([{"key": "example.com/only", "value": "batch", "effect": "NoSchedule"}]);
            merge(&mut claim, json!({"spec": {"taints": taints}}));
        }
        self.objects.push(claim);
    }

    /// Up to two daemon sets, of which one may hold a host port.
    pub(super) fn add_daemons(&mut self) {
        for index in 0..self.rng.below(3) {
            let mut spec = json!({
                "containers": [{"name": "agent", "image": "agent", "resources": {
                    "requests": {"cpu": "100m", "memory": "64Mi"}
                }}]
            });
            if self.rng.chance(50) {
                merge(&mut spec, json!({"tolerations": [{"operator": "Exists"}]}));
            }
            if self.rng.chance(30) {
                let team = self.rng.pick(&["red", "blue"]);
                merge(&mut spec, json!({"nodeSelector": {"example.com/team": team}}));
            }
            if self.rng.chance(20) {
                spec["containers"][0]["ports"] = json!([{"containerPort": 9100, "hostPort": 9100}]);
            }
            let labels = json!({"app": format!("agent-{index}")});
            self.objects.push(json!({
                "apiVersion": "apps/v1", "kind": "DaemonSet",
                "metadata": {"name": format!("agent-{index}"), "namespace": "jobs"},
                "spec": {"selector": {"matchLabels": labels}, "template": {
                    "metadata": {"labels": labels}, "spec": spec
                }}
            }));
        }
    }

    /// Pods on nodes, small ones, with all the constraints that waiting pods have.
    pub(super) fn add_bound(&mut self) {
        for (index, node) in self.nodes.clone().into_iter().enumerate() {
            for number in 0..self.rng.below(4) {
                let name = format!("old-{index}-{number}");
                let mut pod = self.pod_shape();
                pod["spec"]["containers"] = json!([{"name": "main", "image": "x", "resources": {
                    "requests": {"cpu": "200m", "memory": "200Mi"}
                }}]);
                merge(
                    &mut pod,
                    json!({
                        "metadata": {"name": name},
                        "spec": {"nodeName": node},
                        "status": {"phase": "Running"}
                    }),
                );
                if self.rng.chance(8) {
                    let metadata = json!({"deletionTimestamp": "2026-08-01T00:00:00Z"});
                    merge(&mut pod, json!({"metadata": metadata}));
                }
                if self.rng.chance(5) {
                    merge(&mut pod, json!({"status": {"phase": "Succeeded"}}));
                }
                self.objects.push(pod);
            }
        }
    }
}
