//! The running account of a greedy solve: who is left, who stands where, what may still come.

use rustc_hash::FxHashMap;

use crate::{
    Problem,
    greedy::prepare::{Prepared, Role},
    problem::{Money, NO_DOMAIN, NODE_KEY, Spread},
};

/// Where a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// Index into [`Problem::nodes`].
    Existing(u32),
    /// Index into [`Problem::offerings`].
    Launch(u32),
}

/// A node while it is filled.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub host: Host,
    /// Room left per dimension.
    pub room: Vec<i64>,
    /// (group, pods) in the order of placing.
    pub pods: Vec<(u32, u32)>,
    /// How many nodes like this one; above 1 only where no constraint looks.
    pub copies: u32,
}

impl Spot {
    fn domain(&self, problem: &Problem, key: u8) -> u32 {
        let domains = match self.host {
            Host::Existing(node) => &problem.nodes[node as usize].domains,
            Host::Launch(offering) => &problem.offerings[offering as usize].domains,
        };
        domains[key as usize]
    }

    fn bound(&self, problem: &Problem, set: u32) -> u32 {
        let Host::Existing(node) = self.host else { return 0 };
        let bound = &problem.sets[set as usize].bound;
        bound.binary_search_by_key(&node, |&(at, _)| at).map_or(0, |at| bound[at].1)
    }

    fn here(&self, is_in: impl Fn(usize) -> bool) -> u32 {
        self.pods.iter().filter(|(group, _)| is_in(*group as usize)).map(|(_, count)| count).sum()
    }

    fn counted(&self, spread: &Spread) -> bool {
        match self.host {
            Host::Existing(node) => spread.counted_nodes.contains(node as usize),
            Host::Launch(offering) => spread.counted_offerings.contains(offering as usize),
        }
    }

    /// How many pods of a request fit into the room.
    pub(super) fn fits(&self, request: &[i64], want: u32) -> u32 {
        fits(&self.room, request, want)
    }
}

/// How many times `request` fits into `room`, at most `want`.
pub(super) fn fits(room: &[i64], request: &[i64], want: u32) -> u32 {
    let mut most = want;
    for (&have, &ask) in room.iter().zip(request) {
        if ask > 0 {
            let times = have.max(0) / ask;
            if times < i64::from(most) {
                most = times as u32;
            }
        }
    }
    most
}

/// The account of one spread over a key other than [`NODE_KEY`].
#[derive(Clone, Debug, Default)]
pub(crate) struct SpreadAccount {
    /// Pods of the set per domain.
    pods: Vec<u32>,
    /// Placed pods of the constraint's own groups per domain.
    subjects: Vec<u32>,
    /// Domains that count toward the minimum.
    active: Vec<bool>,
    /// The share of each domain in an even end state.
    target: Vec<u32>,
    /// Domains so full of pods without a choice that the constraint's own pods keep out.
    banned: Vec<bool>,
}

impl SpreadAccount {
    fn minimum(&self, min_domains: u32) -> u32 {
        let mut counts = self.pods.iter().zip(&self.active).filter(|(_, active)| **active);
        let mut lowest = u32::MAX;
        let mut domains = 0;
        for (pods, _) in counts.by_ref() {
            lowest = lowest.min(*pods);
            domains += 1;
        }
        if domains == 0 || domains < min_domains { 0 } else { lowest }
    }
}

