//! Which pods stand, when affinities are met one after another.

use rustc_hash::FxHashMap;

use super::{domain, spot_domain};
use crate::{
    greedy::{ledger::Host, run::Run},
    problem::NODE_KEY,
};

/// (spot, group, count) of pods that never get to stand.
pub(super) fn unsupported(run: &Run<'_>, hard: &[usize]) -> Vec<(usize, u32, u32)> {
    let problem = run.prepared.problem;
    let base = run.spots.len();
    let mut by_group: FxHashMap<u32, Vec<usize>> = FxHashMap::default();
    for &at in hard {
        for &group in &problem.affinities[at].groups {
            by_group.entry(group).or_default().push(at);
        }
    }
    // Per affinity and key: the domains in which a pod of its set stands.
    let mut near: FxHashMap<(usize, u8), FxHashMap<usize, u32>> = FxHashMap::default();
    for &at in hard {
        let affinity = &problem.affinities[at];
        for &key in &affinity.keys {
            let domains = near.entry((at, key)).or_default();
            for &(node, pods) in &problem.sets[affinity.set as usize].bound {
                let to = domain(problem, Host::Existing(node), key, base + node as usize);
                if to != usize::MAX {
                    *domains.entry(to).or_insert(0) += pods;
                }
            }
        }
    }
    let place = |index, key| spot_domain(run, index, key);
    let mut waiting: Vec<(usize, u32, u32)> = Vec::new();
    let mut ready: Vec<(usize, u32)> = Vec::new();
    for (index, spot) in run.spots.iter().enumerate() {
        for &(group, count) in &spot.pods {
            if by_group.contains_key(&group) {
                waiting.push((index, group, count));
            } else {
                ready.push((index, group));
            }
        }
    }
    loop {
        for (index, group) in ready.drain(..) {
            for &at in hard {
                let affinity = &problem.affinities[at];
                if problem.sets[affinity.set as usize].groups.contains(group as usize) {
                    for &key in &affinity.keys {
                        let to = place(index, key);
                        if to != usize::MAX {
                            *near.entry((at, key)).or_default().entry(to).or_insert(0) += 1;
                        }
                    }
                }
            }
        }
        let met = |at: usize, index: usize| {
            problem.affinities[at].keys.iter().all(|&key| {
                near.get(&(at, key)).is_some_and(|d| d.contains_key(&place(index, key)))
            })
        };
        waiting.retain(|&(index, group, _)| {
            let stands = by_group[&group].iter().all(|&at| met(at, index));
            if stands {
                ready.push((index, group));
            }
            !stands
        });
        if ready.is_empty() {
            // Nobody leans on anyone any more: one pod may be the first of its set.
            let nobody = |at: usize| {
                problem.affinities[at].keys.iter().all(|&key| near[&(at, key)].is_empty())
            };
            let first = waiting.iter().position(|&(index, group, _)| {
                by_group[&group].iter().all(|&at| {
                    let set = problem.affinities[at].set as usize;
                    met(at, index)
                        || (nobody(at) && problem.sets[set].groups.contains(group as usize))
                })
            });
            match first {
                Some(first) => {
                    let (index, group, _) = waiting.swap_remove(first);
                    ready.push((index, group));
                }
                None => return waiting,
            }
        }
    }
}

/// A (spot, group, count) whose affinity nothing meets in the end state: nobody of its set beside
/// it, although the set has pods elsewhere, so that it would not be let in as the last pod.
pub(super) fn alone(run: &Run<'_>, hard: &[usize]) -> Option<(usize, u32, u32)> {
    let problem = run.prepared.problem;
    let base = run.spots.len();
    let place = |index, key| spot_domain(run, index, key);
    for &at in hard {
        let affinity = &problem.affinities[at];
        let set = &problem.sets[affinity.set as usize];
        let mut counts: Vec<FxHashMap<usize, u64>> = Vec::new();
        let mut totals: Vec<u64> = Vec::new();
        for &key in &affinity.keys {
            let mut count: FxHashMap<usize, u64> = FxHashMap::default();
            let mut total = 0;
            for &(node, pods) in &set.bound {
                let to = domain(problem, Host::Existing(node), key, base + node as usize);
                if to != usize::MAX {
                    *count.entry(to).or_default() += u64::from(pods);
                    total += u64::from(pods);
                }
            }
            for (index, spot) in run.spots.iter().enumerate() {
                let to = place(index, key);
                let members = spot.pods.iter().filter(|(g, _)| set.groups.contains(*g as usize));
                let pods: u64 = members.map(|(_, pods)| u64::from(*pods)).sum();
                if to != usize::MAX && pods > 0 {
                    let copies = u64::from(spot.copies);
                    *count.entry(to).or_default() +=
                        if key == NODE_KEY { pods } else { pods * copies };
                    total += pods * copies;
                }
            }
            counts.push(count);
            totals.push(total);
        }
        let subjects = &run.prepared.affinity_subjects[at];
        for (index, spot) in run.spots.iter().enumerate() {
            let stating = spot.pods.iter().filter(|(g, _)| subjects.contains(*g as usize));
            for &(group, pods) in stating {
                let own = u64::from(set.groups.contains(group as usize));
                let near = affinity.keys.iter().zip(&counts).all(|(&key, count)| {
                    count.get(&place(index, key)).is_some_and(|there| *there > own)
                });
                let first = own == 1 && totals.iter().all(|total| *total == 1);
                if !near && !first {
                    return Some((index, group, pods));
                }
            }
        }
    }
    None
}
