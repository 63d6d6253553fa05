//! What of a problem can matter: groups that have a place, hosts that no other beats.

use crate::problem::{Affinity, Money, NO_DOMAIN, NODE_KEY, Problem};
use crate::solution::Solution;

/// A group's bit must fit a word.
const MOST_GROUPS: usize = 63;

/// What can host pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Index into [`Problem::nodes`].
    Node(u32),
    /// Index into [`Problem::offerings`].
    Launch(u32),
}

/// An existing node that can take pods, or an offering worth buying.
#[derive(Clone)]
pub(super) struct Host {
    pub kind: Kind,
    /// Never negative.
    pub room: Vec<i64>,
    /// The groups whose pods may be here, one bit each.
    pub accepts: u64,
    /// What preferences cost for each pod of a group here, whatever else is here.
    pub pod_cost: Vec<Money>,
    /// What a launch takes from each limit; empty for nodes and when there are no limits.
    pub limits: Vec<i64>,
    /// The flexibilities that a launch of this must keep.
    pub rules: Vec<u32>,
}

impl Host {
    /// Existing nodes first, then offerings.
    fn domains<'p>(&self, problem: &'p Problem) -> &'p [u32] {
        match self.kind {
            Kind::Node(node) => &problem.nodes[node as usize].domains,
            Kind::Launch(offering) => &problem.offerings[offering as usize].domains,
        }
    }

    /// The domain of a key; `None` where it is missing. Every host has [`NODE_KEY`], with no
    /// number of its own.
    pub(super) fn domain(&self, problem: &Problem, key: u8) -> Option<u32> {
        if key == NODE_KEY {
            return Some(0);
        }
        Some(self.domains(problem)[key as usize]).filter(|&domain| domain != NO_DOMAIN)
    }

    /// Pods of a set that are bound here.
    pub(super) fn bound(&self, problem: &Problem, set: u32) -> u32 {
        match self.kind {
            Kind::Node(node) => bound_on(problem, set, node),
            Kind::Launch(_) => 0,
        }
    }
}

/// Pods of a set that are bound on a node.
pub(super) fn bound_on(problem: &Problem, set: u32, node: u32) -> u32 {
    let bound = &problem.sets[set as usize].bound;
    bound.binary_search_by_key(&node, |(node, _)| *node).map_or(0, |at| bound[at].1)
}

/// The groups in the order of the search, and their hosts.
pub(super) struct Model<'a> {
    pub problem: &'a Problem,
    /// Index into [`Problem::groups`].
    pub groups: Vec<u32>,
    pub counts: Vec<u32>,
    /// Existing nodes, in order.
    pub nodes: Vec<Host>,
    /// Offerings, none of which another beats.
    pub launches: Vec<Host>,
    /// The most that one launch takes from each limit.
    most_limits: Vec<i64>,
}

impl<'a> Model<'a> {
    /// `None` when there are too many groups. A host that `differ` tells apart from another is not
    /// beaten by it.
    pub(super) fn new(problem: &'a Problem, differ: impl Fn(&Host, &Host) -> bool) -> Option<Self> {
        let groups: Vec<u32> =
            (0u32..).zip(&problem.groups).filter(|(_, g)| g.count > 0).map(|(at, _)| at).collect();
        if groups.len() > MOST_GROUPS {
            return None;
        }
        let mut model = Self {
            problem,
            groups,
            counts: Vec::new(),
            nodes: Vec::new(),
            launches: Vec::new(),
            most_limits: vec![0; problem.limits.len()],
        };
        model.fill_hosts();
        model.support();
        model.reorder();
        model.nodes.retain(|host| host.accepts != 0);
        model.drop_beaten(differ);
        for host in &model.launches {
            for (most, &amount) in model.most_limits.iter_mut().zip(&host.limits) {
                *most = amount.max(*most);
            }
        }
        Some(model)
    }