/// The account.
#[derive(Clone, Debug)]
pub(super) struct Ledger<'a> {
    pub prepared: &'a Prepared<'a>,
    /// Pods left per group.
    pub left: Vec<u32>,
    /// Pods left per bucket.
    pub left_in: Vec<u32>,
    /// What remains of each limit.
    pub limits: Vec<i64>,
    spreads: Vec<SpreadAccount>,
    /// Pods per (set, key) table and domain; [`NODE_KEY`] tables hold one total.
    tables: Vec<Vec<u32>>,
    /// Placed pods of an exclusion's own groups, per domain.
    excluded: Vec<Vec<u32>>,
    /// Judge spreads by the minimum that stands now instead of by even shares.
    pub strict: bool,
    /// Floor of hostname spreads on existing nodes.
    pub node_floor: Vec<u32>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(prepared: &'a Prepared<'a>, use_node_floor: bool) -> Self {
        let problem = prepared.problem;
        let sizes = |key: u8| if key == NODE_KEY { 1 } else { problem.keys[key as usize] as usize };
        let mut tables = Vec::with_capacity(prepared.tables.len());
        for &(set, key) in &prepared.tables {
            let mut counts = vec![0; sizes(key)];
            for &(node, pods) in &problem.sets[set as usize].bound {
                let domain = if key == NODE_KEY {
                    0
                } else {
                    problem.nodes[node as usize].domains[key as usize]
                };
                if domain != NO_DOMAIN {
                    counts[domain as usize] += pods;
                }
            }
            tables.push(counts);
        }
        let excluded = problem.exclusions.iter().map(|x| vec![0; sizes(x.key)]).collect();
        let floor = |spread: &Spread| if use_node_floor { node_floor(problem, spread) } else { 0 };
        let mut ledger = Self {
            prepared,
            left: problem.groups.iter().map(|group| group.count).collect(),
            left_in: prepared.buckets.iter().map(|bucket| bucket.pods(problem)).collect(),
            limits: problem.limits.iter().map(|limit| limit.remaining).collect(),
            spreads: Vec::new(),
            tables,
            excluded,
            strict: false,
            node_floor: problem.spreads.iter().map(floor).collect(),
        };
        ledger.spreads.clone_from(&prepared.accounts);
        ledger
    }

    /// How many pods of `group`, at most `want`, may join `spot` by every constraint but capacity
    /// and class. Never more than are left.
    pub(super) fn allowed(&self, group: u32, spot: &Spot, want: u32) -> u32 {
        let mut most = want.min(self.left[group as usize]);
        let roles = &self.prepared.roles[group as usize];
        for &other in &roles.conflicts {
            let there = spot.here(|member| member == other as usize);
            most = most.min(if there > 0 {
                0
            } else if other == group {
                1
            } else {
                most
            });
        }
        for role in &roles.exclusions {
            if most == 0 {
                return 0;
            }
            most = most.min(self.exclusion_allows(role, spot));
        }
        for role in &roles.spreads {
            if most == 0 {
                return 0;
            }
            most = most.min(self.spread_allows(role, spot));
        }
        if most > 0 && !roles.affinities.iter().all(|&a| self.affinity_allows(a, group, spot)) {
            return 0;
        }
        most
    }

    fn exclusion_allows(&self, role: &Role, spot: &Spot) -> u32 {
        let at = role.constraint as usize;
        let exclusion = &self.prepared.problem.exclusions[at];
        if exclusion.cost.is_some() {
            return u32::MAX;
        }
        let (members, subjects) = if exclusion.key == NODE_KEY {
            let set = &self.prepared.problem.sets[exclusion.set as usize].groups;
            let subjects = &self.prepared.exclusion_subjects[at];
            (spot.here(|g| set.contains(g)), spot.here(|g| subjects.contains(g)))
        } else {
            let domain = spot.domain(self.prepared.problem, exclusion.key);
            if domain == NO_DOMAIN {
                return u32::MAX;
            }
            let table = self.prepared.exclusion_table[at] as usize;
            let bound = self.bound_in(exclusion.set, exclusion.key, domain);
            let members = self.tables[table][domain as usize].saturating_sub(bound);
            (members, self.excluded[at][domain as usize])
        };
        match (role.subject && members > 0, role.member && subjects > 0) {
            (false, false) if role.subject && role.member => 1,
            (false, false) => u32::MAX,
            _ => 0,
        }
    }

    /// Bound pods of a set in a domain; what they forbid is in the class rows already.
    fn bound_in(&self, set: u32, key: u8, domain: u32) -> u32 {
        let problem = self.prepared.problem;
        let inside = |node: u32| problem.nodes[node as usize].domains[key as usize] == domain;
        let bound = &problem.sets[set as usize].bound;
        bound.iter().filter(|(node, _)| inside(*node)).map(|(_, pods)| pods).sum()
    }

    fn spread_allows(&self, role: &Role, spot: &Spot) -> u32 {
        let at = role.constraint as usize;
        let problem = self.prepared.problem;
        let spread = &problem.spreads[at];
        if spread.cost.is_some() {
            return u32::MAX;
        }
        let adds = role.member && spot.counted(spread);
        let (pods, subjects, cap) = if spread.key == NODE_KEY {
            let set = &problem.sets[spread.set as usize].groups;
            let own = &self.prepared.spread_subjects[at];
            let floor =
                if matches!(spot.host, Host::Existing(_)) { self.node_floor[at] } else { 0 };
            let here = if spot.counted(spread) {
                spot.here(|g| set.contains(g)) + spot.bound(problem, spread.set)
            } else {
                0
            };
            (here, spot.here(|g| own.contains(g)), spread.max_skew + floor)
        } else {
            let domain = spot.domain(problem, spread.key);
            if domain == NO_DOMAIN {
                return if role.subject { 0 } else { u32::MAX };
            }
            let account = &self.spreads[at];
            let domain = domain as usize;
            if role.subject && account.banned[domain] {
                return 0;
            }
            let subjects =
                account.subjects[domain] + u32::from(!self.strict && !account.banned[domain]);
            (account.pods[domain], subjects, self.spread_cap(at, domain))
        };
        if !role.subject && subjects == 0 {
            return u32::MAX;
        }
        if adds {
            cap.saturating_sub(pods)
        } else if role.subject && pods > cap {
            0
        } else {
            u32::MAX
        }
    }

    fn spread_cap(&self, at: usize, domain: usize) -> u32 {
        let account = &self.spreads[at];
        if !self.strict {
            return account.target[domain];
        }
        let spread = &self.prepared.problem.spreads[at];
        let others = account.minimum(spread.min_domains);
        others.saturating_add(spread.max_skew)
    }

    fn affinity_allows(&self, affinity: u32, group: u32, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        let stated = &problem.affinities[affinity as usize];
        if stated.cost.is_some() {
            return true;
        }
        let tables = &self.prepared.affinity_tables[affinity as usize];
        let set = &problem.sets[stated.set as usize].groups;
        let near = |(&key, &table): (&u8, &u32)| {
            if key == NODE_KEY {
                return spot.here(|g| set.contains(g)) + spot.bound(problem, stated.set) > 0;
            }
            let domain = spot.domain(problem, key);
            domain != NO_DOMAIN && self.tables[table as usize][domain as usize] > 0
        };
        if stated.keys.iter().zip(tables).all(near) {
            return true;
        }
        let has_keys = stated
            .keys
            .iter()
            .all(|&key| key == NODE_KEY || spot.domain(problem, key) != NO_DOMAIN);
        let nobody = tables.iter().all(|&t| self.tables[t as usize].iter().all(|&n| n == 0));
        has_keys && nobody && set.contains(group as usize)
    }

    /// What preferences that span nodes would cost if `group` joined `spot`, per pod.
    pub(super) fn soft_cost(&self, group: u32, spot: &Spot) -> Money {
        let roles = &self.prepared.roles[group as usize];
        let problem = self.prepared.problem;
        let mut cost = 0;
        for role in roles.spreads.iter().filter(|role| role.subject) {
            let spread = &problem.spreads[role.constraint as usize];
            if let Some(each) = spread.cost
                && self.soft_spread_missed(role, spread, spot)
            {
                cost += each;
            }
        }
        for role in roles.exclusions.iter().filter(|role| role.subject) {
            let exclusion = &problem.exclusions[role.constraint as usize];
            if let Some(each) = exclusion.cost
                && self.near(
                    exclusion.set,
                    exclusion.key,
                    self.prepared.exclusion_table[role.constraint as usize],
                    spot,
                )
            {
                cost += each;
            }
        }
        for &affinity in &roles.affinities {
            let stated = &problem.affinities[affinity as usize];
            let tables = &self.prepared.affinity_tables[affinity as usize];
            if let Some(each) = stated.cost
                && !stated.keys.iter().zip(tables).all(|(&k, &t)| self.near(stated.set, k, t, spot))
            {
                cost += each;
            }
        }
        cost
    }

    fn soft_spread_missed(&self, role: &Role, spread: &Spread, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        if spread.key == NODE_KEY {
            let set = &problem.sets[spread.set as usize].groups;
            return spot.here(|g| set.contains(g)) + spot.bound(problem, spread.set)
                >= spread.max_skew;
        }
        let domain = spot.domain(problem, spread.key);
        let account = &self.spreads[role.constraint as usize];
        domain == NO_DOMAIN || account.pods[domain as usize] >= account.target[domain as usize]
    }

    fn near(&self, set: u32, key: u8, table: u32, spot: &Spot) -> bool {
        let problem = self.prepared.problem;
        if key == NODE_KEY {
            let groups = &problem.sets[set as usize].groups;
            return spot.here(|g| groups.contains(g)) + spot.bound(problem, set) > 0;
        }
        let domain = spot.domain(problem, key);
        domain != NO_DOMAIN && self.tables[table as usize][domain as usize] > 0
    }

    /// Books `count` pods of `group` on `spot` (each of its copies).
    pub(super) fn place(&mut self, group: u32, spot: &mut Spot, count: u32) {
        let total = count * spot.copies;
        self.left[group as usize] -= total;
        self.left_in[self.prepared.bucket_of[group as usize] as usize] -= total;
        self.account(group, spot, i64::from(total));
        let request = &self.prepared.problem.groups[group as usize].request;
        for (room, ask) in spot.room.iter_mut().zip(request) {
            *room -= ask * i64::from(count);
        }
        match spot.pods.iter_mut().find(|(other, _)| *other == group) {
            Some((_, pods)) => *pods += count,
            None => spot.pods.push((group, count)),
        }
    }

    /// Takes `count` pods of `group` off `spot` again; they are left once more.
    pub(super) fn remove(&mut self, group: u32, spot: &mut Spot, count: u32) {
        let total = count * spot.copies;
        self.left[group as usize] += total;
        self.left_in[self.prepared.bucket_of[group as usize] as usize] += total;
        self.account(group, spot, -i64::from(total));
        let request = &self.prepared.problem.groups[group as usize].request;
        for (room, ask) in spot.room.iter_mut().zip(request) {
            *room += ask * i64::from(count);
        }
        if let Some((_, pods)) = spot.pods.iter_mut().find(|(other, _)| *other == group) {
            *pods -= count;
        }
        spot.pods.retain(|(_, pods)| *pods > 0);
    }

    fn account(&mut self, group: u32, spot: &Spot, change: i64) {
        let problem = self.prepared.problem;
        let roles = &self.prepared.roles[group as usize];
        for role in &roles.spreads {
            let spread = &problem.spreads[role.constraint as usize];
            if spread.key == NODE_KEY {
                continue;
            }
            let domain = spot.domain(problem, spread.key);
            if domain == NO_DOMAIN {
                continue;
            }
            let account = &mut self.spreads[role.constraint as usize];
            if role.member && spot.counted(spread) {
                shift(&mut account.pods[domain as usize], change);
            }
            if role.subject {
                shift(&mut account.subjects[domain as usize], change);
            }
        }
        for &table in &roles.tables {
            let key = self.prepared.tables[table as usize].1;
            let domain = if key == NODE_KEY { 0 } else { spot.domain(problem, key) };
            if domain != NO_DOMAIN {
                shift(&mut self.tables[table as usize][domain as usize], change);
            }
        }
        for role in roles.exclusions.iter().filter(|role| role.subject) {
            let exclusion = &problem.exclusions[role.constraint as usize];
            let domain =
                if exclusion.key == NODE_KEY { 0 } else { spot.domain(problem, exclusion.key) };
            if domain != NO_DOMAIN {
                shift(&mut self.excluded[role.constraint as usize][domain as usize], change);
            }
        }
    }

    /// Whether a launch of `offering` keeps within every limit, `copies` times.
    pub(super) fn affords(&self, offering: u32, copies: u32) -> u32 {
        let mut most = copies;
        for &(limit, amount) in &self.prepared.problem.offerings[offering as usize].limits {
            if amount > 0 {
                let times = self.limits[limit as usize].max(0) / amount;
                most = most.min(u32::try_from(times).unwrap_or(u32::MAX));
            }
        }
        most
    }

    /// Whether `spot`, launched, would open a counted domain so empty that a spread breaks.
    pub(super) fn opens_safely(&self, offering: u32) -> bool {
        let problem = self.prepared.problem;
        problem.spreads.iter().zip(&self.spreads).all(|(spread, account)| {
            if spread.key == NODE_KEY || spread.cost.is_some() {
                return true;
            }
            let domain = problem.offerings[offering as usize].domains[spread.key as usize];
            if domain == NO_DOMAIN
                || account.active[domain as usize]
                || !spread.counted_offerings.contains(offering as usize)
            {
                return true;
            }
            let busiest = account.pods.iter().zip(&account.subjects).filter(|(_, s)| **s > 0);
            busiest.map(|(pods, _)| *pods).max().unwrap_or(0) <= spread.max_skew
        })
    }

    /// Books the launch itself: limits and the domains it opens.
    pub(super) fn launch(&mut self, offering: u32, copies: u32) {
        let problem = self.prepared.problem;
        let bought = &problem.offerings[offering as usize];
        for &(limit, amount) in &bought.limits {
            self.limits[limit as usize] =
                self.limits[limit as usize].saturating_sub(amount.saturating_mul(copies.into()));
        }
        for (spread, account) in problem.spreads.iter().zip(&mut self.spreads) {
            if spread.key != NODE_KEY && spread.counted_offerings.contains(offering as usize) {
                let domain = bought.domains[spread.key as usize];
                if domain != NO_DOMAIN {
                    account.active[domain as usize] = true;
                }
            }
        }
    }

    /// Gives a launch back.
    pub(super) fn cancel(&mut self, offering: u32, copies: u32) {
        for &(limit, amount) in &self.prepared.problem.offerings[offering as usize].limits {
            self.limits[limit as usize] =
                self.limits[limit as usize].saturating_add(amount.saturating_mul(copies.into()));
        }
    }
}

