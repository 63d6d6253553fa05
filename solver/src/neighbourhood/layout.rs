//! A plan node by node, and what remains of the problem when some of them are taken down.

use rustc_hash::FxHashMap;

use crate::{
    BitSet, Problem, Solution, cost,
    neighbourhood::market::Market,
    problem::{Class, NO_DOMAIN, NODE_KEY, Node},
    solution::{Launch, Placement, Unplaced},
};

/// A node that the plan buys.
#[derive(Clone, Debug)]
struct Bought {
    /// Index into the offerings of [`Market::few`].
    offering: u32,
    /// (group, pods), ascending by group.
    pods: Vec<(u32, u32)>,
}

/// A plan, node by node.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    nodes: Vec<Bought>,
    /// What the plan puts on each existing node.
    existing: Vec<Vec<(u32, u32)>>,
    unplaced: Vec<Unplaced>,
}

/// What is left to decide when some nodes are taken down.
pub(super) struct Part {
    /// The existing nodes are those of the whole, and then those that stay.
    pub(super) problem: Problem,
    /// What was there before, as a plan for the part.
    pub(super) known: Solution,
    stay: Layout,
}

impl Layout {
    /// `None` when the plan buys what is not in the market.
    pub(super) fn new(market: &Market<'_>, plan: &Solution) -> Option<Self> {
        let mut nodes = Vec::new();
        for launch in &plan.launches {
            let offering = market.offerings.binary_search(&launch.offering).ok()?;
            let node = Bought { offering: offering as u32, pods: launch.pods.clone() };
            nodes.extend((0..launch.copies).map(|_| node.clone()));
        }
        let mut existing = vec![Vec::new(); market.problem.nodes.len()];
        for placement in &plan.placements {
            existing[placement.node as usize] = placement.pods.clone();
        }
        Some(Self { nodes, existing, unplaced: plan.unplaced.clone() })
    }

    /// How many hosts there are: the nodes that the plan buys, and then the existing ones.
    pub(super) fn hosts(&self) -> usize {
        self.nodes.len() + self.existing.len()
    }

    /// What the plan puts on a host: (group, pods).
    fn pods_on(&self, host: usize) -> &[(u32, u32)] {
        match host.checked_sub(self.nodes.len()) {
            None => &self.nodes[host].pods,
            Some(existing) => &self.existing[existing],
        }
    }

    pub(super) fn pods(&self, host: usize) -> u32 {
        self.pods_on(host).iter().map(|(_, pods)| pods).sum()
    }

    /// Whether two hosts are in the same domains.
    pub(super) fn are_together(&self, market: &Market<'_>, a: usize, b: usize) -> bool {
        let domains = |host: usize| match host.checked_sub(self.nodes.len()) {
            None => &market.few.offerings[self.nodes[host].offering as usize].domains,
            Some(existing) => &market.problem.nodes[existing].domains,
        };
        domains(a) == domains(b)
    }

    /// Whether two hosts hold pods of one group.
    pub(super) fn share_pods(&self, a: usize, b: usize) -> bool {
        let holds = |group: u32| self.pods_on(b).iter().any(|(other, _)| *other == group);
        self.pods_on(a).iter().any(|(group, _)| holds(*group))
    }

    /// The problem of packing the pods of some hosts anew.
    pub(super) fn without(&self, market: &Market<'_>, down: &[usize]) -> Part {
        let stay = self.leaving(down);
        let mut problem = market.few.clone();
        self.count_pods(&mut problem, down);
        stay.keep_nodes(&mut problem);
        stay.bind_pods(&mut problem);
        stay.heed_bound(&mut problem);
        let known = self.of_hosts(&problem, down);
        Part { problem, known, stay }
    }

    /// The same without the nodes that are given back, and the pods on existing ones that are emptied.
    fn leaving(&self, down: &[usize]) -> Self {
        let is_down = |host: usize| down.binary_search(&host).is_ok();
        let nodes = self.nodes.iter().enumerate().filter(|(host, _)| !is_down(*host));
        let existing = (self.nodes.len()..).zip(&self.existing);
        let stays = |(host, pods): (usize, &Vec<(u32, u32)>)| {
            if is_down(host) { Vec::new() } else { pods.clone() }
        };
        Self {
            nodes: nodes.map(|(_, node)| node.clone()).collect(),
            existing: existing.map(stays).collect(),
            unplaced: self.unplaced.clone(),
        }
    }

