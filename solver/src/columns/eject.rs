//! One node fewer, for nodes that are all alike: a node's pods are put elsewhere one by one, each in
//! the place of pods that have been easier to place so far (ejection with penalties; Nagata and
//! Bräysy, Operations Research Letters 37, 2009, who empty vehicles instead of nodes).
//!
//! It needs no relaxation, so it bears fruit long before column generation does when there are
//! hundreds of items with a pod or two each.

use crate::{
    columns::{plan::Plan, pool::Column},
    effort::Budget,
    pattern::Pattern,
    presolve::{Core, Source},
    random::next,
};

/// With more pods each step takes too long.
const MOST_PODS: u64 = 2_000;
/// Random swaps after each ejection.
const SWAPS: usize = 16;
/// Attempts to place a pod, per pod, before a number of nodes counts as the least within reach.
const ATTEMPTS: u64 = 400;

/// A plan with fewer nodes than `start`, if one is found; never fewer than `least`.
pub(crate) fn fewer_nodes(
    core: &Core,
    start: &[(Column, u32)],
    least: u64,
    seed: u64,
    budget: &mut Budget,
) -> Option<Plan> {
    if !is_uniform(core) || pods(core) > MOST_PODS {
        return None;
    }
    let mut packing = Packing::new(core, start, seed)?;
    let before = packing.nodes.len();
    while packing.nodes.len() as u64 > least.max(1) {
        let mut smaller = packing.clone();
        if !smaller.empty_one(budget) {
            break;
        }
        smaller.attempts = 0;
        packing = smaller;
    }
    (packing.nodes.len() < before).then(|| Plan::new(core, packing.columns())).flatten()
}

/// Whether every node is like any other and pods ask for nothing but room.
fn is_uniform(core: &Core) -> bool {
    let [kind] = &core.kinds[..] else { return false };
    matches!(kind.source, Source::Offerings(_))
        && kind.limits.is_empty()
        && kind.penalties.is_empty()
        && core.caps.is_empty()
        && core.conflicts.iter().all(Vec::is_empty)
}

fn pods(core: &Core) -> u64 {
    core.items.iter().map(|item| u64::from(item.demand)).sum()
}

#[derive(Clone)]
struct Packing<'a> {
    core: &'a Core,
    /// The item of each pod.
    items: Vec<u32>,
    /// Pods on each node.
    nodes: Vec<Vec<u32>>,
    /// What is free on each node.
    room: Vec<Vec<i64>>,
    /// How often a pod found no place.
    penalty: Vec<u64>,
    attempts: u64,
    random: u64,
}

/// Pods to take off a node: one or two.
#[derive(Clone, Copy)]
struct Ejection {
    node: usize,
    pods: (u32, Option<u32>),
}

/// The ejection with the least penalty so far, one of equals by chance.
struct Choice {
    least: u64,
    ties: u64,
    best: Option<Ejection>,
}

impl Choice {
    fn offer(&mut self, cost: u64, ejection: Ejection, random: &mut u64) {
        if cost < self.least {
            (self.least, self.ties, self.best) = (cost, 1, Some(ejection));
        } else if cost == self.least && self.best.is_some() {
            self.ties += 1;
            if next(random).is_multiple_of(self.ties) {
                self.best = Some(ejection);
            }
        }
    }
}

impl<'a> Packing<'a> {
    /// `None` when the start does not hold exactly the core's pods.
    fn new(core: &'a Core, start: &[(Column, u32)], seed: u64) -> Option<Self> {
        let mut left = core.demand();
        let mut packing = Self {
            core,
            items: Vec::new(),
            nodes: Vec::new(),
            room: Vec::new(),
            penalty: Vec::new(),
            attempts: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        };
        for (column, copies) in start {
            for _ in 0..*copies {
                packing.nodes.push(Vec::new());
                packing.room.push(core.kinds[0].capacity.clone());
                let node = packing.nodes.len() - 1;
                for &(item, pods) in &column.pattern {
                    let left = &mut left[item as usize];
                    *left = left.checked_sub(pods)?;
                    for _ in 0..pods {
                        packing.items.push(item);
                        packing.put(packing.items.len() as u32 - 1, node);
                    }
                }
            }
        }
        packing.penalty = vec![1; packing.items.len()];
        let fits = packing.room.iter().flatten().all(|&room| room >= 0);
        (fits && left.iter().all(|&left| left == 0)).then_some(packing)
    }

