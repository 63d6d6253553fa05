//! What pods ask about other pods: spreads, affinities, anti-affinities, and preferences.

use k8s_openapi::api::core::v1::{
    PodAffinityTerm, PreferredSchedulingTerm, TopologySpreadConstraint, WeightedPodAffinityTerm,
};
use rustc_hash::FxHashMap;
use solver::problem::{Money, NODE_KEY};

use super::{
    intern::Interner,
    places::HOSTNAME,
    selectors::{Namespaces, Scope, Selector, Selectors},
    shapes::Shape,
    terms::Term,
};
use crate::snapshot::Pod;

/// Micro-dollars per hour for one unit of a preference's weight.
const COST_OF_WEIGHT: Money = 10;
/// Micro-dollars per hour for a pod beyond a soft spread's skew.
const COST_OF_SKEW: Money = 200;
/// Micro-dollars per hour for a pod on a node with a `PreferNoSchedule` taint.
const COST_OF_TAINT: Money = 500;

/// A spread, comparable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SpreadKey {
    pub key: u8,
    pub set: u32,
    pub max_skew: u32,
    pub min_domains: u32,
    /// Node terms whose nodes alone are counted (nodeAffinityPolicy Honor).
    pub terms: Option<u32>,
    /// Tolerations whose nodes alone are counted (nodeTaintsPolicy Honor).
    pub tolerations: Option<u32>,
    /// Keys a node must carry to be counted.
    pub keys: Vec<u8>,
    pub cost: Option<Money>,
}

/// A pod affinity, comparable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AffinityKey {
    pub keys: Vec<u8>,
    pub set: u32,
    pub cost: Option<Money>,
}

/// A pod anti-affinity, comparable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ExclusionKey {
    pub key: u8,
    pub set: u32,
    pub cost: Option<Money>,
}

/// A preference for places, comparable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum PreferenceKey<'a> {
    /// A preferred node affinity term.
    Term(Term<'a>, Money),
    /// Tolerations, against `PreferNoSchedule` taints.
    Taints(u32, Money),
}

/// What one shape states, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Statements {
    pub spreads: Vec<u32>,
    pub affinities: Vec<u32>,
    pub exclusions: Vec<u32>,
    pub preferences: Vec<u32>,
    /// Topology keys that a node must carry.
    pub keys: Vec<u8>,
}

/// A bound pod's required anti-affinity: keep pods of a selector out of a domain.
pub(super) type Ban<'a> = (u32, &'a str);

/// Everything that is stated, each thing once.
#[derive(Debug)]
pub(super) struct Stated<'a> {
    /// Names of the topology keys, apart from the host name.
    pub keys: Vec<&'a str>,
    key_numbers: FxHashMap<&'a str, u8>,
    pub selectors: Selectors<'a>,
    namespaces: Namespaces<'a>,
    pub spreads: Interner<SpreadKey>,
    pub affinities: Interner<AffinityKey>,
    pub exclusions: Interner<ExclusionKey>,
    pub preferences: Interner<PreferenceKey<'a>>,
    /// Whether preferred affinities and soft spreads are read.
    preferred: bool,
    /// Whether a place has a `PreferNoSchedule` taint at all.
    pub soft_taints: bool,
    /// Sentences for the reader.
    pub warnings: Vec<String>,
}

impl<'a> Stated<'a> {
    /// Nothing stated yet.
    pub fn new(namespaces: Namespaces<'a>, preferred: bool, soft_taints: bool) -> Self {
        Self {
            keys: vec![],
            key_numbers: FxHashMap::default(),
            selectors: Selectors::default(),
            namespaces,
            spreads: Interner::default(),
            affinities: Interner::default(),
            exclusions: Interner::default(),
            preferences: Interner::default(),
            preferred,
            soft_taints,
            warnings: vec![],
        }
    }

    /// The number of a topology key; `None` when there are more than a problem can hold.
    fn key(&mut self, name: &'a str) -> Option<u8> {
        let name = match catalog::well_known::normalise(name) {
            HOSTNAME => return Some(NODE_KEY),
            _ => name,
        };
        if let Some(&number) = self.key_numbers.get(name) {
            return Some(number);
        }
        let number = u8::try_from(self.keys.len()).ok().filter(|&number| number != NODE_KEY);
        let Some(number) = number else {
            let warning = format!("topology key {name} is one too many and is not looked at");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
            return None;
        };
        self.keys.push(name);
        self.key_numbers.insert(name, number);
        Some(number)
    }

