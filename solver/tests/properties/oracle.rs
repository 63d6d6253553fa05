use std::collections::{BTreeMap, BTreeSet};

use solver::problem::{Affinity, Money, NO_DOMAIN, NODE_KEY, Spread};
use solver::solution::{Launch, Placement, Reason, Unplaced};
use solver::{Problem, Solution};

/// Where a pod is: on an existing node, on a launch of this assignment, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    Node(usize),
    Launch(usize),
    Nowhere,
}

/// Every pod by itself, and the offering of every launched node.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// (group, seat) per pod, by group.
    pub pods: Vec<(usize, Seat)>,
    pub launches: Vec<usize>,
}

/// A pod that is somewhere; bound pods have no group.
struct Pod<'a> {
    group: Option<usize>,
    seat: Seat,
    domains: &'a [u32],
}

/// One state of a cluster, looked at pod by pod.
pub struct World<'a> {
    problem: &'a Problem,
    assignment: &'a Assignment,
    placed: Vec<Pod<'a>>,
}

impl<'a> World<'a> {
    pub fn new(problem: &'a Problem, assignment: &'a Assignment) -> Self {
        let mut placed = Vec::new();
        for &(group, seat) in &assignment.pods {
            let domains = match seat {
                Seat::Node(node) => &problem.nodes[node].domains,
                Seat::Launch(launch) => &problem.offerings[assignment.launches[launch]].domains,
                Seat::Nowhere => continue,
            };
            placed.push(Pod { group: Some(group), seat, domains });
        }
        Self { problem, assignment, placed }
    }

    pub fn is_feasible(&self) -> bool {
        self.seats_hold() && self.sums_hold() && self.last_pods_pass() && self.has_order()
    }

    /// Classes, room and host ports, node by node. Adding a pod never repairs any of these.
    fn seats_hold(&self) -> bool {
        let fits = |seat: Seat, room: &[i64]| {
            let here: Vec<usize> =
                self.placed.iter().filter(|pod| pod.seat == seat).filter_map(|p| p.group).collect();
            let rooms = room.iter().enumerate().all(|(dim, &room)| {
                let asked: i64 = here.iter().map(|&g| self.problem.groups[g].request[dim]).sum();
                asked == 0 || asked <= room
            });
            let quiet = here.iter().enumerate().all(|(at, &a)| {
                here[..at].iter().all(|&b| {
                    let pair = (a.min(b) as u32, a.max(b) as u32);
                    !self.problem.conflicts.contains(&pair)
                })
            });
            rooms && quiet
        };
        let accepted = self.placed.iter().all(|pod| {
            let class = self.problem.class_of(pod.group.unwrap_or_default() as u32);
            match pod.seat {
                Seat::Node(node) => class.nodes.contains(node),
                Seat::Launch(at) => class.offerings.contains(self.assignment.launches[at]),
                Seat::Nowhere => true,
            }
        });
        let nodes = self.problem.nodes.iter().enumerate();
        let launches = self.assignment.launches.iter().enumerate();
        accepted
            && nodes.into_iter().all(|(at, node)| fits(Seat::Node(at), &node.free))
            && launches.into_iter().all(|(at, &offering)| {
                fits(Seat::Launch(at), &self.problem.offerings[offering].capacity)
            })
    }

    /// No more values than a variety allows, those on existing nodes counted. Adding a launch never
    /// repairs this.
    pub fn varieties_hold(&self) -> bool {
        self.problem.varieties.iter().all(|variety| {
            let mut values: BTreeSet<u32> = variety.used.iter().copied().collect();
            let before = values.len();
            for &launched in &self.assignment.launches {
                let of =
                    variety.values.iter().filter(|(offering, _)| *offering as usize == launched);
                values.extend(of.map(|(_, value)| *value));
            }
            values.len() == before || values.len() <= variety.most as usize
        })
    }

    /// Limits, varieties and alternatives.
    fn sums_hold(&self) -> bool {
        let limits = self.problem.limits.iter().enumerate().all(|(at, limit)| {
            let offerings = self.assignment.launches.iter().map(|&o| &self.problem.offerings[o]);
            let amounts = offerings.flat_map(|o| &o.limits).filter(|(l, _)| *l as usize == at);
            let used: i64 = amounts.map(|(_, amount)| amount).sum();
            used == 0 || used <= limit.remaining
        });
        limits
            && self.varieties_hold()
            && self.problem.flexibilities.iter().all(|rule| {
                self.assignment.launches.iter().enumerate().all(|(launch, &offering)| {
                    let subject = rule.values.iter().any(|(o, _)| *o as usize == offering);
                    let mut values: Vec<u32> = (rule.values.iter())
                        .filter(|(other, _)| self.could_be(launch, *other as usize))
                        .map(|(_, value)| *value)
                        .collect();
                    values.sort_unstable();
                    values.dedup();
                    !subject || values.len() >= rule.min as usize
                })
            })
    }

