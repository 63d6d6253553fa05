//! Bounds by the number of nodes that pods need for themselves.

use super::market::{Market, holds};
use crate::BitSet;
use crate::problem::{Money, NODE_KEY, Problem};

/// The strongest of: pods that exclude each other, and single pods.
pub(super) fn node_bound(problem: &Problem, pods: &[u32], market: &Market) -> Money {
    let mut bound = single(problem, pods, market);
    for exclusion in &problem.exclusions {
        if exclusion.key != NODE_KEY || exclusion.cost.is_some() {
            continue;
        }
        // Pods that state it and are in the set: any two of them exclude each other.
        let set = &problem.sets[exclusion.set as usize].groups;
        let members: Vec<usize> = (exclusion.groups.iter())
            .map(|&group| group as usize)
            .filter(|&group| set.contains(group))
            .collect();
        bound = bound.max(apart(problem, pods, market, &members));
    }
    for &(group, _) in problem.conflicts.iter().filter(|(low, high)| low == high) {
        bound = bound.max(apart(problem, pods, market, &[group as usize]));
    }
    bound
}

/// The dearest group that no existing node takes in needs one launch at least.
fn single(problem: &Problem, pods: &[u32], market: &Market) -> Money {
    let groups = (0..problem.groups.len()).filter(|&group| pods[group] > 0);
    let mut prices: Vec<(Money, usize)> =
        groups.filter_map(|group| Some((market.cheapest(group)?, group))).collect();
    prices.sort_unstable_by(|a, b| b.cmp(a));
    let alone = prices.into_iter().find(|&(_, group)| {
        let request = &problem.groups[group].request;
        let mut nodes = problem.class_of(group as u32).nodes.iter();
        !nodes.any(|node| holds(&problem.nodes[node].free, request))
    });
    alone.map_or(0, |(price, _)| price)
}

/// Every pod of these groups needs a node of its own. Existing nodes take one each, and in the
/// worst case those that are dearest to launch for.
fn apart(problem: &Problem, pods: &[u32], market: &Market, groups: &[usize]) -> Money {
    let mut nodes = BitSet::empty(problem.nodes.len());
    let mut prices: Vec<(Money, u64)> = Vec::new();
    for &group in groups.iter().filter(|&&group| pods[group] > 0) {
        let request = &problem.groups[group].request;
        let accepted = problem.class_of(group as u32).nodes.iter();
        for node in accepted.filter(|&node| holds(&problem.nodes[node].free, request)) {
            nodes.insert(node);
        }
        prices.push((market.cheapest(group).unwrap_or(0), u64::from(pods[group])));
    }
    prices.sort_unstable_by(|a, b| b.cmp(a));
    let mut existing = nodes.count() as u64;
    let mut bound: Money = 0;
    for (price, count) in prices {
        let launched = count.saturating_sub(existing);
        existing -= count - launched;
        bound = bound.saturating_add(price.saturating_mul(launched as i64));
    }
    bound
}
