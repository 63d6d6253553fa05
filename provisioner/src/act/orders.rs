//! From a plan to what is to be written. No decision is left after this.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::claim::{self, Order};
use crate::{
    api::v1::{NodeClaim, NodePool, OfferingRef, PodRef},
    plan::{Launch, Plan, PodIndex},
    snapshot::Snapshot,
};

/// What a plan asks to be written.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// Claims to create, with the positions of their pods.
    pub claims: Vec<(NodeClaim, Vec<PodIndex>)>,
    /// Claims on their way that get more pods.
    pub appends: Vec<Append>,
    /// Existing nodes, and the pods to nominate to each.
    pub nominations: Vec<(Arc<str>, Vec<PodRef>)>,
}

/// A claim on its way and all pods that it is now meant for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The claim's name.
    pub claim: String,
    /// Those that it lists already and those that are new.
    pub pods: Vec<PodRef>,
}

/// Puts a plan into writing. `pools` are the node pools as they travel; launches of pools that are
/// gone meanwhile are left out.
pub fn plan_orders(
    snapshot: &Snapshot,
    plan: &Plan,
    pools: &BTreeMap<String, NodePool>,
    round: &str,
) -> Orders {
    let mut orders = Orders::default();
    let mut taken: BTreeSet<String> =
        snapshot.node_claims.iter().map(|claim| claim.name.clone()).collect();
    for launch in &plan.launches {
        let Some(pool) = pools.get(&*launch.node_pool) else { continue };
        let order = order(snapshot, launch, pool, round, &mut taken);
        orders.claims.push((claim::node_claim(&order), launch.pods.clone()));
    }
    for node in plan.existing.iter().filter(|node| !node.pods.is_empty()) {
        let pods = refs(snapshot, &node.pods);
        if node.in_flight {
            let known = snapshot.node_claims.iter().find(|claim| *claim.name == *node.node);
            let mut all = known.map(|claim| claim.planned_pods.clone()).unwrap_or_default();
            let new: Vec<PodRef> = pods.into_iter().filter(|pod| !all.contains(pod)).collect();
            all.extend(new);
            orders.appends.push(Append { claim: node.node.to_string(), pods: all });
        } else {
            let unbound = pods_to_nominate(snapshot, &node.node, &node.pods);
            orders
                .nominations
                .extend(Some((node.node.clone(), unbound)).filter(|(_, pods)| !pods.is_empty()));
        }
    }
    orders
}

fn refs(snapshot: &Snapshot, pods: &[PodIndex]) -> Vec<PodRef> {
    pods.iter().map(|&pod| pod_ref(snapshot, pod)).collect()
}

fn pod_ref(snapshot: &Snapshot, pod: PodIndex) -> PodRef {
    let pod = &snapshot.pods[pod as usize];
    PodRef { namespace: pod.namespace.to_string(), name: pod.name.to_string() }
}

/// Pods that run on a node that leaves have to be evicted first; their successors are nominated.
fn pods_to_nominate(snapshot: &Snapshot, node: &str, pods: &[PodIndex]) -> Vec<PodRef> {
    let waits = |pod: &&PodIndex| {
        let pod = &snapshot.pods[**pod as usize];
        let nominee = pod.nominated_node.as_ref().map(|it| &*it.node);
        pod.node_name.is_none() && nominee != Some(node)
    };
    pods.iter().filter(waits).map(|&pod| pod_ref(snapshot, pod)).collect()
}

fn order<'a>(
    snapshot: &Snapshot,
    launch: &Launch,
    pool: &'a NodePool,
    round: &'a str,
    taken: &mut BTreeSet<String>,
) -> Order<'a> {
    let uids: Vec<&str> =
        launch.pods.iter().map(|&pod| &*snapshot.pods[pod as usize].uid).collect();
    let waiting: Vec<PodRef> = (launch.pods.iter())
        .filter(|&&pod| snapshot.pods[pod as usize].node_name.is_none())
        .map(|&pod| pod_ref(snapshot, pod))
        .collect();
    let mut requests = launch.requests.clone();
    requests.add(&launch.daemon_requests);
    Order {
        pool,
        name: free_name(&launch.node_pool, &uids, taken),
        round,
        turn: launch.turn,
        offerings: offerings(launch),
        pods: waiting,
        labels: launch
            .labels
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        requests,
        capacity: launch.capacity.clone(),
        allocatable: launch.allocatable.clone(),
    }
}

/// The first name for a purpose that no claim has.
pub fn free_name<T: std::hash::Hash>(
    pool: &str,
    purpose: &T,
    taken: &mut BTreeSet<String>,
) -> String {
    let mut attempt = 0;
    loop {
        let name = claim::name(pool, purpose, attempt);
        if taken.insert(name.clone()) {
            return name;
        }
        attempt += 1;
    }
}

fn offerings(launch: &Launch) -> Vec<OfferingRef> {
    let one = |instance_type: &str, zone: &str, capacity_type: &str| OfferingRef {
        instance_type: instance_type.to_owned(),
        zone: zone.to_owned(),
        capacity_type: capacity_type.to_owned(),
    };
    let mut found = vec![one(&launch.instance_type, &launch.zone, launch.capacity_type)];
    for other in &launch.alternatives {
        let other = one(&other.instance_type, &other.zone, other.capacity_type);
        if !found.contains(&other) {
            found.push(other);
        }
    }
    found
}
