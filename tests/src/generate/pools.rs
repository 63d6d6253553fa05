//! Node pools, with weights, limits, taints, labels and all operators.

use serde_json::{Value, json};

use super::{Cloud, Scene, merge};

impl Scene {
    /// One to three pools; the first takes nearly everything, so that most pods find a place.
    pub(super) fn add_pools(&mut self) {
        let count = 1 + self.rng.below(3);
        for index in 0..count {
            let pool = self.pool(index);
            self.objects.push(pool);
        }
        if self.cloud == Cloud::Azure {
            self.objects.push(json!({
                "apiVersion": "karpenter.azure.com/v1beta1", "kind": "AKSNodeClass",
                "metadata": {"name": "default"}, "spec": {"imageFamily": "Ubuntu2204"}
            }));
        }
    }

    fn pool(&mut self, index: usize) -> Value {
        let class = match self.cloud {
            Cloud::Kwok => json!({
                "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"
            }),
            Cloud::Azure => json!({
                "group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"
            }),
        };
        let mut pool = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodePool",
            "metadata": {"name": format!("pool-{index}")},
            "spec": {"template": {"metadata": {"labels": {}}, "spec": {
                "nodeClassRef": class, "requirements": self.requirements(index)
            }}}
        });
        if self.rng.chance(40) {
            merge(&mut pool, json!({"spec": {"weight": 1 + self.rng.below(3)}}));
        }
        if self.rng.chance(25) {
            let limits = json!({"cpu": format!("{}", 8 + self.rng.below(60)), "memory": "500Gi"});
            merge(&mut pool, json!({"spec": {"limits": limits}}));
        }
        if self.rng.chance(15) {
            let nodes = 1 + self.rng.below(6);
            merge(&mut pool, json!({"spec": {"limits": {"nodes": format!("{nodes}")}}}));
        }
        if self.rng.chance(50) {
            let team = self.rng.pick(&["red", "blue"]);
            let labels = json!({"example.com/team": team});
            merge(&mut pool, json!({"spec": {"template": {"metadata": {"labels": labels}}}}));
        }
        self.taint_pool(index, &mut pool);
        pool
    }

    fn taint_pool(&mut self, index: usize, pool: &mut Value) {
        if index > 0 && self.rng.chance(40) {
            let effect = self.rng.pick(&["NoSchedule", "NoExecute", "PreferNoSchedule"]);
            let taints = json!([{"key": "example.com/only", "value": "batch", "effect": effect}]);
            merge(pool, json!({"spec": {"template": {"spec": {"taints": taints}}}}));
        }
        if self.rng.chance(20) {
            let taints = json!([{"key": "example.com/agent-starts", "effect": "NoSchedule"}]);
            merge(pool, json!({"spec": {"template": {"spec": {"startupTaints": taints}}}}));
        }
    }

    fn requirements(&mut self, index: usize) -> Vec<Value> {
        let mut rules = vec![
            json!({"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}),
            json!({"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}),
        ];
        if self.rng.chance(70) {
            let types = self.rng.some(&["spot", "on-demand"]);
            rules.push(json!({
                "key": "karpenter.sh/capacity-type", "operator": "In", "values": types
            }));
        }
        if index > 0 && self.rng.chance(50) {
            let zones = self.rng.some(self.cloud.zones());
            let operator = self.rng.pick(&["In", "NotIn"]);
            rules.push(json!({
                "key": "topology.kubernetes.io/zone", "operator": operator, "values": zones
            }));
        }
        if self.rng.chance(15) {
            rules.push(json!({
                "key": "node.kubernetes.io/instance-type", "operator": "Exists", "minValues": 2
            }));
        }
        if self.rng.chance(20) {
            let tiers = self.rng.some(&["1", "2", "3"]);
            rules.push(json!({"key": "example.com/tier", "operator": "In", "values": tiers}));
        }
        if self.cloud == Cloud::Azure && self.rng.chance(50) {
            rules.push(json!({
                "key": "karpenter.azure.com/sku-cpu", "operator": "Gt", "values": ["1"]
            }));
            rules.push(json!({
                "key": "karpenter.azure.com/sku-family", "operator": "In",
                "values": ["D", "E", "F", "N"]
            }));
        }
        rules
    }
}
