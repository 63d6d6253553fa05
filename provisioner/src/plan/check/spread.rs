//! PodTopologySpread, the DoNotSchedule constraints.

use std::collections::BTreeMap;

use super::{
    cluster::{Cluster, Node},
    pod::{Facts, Spread},
    selector::untolerated,
};

/// The constraints of one kind of pods, with the matching pods of all domains counted.
pub(super) struct Spreads<'c> {
    /// Per constraint: matching pods by domain, over the nodes that count.
    counts: Vec<BTreeMap<&'c str, i64>>,
}

impl<'c> Spreads<'c> {
    pub(super) fn of(cluster: &'c Cluster<'_>, kind: usize) -> Self {
        let spreads = &cluster.kinds[kind].facts.spreads;
        Self { counts: spreads.iter().map(|spread| counts(cluster, kind, spread)).collect() }
    }

    /// Every constraint of the pod on its node. The pod itself is taken out of the counts first:
    /// its node always counts for it, since its own selectors and tolerations hold there.
    pub(super) fn check(&self, cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
        let resident = &cluster.residents[index];
        let facts = cluster.facts(index);
        let node = cluster.node_of(index);
        for (spread, counts) in facts.spreads.iter().zip(&self.counts) {
            let Some(domain) = node.labels.get(&spread.key) else {
                return Err(format!("the node has no label {}", spread.key));
            };
            let matches = spread.selector.matches(&facts.template.labels);
            let counted = matches && !resident.pod.deleting && counts_here(facts, spread, node);
            let itself = i64::from(matches);
            let without_me = |other: &str, count: i64| {
                if counted && other == domain { count - 1 } else { count }
            };
            let least = counts.iter().map(|(other, count)| without_me(other, *count)).min();
            let enough = counts.len() >= spread.min_domains;
            let min = least.filter(|_| enough).unwrap_or(0);
            let here = counts.get(domain.as_str()).map_or(0, |count| without_me(domain, *count));
            if here + itself - min > spread.max_skew {
                return Err(format!(
                    "{here} other pods in {domain} and at least {min} elsewhere by {}, skew {}",
                    spread.key, spread.max_skew
                ));
            }
        }
        Ok(())
    }
}

/// Matching pods per domain, over the nodes that count for pods of this kind.
fn counts<'c>(cluster: &'c Cluster<'_>, kind: usize, spread: &Spread) -> BTreeMap<&'c str, i64> {
    let me = &cluster.kinds[kind];
    let matching: Vec<bool> = (cluster.kinds.iter())
        .map(|other| {
            other.namespace == me.namespace && spread.selector.matches(&other.facts.template.labels)
        })
        .collect();
    let mut counts = BTreeMap::new();
    for node in cluster.nodes.iter().filter(|node| counts_here(&me.facts, spread, node)) {
        let pods = node.pods.iter().map(|other| &cluster.residents[*other]);
        let pods = pods.filter(|other| matching[other.kind] && !other.pod.deleting).count();
        *counts.entry(node.labels[&spread.key].as_str()).or_insert(0) +=
            i64::try_from(pods).unwrap_or(i64::MAX);
    }
    counts
}

/// Whether a node counts: it has the keys of all of the pod's constraints, and the policies of
/// this one let it.
fn counts_here(facts: &Facts<'_>, spread: &Spread, node: &Node) -> bool {
    facts.spreads.iter().all(|other| node.labels.contains_key(&other.key))
        && (!spread.honour_affinity || facts.accepts(&node.labels, &node.name))
        && (!spread.honour_taints || untolerated(&node.taints, &facts.tolerations).is_none())
}
