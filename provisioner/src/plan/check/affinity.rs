//! InterPodAffinity: required terms of the pod, and the anti-affinity of every other pod.

use std::collections::BTreeMap;

use super::{
    Filter, Violation,
    cluster::{Cluster, Kind, Node},
    pod::Term,
};

/// Number of pods by domain.
type Counts<'c> = BTreeMap<&'c str, i64>;

/// How an affinity is met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    No,
    /// By pods in the node's domains.
    ByOthers,
    /// There is no pod to lean on anywhere, and the pod is one that it looks for itself.
    AsFirst,
}

/// The pods that an affinity looks for, by term and domain. A pod counts when it matches all
/// terms, and counts for each of them.
#[derive(Clone)]
struct Pull<'c> {
    terms: &'c [Term],
    counts: Vec<Counts<'c>>,
    /// Number of such pods that are in a domain of any term.
    anywhere: i64,
}

impl<'c> Pull<'c> {
    fn new(terms: &'c [Term]) -> Self {
        Self { terms, counts: vec![Counts::new(); terms.len()], anywhere: 0 }
    }

    fn wants(&self, kind: &Kind<'_>) -> bool {
        self.terms.iter().all(|term| kind.meant_by(term))
    }

    /// Counts a pod that is wanted.
    fn add(&mut self, node: &'c Node) {
        let mut found = false;
        for (term, counts) in self.terms.iter().zip(&mut self.counts) {
            if let Some(domain) = node.labels.get(&term.key) {
                *counts.entry(domain).or_insert(0) += 1;
                found = true;
            }
        }
        self.anywhere += i64::from(found);
    }

    /// Whether a pod of `kind` can be on `node`; `counted` says whether it is counted already.
    fn met(&self, kind: &Kind<'_>, node: &Node, counted: bool) -> Met {
        let mut near = true;
        for (term, counts) in self.terms.iter().zip(&self.counts) {
            let Some(domain) = node.labels.get(&term.key) else { return Met::No };
            near &= counts.get(domain.as_str()).copied().unwrap_or(0) > i64::from(counted);
        }
        if near {
            Met::ByOthers
        } else if self.anywhere == i64::from(counted) && self.wants(kind) {
            Met::AsFirst
        } else {
            Met::No
        }
    }
}

/// An anti-affinity term that concerns a kind of pods, with the pods at its other end by domain.
struct Push<'c> {
    term: &'c Term,
    counts: Counts<'c>,
    /// Whether pods of the kind are at the other end too.
    own: bool,
    /// Whose term it is.
    of_others: bool,
}

/// The pods of a kind without those that are being deleted, which will be gone before long, so that
/// nobody may lean on them. Anti-affinity heeds them while they are there, as the scheduler does.
fn stay<'c>(cluster: &'c Cluster<'_>, kind: &'c Kind<'_>) -> impl Iterator<Item = usize> + 'c {
    kind.residents.iter().copied().filter(|index| !cluster.residents[*index].pod.deleting)
}

/// Pods of these kinds by their domain of `key`.
fn by_domain<'c>(
    cluster: &'c Cluster<'_>,
    key: &str,
    kinds: impl Iterator<Item = &'c Kind<'c>>,
) -> Counts<'c> {
    let mut counts = Counts::new();
    for &resident in kinds.flat_map(|kind| &kind.residents) {
        if let Some(domain) = cluster.node_of(resident).labels.get(key) {
            *counts.entry(domain).or_insert(0) += 1;
        }
    }
    counts
}

/// What pulls and pushes the pods of one kind.
pub(super) struct Relations<'c> {
    pull: Pull<'c>,
    pushes: Vec<Push<'c>>,
}

impl<'c> Relations<'c> {
    pub(super) fn of(cluster: &'c Cluster<'c>, kind: usize) -> Self {
        let me = &cluster.kinds[kind];
        let mut pull = Pull::new(&me.facts.affinity);
        if !pull.terms.is_empty() {
            for other in &cluster.kinds {
                if pull.wants(other) {
                    stay(cluster, other).for_each(|index| pull.add(cluster.node_of(index)));
                }
            }
        }
        let mut pushes = Vec::new();
        for term in &me.facts.anti_affinity {
            let ends = cluster.kinds.iter().filter(|other| other.meant_by(term));
            let counts = by_domain(cluster, &term.key, ends);
            pushes.push(Push { term, counts, own: me.meant_by(term), of_others: false });
        }
        for (number, other) in cluster.kinds.iter().enumerate() {
            for term in other.facts.anti_affinity.iter().filter(|term| me.meant_by(term)) {
                let counts = by_domain(cluster, &term.key, std::iter::once(other));
                pushes.push(Push { term, counts, own: number == kind, of_others: true });
            }
        }
        Self { pull, pushes }
    }

    /// The pod against all others, the pod itself taken out.
    pub(super) fn check(&self, cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
        let node = cluster.node_of(index);
        let kind = &cluster.kinds[cluster.residents[index].kind];
        for push in &self.pushes {
            let Some(domain) = node.labels.get(&push.term.key) else { continue };
            let others = push.counts.get(domain.as_str()).copied().unwrap_or(0);
            if others > i64::from(push.own) {
                let whose = if push.of_others { "another pod's" } else { "its" };
                return Err(format!("{whose} anti-affinity by {} in {domain}", push.term.key));
            }
        }
        if self.pull.terms.is_empty() || self.pull.met(kind, node, self.pull.wants(kind)) != Met::No
        {
            return Ok(());
        }
        Err("no pod that its affinity asks for is in the node's domain".to_owned())
    }
}