    fn fill_hosts(&mut self) {
        for node in 0..self.problem.nodes.len() {
            let host = self.host(Kind::Node(node as u32), &self.problem.nodes[node].free);
            self.nodes.push(host);
        }
        for (at, offering) in self.problem.offerings.iter().enumerate() {
            let mut host = self.host(Kind::Launch(at as u32), &offering.capacity);
            host.limits = vec![0; self.problem.limits.len()];
            for &(limit, amount) in &offering.limits {
                let sum = &mut host.limits[limit as usize];
                *sum = amount.saturating_add(*sum);
            }
            let limits = self.problem.limits.iter().zip(&host.limits);
            if limits.into_iter().any(|(limit, &amount)| amount > limit.remaining.max(0)) {
                continue;
            }
            let rules = (0u32..).zip(&self.problem.flexibilities);
            let of = rules.filter(|(_, rule)| rule.values.iter().any(|(o, _)| *o as usize == at));
            host.rules = of.map(|(rule, _)| rule).collect();
            self.launches.push(host);
        }
        self.nodes.retain(|host| host.accepts != 0);
        self.launches.retain(|host| host.accepts != 0);
    }

    fn host(&self, kind: Kind, room: &[i64]) -> Host {
        let mut host = Host {
            kind,
            room: room.iter().map(|&room| room.max(0)).collect(),
            accepts: 0,
            pod_cost: Vec::new(),
            limits: Vec::new(),
            rules: Vec::new(),
        };
        for (at, &group) in self.groups.iter().enumerate() {
            host.pod_cost.push(pod_cost(self.problem, &host, group));
            if self.takes(&host, group) {
                host.accepts |= 1 << at;
            }
        }
        host
    }

    /// Whether a pod may be here as far as can be told without looking at other pods.
    fn takes(&self, host: &Host, group: u32) -> bool {
        let class = self.problem.class_of(group);
        let accepted = match host.kind {
            Kind::Node(node) => class.nodes.contains(node as usize),
            Kind::Launch(offering) => class.offerings.contains(offering as usize),
        };
        let request = &self.problem.groups[group as usize].request;
        let has = |key: u8| host.domain(self.problem, key).is_some();
        accepted
            && request.iter().zip(&host.room).all(|(ask, room)| ask <= room)
            && (self.problem.spreads.iter())
                .filter(|spread| spread.cost.is_none() && spread.groups.contains(&group))
                .all(|spread| has(spread.key))
            && (self.problem.affinities.iter())
                .filter(|affinity| affinity.cost.is_none() && affinity.groups.contains(&group))
                .all(|affinity| affinity.keys.iter().all(|&key| has(key)))
    }

    /// Takes groups off hosts where no pod that they must be near to can ever be.
    fn support(&mut self) {
        let problem = self.problem;
        for _ in 0..=self.groups.len() {
            let mut changed = false;
            for affinity in problem.affinities.iter().filter(|a| a.cost.is_none()) {
                changed |= self.support_one(affinity);
            }
            if !changed {
                return;
            }
        }
    }

    fn support_one(&mut self, affinity: &Affinity) -> bool {
        let set = &self.problem.sets[affinity.set as usize];
        // A pod of its own set may be the first, or stand beside another of its group.
        let leaning = self
            .mask(|group| affinity.groups.contains(&group) && !set.groups.contains(group as usize));
        let members = self.mask(|group| set.groups.contains(group as usize));
        let mut changed = false;
        for &key in &affinity.keys {
            let near = self.supported(affinity.set, key, members);
            let problem = self.problem;
            for host in self.nodes.iter_mut().chain(&mut self.launches) {
                let is_supported = if key == NODE_KEY {
                    host.accepts & members != 0 || host.bound(problem, affinity.set) > 0
                } else {
                    host.domain(problem, key).is_some_and(|d| near.binary_search(&d).is_ok())
                };
                if !is_supported && host.accepts & leaning != 0 {
                    host.accepts &= !leaning;
                    changed = true;
                }
            }
        }
        changed
    }

    /// The domains of a key in which pods of a set are bound or could be, ascending.
    fn supported(&self, set: u32, key: u8, members: u64) -> Vec<u32> {
        if key == NODE_KEY {
            return Vec::new();
        }
        let bound = self.problem.sets[set as usize].bound.iter();
        let bound = bound.map(|(node, _)| self.problem.nodes[*node as usize].domains[key as usize]);
        let hosts = self.nodes.iter().chain(&self.launches);
        let hosts = hosts.filter(|host| host.accepts & members != 0);
        let mut near: Vec<u32> =
            bound.chain(hosts.filter_map(|host| host.domain(self.problem, key))).collect();
        near.sort_unstable();
        near.dedup();
        near
    }