    /// Empties a node for good; false when that did not succeed.
    fn empty_one(&mut self, budget: &mut Budget) -> bool {
        let free = |node: usize| -> f64 {
            let capacity = &self.core.kinds[0].capacity;
            let shares = self.room[node].iter().zip(capacity);
            shares.map(|(&room, &all)| room as f64 / all.max(1) as f64).sum()
        };
        let emptiest = (0..self.nodes.len()).max_by(|&a, &b| free(a).total_cmp(&free(b)));
        let Some(node) = emptiest else { return false };
        let mut homeless = self.nodes.swap_remove(node);
        self.room.swap_remove(node);
        while let Some(pod) = homeless.pop() {
            if let Some(node) = self.tightest(pod) {
                self.put(pod, node);
                continue;
            }
            self.attempts += 1;
            let steps = self.items.len() as u64 * 8;
            budget.moves(steps);
            if self.attempts > ATTEMPTS * self.items.len() as u64 || budget.is_spent() {
                return false;
            }
            self.penalty[pod as usize] += 1;
            match self.cheapest(pod) {
                Some(ejection) => {
                    let (one, other) = ejection.pods;
                    for out in [Some(one), other].into_iter().flatten() {
                        self.take(out, ejection.node);
                        homeless.push(out);
                    }
                    self.put(pod, ejection.node);
                }
                None => homeless.push(pod),
            }
            self.shake();
        }
        true
    }

