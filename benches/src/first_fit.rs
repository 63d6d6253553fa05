//! A baseline: first fit decreasing over nodes whose size is still open.
//!
//! This is our own small implementation of the idea behind Karpenter's scheduler, not Karpenter:
//! pods sorted by CPU, then memory, largest first; each goes to the first open node where some size
//! still holds all its pods; a node keeps the set of sizes that hold it and is bought as the
//! cheapest of them in the end. Karpenter in addition looks at pools, topology and at most sixty
//! sizes a node. Only problems without constraints between pods are packed here.

use solver::{BitSet, Problem};

/// The price of all nodes; `None` where a pod fits nowhere or the problem has constraints that the
/// baseline does not know.
pub fn cost(problem: &Problem) -> Option<i64> {
    let unconstrained = problem.spreads.is_empty()
        && problem.affinities.is_empty()
        && problem.exclusions.is_empty()
        && problem.conflicts.is_empty()
        && problem.limits.is_empty()
        && problem.nodes.is_empty();
    if !unconstrained {
        return None;
    }
    let mut order: Vec<u32> = (0..problem.groups.len() as u32).collect();
    // Requests begin with CPU and memory in every set.
    order.sort_by(|&a, &b| {
        let request = |group: u32| &problem.groups[group as usize].request;
        request(b).cmp(request(a)).then(a.cmp(&b))
    });
    let mut nodes: Vec<Node> = Vec::new();
    for group in order {
        place(problem, group, &mut nodes)?;
    }
    let prices = nodes.iter().map(|node| node.price(problem));
    prices.sum::<Option<i64>>()
}

/// A node whose size is not decided.
struct Node {
    used: Vec<i64>,
    sizes: BitSet,
}

/// A node that has refused a pod refuses its equals too, so one pass over the nodes is first fit.
fn place(problem: &Problem, group: u32, nodes: &mut Vec<Node>) -> Option<()> {
    let mut left = problem.groups[group as usize].count;
    for node in nodes.iter_mut() {
        while left > 0 && node.add(problem, group) {
            left -= 1;
        }
        if left == 0 {
            return Some(());
        }
    }
    while left > 0 {
        let sizes = problem.class_of(group).offerings.clone();
        let mut node = Node { used: vec![0; problem.dims], sizes };
        if !node.add(problem, group) {
            return None;
        }
        left -= 1;
        while left > 0 && node.add(problem, group) {
            left -= 1;
        }
        nodes.push(node);
    }
    Some(())
}

impl Node {
    /// Puts a pod on the node if any size is left that holds it.
    fn add(&mut self, problem: &Problem, group: u32) -> bool {
        let request = &problem.groups[group as usize].request;
        let used: Vec<i64> = self.used.iter().zip(request).map(|(used, ask)| used + ask).collect();
        let accepted = &problem.class_of(group).offerings;
        let mut sizes = BitSet::empty(problem.offerings.len());
        let mut any = false;
        for size in self.sizes.iter().filter(|&size| accepted.contains(size)) {
            let capacity = &problem.offerings[size].capacity;
            if used.iter().zip(capacity).all(|(used, room)| used <= room) {
                sizes.insert(size);
                any = true;
            }
        }
        if any {
            self.used = used;
            self.sizes = sizes;
        }
        any
    }

    fn price(&self, problem: &Problem) -> Option<i64> {
        self.sizes.iter().map(|size| problem.offerings[size].price).min()
    }
}

#[cfg(test)]
mod tests {
    use provisioner::instance::vbp;

    use super::*;

    #[test]
    fn bins_are_opened_in_order() {
        // 6, 5, 4, 4, 1 in bins of 10: 6+4, 5+4+1.
        let instance = vbp::read("1 10 5 4 2 6 1 1 1 5 1 0 0").unwrap();
        assert_eq!(cost(&instance.problems[0]), Some(2));
        let too_large = vbp::read("1 10 1 11 1").unwrap();
        assert_eq!(cost(&too_large.problems[0]), None);
    }

    #[test]
    fn it_is_never_below_the_bound() {
        for name in ["web/200x20/eastus/1", "openb/aws", "vbp/triplet/classF_60_3_3"] {
            let set = crate::sets::load(name).unwrap();
            let answer = set.instance.solve(&solver::Options::default());
            let cost = cost(&set.instance.problems[0]).unwrap();
            assert!(cost >= answer.solution.bound, "{name}: {cost}");
        }
    }
}
