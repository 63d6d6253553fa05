//! Which domains the nodes of a plan stand in, where the plan leaves that open.
//!
//! A plan that forgets constraints between domains is cheaper than one whose pods stay where another
//! plan has put them, and hardly cheaper than it has to be: zones that sell the same leave every node
//! the choice between them. So nodes go from domain to domain, one by one and two in each other's
//! place, until spreads and anti-affinities are content (min-conflicts; Minton and others, Artificial
//! Intelligence 58, 1992). What pods are still too many in their domain is said to be elsewhere,
//! whether there is room or not: a search with pods in these domains finds it ([`Parts::along`]).
//!
//! [`Parts::along`]: crate::presolve::places::Parts::along

mod rule;
mod trade;

use std::collections::BTreeMap;

use crate::{
    Problem, Solution, check, cost,
    effort::Budget,
    problem::Money,
    random::next,
    solution::{Launch, Placement},
};

use rule::{Rule, rules};

/// Passes over all nodes at most, and those in a row that may bring nothing.
const PASSES: u32 = 200;
const IDLE: u32 = 12;
/// Plans of more nodes are left as they are, for there a node matters little.
const MOST_NODES: u64 = 500;

/// A plan whose nodes stand where constraints between domains mind least.
#[derive(Debug)]
pub(crate) struct Arranged {
    pub plan: Solution,
    /// How many of its pods are on nodes that need not have room for them, so that the constraints
    /// hold.
    pub moved: u64,
}

/// Arranges the nodes of a plan. `None` where no constraint asks how many pods there are in a domain,
/// or there are too many nodes.
pub(crate) fn arrange(
    problem: &Problem,
    plan: &Solution,
    seed: u64,
    budget: &mut Budget,
) -> Option<Arranged> {
    if plan.nodes() > MOST_NODES {
        return None;
    }
    let rules = rules(problem, plan);
    if rules.is_empty() {
        return None;
    }
    let mut seating = Seating::new(problem, plan, rules);
    seating.settle(seed, budget);
    let settled = seating.plan(plan);
    if check(problem, &settled).is_empty() {
        return Some(Arranged { plan: settled, moved: 0 });
    }
    let moved = seating.balance();
    Some(Arranged { plan: seating.plan(plan), moved })
}

/// The plan with its nodes in other domains and its pods on other nodes, so that unmet preferences cost
/// less. `None` where that is not to be had. The plan has to be right.
pub(crate) fn please(
    problem: &Problem,
    plan: &Solution,
    seed: u64,
    budget: &mut Budget,
) -> Option<Solution> {
    if plan.penalty == 0 {
        return None;
    }
    let mut seating = Seating::new(problem, plan, rules(problem, plan));
    seating.count_costs();
    seating.settle(seed, budget);
    seating.trade(budget);
    let pleased = seating.plan(plan);
    let is_better = pleased.total() < plan.total() && check(problem, &pleased).is_empty();
    is_better.then_some(pleased)
}

/// A node of the plan.
#[derive(Clone, Debug)]
struct Host {
    /// (group, pods), ascending.
    pods: Vec<(u32, u32)>,
    /// (rule, pods that it counts).
    counts: Vec<(u32, i64)>,
    seat: Seat,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    /// Index into [`Seating::families`], and into that one's offerings.
    Bought(usize, usize),
    /// Index into [`Problem::nodes`].
    Existing(u32),
}

/// All nodes, and what they make of the rules.
struct Seating<'a> {
    problem: &'a Problem,
    rules: Vec<Rule>,
    /// Per group, the rules that count it.
    rules_of: Vec<Vec<u32>>,
    /// Offerings that do as well for the same nodes, one per combination of domains.
    families: Vec<Vec<u32>>,
    hosts: Vec<Host>,
}

impl<'a> Seating<'a> {
    fn new(problem: &'a Problem, plan: &Solution, rules: Vec<Rule>) -> Self {
        let mut rules_of = vec![Vec::new(); problem.groups.len()];
        for (at, rule) in (0u32..).zip(&rules) {
            let groups = problem.sets[rule.set as usize].groups.iter();
            groups.for_each(|group| rules_of[group].push(at));
        }
        let mut seating =
            Self { problem, rules, rules_of, families: Vec::new(), hosts: Vec::new() };
        for placement in &plan.placements {
            seating.seat(&placement.pods, Seat::Existing(placement.node));
        }
        for launch in &plan.launches {
            let family = seating.family(launch);
            for _ in 0..launch.copies {
                seating.seat(&launch.pods, family);
            }
        }
        seating
    }

