//! Leaves out kinds that are never worth buying.

use crate::greedy::prepare::Prepared;

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
    let alike = one_per_shape(prepared, open);
    let usable = usable(prepared, open, left);
    let accepted = Accepted::new(prepared, &alike);
    let keyed = !problem.spreads.is_empty()
        || !problem.affinities.is_empty()
        || !problem.exclusions.is_empty();
    let penalties: Vec<&[i64]> = (alike.iter())
        .map(|&b| prepared.buckets[b as usize].penalty.as_slice())
        .filter(|penalty| !penalty.is_empty())
        .collect();
    let room = |kind: usize| &usable[kind * problem.dims..(kind + 1) * problem.dims];
    let mut kept: Vec<u32> = Vec::new();
    for (at, kind) in prepared.kinds.iter().enumerate() {
        if kind.tier != tier || accepted.of(at).iter().all(|&word| word == 0) {
            continue;
        }
        let beats = |&other: &u32| {
            let rival = other as usize;
            room(rival).iter().zip(room(at)).all(|(theirs, mine)| theirs >= mine)
                && accepted.of(at).iter().zip(accepted.of(rival)).all(|(m, t)| m & !t == 0)
                && (!keyed || kind.places.is_subset(&prepared.kinds[rival].places))
                && (!heed_limits || takes_less(prepared, rival, at))
                && penalties.iter().all(|penalty| penalty[rival] <= penalty[at])
        };
        // The last ones are nearest in price and most alike.
        if !kept.iter().rev().any(beats) {
            kept.push(at as u32);
        }
    }
    kept
}

/// Buckets of one shape are accepted alike: one of each.
fn one_per_shape(prepared: &Prepared<'_>, open: &[u32]) -> Vec<u32> {
    let mut seen = vec![false; prepared.shapes];
    let new = |b: &u32| {
        let shape = prepared.buckets[*b as usize].shape as usize;
        !std::mem::replace(&mut seen[shape], true)
    };
    open.iter().copied().filter(new).collect()
}

/// What the pods that are left could use of every kind, one row of dimensions after the other.
fn usable(prepared: &Prepared<'_>, open: &[u32], left: &[u32]) -> Vec<i64> {
    let mut demand = vec![0i64; prepared.problem.dims];
    for &b in open {
        for (sum, ask) in demand.iter_mut().zip(&prepared.buckets[b as usize].request) {
            *sum = sum.saturating_add(ask.saturating_mul(left[b as usize].into()));
        }
    }
    let amounts = prepared.kinds.iter().flat_map(|kind| kind.capacity.iter().zip(&demand));
    amounts.map(|(have, ask)| *have.min(ask)).collect()
}

/// Which of the buckets in question every kind accepts and holds: a row of bits per kind.
struct Accepted {
    bits: Vec<u64>,
    words: usize,
}

impl Accepted {
    fn new(prepared: &Prepared<'_>, buckets: &[u32]) -> Self {
        let words = buckets.len().div_ceil(64);
        let mut bits = vec![0; prepared.kinds.len() * words];
        for (at, &b) in buckets.iter().enumerate() {
            for kind in prepared.buckets[b as usize].kinds.iter() {
                bits[kind * words + at / 64] |= 1 << (at % 64);
            }
        }
        Self { bits, words }
    }

    fn of(&self, kind: usize) -> &[u64] {
        &self.bits[kind * self.words..(kind + 1) * self.words]
    }
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
