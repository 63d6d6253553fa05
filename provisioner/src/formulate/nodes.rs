//! The nodes that stay: their labels, taints and what they hold.

use std::{collections::BTreeMap, sync::Arc};

use catalog::{Resources, resources};
use k8s_openapi::api::core::v1::{Node, Taint};
use rustc_hash::FxHashMap;

use super::{offerings::Labels, pending::Fate, requests};
use crate::{
    api::{
        names::{DISRUPTED, INITIALIZED, NODE_POOL, UNREGISTERED},
        node_pool::NodeClaim,
    },
    snapshot::{SkipReason, Skipped, Snapshot},
};

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// A node that stays, or a claim whose node is not there yet.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    /// Node name, or the claim's.
    pub name: Arc<str>,
    /// Whether it is a claim without a node.
    pub in_flight: bool,
    /// Labels, as they are or will be.
    pub labels: Arc<Labels>,
    /// Taints that a pod planned now will meet.
    pub taints: Vec<Taint>,
    /// Allocatable.
    pub allocatable: Resources,
    /// Capacity, which counts against the limits of its pool.
    pub capacity: Resources,
    /// How many volumes of each CSI driver can be attached.
    pub attachable: BTreeMap<&'a str, i64>,
}

impl Standing<'_> {
    /// The pool it belongs to.
    pub fn pool(&self) -> Option<&str> {
        self.labels.get(NODE_POOL).map(|name| &**name)
    }
}

/// All nodes by name, those that stay in order, and what had to be left out.
#[derive(Debug, Default)]
pub(super) struct Nodes<'a> {
    /// When the snapshot was taken, seconds since 1970.
    pub now: i64,
    /// What becomes of each node.
    pub fates: FxHashMap<&'a str, Fate>,
    /// Nodes that stay, then claims without a node.
    pub standing: Vec<Standing<'a>>,
    /// Pods, by namespace and name, that claims were made for, with the place of the newest claim
    /// that lists them: their room is kept until they are bound.
    pub reserved: FxHashMap<(&'a str, &'a str), u32>,
    /// Claims that cannot be planned with.
    pub skipped: Vec<Skipped>,
}

/// How long, in seconds, a node that is ready keeps room for pods that were planned for it. Who has
/// not come by then does not come, and is planned again.
pub(crate) const KEPT_SECONDS: i64 = 60;

/// Sorts nodes and claims.
pub(super) fn read(snapshot: &Snapshot) -> Nodes<'_> {
    let mut by_node: FxHashMap<&str, &NodeClaim> = FxHashMap::default();
    let mut by_provider: FxHashMap<&str, &NodeClaim> = FxHashMap::default();
    for claim in &snapshot.node_claims {
        if let Some(name) = &claim.node_name {
            by_node.insert(name, claim);
        }
        if let Some(provider) = &claim.provider_id {
            by_provider.insert(provider, claim);
        }
    }
    let launching = snapshot.node_claims.iter().any(|claim| is_launching(claim));
    let mut nodes = Nodes { now: snapshot.taken_at, ..Nodes::default() };
    let mut places: FxHashMap<&str, u32> = FxHashMap::default();
    let mut registered = rustc_hash::FxHashSet::default();
    for node in &snapshot.nodes {
        let Some(name) = node.metadata.name.as_deref() else { continue };
        let provider = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        let claim = by_node.get(name).or_else(|| by_provider.get(provider?)).copied();
        registered.extend(claim.map(|claim| claim.name.as_str()));
        if claim.is_none() && launching && is_unregistered(node) {
            nodes.fates.insert(name, Fate::Unclaimed);
            continue;
        }
        if leaves(node, claim) {
            nodes.fates.insert(name, Fate::Leaves);
            continue;
        }
        let place = nodes.standing.len() as u32;
        places.extend(claim.map(|claim| (claim.name.as_str(), place)));
        nodes.fates.insert(name, Fate::Stays(place));
        nodes.standing.push(standing(node, name, claim, snapshot));
    }
    let unseen = |claim: &&Arc<NodeClaim>| !registered.contains(claim.name.as_str());
    for claim in snapshot.node_claims.iter().filter(|claim| !claim.deleting).filter(unseen) {
        let place = nodes.standing.len() as u32;
        if nodes.add_claim(claim) {
            places.insert(&claim.name, place);
        }
    }
    nodes.reserve(snapshot, &places);
    nodes
}

/// Whether a claim does not say yet which machine is its own.
fn is_launching(claim: &NodeClaim) -> bool {
    claim.node_name.is_none() && claim.provider_id.is_none()
}

/// Whether a node came up for a claim and has not been given what its claim says.
fn is_unregistered(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    taints.into_iter().flatten().any(|taint| taint.key == UNREGISTERED)
}

fn leaves(node: &Node, claim: Option<&NodeClaim>) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    node.metadata.deletion_timestamp.is_some()
        || claim.is_some_and(|claim| claim.deleting)
        || taints.into_iter().flatten().any(|taint| taint.key == DISRUPTED)
}

