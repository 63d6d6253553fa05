//! The even shares of spreads: what each domain may hold in the end.

use rustc_hash::FxHashMap;

use crate::{
    Problem,
    problem::{NODE_KEY, Spread},
    spread::{bound, pour},
};

/// The account of one spread over a key other than [`NODE_KEY`].
#[derive(Clone, Debug, Default)]
pub(crate) struct SpreadAccount {
    /// Pods of the set per domain.
    pub(super) pods: Vec<u32>,
    /// Placed pods of the constraint's own groups per domain.
    pub(super) subjects: Vec<u32>,
    /// Domains that count toward the minimum.
    pub(super) active: Vec<bool>,
    /// The share of each domain in an even end state.
    pub(super) target: Vec<u32>,
    /// Domains so full of pods without a choice that the constraint's own pods keep out.
    pub(super) banned: Vec<bool>,
}

impl SpreadAccount {
    pub(super) fn minimum(&self, min_domains: u32) -> u32 {
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

/// The accounts of all spreads before the first pod is placed.
pub(in crate::greedy) fn open_spreads(problem: &Problem) -> Vec<SpreadAccount> {
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
    for (domain, pods) in bound(problem, spread) {
        account.active[domain as usize] = true;
        account.pods[domain as usize] = u32::try_from(pods).unwrap_or(u32::MAX);
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
    pour(&mut target, &open, flexible);
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
