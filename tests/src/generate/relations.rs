//! Constraints between pods: spreads, affinity, anti-affinity.

use serde_json::{Value, json};

use super::{Scene, merge};

const KEYS: [&str; 3] =
    ["topology.kubernetes.io/zone", "kubernetes.io/hostname", "karpenter.sh/capacity-type"];

impl Scene {
    /// None, one or several relations to pods of the same and of other apps.
    pub(super) fn relations(&mut self, app: &str, spec: &mut Value) {
        if self.rng.chance(25) {
            let key = self.rng.pick(&KEYS);
            let mut constraints = vec![self.spread(app, key)];
            if self.rng.chance(25) {
                let other = self.rng.pick(&KEYS);
                if key != other {
                    constraints.push(self.spread(app, other));
                }
            }
            merge(spec, json!({"topologySpreadConstraints": constraints}));
        }
        for (kind, percent) in [("podAffinity", 10), ("podAntiAffinity", 14)] {
            if self.rng.chance(percent) {
                let mut terms = vec![self.term(app)];
                if self.rng.chance(10) {
                    terms.push(self.term(app));
                }
                merge(
                    spec,
                    json!({"affinity": {kind: {
                        "requiredDuringSchedulingIgnoredDuringExecution": terms
                    }}}),
                );
            }
            if self.rng.chance(6) {
                let preferred =
                    json!([{"weight": 1 + self.rng.below(100), "podAffinityTerm": self.term(app)}]);
                merge(
                    spec,
                    json!({"affinity": {kind: {
                        "preferredDuringSchedulingIgnoredDuringExecution": preferred
                    }}}),
                );
            }
        }
    }

    /// A selector that mostly means the pod's own app.
    fn selector(&mut self, app: &str) -> Value {
        let other = self.rng.pick(&["a", "b", "c", "d"]);
        match self.rng.below(10) {
            0 => json!({"matchLabels": {"app": other}}),
            1 => json!({"matchExpressions": [
                {"key": "app", "operator": "In", "values": [app, other]}
            ]}),
            2 => json!({"matchExpressions": [
                {"key": "app", "operator": "NotIn", "values": [other]},
                {"key": "revision", "operator": "Exists"}
            ]}),
            _ => json!({"matchLabels": {"app": app}}),
        }
    }

    fn spread(&mut self, app: &str, key: &str) -> Value {
        let when = if self.rng.chance(75) { "DoNotSchedule" } else { "ScheduleAnyway" };
        let mut constraint = json!({
            "topologyKey": key, "maxSkew": 1 + self.rng.below(3), "whenUnsatisfiable": when,
            "labelSelector": self.selector(app)
        });
        if when == "DoNotSchedule" && self.rng.chance(20) {
            merge(&mut constraint, json!({"minDomains": 1 + self.rng.below(3)}));
        }
        if self.rng.chance(20) {
            merge(&mut constraint, json!({"nodeAffinityPolicy": "Ignore"}));
        }
        if self.rng.chance(20) {
            merge(&mut constraint, json!({"nodeTaintsPolicy": "Honor"}));
        }
        if self.rng.chance(20) {
            merge(&mut constraint, json!({"matchLabelKeys": ["revision"]}));
        }
        constraint
    }

    fn term(&mut self, app: &str) -> Value {
        let key = self.rng.pick(&KEYS);
        let mut term = json!({"topologyKey": key, "labelSelector": self.selector(app)});
        match self.rng.below(8) {
            0 => merge(&mut term, json!({"namespaces": ["shop", "data"]})),
            1 => merge(&mut term, json!({"namespaceSelector": {}})),
            2 => merge(&mut term, json!({"namespaceSelector": {"matchLabels": {"team": "red"}}})),
            3 => merge(&mut term, json!({"matchLabelKeys": ["revision"]})),
            4 => merge(&mut term, json!({"mismatchLabelKeys": ["revision"]})),
            _ => {}
        }
        term
    }
}
