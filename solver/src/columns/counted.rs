//! Numbers of nodes that the search branched on, over one kind or several together.

use std::sync::Arc;

use crate::columns::master::Range;

/// Kinds whose nodes are counted together, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Of what is for sale, ascending; twins are in it together.
    pub kinds: Arc<[u32]>,
    pub range: Range,
}

impl Counted {
    pub(crate) fn counts(&self, kind: u32) -> bool {
        self.kinds.binary_search(&kind).is_ok()
    }
}

/// What some kinds cost by their number: so much for so many of them, which there are at least, and
/// so much more for each further one, up to a number of them, in ascending order.
#[derive(Clone, Debug, Default)]
struct Tariff {
    number: u64,
    cost: f64,
    more: Vec<(f64, Option<u64>)>,
}

impl Tariff {
    /// Keeps to a range; `None` where no number is within.
    fn within(mut self, range: Range) -> Option<Self> {
        let least = u64::from(range.least);
        let mut more = std::mem::take(&mut self.more).into_iter().peekable();
        while self.number < least {
            let (slack, most) = more.peek_mut()?;
            let taken = most.map_or(u64::MAX, |most| most).min(least - self.number);
            self.number += taken;
            self.cost += *slack * taken as f64;
            if let Some(most) = most {
                *most -= taken;
            }
            if *most == Some(0) {
                more.next();
            }
        }
        let mut room = match range.most {
            Some(most) => Some(u64::from(most).checked_sub(self.number)?),
            None => None,
        };
        for (slack, most) in more {
            let taken = [most, room].into_iter().flatten().min();
            if taken == Some(0) {
                continue;
            }
            room = room.zip(taken).map(|(room, taken)| room - taken);
            self.more.push((slack, taken));
        }
        Some(self)
    }

    /// The cost of the cheapest number.
    fn least(&self) -> f64 {
        // Where there is no end, nothing is below zero but by a matter of rounding.
        let gainful = self.more.iter().filter_map(|&(slack, most)| Some((slack, most?)));
        let gainful = gainful.filter(|(slack, _)| *slack < 0.0);
        self.cost + gainful.map(|(slack, most)| slack * most as f64).sum::<f64>()
    }
}

/// What nodes of the kinds counted cost at least, where one costs `slack` of its kind; infinite
/// where no numbers are within all ranges. Of two sets one holds the other, or they have no kind in
/// common.
pub(crate) fn least_cost(counted: &[Counted], slack: impl Fn(u32) -> f64) -> f64 {
    let mut order: Vec<&Counted> = counted.iter().collect();
    order.sort_by_key(|counted| counted.kinds.len());
    let mut tariffs: Vec<(&[u32], Tariff)> = Vec::new();
    for set in order {
        let mut joint = Tariff::default();
        let mut known: Vec<u32> = Vec::new();
        tariffs.retain_mut(|(of, tariff)| {
            let is_within = set.counts(of[0]);
            debug_assert!(of.iter().all(|&kind| set.counts(kind) == is_within));
            if is_within {
                known.extend_from_slice(of);
                joint.number += tariff.number;
                joint.cost += tariff.cost;
                joint.more.append(&mut tariff.more);
            }
            !is_within
        });
        known.sort_unstable();
        let new = set.kinds.iter().filter(|kind| known.binary_search(kind).is_err());
        joint.more.extend(new.map(|&kind| (slack(kind), None)));
        joint.more.sort_by(|a, b| a.0.total_cmp(&b.0));
        match joint.within(set.range) {
            Some(tariff) => tariffs.push((&set.kinds, tariff)),
            None => return f64::INFINITY,
        }
    }
    tariffs.iter().map(|(_, tariff)| tariff.least()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::next;

    /// The least over all numbers up to six of each kind.
    fn enumerated(counted: &[Counted], slack: &[f64]) -> f64 {
        let mut best = f64::INFINITY;
        for code in 0..7usize.pow(slack.len() as u32) {
            let numbers: Vec<u32> =
                (0..slack.len()).map(|kind| (code / 7usize.pow(kind as u32) % 7) as u32).collect();
            let fits = |counted: &Counted| {
                let number = counted.kinds.iter().map(|&kind| numbers[kind as usize]).sum::<u32>();
                number >= counted.range.least
                    && counted.range.most.is_none_or(|most| number <= most)
            };
            if counted.iter().all(fits) {
                let cost = numbers.iter().zip(slack).map(|(&n, slack)| f64::from(n) * slack);
                best = best.min(cost.sum());
            }
        }
        best
    }

    #[test]
    fn nested_numbers_cost_what_the_cheapest_of_all_do() {
        let random = &mut 3;
        let (mut finite, mut infinite) = (0, 0);
        for _ in 0..400 {
            let mut upto = |most: u64| (next(random) % most) as u32;
            let sets: [&[u32]; 6] = [&[0], &[1], &[3], &[0, 1], &[0, 1, 2], &[0, 1, 2, 3]];
            let mut counted: Vec<Counted> = Vec::new();
            for kinds in sets.into_iter().filter(|_| upto(2) == 0).collect::<Vec<_>>() {
                let least = upto(4);
                let most = (upto(3) > 0).then(|| least + upto(3));
                counted.push(Counted { kinds: kinds.into(), range: Range { least, most } });
            }
            let turn = upto(6) as usize % counted.len().max(1);
            counted.rotate_left(turn);
            let ended = |kind: u32| {
                counted.iter().any(|counted| counted.counts(kind) && counted.range.most.is_some())
            };
            // Whole numbers, which add up exactly.
            let slack =
                (0..4).map(|kind| f64::from(upto(21)) - if ended(kind) { 10.0 } else { 0.0 });
            let slack: Vec<f64> = slack.collect();
            let found = least_cost(&counted, |kind| slack[kind as usize]);
            assert_eq!(found, enumerated(&counted, &slack), "{counted:?} {slack:?}");
            *if found.is_finite() { &mut finite } else { &mut infinite } += 1;
        }
        assert!(finite > 100 && infinite > 20, "{finite} {infinite}");
    }
}
