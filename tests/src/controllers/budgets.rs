//! The status of disruption budgets: how many pods may be evicted now.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::{
        core::v1::Pod,
        policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    },
    apimachinery::pkg::{apis::meta::v1::Time, util::intstr::IntOrString},
    jiff::{SignedDuration, Timestamp},
};
use serde_json::{Value, json};

use super::{
    Action, Kind, World,
    replica_sets::replicas,
    world::{has_ended, is_deleting, is_ready, owner, scaled, selects},
};
use crate::watch::key;

/// For so long an eviction counts although its pod is not being deleted yet.
const EVICTION: SignedDuration = SignedDuration::from_secs(120);

pub(super) fn actions(world: &World) -> Vec<Action> {
    world.budgets.values().filter_map(|budget| status(world, budget)).collect()
}

fn status(world: &World, budget: &PodDisruptionBudget) -> Option<Action> {
    let spec = budget.spec.clone().unwrap_or_default();
    let pods: Vec<&Pod> = (world.pods.values())
        .filter(|pod| pod.metadata.namespace == budget.metadata.namespace)
        .filter(|pod| !has_ended(pod) && selects(spec.selector.as_ref(), &pod.metadata))
        .collect();
    let disrupted = disrupted(world.now, budget, &pods);
    let healthy = (pods.iter())
        .filter(|pod| is_ready(pod) && !is_deleting(&pod.metadata))
        .filter(|pod| !disrupted.contains_key(pod.metadata.name.as_deref().unwrap_or_default()))
        .count();
    let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
    let (expected, desired) = wanted(world, &spec, &pods);
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let old = budget.status.clone().unwrap_or_default();
    let generation = budget.metadata.generation;
    let numbers = [expected, desired, healthy, allowed].map(Some);
    let old_numbers =
        [old.expected_pods, old.desired_healthy, old.current_healthy, old.disruptions_allowed];
    let told = old.disrupted_pods.clone().unwrap_or_default();
    if numbers == old_numbers && old.observed_generation == generation && told == disrupted {
        return None;
    }
    // A merge patch removes entries only where it says null.
    let gone = told.keys().filter(|name| !disrupted.contains_key(*name));
    let mut entries: BTreeMap<&String, Value> = gone.map(|name| (name, Value::Null)).collect();
    entries.extend(disrupted.iter().map(|(name, time)| (name, json!(time))));
    // The resource version keeps evictions apart that the server allows meanwhile.
    let patch = json!({
        "metadata": { "resourceVersion": budget.metadata.resource_version },
        "status": {
            "expectedPods": expected, "desiredHealthy": desired, "currentHealthy": healthy,
            "disruptionsAllowed": allowed, "observedGeneration": generation,
            "disruptedPods": entries, "conditions": [condition(allowed, world.now)],
        },
    });
    Some(Action::Status { kind: Kind::Budget, object: key(budget), patch })
}

fn condition(allowed: i32, now: Timestamp) -> Value {
    let (status, reason) =
        if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    json!({
        "type": "DisruptionAllowed", "status": status, "reason": reason, "message": "",
        "lastTransitionTime": Time(now),
    })
}

/// Evictions that the server allowed and that did not lead to a deletion yet.
fn disrupted(
    now: Timestamp,
    budget: &PodDisruptionBudget,
    pods: &[&Pod],
) -> BTreeMap<String, Time> {
    let told = budget.status.as_ref().and_then(|status| status.disrupted_pods.clone());
    let staying: BTreeSet<&str> = (pods.iter())
        .filter(|pod| !is_deleting(&pod.metadata))
        .filter_map(|pod| pod.metadata.name.as_deref())
        .collect();
    let mut told = told.unwrap_or_default();
    told.retain(|name, time| {
        staying.contains(name.as_str()) && now.duration_since(time.0) < EVICTION
    });
    told
}

/// Pods that there should be, and how many of them have to be healthy. Only a `minAvailable` that
/// is a number goes by the pods that are there; all else by what their controllers ask for.
fn wanted(world: &World, spec: &PodDisruptionBudgetSpec, pods: &[&Pod]) -> (i32, i32) {
    match (&spec.max_unavailable, &spec.min_available) {
        (Some(most), _) => {
            let expected = expected(world, pods);
            (expected, (expected - scaled(most, expected, true)).max(0))
        }
        (None, Some(IntOrString::Int(least))) => {
            (i32::try_from(pods.len()).unwrap_or(i32::MAX), *least)
        }
        (None, Some(share)) => {
            let expected = expected(world, pods);
            (expected, scaled(share, expected, true))
        }
        (None, None) => (0, 0),
    }
}

/// What the pods' controllers ask for in sum. Pods without one count themselves.
fn expected(world: &World, pods: &[&Pod]) -> i32 {
    let mut by_controller: BTreeMap<&str, i32> = BTreeMap::new();
    for pod in pods {
        let (uid, wanted) = match owner(&pod.metadata) {
            Some(owner) => scale(world, &owner.uid),
            None => (pod.metadata.uid.as_deref().unwrap_or_default(), 1),
        };
        by_controller.insert(uid, wanted);
    }
    by_controller.values().sum()
}

/// The controller that has the last word on the number of pods, and that number.
fn scale<'w>(world: &'w World, uid: &'w str) -> (&'w str, i32) {
    let mut sets = world.replica_sets.values();
    let Some(set) = sets.find(|set| set.metadata.uid.as_deref() == Some(uid)) else {
        let mut daemons = world.daemon_sets.values();
        let daemon = daemons.find(|set| set.metadata.uid.as_deref() == Some(uid));
        let desired = daemon.and_then(|set| set.status.as_ref());
        return (uid, desired.map_or(0, |status| status.desired_number_scheduled));
    };
    let owner = owner(&set.metadata);
    let deployment = owner.and_then(|owner| {
        let mut deployments = world.deployments.values();
        deployments.find(|it| it.metadata.uid.as_deref() == Some(&owner.uid))
    });
    match deployment {
        Some(deployment) => (
            deployment.metadata.uid.as_deref().unwrap_or_default(),
            deployment.spec.replicas.unwrap_or(1),
        ),
        None => (uid, replicas(set)),
    }
}