    fn could_be(&self, launch: usize, offering: usize) -> bool {
        let mut assignment = self.assignment.clone();
        assignment.launches[launch] = offering;
        let groups = self.placed.iter().filter(|pod| pod.seat == Seat::Launch(launch));
        let groups: Vec<usize> = groups.filter_map(|pod| pod.group).collect();
        let capacity = &self.problem.offerings[offering].capacity;
        (groups.iter())
            .all(|&group| self.problem.class_of(group as u32).offerings.contains(offering))
            && capacity.iter().enumerate().all(|(dim, &room)| {
                let asked: i64 = groups.iter().map(|&g| self.problem.groups[g].request[dim]).sum();
                asked == 0 || asked <= room
            })
    }

    /// Every pod passes its topology filters when it comes last.
    fn last_pods_pass(&self) -> bool {
        (0..self.placed.len()).all(|at| {
            let group = self.group(at) as u32;
            let stated =
                |groups: &[u32], cost: Option<Money>| cost.is_none() && groups.contains(&group);
            let spreads = self.problem.spreads.iter().filter(|s| stated(&s.groups, s.cost));
            let affinities = self.problem.affinities.iter().filter(|a| stated(&a.groups, a.cost));
            let exclusions = self.problem.exclusions.iter().filter(|e| stated(&e.groups, e.cost));
            spreads
                .into_iter()
                .all(|spread| self.domain(at, spread.key).is_some() && self.within_skew(at, spread))
                && affinities.into_iter().all(|affinity| {
                    self.is_near(at, affinity, &self.all())
                        || self.may_be_first(at, affinity, &self.all())
                })
                && exclusions.into_iter().all(|e| !self.shares(at, e.set, e.key, false))
        })
    }

    /// Required exclusions, which more pods never repair.
    pub fn exclusions_hold(&self) -> bool {
        (0..self.placed.len()).all(|at| {
            let group = self.group(at) as u32;
            (self.problem.exclusions.iter())
                .filter(|e| e.cost.is_none() && e.groups.contains(&group))
                .all(|e| !self.shares(at, e.set, e.key, false))
        })
    }

    fn all(&self) -> Vec<usize> {
        (0..self.placed.len()).collect()
    }

    fn group(&self, at: usize) -> usize {
        self.placed[at].group.expect("a planned pod")
    }

    /// The node number stands for the domain of the node key; launches follow the nodes.
    fn domain(&self, at: usize, key: u8) -> Option<usize> {
        let pod = &self.placed[at];
        self.domain_of(pod.seat, pod.domains, key)
    }

    fn domain_of(&self, seat: Seat, domains: &[u32], key: u8) -> Option<usize> {
        match (key, seat) {
            (NODE_KEY, Seat::Node(node)) => Some(node),
            (NODE_KEY, Seat::Launch(launch)) => Some(self.problem.nodes.len() + launch),
            (NODE_KEY, Seat::Nowhere) => None,
            _ => Some(domains[key as usize]).filter(|&d| d != NO_DOMAIN).map(|d| d as usize),
        }
    }

    fn in_set(&self, at: usize, set: u32) -> bool {
        self.problem.sets[set as usize].groups.contains(self.group(at))
    }

    /// Domains of the pods of the set that are bound; one entry per pod.
    fn bound_domains(&self, set: u32, key: u8) -> Vec<(usize, Option<usize>)> {
        let bound = &self.problem.sets[set as usize].bound;
        let pods = bound.iter().flat_map(|&(node, n)| (0..n).map(move |_| node as usize));
        pods.map(|node| {
            let domains = &self.problem.nodes[node].domains;
            (node, self.domain_of(Seat::Node(node), domains, key))
        })
        .collect()
    }

    fn is_counted(&self, spread: &Spread, seat: Seat) -> bool {
        match seat {
            Seat::Node(node) => spread.counted_nodes.contains(node),
            Seat::Launch(at) => spread.counted_offerings.contains(self.assignment.launches[at]),
            Seat::Nowhere => false,
        }
    }

