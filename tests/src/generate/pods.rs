//! Waiting pods: groups of identical ones, each group with its own mix of constraints.

use serde_json::{Value, json};

use super::{NAMESPACES, Scene, merge};

impl Scene {
    /// One group: a few pods, or a Deployment that has none yet.
    pub(super) fn add_group(&mut self, group: usize) {
        let shape = self.pod_shape();
        let count = 1 + self.rng.below(5);
        if self.rng.chance(12) {
            let mut template = shape.clone();
            let namespace = template["metadata"]["namespace"].take();
            let labels = template["metadata"]["labels"].clone();
            template = json!({"metadata": {"labels": labels}, "spec": template["spec"]});
            self.objects.push(json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": format!("deploy-{group}"), "namespace": namespace},
                "spec": {
                    "replicas": count, "selector": {"matchLabels": labels}, "template": template
                }
            }));
            return;
        }
        for number in 0..count {
            let mut pod = shape.clone();
            let name = format!("new-{group}-{number}");
            merge(&mut pod, json!({"metadata": {"name": name}, "status": {"phase": "Pending"}}));
            if self.rng.chance(2) {
                let gates = json!([{"name": "example.com/wait"}]);
                merge(&mut pod, json!({"spec": {"schedulingGates": gates}}));
            } else if self.rng.chance(2) && !self.nodes.is_empty() {
                let node = self.nodes[self.rng.below(self.nodes.len())].clone();
                merge(&mut pod, json!({"status": {"nominatedNodeName": node}}));
            }
            self.objects.push(pod);
        }
    }

    /// A pod without name and state.
    pub(super) fn pod_shape(&mut self) -> Value {
        let namespace = self.rng.below(NAMESPACES.len());
        let app = self.rng.pick(&["a", "b", "c", "d"]);
        let revision = self.rng.pick(&["1", "2"]);
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "namespace": NAMESPACES[namespace].0, "labels": {"app": app, "revision": revision}
            },
            "spec": {"containers": [self.container("main")]}
        });
        let spec = &mut pod["spec"];
        self.requests(spec);
        self.places(spec);
        self.use_volumes(namespace, spec);
        self.relations(app, spec);
        if self.rng.chance(25) {
            let priority = self.rng.pick(&[-10, 100, 1000]);
            merge(spec, json!({"priority": priority}));
        }
        pod
    }

    fn container(&mut self, name: &str) -> Value {
        let cpu = self.rng.pick(&["50m", "100m", "250m", "0.5", "1", "1500m", "2", "3"]);
        let memory = self.rng.pick(&["64Mi", "100M", "256Mi", "1Gi", "1.5Gi", "4Gi"]);
        json!({"name": name, "image": "x", "resources": {
            "requests": {"cpu": cpu, "memory": memory}
        }})
    }

    fn requests(&mut self, spec: &mut Value) {
        if self.rng.chance(15) {
            let mut first = self.container("init");
            let mut second = self.container("second");
            if self.rng.chance(60) {
                let sidecar = if self.rng.chance(50) { &mut first } else { &mut second };
                merge(sidecar, json!({"restartPolicy": "Always"}));
            }
            merge(spec, json!({"initContainers": [first, second]}));
        }
        if self.rng.chance(8) {
            merge(spec, json!({"runtimeClassName": "kata"}));
        }
        if self.rng.chance(5) {
            merge(spec, json!({"resources": {"requests": {"cpu": "2", "memory": "5Gi"}}}));
        }
        if self.rng.chance(5) {
            spec["containers"][0]["resources"]["limits"] = json!({"nvidia.com/gpu": "1"});
        }
        if self.rng.chance(5) {
            spec["containers"][0]["resources"]["requests"]["ephemeral-storage"] = json!("8Gi");
        }
        if self.rng.chance(8) {
            let number = self.rng.pick(&[8080, 9100]);
            let protocol = self.rng.pick(&["TCP", "UDP"]);
            let address = self.rng.pick(&["", "10.0.0.1", "0.0.0.0"]);
            spec["containers"][0]["ports"] = json!([{
                "containerPort": number, "hostPort": number, "protocol": protocol, "hostIP": address
            }]);
        }
    }

    /// Selectors, node affinity and tolerations.
    fn places(&mut self, spec: &mut Value) {
        let zone = self.zone();
        let zones = self.rng.some(self.cloud.zones());
        let team = self.rng.pick(&["red", "blue"]);
        if self.rng.chance(12) {
            let selectors = [
                json!({"topology.kubernetes.io/zone": zone}),
                json!({"example.com/team": team}),
                json!({"karpenter.sh/capacity-type": "spot"}),
                json!({"beta.kubernetes.io/arch": "amd64"}),
            ];
            let selector = selectors[self.rng.below(selectors.len())].clone();
            merge(spec, json!({"nodeSelector": selector}));
        }
        let rules = [
            json!({"key": "topology.kubernetes.io/zone", "operator": "In", "values": zones}),
            json!({"key": "topology.kubernetes.io/zone", "operator": "NotIn", "values": [zone]}),
            json!({"key": "example.com/team", "operator": "NotIn", "values": [team]}),
            json!({"key": "example.com/team", "operator": "Exists"}),
            json!({"key": "example.com/team", "operator": "DoesNotExist"}),
            json!({"key": "example.com/tier", "operator": "Gt", "values": ["1"]}),
            json!({"key": "example.com/tier", "operator": "Lt", "values": ["3"]}),
            json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]}),
        ];
        if self.rng.chance(12) {
            let mut terms = Vec::new();
            for _ in 0..1 + self.rng.below(2) {
                let rule = rules[self.rng.below(rules.len())].clone();
                let other = rules[self.rng.below(rules.len())].clone();
                let both = if self.rng.chance(30) { json!([rule, other]) } else { json!([rule]) };
                terms.push(json!({"matchExpressions": both}));
            }
            let required = json!({"nodeSelectorTerms": terms});
            merge(
                spec,
                json!({"affinity": {"nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": required
                }}}),
            );
        }
        if self.rng.chance(12) {
            let rule = rules[self.rng.below(rules.len())].clone();
            let preferred = json!([{"weight": 1 + self.rng.below(100), "preference": {
                "matchExpressions": [rule]
            }}]);
            merge(
                spec,
                json!({"affinity": {"nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": preferred
                }}}),
            );
        }
        self.tolerations(spec);
    }

    fn tolerations(&mut self, spec: &mut Value) {
        if self.rng.chance(30) {
            let tolerations = [
                json!({"operator": "Exists"}),
                json!({"key": "example.com/only", "operator": "Exists"}),
                json!({"key": "example.com/only", "value": "batch", "effect": "NoSchedule"}),
                json!({"key": "example.com/only", "value": "other"}),
            ];
            let toleration = tolerations[self.rng.below(tolerations.len())].clone();
            merge(spec, json!({"tolerations": [toleration]}));
        }
    }

    fn use_volumes(&mut self, namespace: usize, spec: &mut Value) {
        let mut volumes = Vec::new();
        let usable: Vec<usize> =
            (0..self.claims.len()).filter(|index| self.claims[*index].0 == namespace).collect();
        if !usable.is_empty() && self.rng.chance(20) {
            let index = self.rng.pick(&usable);
            let name = self.claims[index].1.clone();
            volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": name}}));
        }
        if self.rng.chance(8) {
            let class = self.rng.pick(&["anywhere", "zonal"]);
            volumes.push(json!({"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": class,
                "resources": {"requests": {"storage": "5Gi"}}
            }}}}));
        }
        if !volumes.is_empty() {
            merge(spec, json!({"volumes": volumes}));
        }
    }
}
