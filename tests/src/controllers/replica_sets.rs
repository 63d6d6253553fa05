//! ReplicaSets: as many pods as are asked for.

use std::cmp::Reverse;

use k8s_openapi::{
    api::{
        apps::v1::ReplicaSet,
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::ResourceExt;
use serde_json::json;

use super::{
    Action, Kind, World,
    world::{is_deleting, is_ready, node_name, owned_by},
};
use crate::watch::key;

/// Lower numbers are deleted earlier when there are too many pods.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

pub(super) fn actions(world: &World) -> Vec<Action> {
    let owned = world.pods_by_owner();
    let mut actions = Vec::new();
    for set in world.replica_sets.values().filter(|set| !is_deleting(&set.metadata)) {
        let uid = set.metadata.uid.as_deref().unwrap_or_default();
        let pods = owned.get(uid).map(Vec::as_slice).unwrap_or_default();
        let mut pods: Vec<&Pod> =
            pods.iter().copied().filter(|pod| !is_deleting(&pod.metadata)).collect();
        actions.extend(status(set, &pods));
        let wanted = usize::try_from(replicas(set)).unwrap_or(0);
        let owner = owned_by("ReplicaSet", &set.metadata);
        for _ in pods.len()..wanted {
            if let Some(template) = &set.spec.template {
                let pod = pod_of(template, &set.metadata, owner.clone());
                actions.push(Action::CreatePod(Box::new(pod)));
            }
        }
        if pods.len() > wanted {
            pods.sort_by_key(|pod| rank(pod));
            let surplus = pods.len() - wanted;
            actions.extend(
                pods.into_iter()
                    .take(surplus)
                    .map(|pod| Action::DeletePod { pod: Box::new(pod.clone()), force: false }),
            );
        }
    }
    actions
}

/// Number of replicas asked for; 1 unless said otherwise.
pub(super) fn replicas(set: &ReplicaSet) -> i32 {
    set.spec.replicas.unwrap_or(1).max(0)
}

/// Pods of lower rank go first: those without a node, that do not run, are not ready, are said to
/// cost little, or are young.
fn rank(pod: &Pod) -> (bool, bool, bool, i32, Reverse<String>) {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let cost = pod.annotations().get(DELETION_COST).and_then(|cost| cost.parse().ok());
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
    (
        node_name(pod).is_some(),
        phase == Some("Running"),
        is_ready(pod),
        cost.unwrap_or(0),
        Reverse(created.unwrap_or_default()),
    )
}

/// A pod made from a template, without a name of its own yet.
pub(super) fn pod_of(
    template: &PodTemplateSpec,
    of: &ObjectMeta,
    owner: Vec<OwnerReference>,
) -> Pod {
    let meta = template.metadata.clone().unwrap_or_default();
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", of.name.as_deref().unwrap_or_default())),
            namespace: of.namespace.clone(),
            labels: meta.labels,
            annotations: meta.annotations,
            finalizers: meta.finalizers,
            owner_references: Some(owner),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

fn status(set: &ReplicaSet, pods: &[&Pod]) -> Option<Action> {
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let status = json!({
        "replicas": pods.len(),
        "fullyLabeledReplicas": pods.len(),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "observedGeneration": set.metadata.generation,
    });
    let old = set.status.clone().unwrap_or_default();
    let old = json!({
        "replicas": old.replicas,
        "fullyLabeledReplicas": old.fully_labeled_replicas.unwrap_or(0),
        "readyReplicas": old.ready_replicas.unwrap_or(0),
        "availableReplicas": old.available_replicas.unwrap_or(0),
        "observedGeneration": old.observed_generation,
    });
    (status != old).then(|| Action::Status {
        kind: Kind::ReplicaSet,
        object: key(set),
        patch: json!({ "status": status }),
    })
}