    /// Reads what a shape states.
    pub fn read(&mut self, shape: &Shape<'a>) -> Statements {
        let mut statements = Statements::default();
        self.read_spreads(shape, &mut statements);
        let spec = &shape.pod.template.spec;
        if let Some(affinity) = &spec.affinity {
            if let Some(pods) = &affinity.pod_affinity {
                let required = pods.required_during_scheduling_ignored_during_execution.as_ref();
                self.read_required_affinity(shape.pod, required, &mut statements);
                let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_ref();
                self.read_preferred(shape.pod, preferred, true, &mut statements);
            }
            if let Some(pods) = &affinity.pod_anti_affinity {
                let required = pods.required_during_scheduling_ignored_during_execution.as_ref();
                for term in required.into_iter().flatten() {
                    self.add_exclusion(shape.pod, term, None, &mut statements);
                }
                let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_ref();
                self.read_preferred(shape.pod, preferred, false, &mut statements);
            }
            if let Some(nodes) = &affinity.node_affinity {
                let preferred = nodes.preferred_during_scheduling_ignored_during_execution.as_ref();
                self.read_preferred_nodes(preferred, &mut statements);
            }
        }
        if self.soft_taints {
            let preference = PreferenceKey::Taints(shape.tolerations, COST_OF_TAINT);
            statements.preferences.push(self.preferences.intern(preference));
        }
        statements.sort();
        statements
    }

    fn read_spreads(&mut self, shape: &Shape<'a>, statements: &mut Statements) {
        let all = shape.pod.template.spec.topology_spread_constraints.as_ref();
        for &soft in if self.preferred { &[false, true][..] } else { &[false] } {
            let chosen = || all.into_iter().flatten().filter(|one| is_soft(one) == soft);
            let mut keys: Vec<u8> =
                chosen().filter_map(|one| self.key(&one.topology_key)).collect();
            keys.retain(|&key| key != NODE_KEY);
            keys.sort_unstable();
            keys.dedup();
            for constraint in chosen() {
                self.add_spread(shape, constraint, &keys, statements);
            }
            if !soft {
                statements.keys.extend(keys);
            }
        }
    }

    fn add_spread(
        &mut self,
        shape: &Shape<'a>,
        constraint: &'a TopologySpreadConstraint,
        keys: &[u8],
        statements: &mut Statements,
    ) {
        let Some(key) = self.key(&constraint.topology_key) else { return };
        let pod = shape.pod;
        let scope = Scope::Only(vec![&pod.namespace]);
        let mut selector = Selector::new(scope, constraint.label_selector.as_ref());
        selector.narrow(constraint.match_label_keys.as_ref(), &pod.template.labels, true);
        let selector = self.selectors.intern(selector);
        let honors = |policy: &Option<String>, default: bool| {
            policy.as_deref().map_or(default, |policy| policy == "Honor")
        };
        let at_least_one = |number: i32| u32::try_from(number).unwrap_or(1).max(1);
        let soft = is_soft(constraint);
        // A new node could always be launched, and would be empty: as in Karpenter, the least count
        // over hosts is 0, so that replicas do not end on one node because it is the only one.
        let min_domains = match key {
            NODE_KEY if !soft => u32::MAX,
            _ => at_least_one(constraint.min_domains.unwrap_or(1)),
        };
        let spread = SpreadKey {
            key,
            set: self.selectors.intern_set(vec![selector]),
            max_skew: at_least_one(constraint.max_skew),
            min_domains,
            terms: honors(&constraint.node_affinity_policy, true).then_some(shape.terms),
            tolerations: honors(&constraint.node_taints_policy, false).then_some(shape.tolerations),
            keys: keys.to_vec(),
            cost: soft.then_some(COST_OF_SKEW),
        };
        statements.spreads.push(self.spreads.intern(spread));
    }

