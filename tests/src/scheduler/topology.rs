//! From spread constraints and affinity terms to tallies.

use k8s_openapi::api::core::v1::{PodAffinityTerm, TopologySpreadConstraint};

use super::{
    selector::{Labels, Selector},
    tally::{Counted, Definition, Eligible, Role, Term},
    template::Template,
};

/// The key whose domains are single nodes.
pub(super) const HOSTNAME: &str = "kubernetes.io/hostname";
/// The label of zones.
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";

/// What pods have that name no constraint of their own, as (key, skew); all ScheduleAnyway.
pub(super) const DEFAULT_SPREADS: [(&str, i64); 2] = [(HOSTNAME, 3), (ZONE, 5)];

/// An affinity term with its topology key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyedTerm {
    pub(super) key: String,
    pub(super) term: Term,
}

/// The affinity terms of a pod by kind; preferences carry their weight, negative when they repel.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) affinity: Vec<KeyedTerm>,
    pub(super) anti_affinity: Vec<KeyedTerm>,
    pub(super) preferences: Vec<(KeyedTerm, i64)>,
}

impl Terms {
    pub(super) fn of(template: &Template) -> Self {
        let resolve = |term: &PodAffinityTerm| KeyedTerm::new(term, template);
        let mut terms = Self::default();
        let Some(affinity) = &template.spec.affinity else { return terms };
        if let Some(pods) = &affinity.pod_affinity {
            let required = pods.required_during_scheduling_ignored_during_execution.iter();
            terms.affinity = required.flatten().map(resolve).collect();
            let preferred = pods.preferred_during_scheduling_ignored_during_execution.iter();
            terms.preferences.extend(
                preferred
                    .flatten()
                    .map(|it| (resolve(&it.pod_affinity_term), i64::from(it.weight))),
            );
        }
        if let Some(pods) = &affinity.pod_anti_affinity {
            let required = pods.required_during_scheduling_ignored_during_execution.iter();
            terms.anti_affinity = required.flatten().map(resolve).collect();
            let preferred = pods.preferred_during_scheduling_ignored_during_execution.iter();
            terms.preferences.extend(
                preferred
                    .flatten()
                    .map(|it| (resolve(&it.pod_affinity_term), -i64::from(it.weight))),
            );
        }
        terms
    }

    /// Every term with the role that it plays for the pods it means.
    pub(super) fn held(&self) -> impl Iterator<Item = (Role, &KeyedTerm)> {
        let repels = self.anti_affinity.iter().map(|term| (Role::Repels, term));
        let attracts = self.affinity.iter().map(|term| (Role::Prefers(1), term));
        let prefers = self.preferences.iter().map(|(term, weight)| (Role::Prefers(*weight), term));
        repels.chain(attracts).chain(prefers)
    }
}

impl KeyedTerm {
    fn new(term: &PodAffinityTerm, of: &Template) -> Self {
        let mut namespaces = term.namespaces.clone().unwrap_or_default();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.push(of.namespace.clone());
        }
        let selector = Selector::new(term.label_selector.as_ref()).map(|selector| {
            selector.with_keys(term.match_label_keys.as_ref(), &of.labels, "In").with_keys(
                term.mismatch_label_keys.as_ref(),
                &of.labels,
                "NotIn",
            )
        });
        let namespace_selector = Selector::new(term.namespace_selector.as_ref());
        Self {
            key: term.topology_key.clone(),
            term: Term { selector, namespaces, namespace_selector },
        }
    }
}

/// A tally of pods that all `terms` mean, by the domains of `key`.
pub(super) fn pods_meant(key: &str, terms: &[KeyedTerm]) -> Definition {
    Definition {
        key: key.to_owned(),
        counted: Counted::Meant(terms.iter().map(|it| it.term.clone()).collect()),
        eligible: Eligible::default(),
        skip_deleting: false,
    }
}

/// A tally of the pods that hold a term.
pub(super) fn pods_holding(role: Role, term: &KeyedTerm) -> Definition {
    Definition {
        key: term.key.clone(),
        counted: Counted::Holding(role, term.term.clone()),
        eligible: Eligible::default(),
        skip_deleting: false,
    }
}

/// A tally for a spread constraint of a pod. Nodes count that have all of `keys`.
pub(super) fn pods_spread(
    constraint: &TopologySpreadConstraint,
    of: &Template,
    keys: Vec<String>,
) -> Definition {
    let selector = Selector::new(constraint.label_selector.as_ref())
        .map(|it| it.with_keys(constraint.match_label_keys.as_ref(), &of.labels, "In"));
    let honours_affinity = constraint.node_affinity_policy.as_deref() != Some("Ignore");
    let honours_taints = constraint.node_taints_policy.as_deref() == Some("Honor");
    let mut definition = spread(&constraint.topology_key, selector, of, keys);
    if !honours_affinity {
        definition.eligible.selector = None;
    }
    definition.eligible.tolerations = honours_taints.then(|| of.tolerations.clone());
    definition
}

/// A tally for a spread that follows from the pod's workload.
pub(super) fn pods_spread_by_default(key: &str, selector: Selector, of: &Template) -> Definition {
    spread(key, Some(selector), of, Vec::new())
}

fn spread(key: &str, selector: Option<Selector>, of: &Template, keys: Vec<String>) -> Definition {
    let namespaces = vec![of.namespace.clone()];
    let selected = (of.node_selector.clone(), of.required.clone());
    Definition {
        key: key.to_owned(),
        counted: Counted::Meant(vec![Term { selector, namespaces, namespace_selector: None }]),
        eligible: Eligible { keys, selector: Some(selected), tolerations: None },
        skip_deleting: true,
    }
}

/// Whether a definition counts pods of a template that holds `terms`.
pub(super) fn counts(
    definition: &Definition,
    template: &Template,
    terms: &Terms,
    of_namespace: &Labels,
) -> bool {
    match &definition.counted {
        Counted::Meant(meant) => meant
            .iter()
            .all(|term| term.matches(&template.labels, &template.namespace, of_namespace)),
        Counted::Holding(role, term) => (terms.held())
            .any(|(own, held)| own == *role && held.key == definition.key && held.term == *term),
    }
}
