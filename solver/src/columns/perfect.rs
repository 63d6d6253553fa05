//! Plans in which every node is exactly full, for pods that just fit into the least number of nodes.
//!
//! When the pods ask in some dimension for all that so many nodes have, no node may leave any of it
//! free. That leaves few patterns, so they are enumerated, and what remains is to choose some that
//! share no pod: a pod without a place gets the pattern whose pods are missed least, and pods that
//! were without a place more often are missed more (weights on what is hard to cover, as in local
//! search for set partitioning; compare Nagata and Bräysy, Operations Research Letters 37, 2009).

use rustc_hash::FxHashMap;

use crate::{
    columns::{plan::Plan, pool::Column},
    effort::Budget,
    pattern::Pattern,
    presolve::{Core, Kind, Source},
    random::next,
};

/// With more pods or patterns each step takes too long.
const MOST_PODS: usize = 2_000;
const MOST_PATTERNS: usize = 200_000;
/// Sets of pods that are looked at for patterns.
const MOST_SETS: u64 = 20_000_000;
/// Choices of a pattern before there seems to be no plan, per pod.
const CHOICES: u64 = 10_000;
/// A pattern that was given up stays out for so many choices at least, and by chance up to
/// [`SPREAD`] more.
const PAUSE: u64 = 3;
const SPREAD: u64 = 10;

/// A plan with the least number of nodes that the pods' load allows, where every one of them must
/// be full; `None` when they need not, or no such plan was found.
pub(crate) fn full_nodes(core: &Core, seed: u64, budget: &mut Budget) -> Option<Plan> {
    let price = core.kinds.first()?.price;
    let plain = |kind: &Kind| {
        matches!(kind.source, Source::Offerings(_))
            && kind.price == price
            && kind.penalties.is_empty()
    };
    let pods: Vec<u32> = (0u32..)
        .zip(&core.items)
        .flat_map(|(at, item)| {
            std::iter::repeat_n(at, item.demand.min(MOST_PODS as u32 + 1) as usize)
        })
        .take(MOST_PODS + 1)
        .collect();
    if pods.is_empty() || pods.len() > MOST_PODS || !core.kinds.iter().all(plain) {
        return None;
    }
    let (nodes, full) = full_dimensions(core, pods.len())?;
    let mut sets = Sets::new(core, pods, full, nodes);
    sets.enumerate(budget).then_some(())?;
    let mut cover = Cover::new(sets, seed);
    cover.run(budget).then(|| Plan::new(core, cover.columns())).flatten()
}

/// The least number of nodes by load, and the dimensions in which these must all be full.
fn full_dimensions(core: &Core, pods: usize) -> Option<(usize, Vec<usize>)> {
    let load = |dim: usize| -> i128 {
        let asks = core.items.iter().map(|i| i128::from(i.request[dim]) * i128::from(i.demand));
        asks.sum()
    };
    let loads: Vec<i128> = (0..core.dims).map(load).collect();
    // Room of ever more nodes, the largest first.
    let largest = |dim: usize| {
        let mut kinds: Vec<(i64, usize)> =
            core.kinds.iter().map(|kind| (kind.capacity[dim], copies(core, kind, pods))).collect();
        kinds.sort_unstable_by(|a, b| b.cmp(a));
        let rooms = kinds.into_iter().flat_map(|(room, copies)| std::iter::repeat_n(room, copies));
        rooms.scan(0i128, |sum, room| {
            *sum += i128::from(room);
            Some(*sum)
        })
    };
    let needed = |dim: usize| match loads[dim] {
        0 => Some(0),
        load => largest(dim).take(pods).position(|room| room >= load).map(|at| at + 1),
    };
    let needed: Vec<usize> = (0..core.dims).map(needed).collect::<Option<_>>()?;
    let nodes = needed.into_iter().max().filter(|&nodes| nodes > 0)?;
    let is_full = |&dim: &usize| largest(dim).nth(nodes - 1) == Some(loads[dim]);
    let full: Vec<usize> = (0..core.dims).filter(is_full).collect();
    (!full.is_empty()).then_some((nodes, full))
}

/// How many nodes of a kind the limits allow, at most `most`.
fn copies(core: &Core, kind: &Kind, most: usize) -> usize {
    let allowed = |&(limit, amount): &(u32, i64)| match amount {
        1.. => usize::try_from(core.limits[limit as usize].max(0) / amount).unwrap_or(most),
        _ => most,
    };
    kind.limits.iter().map(allowed).fold(most, usize::min)
}

/// Sets of pods that fill a node.
struct Sets<'a> {
    core: &'a Core,
    /// The item of each pod.
    pods: Vec<u32>,
    full: Vec<usize>,
    /// Pods on a node at most: what nodes hold on average.
    most: usize,
    /// (kind, pods).
    found: Vec<(u32, Vec<u32>)>,
    looked: u64,
}

impl<'a> Sets<'a> {
    fn new(core: &'a Core, pods: Vec<u32>, full: Vec<usize>, nodes: usize) -> Self {
        let most = pods.len().div_ceil(nodes);
        Self { core, pods, full, most, found: Vec::new(), looked: 0 }
    }