    /// Only the pods of hosts that are taken down are to be placed.
    fn count_pods(&self, problem: &mut Problem, down: &[usize]) {
        problem.groups.iter_mut().for_each(|group| group.count = 0);
        for &host in down {
            for &(group, pods) in self.pods_on(host) {
                problem.groups[group as usize].count += pods;
            }
        }
    }

    /// The nodes exist, and have taken from limits.
    fn keep_nodes(&self, problem: &mut Problem) {
        let take = |free: &mut [i64], pods: &[(u32, u32)], problem: &Problem| {
            for &(group, pods) in pods {
                let request = &problem.groups[group as usize].request;
                for (free, ask) in free.iter_mut().zip(request) {
                    *free = (*free - ask * i64::from(pods)).max(0);
                }
            }
        };
        for (at, pods) in self.existing.iter().enumerate() {
            let mut free = std::mem::take(&mut problem.nodes[at].free);
            take(&mut free, pods, problem);
            problem.nodes[at].free = free;
        }
        for Bought { offering, pods } in &self.nodes {
            let offering = &problem.offerings[*offering as usize];
            let mut free = offering.capacity.clone();
            take(&mut free, pods, problem);
            problem.nodes.push(Node { free, domains: offering.domains.clone() });
            for &(limit, amount) in &offering.limits {
                let limit = &mut problem.limits[limit as usize];
                limit.remaining = limit.remaining.saturating_sub(amount);
            }
        }
        let extended = |nodes: &BitSet, of: &BitSet| {
            let new = (nodes.universe()..).zip(&self.nodes);
            let new = new.filter(|(_, node)| of.contains(node.offering as usize));
            let all = nodes.universe() + self.nodes.len();
            BitSet::from_indices(all, nodes.iter().chain(new.map(|(at, _)| at)))
        };
        for class in &mut problem.classes {
            class.nodes = extended(&class.nodes, &class.offerings);
        }
        for spread in &mut problem.spreads {
            spread.counted_nodes = extended(&spread.counted_nodes, &spread.counted_offerings);
        }
    }

    /// Who is where, by the part's numbers of existing nodes.
    fn standing_pods(&self) -> impl Iterator<Item = &Vec<(u32, u32)>> {
        self.existing.iter().chain(self.nodes.iter().map(|node| &node.pods))
    }

    /// The pods that stand are bound.
    fn bind_pods(&self, problem: &mut Problem) {
        for set in &mut problem.sets {
            let mut bound: FxHashMap<u32, u32> = set.bound.iter().copied().collect();
            for (node, pods) in (0u32..).zip(self.standing_pods()) {
                let members = pods.iter().filter(|(group, _)| set.groups.contains(*group as usize));
                let count: u32 = members.map(|(_, pods)| pods).sum();
                if count > 0 {
                    *bound.entry(node).or_insert(0) += count;
                }
            }
            set.bound = bound.into_iter().collect();
            set.bound.sort_unstable();
        }
    }

    /// Anti-affinities and host ports of the pods that stand, and towards them, are in the classes.
    fn heed_bound(&self, problem: &mut Problem) {
        let pods: Vec<&Vec<(u32, u32)>> = self.standing_pods().collect();
        for group in 0..problem.groups.len() as u32 {
            if problem.groups[group as usize].count == 0 {
                continue;
            }
            let barred = Barred::new(problem, &pods, group);
            if barred.nodes.is_empty() && barred.offerings.is_empty() {
                continue;
            }
            let class = problem.class_of(group);
            let without = |set: &BitSet, barred: &BitSet| {
                let mut left = barred.complement();
                left.intersect_with(set);
                left
            };
            let offerings = without(&class.offerings, &barred.offerings);
            let nodes = without(&class.nodes, &barred.nodes);
            problem.groups[group as usize].class = problem.classes.len() as u32;
            problem.classes.push(Class { offerings, nodes });
        }
    }

    /// What stood on the hosts that were taken down, as a plan for the part.
    fn of_hosts(&self, problem: &Problem, down: &[usize]) -> Solution {
        let mut plan = Solution::default();
        for &host in down {
            let pods = self.pods_on(host).to_vec();
            match host.checked_sub(self.nodes.len()) {
                None => {
                    let offering = self.nodes[host].offering;
                    plan.launches.push(Launch { offering, copies: 1, pods });
                }
                Some(_) if pods.is_empty() => {}
                Some(node) => plan.placements.push(Placement { node: node as u32, pods }),
            }
        }
        plan.merge();
        cost::assess(problem, &mut plan);
        plan
    }
}

