//! The last word before a construction is handed out: what final counts do not bear is taken back.
//!
//! Even shares are promises about the end state. Where the end state broke one (a domain could not
//! take its share), pods leave the overfull domains until every filter holds. Each step takes at
//! least one pod away, so it ends.

mod support;

use crate::{
    greedy::{ledger::Host, run::Run},
    problem::{NO_DOMAIN, NODE_KEY, Problem, Spread},
};

/// Takes pods off until spreads and affinities hold in the end state; whether it took any.
pub(super) fn repair(run: &mut Run<'_>) -> bool {
    let problem = run.prepared.problem;
    let mut took = false;
    loop {
        let mut clean = true;
        for (at, spread) in problem.spreads.iter().enumerate() {
            if spread.cost.is_none() {
                clean &= level(run, at, spread);
            }
        }
        clean &= lean(run);
        run.sweep();
        if clean {
            return took;
        }
        took = true;
    }
}

fn domain(problem: &Problem, host: Host, key: u8, at: usize) -> usize {
    if key == NODE_KEY {
        return at;
    }
    let domains = match host {
        Host::Existing(node) => &problem.nodes[node as usize].domains,
        Host::Launch(offering) => &problem.offerings[offering as usize].domains,
    };
    let domain = domains[key as usize];
    if domain == NO_DOMAIN { usize::MAX } else { domain as usize }
}

/// The domain of a spot. By node, a launch is a domain of its own under its number, and a node that
/// exists stands behind all spots.
fn spot_domain(run: &Run<'_>, index: usize, key: u8) -> usize {
    let host = run.spots[index].host;
    let own = match host {
        Host::Existing(node) => run.spots.len() + node as usize,
        Host::Launch(_) => index,
    };
    domain(run.prepared.problem, host, key, own)
}

/// The end state of one spread: pods of the set per domain, whether a domain counts, and where the
/// constraint's own pods stand.
struct EndState {
    pods: Vec<u32>,
    counts: Vec<bool>,
    subjects: Vec<u32>,
}

fn end_state(run: &Run<'_>, at: usize, spread: &Spread) -> EndState {
    let problem = run.prepared.problem;
    let by_node = spread.key == NODE_KEY;
    let extra = problem.nodes.len();
    let size =
        if by_node { run.spots.len() + extra } else { problem.keys[spread.key as usize] as usize };
    let mut state =
        EndState { pods: vec![0; size], counts: vec![false; size], subjects: vec![0; size] };
    // Nodes that exist are domains of their own behind the spots; a spot on one stands for it.
    let place = |node: usize| run.spots.len() + node;
    for &domain in &spread.domains {
        state.counts[domain as usize] = true;
    }
    for node in spread.counted_nodes.iter() {
        let at = domain(problem, Host::Existing(node as u32), spread.key, place(node));
        if at != usize::MAX {
            state.counts[at] = true;
        }
    }
    for &(node, pods) in &problem.sets[spread.set as usize].bound {
        let at = domain(problem, Host::Existing(node), spread.key, place(node as usize));
        if at != usize::MAX && spread.counted_nodes.contains(node as usize) {
            state.pods[at] += pods;
        }
    }
    let set = &problem.sets[spread.set as usize].groups;
    for (index, spot) in run.spots.iter().enumerate() {
        let to = spot_domain(run, index, spread.key);
        if to == usize::MAX {
            continue;
        }
        let counted = match spot.host {
            Host::Existing(node) => spread.counted_nodes.contains(node as usize),
            Host::Launch(offering) => spread.counted_offerings.contains(offering as usize),
        };
        state.counts[to] |= counted;
        let copies = if by_node { 1 } else { spot.copies };
        for &(group, count) in &spot.pods {
            if counted && set.contains(group as usize) {
                state.pods[to] += count * copies;
            }
            if run.prepared.spread_subjects[at].contains(group as usize) {
                state.subjects[to] += count * copies;
            }
        }
    }
    state
}

fn minimum(state: &EndState, spread: &Spread) -> u32 {
    let counted = state.pods.iter().zip(&state.counts).filter(|(_, counts)| **counts);
    let domains = counted.clone().count();
    if domains == 0 || domains < spread.min_domains as usize {
        return 0;
    }
    counted.map(|(pods, _)| *pods).min().unwrap_or(0)
}

/// Makes one spread hold; `true` when it already did.
fn level(run: &mut Run<'_>, at: usize, spread: &Spread) -> bool {
    let problem = run.prepared.problem;
    let mut clean = true;
    loop {
        let state = end_state(run, at, spread);
        let cap = minimum(&state, spread).saturating_add(spread.max_skew);
        let over = (0..state.pods.len()).find(|&d| state.subjects[d] > 0 && state.pods[d] > cap);
        let Some(over) = over else { return clean };
        clean = false;
        let excess = state.pods[over] - cap;
        let spots = run.spots.len();
        let members = &problem.sets[spread.set as usize].groups;
        let subjects = &run.prepared.spread_subjects[at];
        let mut rest = excess;
        // Pods that count and state the constraint go first; if none counts, those that state it.
        for pass in 0..3 {
            for index in 0..spots {
                if rest == 0 || spot_domain(run, index, spread.key) != over {
                    continue;
                }
                let leaves = |group: u32| {
                    let (member, subject) =
                        (members.contains(group as usize), subjects.contains(group as usize));
                    match pass {
                        0 => member && subject,
                        1 => subject,
                        _ => member,
                    }
                };
                let pods = run.spots[index].pods.clone();
                for (group, count) in pods.into_iter().filter(|(group, _)| leaves(*group)) {
                    let off = if pass == 0 { count.min(rest) } else { count };
                    if off > 0 {
                        run.evict(index, group, off);
                        rest = if pass == 1 { rest } else { rest.saturating_sub(off) };
                    }
                }
            }
            let state = end_state(run, at, spread);
            let cap = minimum(&state, spread).saturating_add(spread.max_skew);
            if state.subjects[over] == 0 || state.pods[over] <= cap {
                break;
            }
        }
    }
}

/// Takes away pods whose required affinity nothing supports in any order; `true` when all stand.
fn lean(run: &mut Run<'_>) -> bool {
    let problem = run.prepared.problem;
    let hard: Vec<usize> = (0..problem.affinities.len())
        .filter(|&at| {
            problem.affinities[at].cost.is_none() && !problem.affinities[at].groups.is_empty()
        })
        .collect();
    if hard.is_empty() {
        return true;
    }
    let mut leaving = support::unsupported(run, &hard);
    if leaving.is_empty() {
        // One at a time, because a pod that leaves may leave another the first of its set.
        leaving = support::alone(run, &hard).into_iter().collect();
    }
    for &(index, group, count) in &leaving {
        run.evict(index, group, count);
    }
    leaving.is_empty()
}