fn shift(count: &mut u32, change: i64) {
    let moved = i64::from(*count) + change;
    *count = u32::try_from(moved.max(0)).unwrap_or(u32::MAX);
}

/// The lowest count of bound pods on any existing node that a hostname spread counts.
fn node_floor(problem: &Problem, spread: &Spread) -> u32 {
    if spread.key != NODE_KEY {
        return 0;
    }
    let bound = &problem.sets[spread.set as usize].bound;
    let on = |node: usize| {
        bound.binary_search_by_key(&(node as u32), |&(at, _)| at).map_or(0, |at| bound[at].1)
    };
    let nodes = spread.counted_nodes.count();
    if nodes == 0 || nodes < spread.min_domains as usize {
        return 0;
    }
    spread.counted_nodes.iter().map(on).min().unwrap_or(0)
}

/// The accounts of all spreads before the first pod is placed.
pub(super) fn open_spreads(problem: &Problem) -> Vec<SpreadAccount> {
    let mut reach = Reach::default();
    problem.spreads.iter().map(|spread| open_spread(problem, spread, &mut reach)).collect()
}

fn open_spread<'a>(problem: &'a Problem, spread: &Spread, reach: &mut Reach<'a>) -> SpreadAccount {
    if spread.key == NODE_KEY {
        return SpreadAccount::default();
    }
    let key = spread.key as usize;
    let size = problem.keys[key] as usize;
    let mut account = SpreadAccount {
        pods: vec![0; size],
        subjects: vec![0; size],
        active: vec![false; size],
        target: vec![0; size],
        banned: vec![false; size],
    };
    for &domain in &spread.domains {
        account.active[domain as usize] = true;
    }
    for node in spread.counted_nodes.iter() {
        let domain = problem.nodes[node].domains[key];
        if domain != NO_DOMAIN {
            account.active[domain as usize] = true;
        }
    }
    for &(node, pods) in &problem.sets[spread.set as usize].bound {
        let domain = problem.nodes[node as usize].domains[key];
        if domain != NO_DOMAIN && spread.counted_nodes.contains(node as usize) {
            account.pods[domain as usize] += pods;
        }
    }
    share_out(problem, spread, &mut account, reach);
    account
}

