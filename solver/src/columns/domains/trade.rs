//! Pods that go to other nodes, or into the place of others there, as far as there is room.
//!
//! Nodes that stand where constraints between domains mind least still hold pods of which there are too
//! many in their domain. Such a pod goes to a node in another domain that has room for it, or into
//! the place of pods there that come to its own. The nodes stay, and so does what they cost.

use std::collections::BTreeMap;

use super::{Seat, Seating};
use crate::{
    Problem,
    effort::Budget,
    problem::{NODE_KEY, fits},
};

/// Passes over all nodes at most.
const PASSES: u32 = 12;
/// Nodes looked at in one unit of work.
const LOOKS: u64 = 16;

/// What a trade needs to know beside who stands where.
struct Market {
    /// Room left, per host.
    free: Vec<Vec<i64>>,
    /// Per group, whether a node that takes its pods and has room is all they ask of it.
    is_loose: Vec<bool>,
    /// Per combination of domains, the hosts there.
    places: Vec<Vec<usize>>,
}

/// A pod that is better off elsewhere.
#[derive(Clone, Copy)]
struct Mover<'a> {
    group: u32,
    host: usize,
    request: &'a [i64],
}

/// A pod goes to a host, and pods that make way for it come back.
#[derive(Clone, Copy)]
struct Trade {
    to: usize,
    /// (group, pods).
    back: Option<(u32, u32)>,
}

impl Seating<'_> {
    /// Moves pods until no constraint between domains is the better for it; no node holds more than it
    /// can.
    pub(super) fn trade(&mut self, budget: &mut Budget) {
        self.open_nodes();
        let mut market = self.market();
        for _ in 0..PASSES {
            let mut is_idle = true;
            for host in 0..self.hosts.len() {
                let groups: Vec<u32> = self.hosts[host].pods.iter().map(|pair| pair.0).collect();
                for group in groups {
                    while !budget.is_spent()
                        && let Some(trade) = self.find(&market, host, group, budget)
                    {
                        self.carry_out(&mut market, host, group, trade);
                        is_idle = false;
                    }
                }
            }
            if is_idle || budget.is_spent() {
                return;
            }
        }
    }

    /// Seats the existing nodes that hold nothing yet.
    fn open_nodes(&mut self) {
        let mut is_open = vec![true; self.problem.nodes.len()];
        for host in &self.hosts {
            if let Seat::Existing(node) = host.seat {
                is_open[node as usize] = false;
            }
        }
        let open = (0u32..).zip(is_open).filter(|(_, is_open)| *is_open);
        open.for_each(|(node, _)| self.seat(&[], Seat::Existing(node)));
    }

    fn market(&self) -> Market {
        let mut places: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
        for (at, host) in self.hosts.iter().enumerate() {
            places.entry(self.domains(host.seat)).or_default().push(at);
        }
        let free = (0..self.hosts.len()).map(|host| self.free(host)).collect();
        Market { free, is_loose: loose(self.problem), places: places.into_values().collect() }
    }

    fn free(&self, host: usize) -> Vec<i64> {
        let mut free = match self.hosts[host].seat {
            Seat::Bought(family, at) => {
                self.problem.offerings[self.families[family][at] as usize].capacity.clone()
            }
            Seat::Existing(node) => self.problem.nodes[node as usize].free.clone(),
        };
        for &(group, pods) in &self.hosts[host].pods {
            add(&mut free, &self.problem.groups[group as usize].request, -i64::from(pods));
        }
        free
    }

    /// A trade for a pod of a group that makes something better altogether.
    fn find(&self, market: &Market, host: usize, group: u32, budget: &mut Budget) -> Option<Trade> {
        let is_there = self.hosts[host].pods.iter().any(|(other, _)| *other == group);
        if !is_there || !market.is_loose[group as usize] {
            return None;
        }
        let request = self.problem.groups[group as usize].request.as_slice();
        let mover = Mover { group, host, request };
        market.places.iter().find_map(|hosts| {
            let gain = self.change_by(group, 1, host, hosts[0]);
            if gain >= 0 {
                return None;
            }
            budget.moves(1 + hosts.len() as u64 / LOOKS);
            let open = || hosts.iter().copied().filter(|&to| self.accepts(to, group));
            let empty = open().find(|&to| fits(request, &market.free[to]));
            let empty = empty.map(|to| Trade { to, back: None });
            let swap = |to| Some(Trade { to, back: Some(self.make_way(market, mover, gain, to)?) });
            empty.or_else(|| open().find_map(swap))
        })
    }

    /// What so many pods of a group make worse by going to another host.
    fn change_by(&self, group: u32, pods: u32, from: usize, to: usize) -> i64 {
        let (relief, load) = self.relief_and_load(group, pods, from, to);
        relief + load
    }

    /// Pods of a host, (group, pods), that can go where a mover comes from, so that it has room in their
    /// place; none when that makes more worse than the mover makes better.
    fn make_way(
        &self,
        market: &Market,
        mover: Mover<'_>,
        gain: i64,
        to: usize,
    ) -> Option<(u32, u32)> {
        self.hosts[to].pods.iter().find_map(|&(group, there)| {
            if !market.is_loose[group as usize] || self.share_a_rule(group, mover.group) {
                return None;
            }
            let request = &self.problem.groups[group as usize].request;
            let missing = missing(mover.request, &market.free[to], request);
            let pods = missing.filter(|&pods| pods <= there)?;
            let has_room = holds(request, pods, &market.free[mover.host], mover.request);
            let is_better = || {
                gain + self.change_by(group, pods, to, mover.host) < 0
                    && self.accepts(mover.host, group)
            };
            (has_room && is_better()).then_some((group, pods))
        })
    }

    fn share_a_rule(&self, a: u32, b: u32) -> bool {
        let (a, b) = (&self.rules_of[a as usize], &self.rules_of[b as usize]);
        a.iter().any(|rule| b.contains(rule))
    }

    fn carry_out(&mut self, market: &mut Market, host: usize, group: u32, trade: Trade) {
        let mut send = |group: u32, pods: u32, from: usize, to: usize| {
            let pods = i64::from(pods);
            self.shift(from, group, -pods);
            self.shift(to, group, pods);
            let request = &self.problem.groups[group as usize].request;
            add(&mut market.free[from], request, pods);
            add(&mut market.free[to], request, -pods);
        };
        send(group, 1, host, trade.to);
        if let Some((group, pods)) = trade.back {
            send(group, pods, trade.to, host);
        }
    }
}