    /// As kube-scheduler sees it: the others are counted, then the pod is added.
    fn within_skew(&self, at: usize, spread: &Spread) -> bool {
        let Some(own) = self.domain(at, spread.key) else { return true };
        let mut counts: BTreeMap<usize, i64> = BTreeMap::new();
        counts.extend(spread.domains.iter().map(|&domain| (domain as usize, 0)));
        for node in spread.counted_nodes.iter() {
            let domains = &self.problem.nodes[node].domains;
            counts.extend(self.domain_of(Seat::Node(node), domains, spread.key).map(|d| (d, 0)));
        }
        for (launch, &offering) in self.assignment.launches.iter().enumerate() {
            if spread.counted_offerings.contains(offering) {
                let domains = &self.problem.offerings[offering].domains;
                let domain = self.domain_of(Seat::Launch(launch), domains, spread.key);
                counts.extend(domain.map(|d| (d, 0)));
            }
        }
        for (node, domain) in self.bound_domains(spread.set, spread.key) {
            if let Some(domain) = domain.filter(|_| spread.counted_nodes.contains(node)) {
                *counts.entry(domain).or_default() += 1;
            }
        }
        for other in (0..self.placed.len()).filter(|&other| other != at) {
            let counted = self.is_counted(spread, self.placed[other].seat);
            if let Some(domain) = self.domain(other, spread.key)
                && counted
                && self.in_set(other, spread.set)
            {
                *counts.entry(domain).or_default() += 1;
            }
        }
        let enough = counts.len() >= spread.min_domains as usize;
        let least = if enough { counts.values().copied().min().unwrap_or(0) } else { 0 };
        let counted = self.in_set(at, spread.set) && self.is_counted(spread, self.placed[at].seat);
        let here = counts.get(&own).copied().unwrap_or(0) + i64::from(counted);
        here - least <= i64::from(spread.max_skew)
    }

    /// Whether among `present` (and the bound pods) there is another pod of the set for each key.
    fn is_near(&self, at: usize, affinity: &Affinity, present: &[usize]) -> bool {
        affinity.keys.iter().all(|&key| {
            let Some(own) = self.domain(at, key) else { return false };
            let bound = self.bound_domains(affinity.set, key);
            bound.iter().any(|(_, domain)| *domain == Some(own))
                || present.iter().any(|&other| {
                    other != at
                        && self.in_set(other, affinity.set)
                        && self.domain(other, key) == Some(own)
                })
        })
    }

    fn may_be_first(&self, at: usize, affinity: &Affinity, present: &[usize]) -> bool {
        self.in_set(at, affinity.set)
            && affinity.keys.iter().all(|&key| self.domain(at, key).is_some())
            && affinity.keys.iter().all(|&key| {
                self.bound_domains(affinity.set, key).iter().all(|(_, domain)| domain.is_none())
                    && present.iter().all(|&other| {
                        other == at
                            || !self.in_set(other, affinity.set)
                            || self.domain(other, key).is_none()
                    })
            })
    }

    fn shares(&self, at: usize, set: u32, key: u8, with_bound: bool) -> bool {
        let Some(own) = self.domain(at, key) else { return false };
        let bound = self.bound_domains(set, key);
        let beside_bound = with_bound && bound.iter().any(|(_, domain)| *domain == Some(own));
        beside_bound
            || (0..self.placed.len()).any(|other| {
                other != at && self.in_set(other, set) && self.domain(other, key) == Some(own)
            })
    }

    /// Whether the pods can come one after the other, those that need nobody first.
    fn has_order(&self) -> bool {
        let needs_nobody = |at: &usize| {
            let group = self.group(*at) as u32;
            !self.problem.affinities.iter().any(|a| a.cost.is_none() && a.groups.contains(&group))
        };
        let there = (0..self.placed.len()).filter(needs_nobody).fold(0, |all, at| all | 1 << at);
        let mut seen = vec![false; 1 << self.placed.len()];
        self.has_order_from(there, &mut seen)
    }

    fn has_order_from(&self, there: u32, seen: &mut [bool]) -> bool {
        let all = (1u32 << self.placed.len()) - 1;
        if there == all {
            return true;
        }
        if std::mem::replace(&mut seen[there as usize], true) {
            return false;
        }
        let present: Vec<usize> =
            (0..self.placed.len()).filter(|&at| there >> at & 1 == 1).collect();
        (0..self.placed.len()).filter(|&at| there >> at & 1 == 0).any(|at| {
            let group = self.group(at) as u32;
            let mut stated = (self.problem.affinities.iter())
                .filter(|a| a.cost.is_none() && a.groups.contains(&group));
            stated.all(|a| self.is_near(at, a, &present) || self.may_be_first(at, a, &present))
                && self.has_order_from(there | 1 << at, seen)
        })
    }

    pub fn cost(&self) -> Money {
        self.assignment
            .launches
            .iter()
            .map(|&offering| self.problem.offerings[offering].price)
            .sum()
    }

    pub fn penalty(&self) -> Money {
        (0..self.placed.len()).map(|at| self.penalty_of(at)).sum()
    }

