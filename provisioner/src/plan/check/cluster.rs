//! The cluster as it is when the plan has come true.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::{Resources, resources::PODS};
use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{
    Filter, Violation,
    pod::{Facts, Port, Term},
    quantity::{Round, amounts},
    selector::{Labels, untolerated},
};
use crate::{
    api::node_pool::{NodeClaim, NodePool},
    plan::{Launch, Plan},
    snapshot::{Nomination, Pod, PodTemplate, Snapshot},
};

const HOSTNAME: &str = "kubernetes.io/hostname";
const POOL: &str = "karpenter.sh/nodepool";
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Labels that kubelets and cloud providers set again under an old name.
const ALIASES: [(&str, &str); 5] = [
    ("kubernetes.io/arch", "beta.kubernetes.io/arch"),
    ("kubernetes.io/os", "beta.kubernetes.io/os"),
    ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"),
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
];
/// Labels that disk drivers set when they come up on a node.
const DRIVER_ZONES: [(&str, &str); 3] = [
    ("topology.kubernetes.io/zone", "topology.disk.csi.azure.com/zone"),
    ("topology.kubernetes.io/zone", "topology.ebs.csi.aws.com/zone"),
    ("topology.kubernetes.io/zone", "topology.gke.io/zone"),
];

/// Taints of `node.kubernetes.io` that the daemon set controller makes its pods tolerate.
const DAEMONS_TOLERATE: [&str; 6] = [
    "not-ready",
    "unreachable",
    "disk-pressure",
    "memory-pressure",
    "pid-pressure",
    "unschedulable",
];

/// A node of the final cluster.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) taints: Vec<Taint>,
    pub(super) unschedulable: bool,
    pub(super) allocatable: Resources,
    /// What all pods take, daemon pods that are not there yet included.
    pub(super) used: Resources,
    /// Host ports of daemon pods that are not there yet.
    pub(super) reserved_ports: Vec<Port>,
    /// Positions in [`Cluster::residents`].
    pub(super) pods: Vec<usize>,
}

/// A pod on a node of the final cluster.
pub(super) struct Resident<'a> {
    pub(super) pod: &'a Pod,
    pub(super) node: usize,
    pub(super) planned: bool,
    /// Position in [`Cluster::kinds`].
    pub(super) kind: usize,
}

/// Pods that agree on namespace, labels and spec: the filters cannot tell them apart.
pub(super) struct Kind<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) namespace: &'a str,
    /// Labels of the namespace.
    space: Labels,
    /// Positions in [`Cluster::residents`].
    pub(super) residents: Vec<usize>,
}

impl Kind<'_> {
    /// Whether a term of some pod means pods of this kind.
    pub(super) fn meant_by(&self, term: &Term) -> bool {
        term.matches(&self.facts.template.labels, self.namespace, &self.space)
    }
}

impl Resident<'_> {
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.pod.namespace, self.pod.name)
    }
}

/// Nodes and pods of the final cluster.
pub(super) struct Cluster<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) nodes: Vec<Node>,
    pub(super) residents: Vec<Resident<'a>>,
    pub(super) kinds: Vec<Kind<'a>>,
    pub(super) claims: Claims<'a>,
    kind_of: BTreeMap<(*const PodTemplate, &'a str), usize>,
    by_name: BTreeMap<String, usize>,
}

impl<'a> Cluster<'a> {
    /// Builds the final cluster; violations name the nodes that the plan uses and that are not
    /// there.
    pub(super) fn after(
        snapshot: &'a Snapshot,
        pools: &[NodePool],
        plan: &Plan,
    ) -> (Self, Vec<Violation>) {
        let mut cluster = Self {
            snapshot,
            nodes: Vec::new(),
            residents: Vec::new(),
            kinds: Vec::new(),
            claims: Claims::of(snapshot),
            kind_of: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        cluster.add_existing(pools);
        cluster.add_claims();
        for launch in &plan.launches {
            cluster.add_launch(launch);
        }
        let moved: BTreeSet<u32> = planned(plan).map(|(_, pod)| pod).collect();
        cluster.add_bound(&moved);
        let unknown = cluster.add_planned(plan);
        (cluster, unknown)
    }

    /// Positions of the planned pods among the residents.
    pub(super) fn planned(&self) -> impl Iterator<Item = usize> {
        let planned = |index: &usize| self.residents[*index].planned;
        (0..self.residents.len()).filter(planned).collect::<Vec<_>>().into_iter()
    }

    /// The node a resident is on.
    pub(super) fn node_of(&self, resident: usize) -> &Node {
        &self.nodes[self.residents[resident].node]
    }

    /// What the filters know of a resident.
    pub(super) fn facts(&self, resident: usize) -> &Facts<'a> {
        &self.kinds[self.residents[resident].kind].facts
    }

