//! Evictions, which respect disruption budgets.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Server,
    object::{Object, as_map, deleting, name, namespace, text},
    selector::Labels,
    status::Refusal,
    write::{DeleteOptions, Deleted, Target},
};

const BUDGETS: &str = "poddisruptionbudgets.policy";
/// Above this many pods whose eviction no controller has seen yet, evictions wait.
const MOST_DISRUPTED: usize = 2_000;
/// Seconds after which a refused eviction may be tried again.
const RETRY_AFTER: u32 = 10;

impl Server {
    /// Evicts a pod.
    ///
    /// # Errors
    /// 404, 429 with cause `DisruptionBudget` when a budget does not allow it, 500 when the pod has
    /// several budgets.
    pub fn evict(&self, target: &Target, eviction: &Value) -> Result<(), Refusal> {
        let given = name(eviction);
        if !given.is_empty() && given != target.name {
            let message = format!(
                "the name in the eviction ({given}) does not match the pod's name ({})",
                target.name
            );
            return Err(Refusal::bad_request(message));
        }
        let none = json!({});
        let mut options = DeleteOptions::read(eviction.get("deleteOptions").unwrap_or(&none))?;
        let mut pod_target = target.clone();
        pod_target.subresource = String::new();
        let pod = self.find(&pod_target)?;
        if !ignores_budgets(&pod.value) {
            self.spend(&pod.value, options.dry_run)?;
            if !options.dry_run {
                self.announce(&pod_target, &pod);
            }
        }
        if options.resource_version == pod.revision.to_string() {
            // The announcement itself was a change, so the version asked for is met.
            options.resource_version = String::new();
        }
        match self.delete(&pod_target, &options)? {
            Deleted::Gone(_) | Deleted::Marked(_) => Ok(()),
        }
    }

    /// Takes one disruption from the pod's budget.
    fn spend(&self, pod: &Value, dry_run: bool) -> Result<(), Refusal> {
        loop {
            let budgets = self.budgets_of(pod);
            let budget = match &budgets[..] {
                [] => return Ok(()),
                [one] => one,
                _ => {
                    return Err(Refusal::internal(
                        "This pod has more than one PodDisruptionBudget, which the eviction \
                         subresource does not support.",
                    ));
                }
            };
            if free_of_charge(pod, &budget.value) {
                return Ok(());
            }
            let new = spent(budget, name(pod), &self.clock.stamp())?;
            if dry_run {
                return Ok(());
            }
            let Some(kind) = self.kinds.get("policy", "poddisruptionbudgets") else {
                return Ok(());
            };
            match self.store.replace(&kind, budget, new) {
                Ok(_) => return Ok(()),
                // The controller was faster; look again.
                Err(refusal) if refusal.reason == "Conflict" => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// The budgets that cover a pod.
    pub fn budgets_of(&self, pod: &Value) -> Vec<Arc<Object>> {
        let mut budgets = self.store.within(BUDGETS, namespace(pod));
        budgets.retain(|budget| {
            let selector = budget.value.pointer("/spec/selector").unwrap_or(&Value::Null);
            Labels::of_object(selector).is_some_and(|it| it.matches(pod))
        });
        budgets
    }

    /// Notes in the pod why it goes.
    fn announce(&self, target: &Target, pod: &Arc<Object>) {
        let mut new = pod.value.clone();
        let conditions = as_map(&mut new["status"]).entry("conditions").or_insert(json!([]));
        if let Some(conditions) = conditions.as_array_mut() {
            conditions.retain(|it| text(it, "/type") != "DisruptionTarget");
            conditions.push(json!({
                "type": "DisruptionTarget", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": self.clock.stamp(), "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting"
            }));
        }
        // Only a note: the pod goes all the same when somebody else was faster.
        if let Ok(object) = self.store.replace(&target.kind, pod, new) {
            self.changed(&target.kind, &object);
        }
    }
}

/// Pods that do not count as available may always go.
fn ignores_budgets(pod: &Value) -> bool {
    deleting(pod) || ["Succeeded", "Failed", "Pending"].contains(&text(pod, "/status/phase"))
}

/// Whether a pod is ready.
pub fn ready(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|it| text(it, "/type") == "Ready" && text(it, "/status") == "True")
}

/// Pods that are not ready cost nothing, depending on the budget's policy.
fn free_of_charge(pod: &Value, budget: &Value) -> bool {
    if ready(pod) {
        return false;
    }
    if text(budget, "/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow" {
        return true;
    }
    let count =
        |key: &str| budget.pointer(&format!("/status/{key}")).and_then(Value::as_i64).unwrap_or(0);
    count("desiredHealthy") > 0 && count("currentHealthy") >= count("desiredHealthy")
}

/// The budget with one disruption less.
fn spent(budget: &Object, pod: &str, stamp: &str) -> Result<Value, Refusal> {
    let value = &budget.value;
    let count = |pointer: &str| value.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let refuse = |cause: String| {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Err(Refusal::too_many(message, 0).because("DisruptionBudget", cause))
    };
    if count("/status/observedGeneration") < count("/metadata/generation") {
        let cause = format!(
            "The disruption budget {} is still being processed by the server.",
            name(value)
        );
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        return Err(Refusal::too_many(message, RETRY_AFTER).because("DisruptionBudget", cause));
    }
    let allowed = count("/status/disruptionsAllowed");
    let disrupted = value.pointer("/status/disruptedPods").and_then(Value::as_object);
    if allowed < 0 {
        return Err(Refusal::forbidden(
            BUDGETS,
            name(value),
            "pdb disruptions allowed is negative",
        ));
    }
    if disrupted.is_some_and(|it| it.len() > MOST_DISRUPTED) {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Refusal::forbidden(BUDGETS, name(value), why));
    }
    if allowed == 0 {
        return refuse(format!(
            "The disruption budget {} needs {} healthy pods and has {} currently",
            name(value),
            count("/status/desiredHealthy"),
            count("/status/currentHealthy")
        ));
    }
    let mut new = value.clone();
    new["status"]["disruptionsAllowed"] = (allowed - 1).into();
    let pods = as_map(&mut new["status"]).entry("disruptedPods").or_insert(json!({}));
    as_map(pods).insert(pod.to_owned(), stamp.into());
    Ok(new)
}
