//! Pools that keep a number of nodes whatever runs there: static pools (`spec.replicas`), and the
//! least number of nodes of others (`tenon.sh/min-nodes`, AKS system pools).

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashSet;

use crate::{
    api::{
        names,
        node_pool::{NodeClaim, NodePool},
    },
    snapshot::Snapshot,
};

/// How far a pool is from its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resize {
    /// The pool's name.
    pub pool: String,
    /// Nodes that are missing.
    pub missing: usize,
    /// Claims to delete, in order.
    pub surplus: Vec<String>,
}

/// Whether a pool has claims missing or too many: `claims` are those that are not on their way out.
fn difference(pool: &NodePool, claims: usize) -> (usize, usize) {
    let count = |number: i64| usize::try_from(number).unwrap_or(0);
    let least = count(pool.replicas.unwrap_or(pool.min_nodes));
    let most = pool.node_limit.map_or(usize::MAX, count);
    let wanted = least.min(most);
    let surplus = if pool.replicas.is_some() { claims.saturating_sub(wanted) } else { 0 };
    (wanted.saturating_sub(claims), surplus)
}

/// Whether any pool is off its size; cheap, for it is asked all the time.
pub fn is_off(
    pools: &BTreeMap<String, NodePool>,
    claims: &BTreeMap<String, Arc<NodeClaim>>,
) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for pool in claims.values().filter(|claim| !claim.deleting).filter_map(|claim| pool_of(claim)) {
        *counts.entry(pool).or_insert(0) += 1;
    }
    let mut pools = pools.values().filter(|pool| pool.closed.is_none());
    pools.any(|pool| difference(pool, counts.get(&*pool.name).copied().unwrap_or(0)) != (0, 0))
}

/// What has to come and go for every pool to have its size. Launches of the same round for pools
/// with a least number count: `planned` says how many each pool gets.
pub fn resizes(snapshot: &Snapshot, planned: &BTreeMap<String, usize>) -> Vec<Resize> {
    let mut by_pool: BTreeMap<&str, Vec<&NodeClaim>> = BTreeMap::new();
    for claim in snapshot.node_claims.iter().filter(|claim| !claim.deleting) {
        if let Some(pool) = pool_of(claim) {
            by_pool.entry(pool).or_default().push(claim);
        }
    }
    let occupied = occupied(snapshot);
    let mut found = vec![];
    for pool in snapshot.node_pools.iter().filter(|pool| pool.closed.is_none()) {
        let mut claims = by_pool.remove(&*pool.name).unwrap_or_default();
        let coming = planned.get(&pool.name).copied().unwrap_or(0);
        let (missing, surplus) = difference(pool, claims.len() + coming);
        if (missing, surplus) == (0, 0) {
            continue;
        }
        claims.sort_by_key(|claim| (rank(claim, &occupied), claim.created, &claim.name));
        let surplus = claims.into_iter().take(surplus).map(|claim| claim.name.clone()).collect();
        found.push(Resize { pool: pool.name.clone(), missing, surplus });
    }
    found
}

/// Who goes first: never launched, then empty, then the rest; whom nobody may disrupt goes last.
fn rank(claim: &NodeClaim, occupied: &FxHashSet<&str>) -> u8 {
    if claim.do_not_disrupt {
        3
    } else if claim.provider_id.is_none() {
        0
    } else if claim.node_name.as_deref().is_none_or(|node| !occupied.contains(node)) {
        1
    } else {
        2
    }
}

fn pool_of(claim: &NodeClaim) -> Option<&str> {
    claim.labels.get(names::NODE_POOL).map(String::as_str)
}

/// Nodes with pods that would have to go somewhere else.
fn occupied(snapshot: &Snapshot) -> FxHashSet<&str> {
    let stays = |owner: Option<&str>| matches!(owner, Some("DaemonSet" | "Node"));
    (snapshot.pods.iter())
        .filter(|pod| !pod.terminal && !stays(pod.template.owner_kind.as_deref()))
        .filter_map(|pod| pod.node_name.as_deref())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, provider: Option<&str>, node: Option<&str>) -> NodeClaim {
        NodeClaim {
            name: name.to_owned(),
            labels: BTreeMap::from([(names::NODE_POOL.to_owned(), "fixed".to_owned())]).into(),
            provider_id: provider.map(str::to_owned),
            node_name: node.map(str::to_owned),
            ..NodeClaim::default()
        }
    }

    fn snapshot(replicas: i64, claims: Vec<NodeClaim>) -> Snapshot {
        let pool =
            NodePool { name: "fixed".to_owned(), replicas: Some(replicas), ..NodePool::default() };
        let pod = crate::snapshot::Pod {
            namespace: "shop".into(),
            name: "web-0".into(),
            uid: "1".into(),
            template: Default::default(),
            node_name: Some("busy".into()),
            nominated_node: None,
            terminal: false,
            deleting: false,
            created: 0,
            resized: None,
            expanded_from: None,
        };
        Snapshot {
            node_pools: vec![pool],
            node_claims: claims.into_iter().map(Arc::new).collect(),
            pods: vec![pod.into()],
            ..Snapshot::default()
        }
    }

    fn off(snapshot: &Snapshot) -> bool {
        let pools = snapshot.node_pools.iter().map(|pool| (pool.name.clone(), pool.clone()));
        let claims = snapshot.node_claims.iter().map(|claim| (claim.name.clone(), claim.clone()));
        is_off(&pools.collect(), &claims.collect())
    }

    #[test]
    fn a_static_pool_is_filled_up() {
        let gone = NodeClaim { deleting: true, ..claim("b", Some("2"), None) };
        let snapshot = snapshot(3, vec![claim("a", Some("1"), None), gone]);
        let found = resizes(&snapshot, &BTreeMap::new());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].missing, found[0].surplus.len()), (2, 0));
        assert!(off(&snapshot));
    }

    #[test]
    fn the_least_useful_claims_go_first() {
        let kept = NodeClaim { do_not_disrupt: true, ..claim("a-kept", None, None) };
        let claims = vec![
            kept,
            claim("b-busy", Some("2"), Some("busy")),
            claim("c-empty", Some("3"), Some("idle")),
            claim("d-new", None, None),
        ];
        for (replicas, expected) in [
            (4, vec![]),
            (3, vec!["d-new"]),
            (1, vec!["d-new", "c-empty", "b-busy"]),
            (0, vec!["d-new", "c-empty", "b-busy", "a-kept"]),
        ] {
            let found = resizes(&snapshot(replicas, claims.clone()), &BTreeMap::new());
            let surplus: Vec<String> = found.into_iter().flat_map(|one| one.surplus).collect();
            assert_eq!(surplus, expected, "{replicas} replicas");
        }
    }

    #[test]
    fn a_least_number_counts_what_is_launched_anyway() {
        let mut snapshot = snapshot(0, vec![]);
        snapshot.node_pools[0].replicas = None;
        snapshot.node_pools[0].min_nodes = 2;
        let planned = BTreeMap::from([("fixed".to_owned(), 1)]);
        assert_eq!(resizes(&snapshot, &planned)[0].missing, 1);
        snapshot.node_pools[0].node_limit = Some(1);
        assert!(resizes(&snapshot, &planned).is_empty(), "no more than the limit");
        snapshot.node_pools[0].min_nodes = 0;
        assert!(!off(&snapshot));
    }
}