    /// Offerings that a launch may go to, and its own among them.
    fn family(&mut self, launch: &Launch) -> Seat {
        let problem = self.problem;
        let own = &problem.offerings[launch.offering as usize];
        let takes_all = |offering: usize| {
            let mut groups = launch.pods.iter().map(|(group, _)| *group);
            groups.all(|group| problem.class_of(group).offerings.contains(offering))
        };
        let mut family = vec![launch.offering];
        for (at, other) in problem.offerings.iter().enumerate() {
            let is_alike = other.price == own.price
                && other.tier == own.tier
                && other.capacity == own.capacity
                && other.limits == own.limits;
            let domains = |at: &u32| problem.offerings[*at as usize].domains == other.domains;
            if is_alike && !family.iter().any(domains) && takes_all(at) {
                family.push(at as u32);
            }
        }
        family.sort_unstable();
        let at = family.iter().position(|&at| at == launch.offering).unwrap_or(0);
        let number = self.families.iter().position(|known| *known == family).unwrap_or_else(|| {
            self.families.push(family);
            self.families.len() - 1
        });
        Seat::Bought(number, at)
    }

    fn seat(&mut self, pods: &[(u32, u32)], seat: Seat) {
        let mut counts: BTreeMap<u32, i64> = BTreeMap::new();
        for &(group, pods) in pods {
            for &rule in &self.rules_of[group as usize] {
                *counts.entry(rule).or_default() += i64::from(pods);
            }
        }
        let host = Host { pods: pods.to_vec(), counts: counts.into_iter().collect(), seat };
        for &(rule, pods) in &host.counts {
            let domain = self.domain(seat, rule);
            self.rules[rule as usize].add(domain, pods);
        }
        self.hosts.push(host);
    }

