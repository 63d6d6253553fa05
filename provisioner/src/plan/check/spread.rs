//! PodTopologySpread, the DoNotSchedule constraints.

use std::collections::BTreeMap;

use super::{
    cluster::{Cluster, Node},
    pod::{Facts, Spread},
    selector::untolerated,
};

/// Every constraint of the pod on its node, the pod itself not yet counted.
pub(super) fn check(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let resident = &cluster.residents[index];
    let node = cluster.node_of(index);
    for spread in &resident.facts.spreads {
        let Some(domain) = node.labels.get(&spread.key) else {
            return Err(format!("the node has no label {}", spread.key));
        };
        let counts = counts(cluster, index, spread);
        let min = if counts.len() < spread.min_domains {
            0
        } else {
            counts.values().copied().min().unwrap_or(0)
        };
        let itself = i64::from(spread.selector.matches(&resident.facts.template.labels));
        let here = counts.get(domain.as_str()).copied().unwrap_or(0);
        if here + itself - min > spread.max_skew {
            return Err(format!(
                "{} other pods in {domain} and at least {min} elsewhere by {}, skew {}",
                here, spread.key, spread.max_skew
            ));
        }
    }
    Ok(())
}

/// Matching pods per domain, over the nodes that count for this pod.
fn counts<'c>(cluster: &'c Cluster<'_>, index: usize, spread: &Spread) -> BTreeMap<&'c str, i64> {
    let me = &cluster.residents[index];
    let mut counts = BTreeMap::new();
    for node in cluster.nodes.iter().filter(|node| counted(&me.facts, spread, node)) {
        let pods = node.pods.iter().filter(|other| {
            let resident = &cluster.residents[**other];
            **other != index
                && !resident.pod.deleting
                && resident.pod.namespace == me.pod.namespace
                && spread.selector.matches(&resident.facts.template.labels)
        });
        let pods = i64::try_from(pods.count()).unwrap_or(i64::MAX);
        *counts.entry(node.labels[&spread.key].as_str()).or_insert(0) += pods;
    }
    counts
}

/// Whether a node counts: it has the keys of all of the pod's constraints, and the policies of
/// this one let it.
fn counted(facts: &Facts<'_>, spread: &Spread, node: &Node) -> bool {
    facts.spreads.iter().all(|other| node.labels.contains_key(&other.key))
        && (!spread.honour_affinity || facts.accepts(&node.labels, &node.name))
        && (!spread.honour_taints || untolerated(&node.taints, &facts.tolerations).is_none())
}
