//! Pods counted by topology domain, kept up to date as pods and nodes come and go.

use k8s_openapi::api::core::v1::{NodeSelector, Toleration};
use rustc_hash::FxHashMap;
use serde::Serialize;

use super::{
    cache::NodeFacts,
    selector::{Labels, Selector, node_selected, tolerated},
};

/// Position of a tally in the cache.
pub(super) type TallyId = usize;

/// Which pods a term means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Term {
    /// None selects nothing.
    pub(super) selector: Option<Selector>,
    pub(super) namespaces: Vec<String>,
    pub(super) namespace_selector: Option<Selector>,
}

impl Term {
    pub(super) fn matches(&self, labels: &Labels, namespace: &str, of_namespace: &Labels) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.matches(labels))
            && (self.namespaces.iter().any(|name| name == namespace)
                || self.namespace_selector.as_ref().is_some_and(|it| it.matches(of_namespace)))
    }
}

/// Why pods hold a term, when those that hold it are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Role {
    /// Required anti-affinity.
    Repels,
    /// Preferred affinity of this weight, negative for anti-affinity. Required affinity has the
    /// weight 1 here.
    Prefers(i64),
}

/// Which pods are counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) enum Counted {
    /// Pods that every term means.
    Meant(Vec<Term>),
    /// Pods that hold the term.
    Holding(Role, Term),
}

/// Which nodes belong to the domains.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Eligible {
    /// Those with all these labels,
    pub(super) keys: Vec<String>,
    /// that the pod's selector and affinity accept,
    pub(super) selector: Option<(Labels, Option<NodeSelector>)>,
    /// and whose taints it tolerates.
    pub(super) tolerations: Option<Vec<Toleration>>,
}

impl Eligible {
    fn admits(&self, node: &NodeFacts) -> bool {
        self.keys.iter().all(|key| node.labels.contains_key(key))
            && self.selector.as_ref().is_none_or(|(selector, required)| {
                accepts(selector, required.as_ref(), &node.labels, &node.name)
            })
            && self.tolerations.as_ref().is_none_or(|tolerations| {
                node.taints
                    .iter()
                    .filter(|taint| taint.effect != "PreferNoSchedule")
                    .all(|taint| tolerated(taint, tolerations))
            })
    }
}

/// Whether node selector and required node affinity accept a node.
pub(super) fn accepts(
    selector: &Labels,
    required: Option<&NodeSelector>,
    labels: &Labels,
    name: &str,
) -> bool {
    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        && required.is_none_or(|required| node_selected(required, labels, name))
}

/// What a tally counts; two tallies of the same definition are one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Definition {
    /// The node label whose values are the domains.
    pub(super) key: String,
    pub(super) counted: Counted,
    pub(super) eligible: Eligible,
    /// Topology spread does not count pods that are being deleted, affinity does.
    pub(super) skip_deleting: bool,
}

/// The counts of one definition.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) definition: Definition,
    domains: FxHashMap<String, usize>,
    /// Pods by domain.
    counts: Vec<i64>,
    /// Eligible nodes by domain.
    members: Vec<u32>,
    /// Pods by node, eligible or not.
    on_node: Vec<i64>,
    domain_of: Vec<Option<usize>>,
}

impl Tally {
    pub(super) fn new(definition: Definition) -> Self {
        Self {
            definition,
            domains: FxHashMap::default(),
            counts: Vec::new(),
            members: Vec::new(),
            on_node: Vec::new(),
            domain_of: Vec::new(),
        }
    }

    fn reach(&mut self, slot: usize) {
        if slot >= self.on_node.len() {
            self.on_node.resize(slot + 1, 0);
            self.domain_of.resize(slot + 1, None);
        }
    }

    /// Puts a node, with the pods on it, into its domain.
    pub(super) fn set_node(&mut self, slot: usize, node: Option<&NodeFacts>) {
        self.reach(slot);
        let node = node.filter(|node| self.definition.eligible.admits(node));
        let value = node.and_then(|node| node.labels.get(&self.definition.key));
        let domain = value.map(|value| {
            let next = self.domains.len();
            *self.domains.entry(value.clone()).or_insert(next)
        });
        if self.counts.len() < self.domains.len() {
            self.counts.push(0);
            self.members.push(0);
        }
        let pods = self.on_node[slot];
        if let Some(old) = std::mem::replace(&mut self.domain_of[slot], domain) {
            self.counts[old] -= pods;
            self.members[old] -= 1;
        }
        if let Some(new) = domain {
            self.counts[new] += pods;
            self.members[new] += 1;
        }
    }

    /// Counts pods that came (or went, when negative).
    pub(super) fn add(&mut self, slot: usize, pods: i64) {
        self.reach(slot);
        self.on_node[slot] += pods;
        if let Some(domain) = self.domain_of[slot] {
            self.counts[domain] += pods;
        }
    }

    /// The node's domain, if it has one.
    pub(super) fn domain(&self, slot: usize) -> Option<usize> {
        self.domain_of.get(slot).copied().flatten()
    }

    /// Pods in the node's domain.
    pub(super) fn near(&self, slot: usize) -> i64 {
        self.domain(slot).map_or(0, |domain| self.counts[domain])
    }

    /// Pods on the node.
    pub(super) fn on_node(&self, slot: usize) -> i64 {
        self.on_node.get(slot).copied().unwrap_or(0)
    }

    /// Whether no domain has any pod.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    /// Number of domains, and the fewest pods in any, when `extra` more were on `slot`.
    pub(super) fn fewest(&self, slot: usize, extra: i64) -> (usize, i64) {
        let here = self.domain(slot);
        let counts = self.counts.iter().zip(&self.members).enumerate();
        let counts =
            counts.filter(|(_, (_, members))| **members > 0).map(|(domain, (count, _))| {
                if Some(domain) == here { count + extra } else { *count }
            });
        counts.fold((0, i64::MAX), |(domains, least), count| (domains + 1, least.min(count)))
    }
}