/// The domains that pods of a class and request can live in, by key.
type Reach<'a> = FxHashMap<(u8, u32, &'a [i64]), Vec<usize>>;

/// Even shares: pods that can live in one domain only are counted there, the others level the
/// domains like water.
fn share_out<'a>(
    problem: &'a Problem,
    spread: &Spread,
    account: &mut SpreadAccount,
    reach: &mut Reach<'a>,
) {
    let mut flexible: u64 = 0;
    let mut pinned = account.pods.clone();
    let mut subjects_pinned = vec![false; pinned.len()];
    for group in problem.sets[spread.set as usize].groups.iter() {
        let count = problem.groups[group].count;
        let like = &problem.groups[group];
        let domains = reach
            .entry((spread.key, like.class, &like.request))
            .or_insert_with(|| reachable(problem, spread, group));
        match domains.as_slice() {
            [] => {}
            [only] => {
                pinned[*only] += count;
                subjects_pinned[*only] |= spread.groups.contains(&(group as u32));
            }
            _ => flexible += u64::from(count),
        }
    }
    let mut target = pinned.clone();
    let open: Vec<usize> = (0..target.len()).filter(|&d| account.active[d]).collect();
    level(&mut target, &open, flexible);
    let lowest = open.iter().map(|&d| target[d]).min().unwrap_or(0);
    let lowest = if (open.len() as u32) < spread.min_domains { 0 } else { lowest };
    for domain in 0..target.len() {
        let cap = lowest.saturating_add(spread.max_skew);
        account.banned[domain] = pinned[domain] > cap && !subjects_pinned[domain];
        account.target[domain] = target[domain].min(cap);
        if account.banned[domain] {
            account.target[domain] = u32::MAX;
        }
    }
}

/// The domains in which a group can live by class alone.
fn reachable(problem: &Problem, spread: &Spread, group: usize) -> Vec<usize> {
    let class = problem.class_of(group as u32);
    let key = spread.key as usize;
    let mut seen = vec![false; problem.keys[key] as usize];
    for node in class.nodes.iter() {
        if let Some(seen) = seen.get_mut(problem.nodes[node].domains[key] as usize) {
            *seen = true;
        }
    }
    let request = &problem.groups[group].request;
    for offering in class.offerings.iter() {
        let offered = &problem.offerings[offering];
        if let Some(seen) = seen.get_mut(offered.domains[key] as usize)
            && !*seen
        {
            *seen = request.iter().zip(&offered.capacity).all(|(ask, have)| ask <= have);
        }
    }
    (0..seen.len()).filter(|&domain| seen[domain]).collect()
}

/// Pours `amount` over the open domains so that the lowest rise first.
fn level(target: &mut [u32], open: &[usize], mut amount: u64) {
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