/// The groups that no constraint within a node is about, nor an affinity.
fn loose(problem: &Problem) -> Vec<bool> {
    let mut is_loose = vec![true; problem.groups.len()];
    let spreads = problem.spreads.iter().filter(|spread| spread.key == NODE_KEY);
    let spreads = spreads.map(|spread| (&spread.groups, spread.set));
    let exclusions = problem.exclusions.iter().filter(|exclusion| exclusion.key == NODE_KEY);
    let exclusions = exclusions.map(|exclusion| (&exclusion.groups, exclusion.set));
    let affinities = problem.affinities.iter().map(|affinity| (&affinity.groups, affinity.set));
    for (groups, set) in spreads.chain(exclusions).chain(affinities) {
        groups.iter().for_each(|&group| is_loose[group as usize] = false);
        problem.sets[set as usize].groups.iter().for_each(|group| is_loose[group] = false);
    }
    for &(a, b) in &problem.conflicts {
        is_loose[a as usize] = false;
        is_loose[b as usize] = false;
    }
    is_loose
}

fn add(free: &mut [i64], request: &[i64], pods: i64) {
    free.iter_mut().zip(request).for_each(|(free, ask)| *free += ask * pods);
}

/// How many pods that ask for `each` have to leave so that there is room for a request; `None` where no
/// number is enough.
fn missing(request: &[i64], free: &[i64], each: &[i64]) -> Option<u32> {
    let mut most = 0;
    for ((&ask, free), &each) in request.iter().zip(free).zip(each) {
        let lacking = if ask > 0 { ask - free } else { 0 };
        if lacking > 0 && each <= 0 {
            return None;
        }
        if lacking > 0 {
            most = most.max((lacking - 1) / each + 1);
        }
    }
    u32::try_from(most).ok()
}

/// Whether so many pods have room where a pod has left.
fn holds(request: &[i64], pods: u32, free: &[i64], left: &[i64]) -> bool {
    let mut dims = request.iter().zip(free).zip(left);
    dims.all(|((&ask, free), left)| ask == 0 || ask * i64::from(pods) <= free + left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BitSet;
    use crate::problem::{Affinity, Exclusion, Group, PodSet, Spread};

    #[test]
    fn as_many_leave_as_have_to() {
        assert_eq!(missing(&[3, 2], &[5, 5], &[1, 1]), Some(0));
        assert_eq!(missing(&[3, 2], &[1, 2], &[1, 1]), Some(2));
        assert_eq!(missing(&[3, 9], &[1, 2], &[2, 3]), Some(3));
        assert_eq!(missing(&[3, 9], &[1, 2], &[2, 0]), None);
        // What is overdrawn already matters to those alone who ask for it.
        assert_eq!(missing(&[3, 0], &[2, -4], &[1, 0]), Some(1));
        assert!(holds(&[2, 0], 2, &[1, -1], &[3, 0]));
        assert!(!holds(&[2, 1], 2, &[1, 0], &[3, 1]));
    }

    #[test]
    fn pods_that_mind_who_is_on_their_node_stay_there() {
        let group = Group { request: vec![1], count: 1, priority: 0, class: 0 };
        let set = |group| PodSet { groups: BitSet::from_indices(8, [group]), bound: vec![] };
        let by_node = Spread { groups: vec![0], set: 1, ..Spread::even(NODE_KEY, 0, 0, 0) };
        let by_zone = Spread { groups: vec![7], set: 7, ..Spread::even(0, 3, 0, 0) };
        let problem = Problem {
            groups: vec![group; 8],
            sets: (0..8).map(set).collect(),
            spreads: vec![by_node, by_zone],
            exclusions: vec![Exclusion { groups: vec![2], key: NODE_KEY, set: 2, cost: Some(1) }],
            affinities: vec![Affinity { groups: vec![3], keys: vec![0], set: 4, cost: None }],
            conflicts: vec![(5, 6)],
            ..Problem::default()
        };
        let mut expected = vec![false; 8];
        expected[7] = true;
        assert_eq!(loose(&problem), expected);
    }
}