    fn add(&mut self, node: Node) {
        self.by_name.insert(node.name.clone(), self.nodes.len());
        self.nodes.push(node);
    }

    fn add_existing(&mut self, pools: &[NodePool]) {
        for node in &self.snapshot.nodes {
            if self.claims.leaving(node) || self.claims.may_stand_for(node) {
                continue;
            }
            let name = node.metadata.name.clone().unwrap_or_default();
            let mut labels: Labels = node.metadata.labels.clone().unwrap_or_default();
            add_aliases(&mut labels, &DRIVER_ZONES);
            let status = node.status.as_ref().and_then(|status| status.allocatable.as_ref());
            let mut allocatable = status.map(|map| amounts(map, Round::Down)).unwrap_or_default();
            let spec = node.spec.as_ref();
            let mut taints = spec.and_then(|spec| spec.taints.clone()).unwrap_or_default();
            let claim = self.claims.of_node(node);
            let unschedulable = spec.is_some_and(|spec| spec.unschedulable == Some(true));
            if unschedulable {
                // The node controller sets it; a hand-written node may lack it.
                taints.push(cordon());
            }
            let managed = claim.is_some() || labels.contains_key(POOL);
            if managed && labels.get("karpenter.sh/initialized").is_none_or(|v| v != "true") {
                let pool = pools.iter().find(|pool| labels.get(POOL) == Some(&pool.name));
                let startup = claim.map(|claim| &claim.startup_taints);
                let startup = startup.or(pool.map(|pool| &pool.startup_taints));
                taints.retain(|taint| !passing(taint, startup.map_or(&[], Vec::as_slice)));
                allocatable.max(&claim.map(|claim| claim.allocatable.clone()).unwrap_or_default());
            }
            self.add(Node {
                name,
                labels,
                taints,
                unschedulable,
                allocatable,
                used: Resources::default(),
                reserved_ports: Vec::new(),
                pods: Vec::new(),
            });
        }
    }

    fn add_claims(&mut self) {
        let nodes = self.claims.nodes(self.snapshot);
        for claim in &self.snapshot.node_claims {
            if claim.deleting || nodes.contains_key(&*claim.name) {
                continue;
            }
            let mut labels: Labels = claim.labels.as_ref().clone();
            for (key, requirement) in &claim.requirements.0 {
                if let (false, 1, Some(value)) =
                    (requirement.complement, requirement.values.len(), requirement.values.first())
                {
                    labels.entry(key.to_string()).or_insert_with(|| value.to_string());
                }
            }
            self.add_future(&claim.name, labels, claim.taints.clone(), &claim.allocatable, None);
        }
    }

    fn add_launch(&mut self, launch: &Launch) {
        let labels: Labels =
            launch.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        self.add_future(
            &launch.name,
            labels,
            launch.taints.clone(),
            &launch.allocatable,
            Some(&launch.daemon_requests),
        );
    }

    /// A node that is not there yet, with the daemon pods that will run on it: what the plan says
    /// they need, or what they need by our own account, whichever is more.
    fn add_future(
        &mut self,
        name: &str,
        mut labels: Labels,
        taints: Vec<Taint>,
        allocatable: &Resources,
        stated: Option<&Resources>,
    ) {
        labels.entry(HOSTNAME.to_owned()).or_insert_with(|| name.to_owned());
        add_aliases(&mut labels, &ALIASES);
        add_aliases(&mut labels, &DRIVER_ZONES);
        let (mut used, reserved_ports) = self.daemons(&labels, name, &taints);
        used.max(stated.unwrap_or(&Resources::default()));
        let (name, allocatable) = (name.to_owned(), allocatable.clone());
        self.add(Node {
            name,
            labels,
            taints,
            unschedulable: false,
            allocatable,
            used,
            reserved_ports,
            pods: Vec::new(),
        });
    }

    fn daemons(&self, labels: &Labels, name: &str, taints: &[Taint]) -> (Resources, Vec<Port>) {
        let mut reserved = Resources::default();
        let mut ports = Vec::new();
        for (id, template) in &self.snapshot.daemon_sets {
            let namespace = id.split_once('/').map_or("default", |(namespace, _)| namespace);
            let facts = Facts::new(self.snapshot, template, namespace);
            let mut tolerations = facts.tolerations.clone();
            tolerations.extend(DAEMONS_TOLERATE.map(|key| Toleration {
                key: Some(format!("node.kubernetes.io/{key}")),
                operator: Some("Exists".to_owned()),
                ..Toleration::default()
            }));
            if facts.accepts(labels, name) && untolerated(taints, &tolerations).is_none() {
                reserved.add(&facts.request);
                ports.extend(facts.ports);
            }
        }
        (reserved, ports)
    }