/// With more pods waiting not all orders are tried.
const MOST_WAITING: usize = 64;

/// How many choices of the next pod are tried at most.
const STEPS: u32 = 4_000;

/// Whether some order of scheduling meets every affinity, in which pods that nothing pulls come
/// first, for nothing keeps them waiting: pods that can lean on those already there go before, and
/// only when none can does one become the first of its kind. If that leaves pods over, all other
/// orders are tried, as far as that is possible.
pub(super) fn order(cluster: &Cluster<'_>) -> Vec<Violation> {
    let pulled = |index: &usize| !cluster.facts(*index).affinity.is_empty();
    let mut waiting: Vec<usize> = cluster.planned().filter(pulled).collect();
    let mut queue = Queue::new(cluster);
    for (index, resident) in cluster.residents.iter().enumerate() {
        if (!resident.planned || !pulled(&index)) && !resident.pod.deleting {
            queue.arrive(index);
        }
    }
    loop {
        let before = waiting.len();
        waiting.retain(|&index| !queue.admit(index, Met::ByOthers));
        if waiting.len() == before {
            let first = waiting.iter().position(|&index| queue.admit(index, Met::AsFirst));
            let Some(first) = first else { break };
            waiting.remove(first);
        }
    }
    if !waiting.is_empty() {
        let mut start = Queue::new(cluster);
        let (all, there): (Vec<usize>, Vec<usize>) = (0..cluster.residents.len())
            .partition(|index| cluster.residents[*index].planned && pulled(index));
        there.iter().filter(|&&at| !cluster.residents[at].pod.deleting).for_each(|&at| {
            start.arrive(at);
        });
        if all.len() <= MOST_WAITING && start.has_order(all, &mut { STEPS }) {
            return Vec::new();
        }
    }
    let late = |index: usize| Violation {
        pod: cluster.residents[index].id(),
        node: cluster.node_of(index).name.clone(),
        filter: Filter::AffinityOrder,
        detail: "no order of scheduling meets its affinity".to_owned(),
    };
    waiting.into_iter().map(late).collect()
}

/// Pods that arrive one by one.
#[derive(Clone)]
struct Queue<'c> {
    cluster: &'c Cluster<'c>,
    /// Kinds with an affinity, and what of it is there.
    pulls: BTreeMap<usize, Pull<'c>>,
    /// By kind: which pulls count its pods.
    counted_by: Vec<Vec<usize>>,
}

impl<'c> Queue<'c> {
    fn new(cluster: &'c Cluster<'c>) -> Self {
        let pulls: BTreeMap<usize, Pull<'c>> = (cluster.kinds.iter().enumerate())
            .filter(|(_, kind)| !kind.facts.affinity.is_empty())
            .map(|(number, kind)| (number, Pull::new(&kind.facts.affinity)))
            .collect();
        let counting = |kind: &Kind<'_>| {
            pulls.iter().filter(|(_, pull)| pull.wants(kind)).map(|(number, _)| *number).collect()
        };
        let counted_by = cluster.kinds.iter().map(counting).collect();
        Self { cluster, pulls, counted_by }
    }

    fn arrive(&mut self, index: usize) {
        let node = self.cluster.node_of(index);
        for number in &self.counted_by[self.cluster.residents[index].kind] {
            if let Some(pull) = self.pulls.get_mut(number) {
                pull.add(node);
            }
        }
    }

    /// Whether those that wait can come in some order. One that is nobody's first takes nothing from
    /// anyone, so it comes as soon as it can; of the others each is tried.
    fn has_order(mut self, mut waiting: Vec<usize>, steps: &mut u32) -> bool {
        loop {
            let before = waiting.len();
            waiting.retain(|&index| self.is_a_first(index) || !self.come(index));
            if waiting.len() == before {
                break;
            }
        }
        waiting.is_empty()
            || waiting.iter().any(|&index| {
                *steps = steps.saturating_sub(1);
                let mut next = self.clone();
                *steps > 0
                    && next.come(index)
                    && next.has_order(
                        waiting.iter().copied().filter(|&other| other != index).collect(),
                        steps,
                    )
            })
    }

    /// Lets a pod in when nothing pulls it, or when what does is met.
    fn come(&mut self, index: usize) -> bool {
        if !self.pulls.contains_key(&self.cluster.residents[index].kind) {
            self.arrive(index);
            return true;
        }
        self.admit(index, Met::ByOthers) || self.admit(index, Met::AsFirst)
    }

    /// Whether a pod would be the first that some affinity finds.
    fn is_a_first(&self, index: usize) -> bool {
        let counted_by = &self.counted_by[self.cluster.residents[index].kind];
        counted_by.iter().any(|number| self.pulls[number].anywhere == 0)
    }

    /// Lets a pod in when its affinity is met in this way.
    fn admit(&mut self, index: usize, way: Met) -> bool {
        let kind = self.cluster.residents[index].kind;
        let node = self.cluster.node_of(index);
        let met = |pull: &Pull<'_>| pull.met(&self.cluster.kinds[kind], node, false) == way;
        let admitted = self.pulls.get(&kind).is_some_and(met);
        if admitted {
            self.arrive(index);
        }
        admitted
    }
}
