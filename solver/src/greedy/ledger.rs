//! The running account of a greedy solve: who is left, who stands where, what may still come.

mod rules;
mod shares;
mod spot;

use crate::{
    Problem,
    greedy::prepare::Prepared,
    problem::{NO_DOMAIN, NODE_KEY, Spread},
};

pub(crate) use shares::SpreadAccount;
pub(super) use shares::open_spreads;
pub(super) use spot::{Host, Spot, fits};

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