    /// Pods that are bound to nodes that stay, that claims were made for, or that are nominated: the
    /// scheduler makes room for those.
    fn add_bound(&mut self, moved: &BTreeSet<u32>) {
        let awaited = awaited(self.snapshot, &self.claims);
        for (index, pod) in (0u32..).zip(&self.snapshot.pods) {
            let gates = pod.template.spec.scheduling_gates.as_ref();
            let gated = gates.is_some_and(|gates| !gates.is_empty());
            let kept = |it: &&Nomination| !is_given_up(it, self.snapshot.taken_at);
            let nominated = pod.nominated_node.as_ref().filter(kept).filter(|_| !gated);
            let claim = awaited.get(&(&*pod.namespace, &*pod.name)).filter(|_| !gated);
            let place = match (&pod.node_name, claim) {
                (Some(node), _) => Some(&**node),
                (None, Some(place)) if self.by_name.contains_key(*place) => Some(*place),
                _ => nominated.map(|it| &*it.node),
            };
            let node = place.and_then(|name| self.by_name.get(name)).copied();
            let gone = pod.terminal || pod.node_name.is_none() && pod.deleting;
            if let (Some(node), false) = (node, gone || moved.contains(&index)) {
                self.settle(pod, node, false);
            }
        }
    }

    fn add_planned(&mut self, plan: &Plan) -> Vec<Violation> {
        let mut unknown = Vec::new();
        for (name, index) in planned(plan) {
            // `accounting` reports positions that are out of range.
            let Some(pod) = self.snapshot.pods.get(index as usize) else { continue };
            match self.by_name.get(name).copied() {
                Some(node) => self.settle(pod, node, true),
                None => unknown.push(Violation {
                    pod: format!("{}/{}", pod.namespace, pod.name),
                    node: name.to_owned(),
                    filter: Filter::Accounting,
                    detail: "there is no such node when the plan has come true".to_owned(),
                }),
            }
        }
        unknown
    }

    fn settle(&mut self, pod: &'a Pod, node: usize, planned: bool) {
        let key = (Arc::as_ptr(&pod.template), &*pod.namespace);
        let next = self.kinds.len();
        let kind = *self.kind_of.entry(key).or_insert(next);
        if kind == next {
            self.kinds.push(Kind {
                facts: Facts::new(self.snapshot, &pod.template, &pod.namespace),
                namespace: &pod.namespace,
                space: namespace_labels(self.snapshot, &pod.namespace),
                residents: Vec::new(),
            });
        }
        let index = self.residents.len();
        let request = match &pod.resized {
            Some(resized) => resized,
            None => &self.kinds[kind].facts.request,
        };
        let node_there = &mut self.nodes[node];
        node_there.used.add(request);
        if pod.resized.as_ref().is_some_and(|resized| resized.get(PODS) == 0) {
            node_there.used.add(&Resources::from([(PODS, 1)]));
        }
        node_there.pods.push(index);
        self.kinds[kind].residents.push(index);
        self.residents.push(Resident { pod, node, planned, kind });
    }
}

/// The node, or the claim without one, that each listed pod is awaited on: the newest claim counts,
/// for as long as its node has not been ready for long.
fn awaited<'a>(
    snapshot: &'a Snapshot,
    claims: &Claims<'a>,
) -> BTreeMap<(&'a str, &'a str), &'a str> {
    let nodes = claims.nodes(snapshot);
    let mut claims: Vec<&NodeClaim> = snapshot.node_claims.iter().map(Arc::as_ref).collect();
    claims.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let mut awaited = BTreeMap::new();
    for claim in claims {
        let late = claim
            .initialized_at
            .is_some_and(|since| snapshot.taken_at - since >= crate::formulate::KEPT_SECONDS);
        if claim.deleting || late || claim.planned_pods.is_empty() {
            continue;
        }
        let place = nodes.get(&*claim.name).copied().unwrap_or(&claim.name);
        for pod in &claim.planned_pods {
            awaited.insert((pod.namespace.as_str(), pod.name.as_str()), place);
        }
    }
    awaited
}

/// Whether a nomination is tenon's, and so old that the scheduler cannot mean to follow it.
fn is_given_up(nomination: &Nomination, now: i64) -> bool {
    nomination.planned_at.is_some_and(|since| now - since >= crate::formulate::KEPT_SECONDS)
}

