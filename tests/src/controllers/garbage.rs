//! What is left over: objects whose owner is gone, and pods whose node is gone.

use std::collections::HashSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    Action, World,
    world::{is_deleting, node_name, owner},
};

/// Pods of ReplicaSets and DaemonSets, and ReplicaSets of Deployments, whose owner does not exist.
pub(super) fn orphans(world: &World) -> Vec<Action> {
    let owners: HashSet<&str> = (world.deployments.values().map(|it| &it.metadata))
        .chain(world.replica_sets.values().map(|it| &it.metadata))
        .chain(world.daemon_sets.values().map(|it| &it.metadata))
        .filter_map(|meta| meta.uid.as_deref())
        .collect();
    let orphaned = |meta: &ObjectMeta| {
        owner(meta).is_some_and(|owner| {
            matches!(owner.kind.as_str(), "Deployment" | "ReplicaSet" | "DaemonSet")
                && owner.api_version == "apps/v1"
                && !owners.contains(owner.uid.as_str())
        }) && !is_deleting(meta)
    };
    let sets = world.replica_sets.values().filter(|set| orphaned(&set.metadata));
    let pods = world.pods.values().filter(|pod| orphaned(&pod.metadata));
    sets.map(|set| Action::DeleteReplicaSet(Box::new(set.clone())))
        .chain(pods.map(|pod| Action::DeletePod { pod: Box::new(pod.clone()), force: false }))
        .collect()
}

/// Pods that are bound to nodes that do not exist: nobody is there to end them in good order.
pub(super) fn lost_pods(world: &World) -> Vec<Action> {
    let lost = world
        .pods
        .values()
        .filter(|pod| node_name(pod).is_some_and(|node| !world.nodes.contains_key(node)));
    lost.map(|pod| Action::DeletePod { pod: Box::new(pod.clone()), force: true }).collect()
}
