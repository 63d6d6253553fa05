//! Nodes and the pods on them, with what filters and scores need worked out as they change.

mod links;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use rustc_hash::FxHashMap;

use super::{
    amounts::{Amounts, CPU, MEMORY, Names},
    filter::Verdict,
    pods::{self, PodKey, pod_key},
    queue::Hopes,
    selector::Labels,
    tally::Tally,
    template::{Template, TemplateId, template_key},
    topology::Terms,
    volumes::Volumes,
};

/// What the scheduler knows.
#[derive(Debug, Default)]
pub struct Cache {
    pub(super) names: Names,
    /// Nodes by position, those included that are gone or not there yet but have pods.
    pub(super) slots: Vec<Slot>,
    by_name: FxHashMap<String, usize>,
    /// Positions of the nodes that exist, in the order of their arrival.
    pub(super) live: Vec<usize>,
    pub(super) pods: FxHashMap<PodKey, PodRecord>,
    pub(super) templates: Vec<Arc<Template>>,
    terms: Vec<Terms>,
    by_key: FxHashMap<String, TemplateId>,
    pub(super) tallies: Vec<Tally>,
    by_definition: FxHashMap<String, usize>,
    namespaces: FxHashMap<String, Labels>,
    workloads: links::Workloads,
    pub(super) volumes: Volumes,
    /// By template and node: what does not depend on other pods.
    pub(super) verdicts: Vec<Vec<Option<Verdict>>>,
}

/// What the filters read from a node's object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NodeFacts {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) taints: Vec<Taint>,
    pub(super) unschedulable: bool,
    pub(super) allocatable: Amounts,
}

/// A node and what is on it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) name: String,
    /// None for nodes that do not exist.
    pub(super) facts: Option<NodeFacts>,
    pub(super) used: Amounts,
    /// CPU and memory in use, for LeastAllocated.
    pub(super) scored: [i64; 2],
    /// Templates of pods with host ports.
    pub(super) with_ports: Vec<TemplateId>,
    /// Number of pods by template and whether they are being deleted.
    pub(super) population: FxHashMap<(TemplateId, bool), i64>,
    /// Pods that wait and are nominated to this node.
    pub(super) nominated: FxHashMap<PodKey, TemplateId>,
}

/// A pod that has not ended.
#[derive(Debug)]
pub(super) struct PodRecord {
    pub(super) uid: String,
    pub(super) template: TemplateId,
    /// Where it is, by position.
    pub(super) place: Option<usize>,
    /// Whether the place is this scheduler's decision and not yet confirmed.
    assumed: bool,
    deleting: bool,
    gated: bool,
    /// `status.nominatedNodeName`, by position.
    pub(super) nominated: Option<usize>,
}

impl Cache {
    /// Takes a node in as it is now; says whether anything changed that matters to pods.
    pub fn apply_node(&mut self, node: &Node) -> bool {
        let facts = self.read_node(node);
        let slot = self.slot(&facts.name);
        if self.slots[slot].facts.as_ref() == Some(&facts) {
            return false;
        }
        if self.slots[slot].facts.is_none() {
            self.live.push(slot);
        }
        self.set_node(slot, Some(facts));
        true
    }

    /// Forgets a node. Pods on it stay until they are deleted themselves.
    pub fn delete_node(&mut self, name: &str) -> bool {
        let Some(&slot) = self.by_name.get(name) else { return false };
        self.live.retain(|live| *live != slot);
        self.set_node(slot, None);
        true
    }

    fn set_node(&mut self, slot: usize, facts: Option<NodeFacts>) {
        self.slots[slot].facts = facts;
        for tally in &mut self.tallies {
            tally.set_node(slot, self.slots[slot].facts.as_ref());
        }
        for verdicts in &mut self.verdicts {
            if let Some(verdict) = verdicts.get_mut(slot) {
                *verdict = None;
            }
        }
    }