/// The API server labels every namespace with its name.
fn namespace_labels(snapshot: &Snapshot, name: &str) -> Labels {
    let known = snapshot.namespaces.get(name);
    let mut labels = known.and_then(|space| space.metadata.labels.clone()).unwrap_or_default();
    labels.entry(NAMESPACE_NAME.to_owned()).or_insert_with(|| name.to_owned());
    labels
}

/// The taint of a cordoned node.
pub(super) fn cordon() -> Taint {
    Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    }
}

/// Gives labels their other names where a node does not have them. Azure's disk driver writes the
/// zone of a regional machine as nothing.
fn add_aliases(labels: &mut Labels, aliases: &[(&str, &str)]) {
    for &(new, old) in aliases {
        if let Some(value) = labels.get(new).cloned() {
            let nowhere = value == "0" && old == "topology.disk.csi.azure.com/zone";
            labels.entry(old.to_owned()).or_insert(if nowhere { String::new() } else { value });
        }
    }
}

/// (node, pod) for every pod the plan places.
pub(super) fn planned(plan: &Plan) -> impl Iterator<Item = (&str, u32)> {
    let launches = plan.launches.iter().map(|launch| (launch.name.as_str(), &launch.pods));
    let existing = plan.existing.iter().map(|node| (&*node.node, &node.pods));
    launches.chain(existing).flat_map(|(name, pods)| pods.iter().map(move |pod| (name, *pod)))
}

/// Node claims by what their nodes say of themselves.
pub(super) struct Claims<'a> {
    by_node: BTreeMap<&'a str, &'a NodeClaim>,
    by_machine: BTreeMap<&'a str, &'a NodeClaim>,
    /// Whether a claim says neither what its node nor what its machine is.
    some_unknown: bool,
}

impl<'a> Claims<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let (by_node, by_machine) = (BTreeMap::new(), BTreeMap::new());
        let mut claims = Self { by_node, by_machine, some_unknown: false };
        for claim in &snapshot.node_claims {
            claims.some_unknown |= claim.node_name.is_none() && claim.provider_id.is_none();
            if let Some(name) = &claim.node_name {
                claims.by_node.entry(name).or_insert(claim);
            }
            if let Some(id) = &claim.provider_id {
                claims.by_machine.entry(id).or_insert(claim);
            }
        }
        claims
    }

    /// The claim that a node belongs to.
    fn of_node(&self, node: &k8s_openapi::api::core::v1::Node) -> Option<&'a NodeClaim> {
        let name = node.metadata.name.as_deref();
        let id = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
        let by_name = name.and_then(|name| self.by_node.get(name));
        by_name.or_else(|| self.by_machine.get(id?)).copied()
    }

    /// Whether a node is going away.
    pub(super) fn leaving(&self, node: &k8s_openapi::api::core::v1::Node) -> bool {
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        node.metadata.deletion_timestamp.is_some()
            || taints.iter().any(|taint| taint.key == "karpenter.sh/disrupted")
            || self.of_node(node).is_some_and(|claim| claim.deleting)
    }

    /// Whether a node that nobody has registered may be the one of a claim that does not say so
    /// yet: that claim is counted then, and one machine must not be counted twice.
    pub(super) fn may_stand_for(&self, node: &k8s_openapi::api::core::v1::Node) -> bool {
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        self.some_unknown
            && taints.iter().any(|taint| taint.key == "karpenter.sh/unregistered")
            && self.of_node(node).is_none()
    }

    /// The names of the nodes that are there, by their claims' names.
    pub(super) fn nodes(&self, snapshot: &'a Snapshot) -> BTreeMap<&'a str, &'a str> {
        let pairs = snapshot.nodes.iter().filter_map(|node| {
            Some((self.of_node(node)?.name.as_str(), node.metadata.name.as_deref()?))
        });
        pairs.collect()
    }
}

/// Whether a taint of a node that is still starting goes away by itself.
fn passing(taint: &Taint, startup: &[Taint]) -> bool {
    let key = taint.key.as_str();
    let effect = taint.effect.as_str();
    startup.iter().any(|other| other.key == key && other.effect == effect)
        || matches!(
            (key, effect),
            ("node.kubernetes.io/not-ready", "NoSchedule" | "NoExecute")
                | ("node.kubernetes.io/unreachable", "NoSchedule")
                | ("node.cloudprovider.kubernetes.io/uninitialized", "NoSchedule")
                | ("karpenter.sh/unregistered", "NoExecute")
        )
        || key.starts_with("readiness.k8s.io/")
}