impl Part {
    /// The whole plan with a plan for the part in the place of what was taken down.
    pub(super) fn whole(self, market: &Market<'_>, plan: &Solution) -> Solution {
        let Layout { mut nodes, mut existing, unplaced } = self.stay;
        for placement in &plan.placements {
            let node = placement.node as usize;
            let pods = match node.checked_sub(existing.len()) {
                Some(at) => &mut nodes[at].pods,
                None => &mut existing[node],
            };
            add(pods, &placement.pods);
        }
        let sold = |offering: u32| market.offerings[offering as usize];
        let stay = nodes.into_iter();
        let stay =
            stay.map(|node| Launch { offering: sold(node.offering), copies: 1, pods: node.pods });
        let new = plan.launches.iter();
        let new = new.map(|launch| Launch { offering: sold(launch.offering), ..launch.clone() });
        let placements = (0u32..).zip(existing).filter(|(_, pods)| !pods.is_empty());
        let mut whole = Solution {
            launches: stay.chain(new).collect(),
            placements: placements.map(|(node, pods)| Placement { node, pods }).collect(),
            unplaced,
            ..Solution::default()
        };
        whole.merge();
        cost::assess(market.problem, &mut whole);
        whole
    }
}

/// Adds pods to a list that is ascending by group.
fn add(pods: &mut Vec<(u32, u32)>, more: &[(u32, u32)]) {
    for &(group, count) in more {
        match pods.binary_search_by_key(&group, |pair| pair.0) {
            Ok(at) => pods[at].1 += count,
            Err(at) => pods.insert(at, (group, count)),
        }
    }
}

/// Where pods that stand leave no place for a group.
struct Barred {
    nodes: BitSet,
    offerings: BitSet,
}

impl Barred {
    fn new(problem: &Problem, standing: &[&Vec<(u32, u32)>], group: u32) -> Self {
        let mut barred = Self {
            nodes: BitSet::empty(problem.nodes.len()),
            offerings: BitSet::empty(problem.offerings.len()),
        };
        for exclusion in problem.exclusions.iter().filter(|x| x.cost.is_none()) {
            let members = &problem.sets[exclusion.set as usize].groups;
            let states = exclusion.groups.contains(&group);
            let is_member = members.contains(group as usize);
            let is_foe = |other: u32| {
                (states && members.contains(other as usize))
                    || (is_member && exclusion.groups.contains(&other))
            };
            if states || is_member {
                barred.bar(problem, standing, exclusion.key, is_foe);
            }
        }
        let is_rival = |other: u32| {
            let pair = (group.min(other), group.max(other));
            problem.conflicts.binary_search(&pair).is_ok()
        };
        if !problem.conflicts.is_empty() {
            barred.bar(problem, standing, NODE_KEY, is_rival);
        }
        barred
    }

    /// Bars the domains that hold a pod of a group for which `is_foe` holds.
    fn bar(
        &mut self,
        problem: &Problem,
        standing: &[&Vec<(u32, u32)>],
        key: u8,
        is_foe: impl Fn(u32) -> bool,
    ) {
        let held = standing.iter().enumerate();
        let held = held.filter(|(_, pods)| pods.iter().any(|(group, _)| is_foe(*group)));
        let held: Vec<usize> = held.map(|(node, _)| node).collect();
        if key == NODE_KEY {
            held.into_iter().for_each(|node| self.nodes.insert(node));
            return;
        }
        let domain = |domains: &[u32]| domains[usize::from(key)];
        let mut shut: Vec<u32> = held
            .into_iter()
            .map(|node| domain(&problem.nodes[node].domains))
            .filter(|&domain| domain != NO_DOMAIN)
            .collect();
        shut.sort_unstable();
        shut.dedup();
        let is_shut = |domains: &[u32]| shut.binary_search(&domain(domains)).is_ok();
        for (at, node) in problem.nodes.iter().enumerate() {
            if is_shut(&node.domains) {
                self.nodes.insert(at);
            }
        }
        for (at, offering) in problem.offerings.iter().enumerate() {
            if is_shut(&offering.domains) {
                self.offerings.insert(at);
            }
        }
    }
}