    fn penalty_of(&self, at: usize) -> Money {
        let group = self.group(at) as u32;
        let mut sum = 0;
        for spread in self.problem.spreads.iter().filter(|s| s.groups.contains(&group)) {
            sum += spread.cost.filter(|_| !self.within_skew(at, spread)).unwrap_or(0);
        }
        for affinity in self.problem.affinities.iter().filter(|a| a.groups.contains(&group)) {
            let near = self.is_near(at, affinity, &self.all());
            sum += affinity.cost.filter(|_| !near).unwrap_or(0);
        }
        for exclusion in self.problem.exclusions.iter().filter(|e| e.groups.contains(&group)) {
            let shared = self.shares(at, exclusion.set, exclusion.key, true);
            sum += exclusion.cost.filter(|_| shared).unwrap_or(0);
        }
        for preference in self.problem.preferences.iter().filter(|p| p.groups.contains(&group)) {
            let class = &self.problem.classes[preference.class as usize];
            let met = match self.placed[at].seat {
                Seat::Node(node) => class.nodes.contains(node),
                Seat::Launch(launch) => class.offerings.contains(self.assignment.launches[launch]),
                Seat::Nowhere => true,
            };
            sum += if met { 0 } else { preference.cost };
        }
        sum
    }

    /// The assignment in the solver's terms, equal launches next to each other joined.
    pub fn solution(&self) -> Solution {
        let mut solution =
            Solution { cost: self.cost(), penalty: self.penalty(), ..Solution::default() };
        let pods_on = |seat: Seat| {
            let mut pods: BTreeMap<u32, u32> = BTreeMap::new();
            for pod in self.assignment.pods.iter().filter(|pod| pod.1 == seat) {
                *pods.entry(pod.0 as u32).or_default() += 1;
            }
            pods.into_iter().collect::<Vec<_>>()
        };
        for node in 0..self.problem.nodes.len() {
            let pods = pods_on(Seat::Node(node));
            if !pods.is_empty() {
                solution.placements.push(Placement { node: node as u32, pods });
            }
        }
        for (at, &offering) in self.assignment.launches.iter().enumerate() {
            let launch =
                Launch { offering: offering as u32, copies: 1, pods: pods_on(Seat::Launch(at)) };
            match solution.launches.last_mut() {
                Some(last) if (last.offering, &last.pods) == (launch.offering, &launch.pods) => {
                    last.copies += 1;
                }
                _ => solution.launches.push(launch),
            }
        }
        solution.unplaced = pods_on(Seat::Nowhere)
            .into_iter()
            .map(|(group, count)| Unplaced { group, count, reason: Reason::Combination })
            .collect();
        solution
    }
}

/// Pods placed per priority, the highest first, then money: greater is better.
pub type Worth = (Vec<usize>, std::cmp::Reverse<Money>);

pub fn worth(problem: &Problem, assignment: &Assignment, money: Money) -> Worth {
    let mut placed: BTreeMap<std::cmp::Reverse<i32>, usize> = BTreeMap::new();
    for &(group, seat) in &assignment.pods {
        let priority = std::cmp::Reverse(problem.groups[group].priority);
        *placed.entry(priority).or_default() += usize::from(seat != Seat::Nowhere);
    }
    (placed.into_values().collect(), std::cmp::Reverse(money))
}

/// Calls `visit` with every feasible assignment, equal pods and equal launches in one order only.
pub fn for_each_feasible(problem: &Problem, visit: &mut dyn FnMut(&World<'_>, &Assignment)) {
    let groups = problem.groups.iter().enumerate();
    let pods: Vec<usize> =
        groups.flat_map(|(at, group)| (0..group.count).map(move |_| at)).collect();
    extend(problem, &pods, &mut Assignment::default(), visit);
}

fn extend(
    problem: &Problem,
    rest: &[usize],
    assignment: &mut Assignment,
    visit: &mut dyn FnMut(&World<'_>, &Assignment),
) {
    let world = World::new(problem, assignment);
    if !world.seats_hold() {
        return;
    }
    let Some((&group, rest)) = rest.split_first() else {
        if world.is_feasible() {
            visit(&world, assignment);
        }
        return;
    };
    let nodes = (0..problem.nodes.len()).map(Seat::Node);
    let launches = (0..assignment.launches.len()).map(Seat::Launch);
    let seats: Vec<Seat> = nodes.chain(launches).chain([Seat::Nowhere]).collect();
    for seat in seats {
        assignment.pods.push((group, seat));
        extend(problem, rest, assignment, visit);
        assignment.pods.pop();
    }
    for offering in 0..problem.offerings.len() {
        assignment.pods.push((group, Seat::Launch(assignment.launches.len())));
        assignment.launches.push(offering);
        extend(problem, rest, assignment, visit);
        assignment.launches.pop();
        assignment.pods.pop();
    }
}