    /// Finds all sets; false when there are too many, or a pod is in none.
    fn enumerate(&mut self, budget: &mut Budget) -> bool {
        for (at, kind) in (0u32..).zip(&self.core.kinds) {
            // Pods by what they ask of the dimensions that must be full: the last one of a set
            // follows from the others.
            let mut last: FxHashMap<Vec<i64>, Vec<u32>> = FxHashMap::default();
            for (pod, &item) in (0u32..).zip(&self.pods) {
                if kind.items.contains(item as usize) {
                    let request = &self.core.items[item as usize].request;
                    let key = self.full.iter().map(|&dim| request[dim]).collect();
                    last.entry(key).or_default().push(pod);
                }
            }
            let mut room = kind.capacity.clone();
            let done = self.extend(at, &last, 0, &mut room, &mut Vec::new());
            if !done || budget.is_stopped() {
                return false;
            }
        }
        budget.moves(self.looked);
        let mut covered = vec![false; self.pods.len()];
        let all = self.found.iter().flat_map(|(_, pods)| pods);
        all.for_each(|&pod| covered[pod as usize] = true);
        covered.iter().all(|&covered| covered)
    }

    /// Adds pods from `from` on to a set; false when there are too many sets.
    fn extend(
        &mut self,
        kind: u32,
        last: &FxHashMap<Vec<i64>, Vec<u32>>,
        from: u32,
        room: &mut Vec<i64>,
        set: &mut Vec<u32>,
    ) -> bool {
        let core = self.core;
        let left: Vec<i64> = self.full.iter().map(|&dim| room[dim]).collect();
        for &pod in last.get(&left).into_iter().flatten().filter(|&&pod| pod >= from) {
            let request = &core.items[self.pods[pod as usize] as usize].request;
            if request.iter().zip(room.iter()).all(|(ask, room)| ask <= room) {
                set.push(pod);
                if self.may_share(set) {
                    self.found.push((kind, set.clone()));
                }
                set.pop();
            }
        }
        if set.len() + 2 > self.most {
            return self.found.len() <= MOST_PATTERNS;
        }
        for pod in from..self.pods.len() as u32 {
            self.looked += 1;
            let item = self.pods[pod as usize] as usize;
            let request = &core.items[item].request;
            let fits = request.iter().zip(room.iter()).all(|(ask, room)| ask <= room);
            if !fits || !core.kinds[kind as usize].items.contains(item) {
                continue;
            }
            room.iter_mut().zip(request).for_each(|(room, ask)| *room -= ask);
            set.push(pod);
            let done = self.extend(kind, last, pod + 1, room, set);
            set.pop();
            room.iter_mut().zip(request).for_each(|(room, ask)| *room += ask);
            if !done || self.looked > MOST_SETS {
                return false;
            }
        }
        true
    }

    /// Whether caps and conflicts let these pods share a node.
    fn may_share(&self, set: &[u32]) -> bool {
        let item = |pod: &u32| self.pods[*pod as usize];
        set.iter().map(item).all(|one| {
            let cap = self.core.items[one as usize].cap;
            let under = set.iter().filter(|pod| self.core.items[item(pod) as usize].cap == cap);
            let rivals = &self.core.conflicts[one as usize];
            cap.is_none_or(|cap| under.count() as u32 <= self.core.caps[cap as usize])
                && set.iter().all(|pod| rivals.binary_search(&item(pod)).is_err())
        })
    }
}

/// Sets that share no pod.
struct Cover<'a> {
    sets: Sets<'a>,
    /// The sets with a pod.
    with: Vec<Vec<u32>>,
    /// The set that a pod is in.
    home: Vec<Option<u32>>,
    homeless: Vec<u32>,
    /// Where a pod stands in `homeless`.
    place: Vec<usize>,
    /// How much a pod is missed.
    weight: Vec<u64>,
    /// When a set may be chosen again.
    paused: Vec<u64>,
    random: u64,
}

impl<'a> Cover<'a> {
    fn new(sets: Sets<'a>, seed: u64) -> Self {
        let pods = sets.pods.len();
        let mut with = vec![Vec::new(); pods];
        for (at, (_, set)) in (0u32..).zip(&sets.found) {
            set.iter().for_each(|&pod| with[pod as usize].push(at));
        }
        Self {
            with,
            home: vec![None; pods],
            homeless: (0..pods as u32).collect(),
            place: (0..pods).collect(),
            weight: vec![1; pods],
            paused: vec![0; sets.found.len()],
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            sets,
        }
    }

    /// Chooses sets until every pod is in one; false when that takes too long.
    fn run(&mut self, budget: &mut Budget) -> bool {
        for choice in 1..=CHOICES * self.home.len() as u64 {
            if self.homeless.is_empty() {
                return true;
            }
            if budget.is_spent() {
                return false;
            }
            let pod = self.homeless[(next(&mut self.random) % self.homeless.len() as u64) as usize];
            budget.moves(self.with[pod as usize].len() as u64 * 8);
            self.weight[pod as usize] += 1;
            if let Some(set) = self.cheapest(pod, choice) {
                self.choose(set, choice);
            }
        }
        false
    }