fn standing<'a>(
    node: &'a Node,
    name: &'a str,
    claim: Option<&NodeClaim>,
    snapshot: &'a Snapshot,
) -> Standing<'a> {
    let read = |amounts: Option<&BTreeMap<String, _>>| {
        amounts.map(requests::read_capacity).unwrap_or_default()
    };
    let status = node.status.as_ref();
    let mut allocatable = read(status.and_then(|status| status.allocatable.as_ref()));
    let mut capacity = read(status.and_then(|status| status.capacity.as_ref()));
    let initialized = is_initialized(node, claim);
    if let Some(claim) = claim.filter(|_| !initialized) {
        promise(&mut allocatable, &claim.allocatable);
        promise(&mut capacity, &claim.capacity);
    }
    let labels = node.metadata.labels.iter().flatten();
    Standing {
        name: Arc::from(name),
        in_flight: false,
        labels: Arc::new(shared(labels)),
        taints: taints(node, claim.filter(|_| !initialized), initialized),
        allocatable,
        capacity,
        attachable: attachable(name, snapshot),
    }
}

fn shared<'a>(labels: impl Iterator<Item = (&'a String, &'a String)>) -> Labels {
    labels.map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str()))).collect()
}

/// Nodes that no claim manages are taken as they are.
fn is_initialized(node: &Node, claim: Option<&NodeClaim>) -> bool {
    let labels = node.metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).map(String::as_str);
    match claim {
        Some(claim) => claim.initialized || label(INITIALIZED) == Some("true"),
        None => label(NODE_POOL).is_none() || label(INITIALIZED) == Some("true"),
    }
}

/// What the kubelet does not report yet (devices appear late) counts as the claim promises.
fn promise(reported: &mut Resources, promised: &Resources) {
    for (name, amount) in &promised.0 {
        if reported.get(name) == 0 {
            reported.set(name, *amount);
        }
    }
}

fn taints(node: &Node, starting: Option<&NodeClaim>, initialized: bool) -> Vec<Taint> {
    let spec = node.spec.as_ref();
    let all = spec.and_then(|spec| spec.taints.as_ref()).into_iter().flatten();
    let startup = starting.map(|claim| claim.startup_taints.as_slice()).unwrap_or_default();
    let passes_away = |taint: &Taint| {
        !initialized
            && (is_ephemeral(taint)
                || startup.iter().any(|one| one.key == taint.key && one.effect == taint.effect))
    };
    let mut taints: Vec<Taint> = all.filter(|taint| !passes_away(taint)).cloned().collect();
    let cordoned = spec.and_then(|spec| spec.unschedulable) == Some(true);
    if cordoned && !taints.iter().any(|taint| taint.key == UNSCHEDULABLE) {
        taints.push(Taint {
            key: UNSCHEDULABLE.to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        });
    }
    taints
}

/// Taints that every node has until it is ready. One of these keys with another effect is somebody
/// else's doing, and nobody takes it off.
fn is_ephemeral(taint: &Taint) -> bool {
    match (taint.key.as_str(), taint.effect.as_str()) {
        ("node.kubernetes.io/not-ready", "NoSchedule" | "NoExecute")
        | ("node.kubernetes.io/unreachable", "NoSchedule")
        | ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")
        | (UNREGISTERED, "NoExecute") => true,
        (key, _) => key.starts_with("readiness.k8s.io/"),
    }
}

fn attachable<'a>(name: &str, snapshot: &'a Snapshot) -> BTreeMap<&'a str, i64> {
    let drivers = snapshot.csi_nodes.get(name).into_iter().flat_map(|node| &node.spec.drivers);
    let limits = drivers.filter_map(|driver| {
        let count = driver.allocatable.as_ref()?.count?;
        Some((driver.name.as_str(), i64::from(count)))
    });
    limits.collect()
}

impl<'a> Nodes<'a> {
    /// Keeps room for the pods that claims were made for.
    fn reserve(&mut self, snapshot: &'a Snapshot, places: &FxHashMap<&str, u32>) {
        let keeps = |claim: &&NodeClaim| keeps_room(claim, snapshot.taken_at);
        let claims = snapshot.node_claims.iter().map(Arc::as_ref);
        let mut claims: Vec<&NodeClaim> = claims.filter(keeps).collect();
        claims.sort_by_key(|claim| (claim.created, &claim.name));
        for claim in claims {
            let Some(&place) = places.get(claim.name.as_str()) else { continue };
            let pods = claim.planned_pods.iter();
            self.reserved.extend(pods.map(|pod| ((&*pod.namespace, &*pod.name), place)));
        }
    }

    /// Whether it could be planned with.
    fn add_claim(&mut self, claim: &NodeClaim) -> bool {
        if claim.allocatable.get(resources::CPU) == 0 {
            self.skipped.push(Skipped {
                object: format!("NodeClaim {}", claim.name),
                reason: SkipReason::Unsupported,
                detail: "has no node and does not say what it will hold (status.allocatable)"
                    .to_owned(),
            });
            return false;
        }
        let mut labels = shared(claim.labels.iter());
        for (key, requirement) in &claim.requirements.0 {
            if !requirement.complement
                && requirement.values.len() == 1
                && let Some(value) = requirement.values.first()
            {
                labels.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self.standing.push(Standing {
            name: Arc::from(claim.name.as_str()),
            in_flight: true,
            labels: Arc::new(labels),
            taints: claim.taints.clone(),
            allocatable: claim.allocatable.clone(),
            capacity: claim.capacity.clone(),
            attachable: BTreeMap::new(),
        });
        true
    }
}

/// Whether the pods that a claim was made for may still come.
fn keeps_room(claim: &NodeClaim, now: i64) -> bool {
    let since = claim.initialized_at;
    !claim.deleting && since.is_none_or(|since| now.saturating_sub(since) < KEPT_SECONDS)
}