    /// One bit per group of the model.
    pub(super) fn mask(&self, is_in: impl Fn(u32) -> bool) -> u64 {
        let groups = self.groups.iter().enumerate().filter(|(_, group)| is_in(**group));
        groups.map(|(at, _)| 1 << at).sum()
    }

    /// Leaves out the groups without a host; those hardest to place come first.
    fn reorder(&mut self) {
        let size = |at: usize| {
            let request = &self.problem.groups[self.groups[at] as usize].request;
            let share = |dim: usize| {
                let hosts = self.nodes.iter().chain(&self.launches);
                let largest = hosts.map(|host| host.room[dim]).max().unwrap_or(0);
                (i128::from(request[dim]) << 20) / i128::from(largest.max(1))
            };
            (0..self.problem.dims).map(share).max().unwrap_or(0)
        };
        let wanted = |at: &usize| {
            self.nodes.iter().chain(&self.launches).any(|host| host.accepts >> at & 1 == 1)
        };
        let mut order: Vec<usize> = (0..self.groups.len()).filter(wanted).collect();
        order.sort_by_cached_key(|&at| (std::cmp::Reverse(size(at)), at));
        for host in self.nodes.iter_mut().chain(&mut self.launches) {
            let bits = order.iter().enumerate().map(|(to, &from)| (host.accepts >> from & 1) << to);
            host.accepts = bits.sum();
            host.pod_cost = order.iter().map(|&from| host.pod_cost[from]).collect();
        }
        self.groups = order.iter().map(|&from| self.groups[from]).collect();
        let count = |&group: &u32| self.problem.groups[group as usize].count;
        self.counts = self.groups.iter().map(count).collect();
    }

    /// Drops offerings that another one beats in everything.
    fn drop_beaten(&mut self, differ: impl Fn(&Host, &Host) -> bool) {
        let mut demand = vec![0i64; self.problem.dims];
        for (&group, &count) in self.groups.iter().zip(&self.counts) {
            let request = &self.problem.groups[group as usize].request;
            for (sum, &ask) in demand.iter_mut().zip(request) {
                *sum = sum.saturating_add(ask.saturating_mul(count.into()));
            }
        }
        let mut launches = std::mem::take(&mut self.launches);
        for host in &mut launches {
            for (room, &demand) in host.room.iter_mut().zip(&demand) {
                *room = demand.min(*room);
            }
        }
        let key = |host: &Host| {
            let offering = self.offering(host);
            (offering.tier, offering.price, offering_index(host))
        };
        launches.sort_by_key(key);
        for host in launches {
            let beats = |rival: &Host| {
                host.accepts & !rival.accepts == 0
                    && rival.room.iter().zip(&host.room).all(|(theirs, mine)| theirs >= mine)
                    && rival.limits.iter().zip(&host.limits).all(|(theirs, mine)| theirs <= mine)
                    && rival
                        .pod_cost
                        .iter()
                        .zip(&host.pod_cost)
                        .all(|(theirs, mine)| theirs <= mine)
                    && rival.rules.iter().all(|rule| host.rules.contains(rule))
                    && !differ(rival, &host)
                    && self.offering(rival).price <= self.offering(&host).price
            };
            if !self.launches.iter().any(beats) {
                self.launches.push(host);
            }
        }
    }

    /// The offering of a launch.
    pub(super) fn offering(&self, host: &Host) -> &'a crate::problem::Offering {
        &self.problem.offerings[offering_index(host) as usize]
    }

    /// The most that one launch takes from each limit.
    pub(super) fn most_limits(&self) -> &[i64] {
        &self.most_limits
    }

    /// Pods of all groups.
    pub(super) fn pods(&self) -> u32 {
        self.counts.iter().sum()
    }
}

fn offering_index(host: &Host) -> u32 {
    match host.kind {
        Kind::Node(index) | Kind::Launch(index) => index,
    }
}

/// Preferences, and soft affinities that ask for a key which the host does not carry.
fn pod_cost(problem: &Problem, host: &Host, group: u32) -> Money {
    let met = |class: u32| {
        let class = &problem.classes[class as usize];
        match host.kind {
            Kind::Node(node) => class.nodes.contains(node as usize),
            Kind::Launch(offering) => class.offerings.contains(offering as usize),
        }
    };
    let preferences = (problem.preferences.iter())
        .filter(|preference| preference.groups.contains(&group) && !met(preference.class))
        .map(|preference| preference.cost);
    let missing = |key: &u8| host.domain(problem, *key).is_none();
    let affinities = (problem.affinities.iter())
        .filter(|affinity| affinity.groups.contains(&group) && affinity.keys.iter().any(missing))
        .filter_map(|affinity| affinity.cost);
    preferences.chain(affinities).fold(0, Money::saturating_add)
}

