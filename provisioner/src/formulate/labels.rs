//! Which labels pods read, so that labels nobody looks at cost nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use catalog::{Requirement, well_known};
use k8s_openapi::api::core::v1::PodSpec;

use super::{
    offerings::{Labels, is_provider_key},
    terms::{NodeRequirement, NodeTerms, Term},
};

/// Where nothing decides between several values of a label, these are meant.
const USUAL_VALUES: [&str; 2] = ["linux", "amd64"];

/// Keys that pods read, with the values they name.
#[derive(Debug, Default)]
pub(super) struct Reads {
    values: BTreeMap<String, BTreeSet<String>>,
    /// Old names of labels that pods use: (old name, stable name).
    pub aliases: BTreeSet<(String, String)>,
}

impl Reads {
    /// Notes that a key is read; says its stable name.
    pub fn add_key<'k>(&mut self, key: &'k str) -> &'k str {
        let stable = well_known::normalise(key);
        if !self.values.contains_key(stable) {
            self.values.insert(stable.to_owned(), BTreeSet::new());
        }
        if stable != key {
            self.aliases.insert((key.to_owned(), stable.to_owned()));
        }
        stable
    }

    /// Notes what node terms read.
    pub fn add_terms(&mut self, terms: &NodeTerms<'_>) {
        terms.requirements().for_each(|requirement| self.add_requirement(requirement));
    }

    /// Notes what one requirement reads.
    pub fn add_requirement(&mut self, requirement: &NodeRequirement<'_>) {
        let key = self.add_key(&requirement.key);
        if let Some(known) = self.values.get_mut(key) {
            known.extend(requirement.values.iter().map(|value| value.clone().into_owned()));
        }
    }

    /// Notes the topology keys and preferred nodes of a pod.
    pub fn add_pod(&mut self, spec: &PodSpec) {
        for spread in spec.topology_spread_constraints.iter().flatten() {
            self.add_key(&spread.topology_key);
        }
        let Some(affinity) = &spec.affinity else { return };
        let near = affinity.pod_affinity.as_ref();
        let near_required =
            near.and_then(|pods| pods.required_during_scheduling_ignored_during_execution.as_ref());
        let near_preferred = near
            .and_then(|pods| pods.preferred_during_scheduling_ignored_during_execution.as_ref());
        let apart = affinity.pod_anti_affinity.as_ref();
        let apart_required = apart
            .and_then(|pods| pods.required_during_scheduling_ignored_during_execution.as_ref());
        let apart_preferred = apart
            .and_then(|pods| pods.preferred_during_scheduling_ignored_during_execution.as_ref());
        let required = near_required.into_iter().chain(apart_required).flatten();
        let preferred = near_preferred.into_iter().chain(apart_preferred).flatten();
        for term in required.chain(preferred.map(|one| &one.pod_affinity_term)) {
            self.add_key(&term.topology_key);
        }
        let nodes = affinity
            .node_affinity
            .as_ref()
            .and_then(|nodes| nodes.preferred_during_scheduling_ignored_during_execution.as_ref());
        for term in nodes.into_iter().flatten().filter_map(|one| Term::parse(&one.preference)) {
            term.0.iter().for_each(|requirement| self.add_requirement(requirement));
        }
    }

    /// The values a launched node can have under a requirement, as far as they matter: at most
    /// eight where pods read the key, one otherwise, none when the node lacks the label.
    pub fn values_for(&self, requirement: &Requirement) -> Vec<Arc<str>> {
        const MOST_VALUES: usize = 8;
        let named = self.values.get(&*requirement.key);
        if !requirement.complement {
            let rank = |value: &Arc<str>| {
                let wanted = named.is_some_and(|named| named.contains(&**value));
                (!wanted, !USUAL_VALUES.contains(&&**value))
            };
            let mut values: Vec<_> = requirement.values.iter().cloned().collect();
            values.sort_by_key(rank);
            values.truncate(if named.is_some() { MOST_VALUES } else { 1 });
            return values;
        }
        let allowed = named.into_iter().flatten().filter(|value| requirement.has(value));
        let mut values: Vec<Arc<str>> =
            allowed.take(MOST_VALUES).map(|value| Arc::from(value.as_str())).collect();
        if values.is_empty() && !is_provider_key(&requirement.key) {
            match requirement.gte.or(requirement.lte) {
                Some(bound) => values.push(Arc::from(bound.to_string())),
                None if requirement.values.is_empty() => values.push(Arc::from("any")),
                None => {}
            }
        }
        values
    }

    /// Adds the old names that pods use.
    pub fn with_aliases(&self, mut labels: Labels) -> Labels {
        for (alias, stable) in &self.aliases {
            if let Some(value) = labels.get(stable.as_str()).cloned() {
                labels.insert(Arc::from(alias.as_str()), value);
            }
        }
        labels
    }
}
