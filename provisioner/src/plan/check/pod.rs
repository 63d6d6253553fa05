//! What the scheduler reads from a pod, worked out once for pods that share a template.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{
    Resources,
    resources::{CPU, MEMORY, PODS},
};
use k8s_openapi::api::core::v1::{
    Affinity, Container, NodeSelector, PodAffinityTerm, PodSpec, Toleration,
    TopologySpreadConstraint,
};

use super::{
    quantity::{Round, amounts},
    selector::{Labels, Selector, node_selected},
};
use crate::snapshot::{PodTemplate, Snapshot};

/// A pod in the scheduler's eyes.
pub(super) struct Facts<'a> {
    /// labels and spec.
    pub(super) template: &'a PodTemplate,
    /// Sum of requests by kube-scheduler's rules; `pods` is 1.
    pub(super) request: Resources,
    /// Host ports.
    pub(super) ports: Vec<Port>,
    /// Node selector, that of the runtime class included.
    selector: BTreeMap<&'a str, &'a str>,
    /// Required node affinity.
    required: Option<&'a NodeSelector>,
    /// Tolerations, those of the runtime class included.
    pub(super) tolerations: Vec<Toleration>,
    /// DoNotSchedule constraints.
    pub(super) spreads: Vec<Spread>,
    /// Required affinity terms.
    pub(super) affinity: Vec<Term>,
    /// Required anti-affinity terms.
    pub(super) anti_affinity: Vec<Term>,
}

/// A port of the node: address (empty for all), protocol, number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    address: String,
    protocol: String,
    number: i32,
}

/// A DoNotSchedule topology spread constraint.
pub(super) struct Spread {
    pub(super) key: String,
    pub(super) selector: Selector,
    pub(super) max_skew: i64,
    pub(super) min_domains: usize,
    /// Count only nodes that selector and affinity of the pod accept.
    pub(super) honour_affinity: bool,
    /// Count only nodes whose taints the pod tolerates.
    pub(super) honour_taints: bool,
}

/// A required pod affinity or anti-affinity term.
pub(super) struct Term {
    pub(super) key: String,
    selector: Selector,
    namespaces: BTreeSet<String>,
    namespace_selector: Option<Selector>,
}

impl Term {
    /// Whether a pod with these labels in this namespace is meant.
    pub(super) fn matches(&self, labels: &Labels, namespace: &str, of_namespace: &Labels) -> bool {
        let selected = || self.namespace_selector.as_ref().is_some_and(|s| s.matches(of_namespace));
        self.selector.matches(labels) && (self.namespaces.contains(namespace) || selected())
    }

    fn new(term: &PodAffinityTerm, own: &Labels, namespace: &str) -> Self {
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(namespace.to_owned());
        }
        Self {
            key: term.topology_key.clone(),
            selector: Selector::new(term.label_selector.as_ref())
                .with_keys(term.match_label_keys.as_ref(), own, "In")
                .with_keys(term.mismatch_label_keys.as_ref(), own, "NotIn"),
            namespaces,
            namespace_selector: term
                .namespace_selector
                .as_ref()
                .map(|selector| Selector::new(Some(selector))),
        }
    }
}

impl Spread {
    fn new(constraint: &TopologySpreadConstraint, own: &Labels) -> Self {
        Self {
            key: constraint.topology_key.clone(),
            selector: Selector::new(constraint.label_selector.as_ref()).with_keys(
                constraint.match_label_keys.as_ref(),
                own,
                "In",
            ),
            max_skew: i64::from(constraint.max_skew),
            min_domains: constraint.min_domains.map_or(1, |n| usize::try_from(n).unwrap_or(1)),
            honour_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honour_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        }
    }
}

impl Port {
    /// Whether both cannot be open on one node.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let anywhere = |port: &Self| port.address.is_empty() || port.address == "0.0.0.0";
        self.number == other.number
            && self.protocol == other.protocol
            && (self.address == other.address || anywhere(self) || anywhere(other))
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, template: &'a PodTemplate, namespace: &str) -> Self {
        let spec = &template.spec;
        let class = spec.runtime_class_name.as_ref().and_then(|c| snapshot.runtime_classes.get(c));
        let scheduling = class.and_then(|class| class.scheduling.as_ref());
        let affinity = spec.affinity.as_ref();
        let selectors = [
            spec.node_selector.as_ref(),
            scheduling.and_then(|scheduling| scheduling.node_selector.as_ref()),
        ];
        let spreads = spec.topology_spread_constraints.iter().flatten();
        Self {
            template,
            request: request(snapshot, spec),
            ports: ports(spec),
            selector: (selectors.into_iter().flatten().flatten())
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            required: affinity.and_then(|affinity| {
                affinity
                    .node_affinity
                    .as_ref()?
                    .required_during_scheduling_ignored_during_execution
                    .as_ref()
            }),
            tolerations: (spec.tolerations.iter())
                .chain(scheduling.and_then(|scheduling| scheduling.tolerations.as_ref()))
                .flatten()
                .cloned()
                .collect(),
            spreads: spreads
                .filter(|constraint| constraint.when_unsatisfiable == "DoNotSchedule")
                .map(|constraint| Spread::new(constraint, &template.labels))
                .collect(),
            affinity: terms(affinity_terms(affinity), &template.labels, namespace),
            anti_affinity: terms(anti_affinity_terms(affinity), &template.labels, namespace),
        }
    }

    /// Node selector and required node affinity.
    pub(super) fn accepts(&self, labels: &Labels, name: &str) -> bool {
        self.selector.iter().all(|(key, value)| labels.get(*key).is_some_and(|own| own == value))
            && self.required.is_none_or(|required| node_selected(required, labels, name))
    }
}

