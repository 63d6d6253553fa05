//! What a spread over a key other than a node's own sees: who is bound in which domain, and how pods
//! level domains out.

use std::collections::BTreeMap;

use crate::{
    Problem,
    problem::{NO_DOMAIN, NODE_KEY, Spread},
};

/// More domains than this are too many to tell apart one by one.
const MOST_DOMAINS: u32 = 64;

/// Whether a key has two domains or more, and few enough to be told apart.
pub(crate) fn has_few_domains(problem: &Problem, key: u8) -> bool {
    key != NODE_KEY && (2..=MOST_DOMAINS).contains(&problem.keys[usize::from(key)])
}

/// Bound pods that a spread counts, in every domain that counts whatever is launched.
pub(crate) fn bound(problem: &Problem, spread: &Spread) -> BTreeMap<u32, u64> {
    let set = &problem.sets[spread.set as usize];
    let domain = |node: usize| problem.nodes[node].domains[usize::from(spread.key)];
    let counts = |node: usize| spread.counted_nodes.contains(node) && domain(node) != NO_DOMAIN;
    let mut bound: BTreeMap<u32, u64> = spread.domains.iter().map(|&d| (d, 0)).collect();
    for node in spread.counted_nodes.iter().filter(|&node| counts(node)) {
        bound.entry(domain(node)).or_default();
    }
    for &(node, count) in set.bound.iter().filter(|(node, _)| counts(*node as usize)) {
        *bound.entry(domain(node as usize)).or_default() += u64::from(count);
    }
    bound
}

/// Pours `amount` pods over the open domains so that the emptiest rise first.
pub(crate) fn pour(target: &mut [u32], open: &[usize], mut amount: u64) {
    let mut order: Vec<usize> = open.to_vec();
    order.sort_by_key(|&domain| (target[domain], domain));
    let mut width = 0;
    while amount > 0 && !order.is_empty() {
        let height = target[order[0]];
        while width < order.len() && target[order[width]] <= height {
            width += 1;
        }
        let rise = order.get(width).map_or(u64::MAX, |&next| u64::from(target[next] - height));
        let step = rise.min(amount / width as u64);
        if step == 0 {
            for &domain in order.iter().take(amount as usize) {
                target[domain] += 1;
            }
            return;
        }
        for &domain in &order[..width] {
            target[domain] = target[domain].saturating_add(u32::try_from(step).unwrap_or(u32::MAX));
        }
        amount -= step * width as u64;
    }
}