    fn domains(&self, seat: Seat) -> &'a [u32] {
        match seat {
            Seat::Bought(family, at) => {
                &self.problem.offerings[self.families[family][at] as usize].domains
            }
            Seat::Existing(node) => &self.problem.nodes[node as usize].domains,
        }
    }

    /// The domain that a rule sees in a seat.
    fn domain(&self, seat: Seat, rule: u32) -> u32 {
        self.domains(seat)[self.rules[rule as usize].key]
    }

    /// Lets the rules count what a plan costs, and nothing become wrong that is right.
    fn count_costs(&mut self) {
        let dearest = self.rules.iter().map(Rule::dearest).fold(0, Money::saturating_add);
        let unit = dearest / rule::DEAR + 1;
        self.rules.iter_mut().for_each(|rule| rule.count_cost(unit));
    }

    /// Moves nodes until nothing gets better any more.
    fn settle(&mut self, seed: u64, budget: &mut Budget) {
        let movable: Vec<usize> = (0..self.hosts.len()).filter(|&at| self.may_move(at)).collect();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let (mut wrong, mut best) = (0i64, 0i64);
        let mut seats: Vec<Seat> = self.hosts.iter().map(|host| host.seat).collect();
        let mut idle = 0;
        for _ in 0..PASSES {
            if idle == IDLE || movable.is_empty() || budget.is_spent() {
                break;
            }
            for _ in 0..movable.len() {
                let mut any = || movable[(next(&mut random) % movable.len() as u64) as usize];
                let (host, other) = (any(), any());
                let is_level = next(&mut random).is_multiple_of(2);
                wrong += self.step(host, is_level) + self.exchange(host, other, is_level);
            }
            budget.moves(4 * movable.len() as u64);
            idle += 1;
            if wrong < best {
                best = wrong;
                idle = 0;
                seats = self.hosts.iter().map(|host| host.seat).collect();
            }
        }
        for (at, seat) in seats.into_iter().enumerate() {
            self.go(at, seat);
        }
    }

    fn may_move(&self, host: usize) -> bool {
        match self.hosts[host].seat {
            Seat::Bought(family, _) => {
                self.families[family].len() > 1 && !self.hosts[host].counts.is_empty()
            }
            Seat::Existing(_) => false,
        }
    }

    /// Takes the best other seat of a node, if that makes nothing worse, or only if it makes
    /// something better; what changes.
    fn step(&mut self, host: usize, is_level: bool) -> i64 {
        let Seat::Bought(family, own) = self.hosts[host].seat else { return 0 };
        let others = (0..self.families[family].len()).filter(|&at| at != own);
        let others = others.map(|at| (self.change(host, Seat::Bought(family, at)), at));
        let Some((change, at)) = others.min() else { return 0 };
        if change > 0 || change == 0 && !is_level {
            return 0;
        }
        self.go(host, Seat::Bought(family, at));
        change
    }

    /// Lets two nodes trade places, on the same terms; what changes.
    fn exchange(&mut self, a: usize, b: usize, is_level: bool) -> i64 {
        let seats = (self.hosts[a].seat, self.hosts[b].seat);
        let Some((to_a, to_b)) = self.traded(seats.0, seats.1) else { return 0 };
        let first = self.change(a, to_a);
        self.go(a, to_a);
        let change = first + self.change(b, to_b);
        if change < 0 || change == 0 && is_level {
            self.go(b, to_b);
            return change;
        }
        self.go(a, seats.0);
        0
    }

    /// The seats of two nodes that each stand in the other's domains; `None` where they are in the
    /// same, or are not sold there.
    fn traded(&self, a: Seat, b: Seat) -> Option<(Seat, Seat)> {
        let (of_a, of_b) = (self.domains(a), self.domains(b));
        if of_a == of_b {
            return None;
        }
        Some((self.seat_in(a, of_b)?, self.seat_in(b, of_a)?))
    }

    /// A seat as good as another in these domains.
    fn seat_in(&self, like: Seat, domains: &[u32]) -> Option<Seat> {
        let Seat::Bought(family, _) = like else { return None };
        let mut offerings = self.families[family].iter();
        let at =
            offerings.position(|&at| self.problem.offerings[at as usize].domains == domains)?;
        Some(Seat::Bought(family, at))
    }

    /// What would be worse if a node went to another seat.
    fn change(&self, host: usize, to: Seat) -> i64 {
        let Host { counts, seat, .. } = &self.hosts[host];
        let of = |&(rule, pods): &(u32, i64)| {
            let (from, to) = (self.domain(*seat, rule), self.domain(to, rule));
            let rule = &self.rules[rule as usize];
            if from == to { 0 } else { rule.change(from, -pods) + rule.change(to, pods) }
        };
        counts.iter().map(of).sum()
    }

    fn go(&mut self, host: usize, to: Seat) {
        let counts = std::mem::take(&mut self.hosts[host].counts);
        let from = std::mem::replace(&mut self.hosts[host].seat, to);
        for &(rule, pods) in &counts {
            let (from, to) = (self.domain(from, rule), self.domain(to, rule));
            self.rules[rule as usize].add(from, -pods);
            self.rules[rule as usize].add(to, pods);
        }
        self.hosts[host].counts = counts;
    }

    /// Lets pods leave their nodes for others in domains where they are wanted, whether there is room
    /// or not, as long as that makes anything better; how many.
    fn balance(&mut self) -> u64 {
        let doors = self.doors();
        // First those leave that are too many, then those of which there are too few elsewhere.
        [true, false].map(|is_crowded| self.balance_by(&doors, is_crowded)).iter().sum()
    }

    fn balance_by(&mut self, doors: &[usize], is_crowded: bool) -> u64 {
        let mut moved = 0;
        loop {
            let before = moved;
            for host in 0..self.hosts.len() {
                let groups: Vec<u32> = self.hosts[host].pods.iter().map(|pair| pair.0).collect();
                for group in groups {
                    while self.leave(host, group, doors, is_crowded) {
                        moved += 1;
                    }
                }
            }
            if moved == before {
                return moved;
            }
        }
    }

    /// A node in each combination of domains, an empty one where there is none.
    fn doors(&mut self) -> Vec<usize> {
        let sold = self.families.iter().enumerate();
        let sold = sold.flat_map(|(family, all)| (0..all.len()).map(move |at| (family, at)));
        let sold: Vec<(usize, usize)> = sold.collect();
        sold.into_iter().for_each(|(family, at)| self.seat(&[], Seat::Bought(family, at)));
        let mut doors: Vec<usize> = (0..self.hosts.len()).collect();
        let domains = |host: usize| self.domains(self.hosts[host].seat);
        doors.sort_by(|&a, &b| domains(a).cmp(domains(b)).then(a.cmp(&b)));
        doors.dedup_by(|a, b| domains(*a) == domains(*b));
        doors
    }

    /// Moves a pod of a group to where it is wanted most; false when there is none or nowhere better, or
    /// when the pods where it is are not too many and have to be.
    fn leave(&mut self, host: usize, group: u32, doors: &[usize], is_crowded: bool) -> bool {
        if self.hosts[host].pods.iter().all(|&(other, _)| other != group) {
            return false;
        }
        let open = doors.iter().copied().filter(|&door| self.accepts(door, group));
        let changes = open.map(|door| (self.relief_and_load(group, 1, host, door), door));
        let relieved = changes.filter(|((relief, _), _)| !is_crowded || *relief < 0);
        let best = relieved.map(|((relief, load), door)| (relief + load, door)).min();
        let Some((_, door)) = best.filter(|(change, _)| *change < 0) else {
            return false;
        };
        self.shift(host, group, -1);
        self.shift(door, group, 1);
        true
    }

    /// What is worse where so many pods of a group leave a host, and what is worse where they come to
    /// another.
    fn relief_and_load(&self, group: u32, pods: u32, from: usize, to: usize) -> (i64, i64) {
        let (from, to) = (self.hosts[from].seat, self.hosts[to].seat);
        let pods = i64::from(pods);
        let of = |&rule: &u32| {
            let (from, to) = (self.domain(from, rule), self.domain(to, rule));
            let rule = &self.rules[rule as usize];
            if from == to { (0, 0) } else { (rule.change(from, -pods), rule.change(to, pods)) }
        };
        let changes = self.rules_of[group as usize].iter().map(of);
        changes.fold((0, 0), |sum, change| (sum.0 + change.0, sum.1 + change.1))
    }

    fn accepts(&self, host: usize, group: u32) -> bool {
        let class = self.problem.class_of(group);
        match self.hosts[host].seat {
            Seat::Bought(family, at) => {
                class.offerings.contains(self.families[family][at] as usize)
            }
            Seat::Existing(node) => class.nodes.contains(node as usize),
        }
    }

    /// Adds a pod to a node, or takes one off.
    fn shift(&mut self, host: usize, group: u32, more: i64) {
        let seat = self.hosts[host].seat;
        let pods = &mut self.hosts[host].pods;
        match pods.binary_search_by_key(&group, |pair| pair.0) {
            Ok(at) => pods[at].1 = (i64::from(pods[at].1) + more).max(0) as u32,
            Err(at) => pods.insert(at, (group, more.max(0) as u32)),
        }
        pods.retain(|(_, pods)| *pods > 0);
        for at in 0..self.rules_of[group as usize].len() {
            let rule = self.rules_of[group as usize][at];
            let domain = self.domain(seat, rule);
            self.rules[rule as usize].add(domain, more);
        }
    }

    /// The nodes as they stand, as a plan like another one.
    fn plan(&self, like: &Solution) -> Solution {
        let mut plan = Solution { unplaced: like.unplaced.clone(), ..Solution::default() };
        for Host { pods, seat, .. } in self.hosts.iter().filter(|host| !host.pods.is_empty()) {
            let pods = pods.clone();
            match *seat {
                Seat::Bought(family, at) => {
                    let offering = self.families[family][at];
                    plan.launches.push(Launch { offering, copies: 1, pods });
                }
                Seat::Existing(node) => plan.placements.push(Placement { node, pods }),
            }
        }
        plan.merge();
        cost::assess(self.problem, &mut plan);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BitSet, check,
        problem::{Class, Exclusion, Group, NODE_KEY, Node, Offering, PodSet, Spread},
    };

    /// Three zones that sell the same node for four pods, and an existing one for four in the first.
    /// As many pods of each group as `counts` says; each group is spread over the zones.
    fn problem(counts: &[u32]) -> Problem {
        let offering = |zone| Offering {
            capacity: vec![4],
            price: 10,
            tier: 0,
            domains: vec![zone],
            limits: vec![],
        };
        let group = |&count: &u32| Group { request: vec![1], count, priority: 0, class: 0 };
        let set = |group| PodSet {
            groups: BitSet::from_indices(counts.len(), [group]),
            bound: Vec::new(),
        };
        let spread = |set: u32| Spread { groups: vec![set], set, ..Spread::even(0, 3, 1, 3) };
        Problem {
            dims: 1,
            keys: vec![3],
            groups: counts.iter().map(group).collect(),
            classes: vec![Class { offerings: BitSet::full(3), nodes: BitSet::full(1) }],
            offerings: (0..3).map(offering).collect(),
            nodes: vec![Node { free: vec![4], domains: vec![0] }],
            sets: (0..counts.len()).map(set).collect(),
            spreads: (0..counts.len() as u32).map(spread).collect(),
            ..Problem::default()
        }
    }

    /// All nodes in the first zone.
    fn heaped(problem: &Problem, nodes: &[&[(u32, u32)]], existing: &[(u32, u32)]) -> Solution {
        let launch = |pods: &&[(u32, u32)]| Launch { offering: 0, copies: 1, pods: pods.to_vec() };
        let placement = Placement { node: 0, pods: existing.to_vec() };
        let mut plan = Solution {
            launches: nodes.iter().map(launch).collect(),
            placements: if existing.is_empty() { Vec::new() } else { vec![placement] },
            ..Solution::default()
        };
        plan.merge();
        plan.cost = cost::price(problem, &plan);
        plan
    }

    fn arranged(problem: &Problem, plan: &Solution) -> Arranged {
        arrange(problem, plan, 1, &mut Budget::new(1_000_000, None)).expect("there are spreads")
    }

    /// Pods of a group per zone.
    fn zones(problem: &Problem, plan: &Solution, group: u32) -> [u32; 3] {
        let mut zones = [0; 3];
        let mut count = |pods: &[(u32, u32)], copies: u32, domains: &[u32]| {
            let pods = pods.iter().filter(|(other, _)| *other == group);
            zones[domains[0] as usize] += pods.map(|(_, pods)| pods * copies).sum::<u32>();
        };
        for launch in &plan.launches {
            let domains = &problem.offerings[launch.offering as usize].domains;
            count(&launch.pods, launch.copies, domains);
        }
        for placement in &plan.placements {
            count(&placement.pods, 1, &problem.nodes[placement.node as usize].domains);
        }
        zones
    }

    #[test]
    fn nodes_go_where_spreads_want_them() {
        let problem = problem(&[6, 6]);
        let plan =
            heaped(&problem, &[&[(0, 2), (1, 2)], &[(0, 2), (1, 2)], &[(0, 2)], &[(1, 2)]], &[]);
        assert!(!check(&problem, &plan).is_empty());
        let Arranged { plan: found, moved } = arranged(&problem, &plan);
        assert_eq!((moved, found.cost), (0, plan.cost));
        assert_eq!(check(&problem, &found), []);
    }

    #[test]
    fn two_nodes_trade_places_where_neither_can_go_alone() {
        // Who stands with whom is plain, and each step towards it is worse than none.
        let mut problem = problem(&[4, 4]);
        problem.keys = vec![2];
        problem.offerings.pop();
        problem.nodes.clear();
        problem.classes[0] = Class { offerings: BitSet::full(2), nodes: BitSet::empty(0) };
        for spread in &mut problem.spreads {
            let (groups, set) = (spread.groups.clone(), spread.set);
            *spread = Spread { groups, set, ..Spread::even(0, 2, 0, 2) };
        }
        let at =
            |offering, pods: &[(u32, u32)]| Launch { offering, copies: 1, pods: pods.to_vec() };
        let plan = Solution {
            launches: vec![at(0, &[(0, 2)]), at(0, &[(0, 2)]), at(1, &[(1, 2)]), at(1, &[(1, 2)])],
            ..Solution::default()
        };
        let found = arranged(&problem, &plan);
        assert_eq!(found.moved, 0);
        assert_eq!(check(&problem, &found.plan), []);
    }

    #[test]
    fn pods_that_are_too_many_are_said_to_be_elsewhere() {
        // The existing node cannot go anywhere, and one that is bought holds four.
        let problem = problem(&[8, 1]);
        let plan = heaped(&problem, &[&[(0, 4)], &[(1, 1)]], &[(0, 4)]);
        let Arranged { plan: found, moved } = arranged(&problem, &plan);
        assert_eq!(moved, 2);
        let mut zones = zones(&problem, &found, 0);
        assert!(found.placements[0].pods[0].1 <= 3);
        zones.sort_unstable();
        assert_eq!(zones, [2, 3, 3]);
    }

    #[test]
    fn bound_pods_fill_their_zone_first() {
        let mut problem = problem(&[4]);
        problem.sets[0].bound = vec![(0, 2)];
        let plan = heaped(&problem, &[&[(0, 1)], &[(0, 1)], &[(0, 2)]], &[]);
        let Arranged { plan: found, moved } = arranged(&problem, &plan);
        assert_eq!((moved, zones(&problem, &found, 0)), (0, [0, 2, 2]));
        assert_eq!(check(&problem, &found), []);
    }

    #[test]
    fn pods_that_keep_apart_go_to_zones_of_their_own() {
        let mut problem = problem(&[3]);
        problem.spreads.clear();
        problem.exclusions = vec![Exclusion { groups: vec![0], key: 0, set: 0, cost: None }];
        let plan = heaped(&problem, &[&[(0, 1)], &[(0, 1)], &[(0, 1)]], &[]);
        let found = arranged(&problem, &plan);
        assert_eq!((found.moved, check(&problem, &found.plan)), (0, vec![]));
    }

    fn pleased(problem: &Problem, plan: &Solution) -> Option<Solution> {
        let mut plan = plan.clone();
        cost::assess(problem, &mut plan);
        assert_eq!(check(problem, &plan), []);
        please(problem, &plan, 1, &mut Budget::new(1_000_000, None))
    }

    #[test]
    fn nodes_go_where_preferences_want_them() {
        let mut problem = problem(&[6, 6]);
        problem.spreads.iter_mut().for_each(|spread| spread.cost = Some(3));
        let plan =
            heaped(&problem, &[&[(0, 2), (1, 2)], &[(0, 2), (1, 2)], &[(0, 2)], &[(1, 2)]], &[]);
        let found = pleased(&problem, &plan).unwrap();
        assert_eq!((found.cost, found.penalty), (plan.cost, 0));
        assert_eq!(check(&problem, &found), []);
        assert_eq!(pleased(&problem, &found), None);
        // Costs beyond all measure are no reason to fail.
        problem.spreads[0].cost = Some(Money::MAX / 20);
        let found = pleased(&problem, &plan).unwrap();
        assert_eq!(found.penalty, 0);
    }

    /// Existing nodes in three zones; three large pods that are to be spread, and four small ones.
    fn standing() -> Problem {
        let node = |zone: u32, free: i64| Node { free: vec![free], domains: vec![zone] };
        let mut problem = problem(&[3, 2, 2]);
        problem.groups[0].request = vec![2];
        problem.spreads.truncate(1);
        problem.spreads[0] = Spread { cost: Some(5), ..Spread::even(0, 3, 3, 0) };
        problem.nodes = vec![node(0, 6), node(1, 2), node(2, 2)];
        problem.offerings.clear();
        problem.classes[0] = Class { offerings: BitSet::empty(0), nodes: BitSet::full(3) };
        problem
    }

    fn on_nodes(nodes: &[&[(u32, u32)]]) -> Solution {
        let nodes = (0u32..).zip(nodes);
        let placements = nodes.map(|(node, pods)| Placement { node, pods: pods.to_vec() });
        Solution { placements: placements.collect(), ..Solution::default() }
    }

    #[test]
    fn pods_trade_places_where_nodes_stay() {
        let mut problem = standing();
        let plan = on_nodes(&[&[(0, 3)], &[(1, 2)], &[(2, 2)]]);
        let found = pleased(&problem, &plan).unwrap();
        assert_eq!((found.penalty, zones(&problem, &found, 0)), (0, [1, 1, 1]));
        assert_eq!(check(&problem, &found), []);
        // Some may not be elsewhere, so their place is not to be had.
        problem.groups[2].class = 1;
        let last = BitSet::from_indices(3, [2]);
        problem.classes.push(Class { offerings: BitSet::empty(0), nodes: last });
        let found = pleased(&problem, &plan).unwrap();
        assert_eq!((found.penalty, zones(&problem, &found, 2)), (10, [0, 0, 2]));
    }

    #[test]
    fn pods_go_to_nodes_that_are_empty() {
        let mut problem = standing();
        problem.groups.iter_mut().skip(1).for_each(|group| group.count = 0);
        let found = pleased(&problem, &on_nodes(&[&[(0, 3)]])).unwrap();
        assert_eq!((found.penalty, zones(&problem, &found, 0)), (0, [1, 1, 1]));
    }

    #[test]
    fn nobody_is_arranged_where_nobody_minds() {
        let budget = &mut Budget::new(1_000_000, None);
        let mut problem = problem(&[3]);
        let plan = heaped(&problem, &[&[(0, 3)]], &[]);
        problem.spreads[0].key = NODE_KEY;
        assert!(arrange(&problem, &plan, 1, budget).is_none());
        problem.spreads.clear();
        assert!(arrange(&problem, &plan, 1, budget).is_none());
        assert_eq!(budget.left(), 1_000_000);
    }
}