/// Turns the ranking of solutions into one number, less being better: unplaced pods by priority,
/// then what is spent on each tier but the first, the last tier first, then cost and penalties,
/// then nodes. Each part has a range of its own, so sums of numbers compare as the parts do.
pub(super) struct Scale {
    /// Of a micro-dollar, whatever it is spent on.
    pub money: u128,
    /// (tier, what a micro-dollar spent there counts for beyond `money`).
    tiers: Vec<(u16, u128)>,
    /// Of an unplaced pod, per group of the problem.
    pub unplaced: Vec<u128>,
}

/// Sums stay below this.
const LARGEST: u128 = 1 << 126;

impl Scale {
    /// `None` when the numbers would not fit.
    pub(super) fn new(problem: &Problem) -> Option<Self> {
        let pods = u128::from(problem.pods());
        let money = pods + 1;
        let most = most_money(problem, pods)? + 1;
        let mut unit = money;
        let mut tiers: Vec<u16> = problem.offerings.iter().map(|o| o.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let mut scale = Self { money, tiers: Vec::new(), unplaced: Vec::new() };
        for tier in tiers {
            if scale.tiers.is_empty() {
                scale.tiers.push((tier, 0));
            } else {
                unit = unit.checked_mul(most)?;
                scale.tiers.push((tier, unit));
            }
        }
        unit = unit.checked_mul(most)?;
        let mut priorities: Vec<i32> = problem.groups.iter().map(|g| g.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        scale.unplaced = vec![0; problem.groups.len()];
        for priority in priorities {
            let mut pods = 0u128;
            for (at, group) in problem.groups.iter().enumerate() {
                if group.priority == priority {
                    scale.unplaced[at] = unit;
                    pods += u128::from(group.count);
                }
            }
            unit = unit.checked_mul(pods + 1).filter(|&unit| unit < LARGEST)?;
        }
        Some(scale)
    }

    /// Of one launch.
    pub(super) fn launch(&self, offering: &crate::problem::Offering) -> u128 {
        let tier = self.tiers.iter().find(|(tier, _)| *tier == offering.tier);
        let extra = tier.map_or(0, |(_, extra)| *extra);
        1 + (self.money + extra) * offering.price as u128
    }

    /// Of money that is not spent on a launch.
    pub(super) fn penalty(&self, money: Money) -> u128 {
        self.money * money.max(0) as u128
    }

    /// The money in a score that no solution falls below, for those that leave the same pods
    /// without a place as a solution of another score; `None` when the scores differ in that, or
    /// when there are tiers.
    pub(super) fn money_in(&self, least: u128, score: u128) -> Option<Money> {
        let unit = *self.unplaced.iter().min()?;
        let comparable = self.tiers.len() < 2 && least / unit == score / unit;
        comparable.then(|| Money::try_from(least % unit / self.money).unwrap_or(Money::MAX))
    }

    /// Of a whole solution whose cost and penalty are right.
    pub(super) fn of(&self, problem: &Problem, solution: &Solution) -> u128 {
        let unplaced = solution.unplaced.iter();
        let unplaced: u128 =
            unplaced.map(|u| self.unplaced[u.group as usize] * u128::from(u.count)).sum();
        let launches = solution.launches.iter().map(|launch| {
            self.launch(&problem.offerings[launch.offering as usize]) * u128::from(launch.copies)
        });
        unplaced + launches.sum::<u128>() + self.penalty(solution.penalty)
    }
}

/// No solution whose launches all hold pods can cost more, penalties included.
fn most_money(problem: &Problem, pods: u128) -> Option<u128> {
    let dearest = problem.offerings.iter().map(|o| o.price as u128).max().unwrap_or(0);
    let soft = (problem.spreads.iter().map(|s| s.cost))
        .chain(problem.affinities.iter().map(|a| a.cost))
        .chain(problem.exclusions.iter().map(|e| e.cost))
        .chain(problem.preferences.iter().map(|p| Some(p.cost)));
    let soft: u128 = soft.flatten().map(|cost| cost as u128).sum();
    pods.checked_mul(dearest + soft)
}
