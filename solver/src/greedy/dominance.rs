//! Leaves out kinds that are never worth buying.

use crate::{BitSet, greedy::prepare::Prepared};

/// The kinds of a tier that no other kind beats for the pods that are left: cheaper or equal,
/// as large as anyone could use, accepting the same buckets, in the same domains. Ascending by
/// price. With `heed_limits`, a kind that takes less from a limit stays.
pub(super) fn undominated(
    prepared: &Prepared<'_>,
    tier: u16,
    open: &[u32],
    left: &[u32],
    heed_limits: bool,
) -> Vec<u32> {
    let problem = prepared.problem;
    let mut demand = vec![0i64; problem.dims];
    for &b in open {
        for (sum, ask) in demand.iter_mut().zip(&prepared.buckets[b as usize].request) {
            *sum = sum.saturating_add(ask.saturating_mul(left[b as usize].into()));
        }
    }
    let mut accepted = vec![BitSet::empty(open.len()); prepared.kinds.len()];
    for (at, &b) in open.iter().enumerate() {
        for kind in prepared.buckets[b as usize].kinds.iter() {
            accepted[kind].insert(at);
        }
    }
    let keyed = !problem.spreads.is_empty()
        || !problem.affinities.is_empty()
        || !problem.exclusions.is_empty();
    let mut kept: Vec<u32> = Vec::new();
    for (at, kind) in prepared.kinds.iter().enumerate() {
        if kind.tier != tier || accepted[at].is_empty() {
            continue;
        }
        let beaten = kept.iter().any(|&other| {
            let rival = &prepared.kinds[other as usize];
            rival.capacity.iter().zip(&kind.capacity).zip(&demand).all(|((r, k), d)| r >= k.min(d))
                && accepted[at].is_subset(&accepted[other as usize])
                && (!keyed || same_domains(prepared, other as usize, at))
                && (!heed_limits || takes_less(prepared, other as usize, at))
                && open.iter().all(|&b| {
                    let penalty = &prepared.buckets[b as usize].penalty;
                    penalty.is_empty() || penalty[other as usize] <= penalty[at]
                })
        });
        if !beaten {
            kept.push(at as u32);
        }
    }
    kept
}

fn same_domains(prepared: &Prepared<'_>, rival: usize, kind: usize) -> bool {
    let offerings = &prepared.problem.offerings;
    prepared.kinds[kind].offerings.iter().all(|&mine| {
        prepared.kinds[rival]
            .offerings
            .iter()
            .any(|&theirs| offerings[theirs as usize].domains == offerings[mine as usize].domains)
    })
}

fn takes_less(prepared: &Prepared<'_>, rival: usize, kind: usize) -> bool {
    let takes = |kind: usize, limit: u32| {
        let first = prepared.kinds[kind].offerings[0] as usize;
        prepared.problem.offerings[first]
            .limits
            .iter()
            .find(|(at, _)| *at == limit)
            .map_or(0, |(_, amount)| *amount)
    };
    let first = prepared.kinds[rival].offerings[0] as usize;
    prepared.problem.offerings[first]
        .limits
        .iter()
        .all(|&(limit, amount)| amount <= takes(kind, limit))
}