    /// The set with a pod whose choice leaves the least weight without a place, one of equals by
    /// chance.
    fn cheapest(&mut self, pod: u32, choice: u64) -> Option<u32> {
        let mut best: Option<(u64, u32)> = None;
        let mut ties = 0;
        for at in 0..self.with[pod as usize].len() {
            let set = self.with[pod as usize][at];
            if self.paused[set as usize] > choice {
                continue;
            }
            let cost = self.cost(set);
            if best.is_none_or(|(least, _)| cost < least) {
                (best, ties) = (Some((cost, set)), 1);
            } else if best.is_some_and(|(least, _)| cost == least) {
                ties += 1;
                if next(&mut self.random).is_multiple_of(ties) {
                    best = Some((cost, set));
                }
            }
        }
        best.map(|(_, set)| set)
    }

    /// The weight of the pods that lose their place when a set is chosen.
    fn cost(&self, set: u32) -> u64 {
        let pods = &self.sets.found[set as usize].1;
        let mut cost = 0;
        for (at, &pod) in pods.iter().enumerate() {
            let Some(home) = self.home[pod as usize] else { continue };
            let counted = pods[..at].iter().any(|&other| self.home[other as usize] == Some(home));
            if !counted {
                let losing = self.sets.found[home as usize].1.iter();
                let losing = losing.filter(|other| !pods.contains(other));
                cost += losing.map(|&other| self.weight[other as usize]).sum::<u64>();
            }
        }
        cost
    }

    fn choose(&mut self, set: u32, choice: u64) {
        for at in 0..self.sets.found[set as usize].1.len() {
            let pod = self.sets.found[set as usize].1[at];
            let Some(home) = self.home[pod as usize] else { continue };
            self.paused[home as usize] = choice + PAUSE + next(&mut self.random) % SPREAD;
            for &other in &self.sets.found[home as usize].1 {
                self.home[other as usize] = None;
                self.place[other as usize] = self.homeless.len();
                self.homeless.push(other);
            }
        }
        for &pod in &self.sets.found[set as usize].1 {
            self.home[pod as usize] = Some(set);
            let place = self.place[pod as usize];
            self.homeless.swap_remove(place);
            if let Some(&moved) = self.homeless.get(place) {
                self.place[moved as usize] = place;
            }
        }
    }

    fn columns(&self) -> Vec<(Column, u32)> {
        let mut chosen: Vec<u32> = self.home.iter().copied().flatten().collect();
        chosen.sort_unstable();
        chosen.dedup();
        let column = |set: u32| {
            let (kind, pods) = &self.sets.found[set as usize];
            let mut items: Vec<u32> =
                pods.iter().map(|&pod| self.sets.pods[pod as usize]).collect();
            items.sort_unstable();
            let same = items.chunk_by(|a, b| a == b);
            let pattern: Pattern = same.map(|same| (same[0], same.len() as u32)).collect();
            (Column { kind: *kind, pattern }, 1)
        };
        chosen.into_iter().map(column).collect()
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

    /// Pods of these requests on nodes of 100 × 100.
    fn core(requests: &[[i64; 2]]) -> Core {
        let group = |request: &[i64; 2]| Group {
            request: request.to_vec(),
            count: 1,
            priority: 0,
            class: 0,
        };
        let problem = Problem {
            dims: 2,
            groups: requests.iter().map(group).collect(),
            classes: vec![Class { offerings: BitSet::full(1), nodes: BitSet::empty(0) }],
            offerings: vec![Offering {
                capacity: vec![100, 100],
                price: 1,
                tier: 0,
                domains: vec![],
                limits: vec![],
            }],
            ..Problem::default()
        };
        Core::new(&problem, &Parts::anywhere(&vec![1; requests.len()]), View::Bound)
    }

    /// Triplets that fill a node each.
    fn triplets(count: i64) -> Vec<[i64; 2]> {
        let triplet = |at: i64| {
            let (a, b) =
                ([26 + at * 7 % 19, 25 + at * 5 % 17], [30 + at * 3 % 13, 27 + at * 11 % 23]);
            [a, b, [100 - a[0] - b[0], 100 - a[1] - b[1]]]
        };
        (0..count).flat_map(triplet).collect()
    }

    #[test]
    fn triplets_are_put_together_again() {
        let core = core(&triplets(60));
        let plan = full_nodes(&core, 1, &mut Budget::new(1_000_000, None));
        assert_eq!(plan.map(|plan| plan.cost), Some(60));
    }

    #[test]
    fn nodes_that_need_not_be_full_are_left_to_others() {
        let mut requests = triplets(4);
        requests.pop();
        let mut budget = Budget::new(1_000_000, None);
        assert!(full_nodes(&core(&requests), 1, &mut budget).is_none());
        // The load is that of one node, yet no two pods fill it.
        let never = [[60, 30], [30, 60], [10, 10]];
        assert!(full_nodes(&core(&[[60, 40], [60, 40], [80, 120 - 40]]), 1, &mut budget).is_none());
        let plan = full_nodes(&core(&never), 1, &mut budget);
        assert_eq!(plan.map(|plan| plan.cost), Some(1));
    }
}