    fn read_node(&mut self, node: &Node) -> NodeFacts {
        let spec = node.spec.clone().unwrap_or_default();
        let status = node.status.as_ref();
        let allocatable = status.and_then(|status| status.allocatable.as_ref());
        NodeFacts {
            name: node.metadata.name.clone().unwrap_or_default(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            taints: spec.taints.unwrap_or_default(),
            unschedulable: spec.unschedulable == Some(true),
            allocatable: Amounts::offered(&mut self.names, allocatable),
        }
    }

    /// The position of a node, which need not exist.
    fn slot(&mut self, name: &str) -> usize {
        if let Some(&slot) = self.by_name.get(name) {
            return slot;
        }
        self.slots.push(Slot { name: name.to_owned(), ..Slot::default() });
        self.by_name.insert(name.to_owned(), self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// Takes a pod in; says what that means to pods that fitted nowhere.
    pub(super) fn apply_pod(&mut self, pod: &Pod) -> Hopes {
        let key = pod_key(pod);
        if pods::has_ended(pod) {
            return self.delete_pod(&key);
        }
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let mut news = Hopes::default();
        if self.pods.get(&key).is_some_and(|known| known.uid != uid) {
            news = self.delete_pod(&key);
        }
        let bound = pods::node_name(pod).map(|name| self.slot(name));
        let nominated = pods::nominated_node(pod).map(|name| self.slot(name));
        let old = self.pods.get(&key).map(|known| (known.place, known.assumed));
        let assumed = old.is_some_and(|(_, assumed)| assumed) && bound.is_none();
        let place = if assumed { old.and_then(|(place, _)| place) } else { bound };
        let record = PodRecord {
            uid,
            template: self.template(pod),
            place,
            assumed,
            deleting: pod.metadata.deletion_timestamp.is_some(),
            gated: pods::is_gated(pod),
            nominated: nominated.filter(|_| place.is_none()),
        };
        news.and(self.replace(key, record))
    }

    /// Forgets a pod; says what that means to pods that fitted nowhere.
    pub(super) fn delete_pod(&mut self, key: &PodKey) -> Hopes {
        let Some(old) = self.pods.remove(key) else { return Hopes::default() };
        self.unsettle(key, &old);
        if old.place.or(old.nominated).is_some() { Hopes::DEPARTURE } else { Hopes::default() }
    }

    /// A pod is nominated to no node any more; says what that means to pods that fitted nowhere.
    pub(super) fn clear_nomination(&mut self, key: &PodKey) -> Hopes {
        let nominated = self.pods.get_mut(key).and_then(|record| record.nominated.take());
        let Some(slot) = nominated else { return Hopes::default() };
        self.slots[slot].nominated.remove(key);
        Hopes::DEPARTURE
    }

    fn replace(&mut self, key: PodKey, record: PodRecord) -> Hopes {
        let old = self.pods.remove(&key);
        let news = record.news(old.as_ref());
        if let Some(old) = &old {
            if old.same(&record) {
                self.pods.insert(key, record);
                return news;
            }
            self.unsettle(&key, old);
        }
        match (record.place, record.nominated) {
            (Some(slot), _) => self.count(slot, record.template, record.deleting, 1),
            (None, Some(slot)) => {
                self.slots[slot].nominated.insert(key.clone(), record.template);
            }
            (None, None) => {}
        }
        self.pods.insert(key, record);
        news
    }

    fn unsettle(&mut self, key: &PodKey, record: &PodRecord) {
        if let Some(slot) = record.place {
            self.count(slot, record.template, record.deleting, -1);
        } else if let Some(slot) = record.nominated {
            self.slots[slot].nominated.remove(key);
        }
    }

    /// Counts a pod that came to a node (1) or went (-1).
    fn count(&mut self, slot: usize, id: TemplateId, deleting: bool, pods: i64) {
        let template = self.templates[id].clone();
        let there = &mut self.slots[slot];
        if pods > 0 {
            there.used.add(&template.request);
            if !template.ports.is_empty() {
                there.with_ports.push(id);
            }
        } else {
            there.used.subtract(&template.request);
            if let Some(at) = there.with_ports.iter().position(|other| *other == id) {
                there.with_ports.swap_remove(at);
            }
        }
        for position in [CPU, MEMORY] {
            there.scored[position] += pods * template.scored[position];
        }
        *there.population.entry((id, deleting)).or_insert(0) += pods;
        for &tally in &template.topology.counted_in {
            let tally = &mut self.tallies[tally];
            if !(deleting && tally.definition.skip_deleting) {
                tally.add(slot, pods);
            }
        }
    }

    /// Whether a pod waits for a node.
    pub(super) fn waits(&self, key: &PodKey) -> bool {
        self.pods.get(key).is_some_and(|pod| pod.place.is_none() && !pod.deleting && !pod.gated)
    }

    /// Puts a pod on a node before the API server knows.
    pub(super) fn assume(&mut self, key: &PodKey, node: &str) {
        let slot = self.slot(node);
        let Some(old) = self.pods.get(key) else { return };
        let record = PodRecord {
            uid: old.uid.clone(),
            place: Some(slot),
            assumed: true,
            nominated: None,
            ..*old
        };
        self.replace(key.clone(), record);
    }

    /// Takes an assumption back; the pod's priority, if it waits again.
    pub(super) fn forget(&mut self, key: &PodKey) -> Option<i32> {
        let old = self.pods.get(key).filter(|pod| pod.assumed)?;
        let record = PodRecord { uid: old.uid.clone(), place: None, assumed: false, ..*old };
        let priority = self.templates[old.template].priority;
        self.replace(key.clone(), record);
        self.waits(key).then_some(priority)
    }

    fn template(&mut self, pod: &Pod) -> TemplateId {
        let key = template_key(pod);
        if let Some(&known) = self.by_key.get(&key) {
            return known;
        }
        let template = Template::new(&mut self.names, pod);
        let id = self.add_template(template);
        self.by_key.insert(key, id);
        id
    }

    /// Nodes that pods are on, and how many are on each, for tests and diagnosis.
    pub fn pods_by_node(&self) -> std::collections::BTreeMap<&str, usize> {
        let mut pods = std::collections::BTreeMap::new();
        for slot in self.pods.values().filter_map(|pod| pod.place) {
            *pods.entry(self.slots[slot].name.as_str()).or_insert(0) += 1;
        }
        pods
    }

    /// The node that a pod is on.
    pub fn node_of(&self, key: &PodKey) -> Option<&str> {
        let slot = self.pods.get(key)?.place?;
        Some(&self.slots[slot].name)
    }

    /// Forgets what was worked out from volumes.
    pub(super) fn forget_verdicts(&mut self) {
        self.verdicts.iter_mut().for_each(Vec::clear);
    }
}

impl PodRecord {
    /// What a pod's change means to others. As in kube-scheduler a pod has arrived when the API
    /// server says so, not when it was decided about, and a nomination that changes is a departure.
    fn news(&self, old: Option<&Self>) -> Hopes {
        let place = |pod: &Self| pod.place.filter(|_| !pod.assumed);
        let (before, nominated) = (old.and_then(place), old.and_then(|old| old.nominated));
        let mut news = Hopes::default();
        if place(self).is_some() && place(self) != before {
            news = news.and(Hopes::ARRIVAL);
        }
        let leaves_room =
            nominated.is_some() && nominated != self.nominated && nominated != self.place;
        if leaves_room || (before.is_some() && place(self) != before) {
            news = news.and(Hopes::DEPARTURE);
        }
        news
    }

    fn same(&self, other: &Self) -> bool {
        self.template == other.template
            && self.place == other.place
            && self.deleting == other.deleting
            && self.nominated == other.nominated
    }
}
