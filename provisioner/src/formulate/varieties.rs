//! Pools that may have so many sizes only, or so many families.

use std::sync::Arc;

use catalog::well_known::{INSTANCE_TYPE, KWOK_FAMILY, SKU_FAMILY};
use rustc_hash::FxHashMap;
use solver::problem::Variety;

use super::{
    nodes::Standing,
    offerings::{Labels, OfferingRef},
};
use crate::api::{names, node_pool::NodePool};

/// A family is what Azure calls one, the letter in front: `D` and `N` do not share a pool of
/// virtual machines, `D4s_v5` and `D8ads_v6` may.
const FAMILIES: [&str; 2] = [SKU_FAMILY, KWOK_FAMILY];

/// What pools may have so many of, with the annotation each comes from.
#[derive(Debug, Default)]
pub(super) struct Varieties {
    /// For the problem.
    pub varieties: Vec<Variety>,
    /// In words, one per variety.
    pub names: Vec<String>,
}

/// The varieties of all pools. Nodes and claims of a pool that stay have their values already.
pub(super) fn of_pools(
    node_pools: &[NodePool],
    standing: &[Standing<'_>],
    offerings: &[OfferingRef],
) -> Varieties {
    let mut found = Varieties::default();
    for (pool, node_pool) in node_pools.iter().enumerate() {
        let rules = [
            (node_pool.max_instance_types, names::MAX_INSTANCE_TYPES, &[INSTANCE_TYPE][..]),
            (node_pool.max_families, names::MAX_FAMILIES, &FAMILIES[..]),
        ];
        for (most, annotation, keys) in rules {
            let Some(most) = most else { continue };
            found.varieties.push(variety(pool, node_pool, most, keys, standing, offerings));
            found.names.push(format!("NodePool {}: {annotation}", node_pool.name));
        }
    }
    found
}

fn variety(
    pool: usize,
    node_pool: &NodePool,
    most: u32,
    keys: &[&str],
    standing: &[Standing<'_>],
    offerings: &[OfferingRef],
) -> Variety {
    let mut numbers: FxHashMap<Arc<str>, u32> = FxHashMap::default();
    let mut number = |value: &Arc<str>| {
        let next = numbers.len() as u32;
        *numbers.entry(value.clone()).or_insert(next)
    };
    let mut by_size: FxHashMap<&str, u32> = FxHashMap::default();
    let mut values = vec![];
    for (index, offering) in offerings.iter().enumerate().filter(|(_, one)| one.pool == pool) {
        let Some(value) = value(&offering.shared_labels, keys) else { continue };
        let value = number(value);
        by_size.insert(&offering.instance_type.name, value);
        values.push((index as u32, value));
    }
    let nodes = standing.iter().filter(|node| node.pool() == Some(&node_pool.name));
    let used = nodes.filter_map(|node| {
        // Who made the node by hand may have given it no label but its size.
        let size = node.labels.get(INSTANCE_TYPE);
        let of_size = || size.and_then(|size| by_size.get(&**size)).copied();
        value(&node.labels, keys).map(&mut number).or_else(of_size)
    });
    let mut used: Vec<u32> = used.collect();
    used.sort_unstable();
    used.dedup();
    Variety { most, used, values }
}

fn value<'l>(labels: &'l Labels, keys: &[&str]) -> Option<&'l Arc<str>> {
    keys.iter().find_map(|&key| labels.get(key))
}
