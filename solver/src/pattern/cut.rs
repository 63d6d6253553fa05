//! Cuts: what large pods cannot share, which the linear relaxation does not see.
//!
//! Two pods that ask for more than a third of a node's room each leave none for a third one, yet
//! the relaxation takes a share of it. A cut divides the room of a dimension into equal parts, one
//! more than it has: a pod counts the parts that it more than fills, and a node holds no more than
//! the cut has (Chvátal and Gomory's rounding, with the multiplier that suits the parts).

use super::{Ask, Pricer, Search};

/// All numbers of parts up to this one are tried, and up to the other one those that some pod fits
/// in just so often.
const FEW_PARTS: i64 = 12;
const MOST_PARTS: i64 = 4096;
/// Cuts of a kind at most: every one makes the relaxation slower.
const MOST_CUTS: usize = 12;
/// A cut that is broken by less than this share is not worth its row; one of many parts, by less
/// than this much of a pod.
const BROKEN: f64 = 0.01;
const BROKEN_PODS: f64 = 0.1;

/// The pods on a node fill no more than `parts` parts of the room, when each counts what it fills
/// beyond any whole number of `parts` + 1 equal parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cut {
    /// Dimension of the problem.
    pub dim: u32,
    pub parts: i64,
}

impl Cut {
    /// The parts that one pod counts. It fits into the room.
    fn counts(self, ask: i64, room: i64) -> i64 {
        if ask <= 0 || room <= 0 {
            return 0;
        }
        let filled = i128::from(ask) * i128::from(self.parts + 1);
        // No more than the parts there are, for the pod fits.
        ((filled - 1) / i128::from(room)) as i64
    }
}

impl Pricer {
    /// Adds the cut that the relaxation breaks worst at these profits; false when it breaks none.
    pub(crate) fn sharpen(&mut self, ask: &Ask<'_>) -> bool {
        if self.cuts.len() >= MOST_CUTS {
            return false;
        }
        let Some(cut) = self.broken(ask) else { return false };
        self.add(cut);
        true
    }

    fn broken(&self, ask: &Ask<'_>) -> Option<Cut> {
        let mut search = Search::new(self, ask);
        if search.chosen.is_empty() {
            return None;
        }
        search.relax();
        let values = search.relaxation.values();
        let used = search.chosen.iter().zip(values).filter(|(_, value)| **value > 0.0);
        let used: Vec<(usize, f64)> = used.map(|(&at, &value)| (at as usize, value)).collect();
        let mut worst: Option<(f64, Cut)> = None;
        for (at, &dim) in self.dimensions.iter().enumerate() {
            for parts in self.parts(&used, at) {
                let cut = Cut { dim, parts };
                let counts = |(item, value): &(usize, f64)| {
                    value * cut.counts(self.request(*item)[at], self.capacity[at]) as f64
                };
                let over = used.iter().map(counts).sum::<f64>() / parts as f64 - 1.0;
                let least = if parts <= FEW_PARTS { BROKEN } else { BROKEN_PODS / parts as f64 };
                let new = over > least && !self.cuts.contains(&cut);
                if new && worst.is_none_or(|(most, _)| over > most) {
                    worst = Some((over, cut));
                }
            }
        }
        worst.map(|(_, cut)| cut)
    }

    /// The numbers of parts worth trying in a dimension, ascending. Where the room is a little less
    /// than a whole number of pods, as on sizes that keep something for themselves, it is the number
    /// of pods that fit that tells, however large it is.
    fn parts(&self, used: &[(usize, f64)], dim: usize) -> Vec<i64> {
        let asked = used.iter().map(|(item, _)| self.request(*item)[dim]).filter(|ask| *ask > 0);
        let often = asked.map(|ask| self.capacity[dim] / ask);
        let mut parts: Vec<i64> = (1..=FEW_PARTS).chain(often).collect();
        parts.retain(|parts| *parts <= MOST_PARTS);
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// A cut is one more dimension.
    fn add(&mut self, cut: Cut) {
        let Some(at) = self.dimensions.iter().position(|&dim| dim == cut.dim) else { return };
        let (dims, room) = (self.dims, self.capacity[at]);
        let mut requests = Vec::with_capacity(self.items.len() * (dims + 1));
        let mut shares = Vec::with_capacity(self.items.len() * (dims + 1));
        for item in 0..self.items.len() {
            let counts = cut.counts(self.request(item)[at], room);
            requests.extend_from_slice(self.request(item));
            requests.push(counts);
            shares.extend_from_slice(&self.shares[item * dims..(item + 1) * dims]);
            shares.push(counts as f64 / cut.parts as f64);
        }
        (self.requests, self.shares) = (requests, shares);
        self.capacity.push(cut.parts);
        self.cuts.push(cut);
        self.dims += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{Exact, fixtures::one_size};

    #[test]
    fn parts_are_counted_beyond_whole_ones() {
        let cut = Cut { dim: 0, parts: 2 };
        let counts = |ask| cut.counts(ask, 9);
        assert_eq!([0, 1, 3, 4, 6, 7, 9].map(counts), [0, 0, 0, 1, 1, 2, 2]);
    }

    /// Sizes that keep a little of a round number for themselves hold one large pod less than the
    /// relaxation says, however many that are.
    #[test]
    fn a_size_just_too_small_for_one_pod_more_is_seen_through() {
        for fits in [2, 13, 99] {
            let core = one_size(vec![2_040 * (fits + 1) - 8], 500, [vec![2_048], vec![2_040]]);
            let mut pricer = Pricer::new(&core, &core.kinds[0]);
            let ask = Ask {
                profits: &[1.0, 1.0],
                limits: &[500, 500],
                enough: 0.0,
                nodes: 1,
                keep: 1,
                exact: Exact::No,
            };
            let relaxed = |pricer: &Pricer| {
                let mut search = Search::new(pricer, &ask);
                search.relax();
                search.relaxation.values().iter().sum::<f64>()
            };
            assert!(relaxed(&pricer) > fits as f64 + 0.9);
            assert!(pricer.sharpen(&ask));
            assert!((relaxed(&pricer) - fits as f64).abs() < 1e-9);
            assert!(!pricer.sharpen(&ask));
        }
    }

    /// Whatever fits into the room keeps within the parts.
    #[test]
    fn no_set_of_pods_that_fits_breaks_a_cut() {
        for parts in 1..6 {
            let cut = Cut { dim: 0, parts };
            let mut most = [0i64; 24];
            for room in 1..24usize {
                for ask in 1..=room {
                    most[room] = most[room].max(most[room - ask] + cut.counts(ask as i64, 23));
                }
            }
            assert_eq!(most[23], parts);
        }
    }
}
