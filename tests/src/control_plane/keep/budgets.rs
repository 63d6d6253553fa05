//! The status of disruption budgets.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    super::{
        Server,
        eviction::ready,
        object::{Object, as_map, deleting, name, namespace, text},
        selector::Labels,
    },
    condition,
};

/// Seconds after which an eviction that nothing came of is forgotten.
const FORGET_AFTER: i64 = 120;

impl Server {
    /// Counts the budgets of a namespace again.
    pub(super) fn count(&self, space: &str) {
        let Some(kind) = self.kinds.get("policy", "poddisruptionbudgets") else { return };
        let budgets = self.store.within(&kind.table(), space);
        if budgets.is_empty() {
            return;
        }
        let pods = self.store.within("pods", space);
        for budget in budgets {
            let selector = budget.value.pointer("/spec/selector").unwrap_or(&Value::Null);
            let Some(labels) = Labels::of_object(selector) else { continue };
            let covered: Vec<&Object> =
                pods.iter().map(AsRef::as_ref).filter(|it| labels.matches(&it.value)).collect();
            let new = self.counted(&budget.value, &covered);
            if new != budget.value && self.store.replace(&kind, &budget, new).is_err() {
                // An eviction was faster; count again with its outcome.
                self.later(super::Task::CountBudgets(space.to_owned()));
            }
        }
    }

    fn counted(&self, budget: &Value, pods: &[&Object]) -> Value {
        let now = self.clock.now();
        let disrupted = still_disrupted(budget, pods, now.as_second());
        let healthy = pods
            .iter()
            .filter(|it| ready(&it.value) && !deleting(&it.value))
            .filter(|it| !disrupted.contains_key(name(&it.value)))
            .count() as i64;
        let (expected, desired) = self.wanted(budget, pods);
        let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
        let generation =
            budget.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
        let mut new = budget.clone();
        let old = budget.pointer("/status/conditions/0");
        let stamp = match old {
            Some(old) if text(old, "/reason") == reason => {
                text(old, "/lastTransitionTime").to_owned()
            }
            _ => self.clock.stamp(),
        };
        let mut status = json!({
            "observedGeneration": generation, "disruptionsAllowed": allowed,
            "currentHealthy": healthy, "desiredHealthy": desired, "expectedPods": expected,
            "conditions": [condition("DisruptionAllowed", allowed > 0, reason, &stamp, generation)]
        });
        if !disrupted.is_empty() {
            status["disruptedPods"] = disrupted.into();
        }
        as_map(&mut new).insert("status".to_owned(), status);
        new
    }

    /// How many pods there should be, and how many of them healthy.
    fn wanted(&self, budget: &Value, pods: &[&Object]) -> (i64, i64) {
        let spec = |key: &str| budget.pointer(&format!("/spec/{key}")).filter(|it| !it.is_null());
        let there = pods.len() as i64;
        if let Some(most) = spec("maxUnavailable") {
            let expected = self.expected(pods);
            return (expected, (expected - share(most, expected)).max(0));
        }
        match spec("minAvailable") {
            Some(least) if least.is_string() => {
                let expected = self.expected(pods);
                (expected, share(least, expected))
            }
            Some(least) => (there, least.as_i64().unwrap_or(0)),
            None => (there, 0),
        }
    }

    /// How many pods the covered pods' controllers want.
    fn expected(&self, pods: &[&Object]) -> i64 {
        let mut seen = BTreeSet::new();
        let mut sum = 0;
        for pod in pods {
            let owners = pod.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
            let owner =
                owners.into_iter().flatten().find(|it| it.get("controller") == Some(&json!(true)));
            let Some(owner) = owner else { continue };
            if seen.insert(text(owner, "/uid").to_owned()) {
                sum += self.replicas(owner, namespace(&pod.value));
            }
        }
        sum
    }

    /// How many replicas an owner wants; a deployment is asked in its replica set's place.
    fn replicas(&self, owner: &Value, space: &str) -> i64 {
        let group = text(owner, "/apiVersion").split_once('/').map_or("", |it| it.0);
        let Some(kind) = self.kinds.of_object(group, text(owner, "/kind")) else { return 0 };
        let Some(object) = self.store.get(&kind.table(), space, text(owner, "/name")) else {
            return 0;
        };
        if let Some(above) = object.value.pointer("/metadata/ownerReferences/0")
            && kind.is("apps", "replicasets")
        {
            return self.replicas(above, space);
        }
        let Some(scale) = &kind.scale else { return 0 };
        object.value.pointer(&scale.wanted).and_then(Value::as_i64).unwrap_or(0)
    }
}

/// The evictions that have not led to a deletion yet.
fn still_disrupted(budget: &Value, pods: &[&Object], now: i64) -> Map<String, Value> {
    let noted = budget.pointer("/status/disruptedPods").and_then(Value::as_object);
    let fresh = |stamp: &Value| {
        let time = stamp.as_str().and_then(|it| it.parse::<k8s_openapi::jiff::Timestamp>().ok());
        time.is_some_and(|it| now - it.as_second() < FORGET_AFTER)
    };
    let waits = |pod: &str| pods.iter().any(|it| name(&it.value) == pod && !deleting(&it.value));
    let kept = noted.into_iter().flatten().filter(|(pod, stamp)| fresh(stamp) && waits(pod));
    kept.map(|(pod, stamp)| (pod.clone(), stamp.clone())).collect()
}

/// A number, or a percentage of `whole` rounded up.
fn share(value: &Value, whole: i64) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value.as_str().and_then(|it| it.strip_suffix('%')?.parse::<i64>().ok());
    percent.map_or(0, |it| (it * whole + 99) / 100)
}
