//! What tests of pricing share.

use crate::{
    BitSet, Problem,
    presolve::{Core, View, places::Parts},
    problem::{Class, Group, Offering},
};

/// One size with so much room for 1, and groups of so many pods each that ask for this.
pub(super) fn one_size(
    capacity: Vec<i64>,
    pods: u32,
    requests: impl IntoIterator<Item = Vec<i64>>,
) -> Core {
    let group = |request| Group { request, count: pods, priority: 0, class: 0 };
    let problem = Problem {
        dims: capacity.len(),
        groups: requests.into_iter().map(group).collect(),
        classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::empty(0) }],
        offerings: vec![Offering { capacity, price: 1, tier: 0, domains: vec![], limits: vec![] }],
        ..Problem::default()
    };
    Core::new(&problem, &Parts::anywhere(&vec![pods; problem.groups.len()]), View::Bound)
}