fn affinity_terms(affinity: Option<&Affinity>) -> &[PodAffinityTerm] {
    affinity
        .and_then(|affinity| affinity.pod_affinity.as_ref())
        .and_then(|pod| pod.required_during_scheduling_ignored_during_execution.as_deref())
        .unwrap_or_default()
}

fn anti_affinity_terms(affinity: Option<&Affinity>) -> &[PodAffinityTerm] {
    affinity
        .and_then(|affinity| affinity.pod_anti_affinity.as_ref())
        .and_then(|pod| pod.required_during_scheduling_ignored_during_execution.as_deref())
        .unwrap_or_default()
}

fn terms(terms: &[PodAffinityTerm], own: &Labels, namespace: &str) -> Vec<Term> {
    terms.iter().map(|term| Term::new(term, own, namespace)).collect()
}

fn restartable(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn ports(spec: &PodSpec) -> Vec<Port> {
    let host_network = spec.host_network == Some(true);
    let sidecars = spec.init_containers.iter().flatten().filter(|c| restartable(c));
    (spec.containers.iter().chain(sidecars))
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            let fallback = if host_network { port.container_port } else { 0 };
            let number = port.host_port.filter(|number| *number > 0).unwrap_or(fallback);
            (number > 0).then(|| Port {
                address: port.host_ip.clone().unwrap_or_default(),
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                number,
            })
        })
        .collect()
}

/// What one container asks for; a limit without a request is a request.
fn container_request(container: &Container) -> Resources {
    let Some(resources) = &container.resources else { return Resources::default() };
    let mut all = resources.limits.clone().unwrap_or_default();
    all.extend(resources.requests.clone().unwrap_or_default());
    amounts(&all, Round::Up)
}

/// kube-scheduler's sum: the larger of what runs for good and what runs at the start, with the
/// pod's own figures in place of the containers' sum, and the runtime's overhead on top.
fn request(snapshot: &Snapshot, spec: &PodSpec) -> Resources {
    let mut running = Resources::default();
    for container in &spec.containers {
        running.add(&container_request(container));
    }
    let mut sidecars = Resources::default();
    let mut start = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let mut now = container_request(container);
        if restartable(container) {
            running.add(&now);
            sidecars.add(&now);
            now = sidecars.clone();
        } else {
            now.add(&sidecars);
        }
        start.max(&now);
    }
    let mut total = running;
    total.max(&start);
    pod_level(spec, &mut total);
    total.add(&overhead(snapshot, spec));
    total.set(PODS, 1);
    total
}

/// Pod-level resources replace the containers' sum for CPU, memory and huge pages; a pod-level
/// limit alone is the request only where no container asks for that resource.
fn pod_level(spec: &PodSpec, total: &mut Resources) {
    let Some(resources) = &spec.resources else { return };
    let supported = |name: &str| name == CPU || name == MEMORY || name.starts_with("hugepages-");
    let requests = resources.requests.clone().unwrap_or_default();
    for (name, amount) in &amounts(&resources.limits.clone().unwrap_or_default(), Round::Up).0 {
        if supported(name) && !total.0.contains_key(name) {
            total.set(name, *amount);
        }
    }
    for (name, amount) in &amounts(&requests, Round::Up).0 {
        if supported(name) {
            total.set(name, *amount);
        }
    }
}

fn overhead(snapshot: &Snapshot, spec: &PodSpec) -> Resources {
    let class = spec.runtime_class_name.as_ref().and_then(|c| snapshot.runtime_classes.get(c));
    let of_class = class.and_then(|class| class.overhead.as_ref()?.pod_fixed.as_ref());
    spec.overhead.as_ref().or(of_class).map(|map| amounts(map, Round::Up)).unwrap_or_default()
}