    fn selector(&mut self, pod: &'a Pod, term: &'a PodAffinityTerm) -> u32 {
        let scope = self.namespaces.scope(
            &pod.namespace,
            term.namespaces.as_ref(),
            term.namespace_selector.as_ref(),
        );
        let mut selector = Selector::new(scope, term.label_selector.as_ref());
        selector.narrow(term.match_label_keys.as_ref(), &pod.template.labels, true);
        selector.narrow(term.mismatch_label_keys.as_ref(), &pod.template.labels, false);
        self.selectors.intern(selector)
    }

    /// Several required terms are met by pods that match all of them, as kube-scheduler counts.
    fn read_required_affinity(
        &mut self,
        pod: &'a Pod,
        required: Option<&'a Vec<PodAffinityTerm>>,
        statements: &mut Statements,
    ) {
        let Some(required) = required.filter(|terms| !terms.is_empty()) else { return };
        let selectors = required.iter().map(|term| self.selector(pod, term)).collect();
        let mut keys: Vec<u8> =
            required.iter().filter_map(|term| self.key(&term.topology_key)).collect();
        keys.sort_unstable();
        keys.dedup();
        statements.keys.extend(keys.iter().filter(|&&key| key != NODE_KEY));
        let set = self.selectors.intern_set(selectors);
        let affinity = AffinityKey { keys, set, cost: None };
        statements.affinities.push(self.affinities.intern(affinity));
    }

    fn add_exclusion(
        &mut self,
        pod: &'a Pod,
        term: &'a PodAffinityTerm,
        cost: Option<Money>,
        statements: &mut Statements,
    ) {
        let Some(key) = self.key(&term.topology_key) else { return };
        let selector = self.selector(pod, term);
        let set = self.selectors.intern_set(vec![selector]);
        let exclusion = ExclusionKey { key, set, cost };
        statements.exclusions.push(self.exclusions.intern(exclusion));
    }

    fn read_preferred(
        &mut self,
        pod: &'a Pod,
        preferred: Option<&'a Vec<WeightedPodAffinityTerm>>,
        near: bool,
        statements: &mut Statements,
    ) {
        for one in preferred.filter(|_| self.preferred).into_iter().flatten() {
            let term = &one.pod_affinity_term;
            let cost = Some(cost_of(one.weight));
            if !near {
                self.add_exclusion(pod, term, cost, statements);
                continue;
            }
            let Some(key) = self.key(&term.topology_key) else { continue };
            let selector = self.selector(pod, term);
            let set = self.selectors.intern_set(vec![selector]);
            let affinity = AffinityKey { keys: vec![key], set, cost };
            statements.affinities.push(self.affinities.intern(affinity));
        }
    }

    fn read_preferred_nodes(
        &mut self,
        preferred: Option<&'a Vec<PreferredSchedulingTerm>>,
        statements: &mut Statements,
    ) {
        for one in preferred.filter(|_| self.preferred).into_iter().flatten() {
            // kube-scheduler: an empty preferred term prefers nothing.
            if let Some(term) = Term::parse(&one.preference) {
                let preference = PreferenceKey::Term(term, cost_of(one.weight));
                statements.preferences.push(self.preferences.intern(preference));
            }
        }
    }

    /// The required anti-affinity of a bound pod, as selectors and topology keys.
    pub fn bans(&mut self, pod: &'a Pod) -> Vec<Ban<'a>> {
        let affinity = pod.template.spec.affinity.as_ref();
        let required = affinity
            .and_then(|affinity| affinity.pod_anti_affinity.as_ref())
            .and_then(|anti| anti.required_during_scheduling_ignored_during_execution.as_ref());
        let terms = required.into_iter().flatten();
        terms.map(|term| (self.selector(pod, term), term.topology_key.as_str())).collect()
    }
}

impl Statements {
    fn sort(&mut self) {
        for list in
            [&mut self.spreads, &mut self.affinities, &mut self.exclusions, &mut self.preferences]
        {
            list.sort_unstable();
            list.dedup();
        }
        self.keys.sort_unstable();
        self.keys.dedup();
    }
}

fn is_soft(constraint: &TopologySpreadConstraint) -> bool {
    constraint.when_unsatisfiable == "ScheduleAnyway"
}

fn cost_of(weight: i32) -> Money {
    Money::from(weight.clamp(0, 100)) * COST_OF_WEIGHT
}