    fn request(&self, pod: u32) -> &'a [i64] {
        &self.core.items[self.items[pod as usize] as usize].request
    }

    fn put(&mut self, pod: u32, node: usize) {
        let request = self.request(pod);
        self.room[node].iter_mut().zip(request).for_each(|(room, ask)| *room -= ask);
        self.nodes[node].push(pod);
    }

    fn take(&mut self, pod: u32, node: usize) {
        let request = self.request(pod);
        self.room[node].iter_mut().zip(request).for_each(|(room, ask)| *room += ask);
        self.nodes[node].retain(|&other| other != pod);
    }

    /// The node with least room of those that hold one more pod.
    fn tightest(&self, pod: u32) -> Option<usize> {
        let request = self.request(pod);
        let holds = |node: &usize| self.room[*node].iter().zip(request).all(|(r, ask)| ask <= r);
        let capacity = &self.core.kinds[0].capacity;
        let free = |node: usize| -> f64 {
            let shares = self.room[node].iter().zip(capacity);
            shares.map(|(&room, &all)| room as f64 / all.max(1) as f64).sum()
        };
        let holding = (0..self.nodes.len()).filter(holds);
        holding.min_by(|&a, &b| free(a).total_cmp(&free(b)))
    }

    /// The pods with the least penalty in all that make room for another; less than its own.
    fn cheapest(&mut self, pod: u32) -> Option<Ejection> {
        let request = self.request(pod);
        let mut choice = Choice { least: self.penalty[pod as usize], ties: 0, best: None };
        for node in 0..self.nodes.len() {
            // What is lacking, per dimension that lacks something.
            let room = self.room[node].iter().zip(request).enumerate();
            let lacking: Vec<(usize, i64)> =
                room.filter(|(_, (r, ask))| ask > r).map(|(d, (r, ask))| (d, ask - r)).collect();
            for (at, &one) in self.nodes[node].iter().enumerate() {
                let cost = self.penalty[one as usize];
                if cost > choice.least {
                    continue;
                }
                let asked = self.request(one);
                if lacking.iter().all(|&(dim, lack)| asked[dim] >= lack) {
                    choice.offer(cost, Ejection { node, pods: (one, None) }, &mut self.random);
                    continue;
                }
                for &other in &self.nodes[node][at + 1..] {
                    let cost = cost + self.penalty[other as usize];
                    let also = &self.core.items[self.items[other as usize] as usize].request;
                    let enough = |&(dim, lack): &(usize, i64)| asked[dim] + also[dim] >= lack;
                    if cost <= choice.least && lacking.iter().all(enough) {
                        let pods = (one, Some(other));
                        choice.offer(cost, Ejection { node, pods }, &mut self.random);
                    }
                }
            }
        }
        choice.best
    }

    /// Swaps random pods of different nodes where both fit.
    fn shake(&mut self) {
        for _ in 0..SWAPS {
            let count = self.nodes.len() as u64;
            let (a, b) = (next(&mut self.random) % count, next(&mut self.random) % count);
            let (a, b) = (a as usize, b as usize);
            if a == b || self.nodes[a].is_empty() || self.nodes[b].is_empty() {
                continue;
            }
            let of = |random: &mut u64, pods: &Vec<u32>| {
                pods[(next(random) % pods.len() as u64) as usize]
            };
            let (x, y) =
                (of(&mut self.random, &self.nodes[a]), of(&mut self.random, &self.nodes[b]));
            let (ask_x, ask_y) = (self.request(x), self.request(y));
            let fits = |room: &[i64], out: &[i64], into: &[i64]| {
                room.iter().zip(out).zip(into).all(|((room, out), into)| into <= &(room + out))
            };
            if fits(&self.room[a], ask_x, ask_y) && fits(&self.room[b], ask_y, ask_x) {
                self.take(x, a);
                self.take(y, b);
                self.put(y, a);
                self.put(x, b);
            }
        }
    }

    fn columns(&self) -> Vec<(Column, u32)> {
        let column = |pods: &Vec<u32>| {
            let mut items: Vec<u32> = pods.iter().map(|&pod| self.items[pod as usize]).collect();
            items.sort_unstable();
            let pattern: Pattern =
                items.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u32)).collect();
            (Column { kind: 0, pattern }, 1)
        };
        self.nodes.iter().filter(|pods| !pods.is_empty()).map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        presolve::{View, places::Parts},
        problem::{Class, Group, Offering},
    };

    /// Pods of 6 and 4, as many of each, on nodes of 10.
    fn core(pairs: u32) -> Core {
        let group = |request| Group { request: vec![request], count: pairs, priority: 0, class: 0 };
        let problem = Problem {
            dims: 1,
            groups: vec![group(6), group(4)],
            classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::empty(0) }],
            offerings: vec![Offering {
                capacity: vec![10],
                price: 1,
                tier: 0,
                domains: vec![],
                limits: vec![],
            }],
            ..Problem::default()
        };
        Core::new(&problem, &Parts::anywhere(&[pairs, pairs]), View::Bound)
    }

    fn apart(pairs: u32) -> Vec<(Column, u32)> {
        let alone = |item| (Column { kind: 0, pattern: vec![(item, 1)] }, pairs);
        vec![alone(0), alone(1)]
    }

    #[test]
    fn nodes_are_emptied_down_to_the_least() {
        let mut budget = Budget::new(1_000_000, None);
        let plan = fewer_nodes(&core(20), &apart(20), 20, 1, &mut budget);
        assert_eq!(plan.map(|plan| plan.cost), Some(20));
        let plan = fewer_nodes(&core(20), &apart(20), 25, 1, &mut budget);
        assert_eq!(plan.map(|plan| plan.cost), Some(25));
    }

    #[test]
    fn a_bad_start_or_an_empty_budget_ends_in_nothing() {
        let mut budget = Budget::new(1_000_000, None);
        assert!(fewer_nodes(&core(20), &apart(19), 20, 1, &mut budget).is_none());
        assert!(fewer_nodes(&core(20), &apart(21), 20, 1, &mut budget).is_none());
        let paired = vec![(Column { kind: 0, pattern: vec![(0, 1), (1, 1)] }, 20)];
        assert!(fewer_nodes(&core(20), &paired, 1, 1, &mut Budget::new(0, None)).is_none());
    }
}
