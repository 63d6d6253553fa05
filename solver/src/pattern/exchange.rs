//! Betters a pattern by exchanging a pod or two for others.
//!
//! A relaxation rounded down leaves room that fits nothing, most of all on nodes of a few large
//! pods: what is found by a few branches may be worth five per cent less than the best. Taking out
//! one pod, or two, and filling up again, or putting in the best two others first, finds most of that
//! in the time of a handful of branches.
//! Where a node holds dozens of pods nothing is won by it, nor where kinds are so few that each is
//! enumerated whenever it is priced.

use super::{Search, walk::Coarse};

/// Glances of fewer branches than this are for seeing which kinds matter, and many.
const LEAST: u32 = 8;
/// A pattern worth less than this share of what would be of use is left alone.
const NEAR: f64 = 0.9;
/// A pattern of use will do when none can be worth more by this share, or when it has more pods than
/// this. Pairs are not looked for among so many either.
const LOOSE: f64 = 1e-2;
const FEW: u32 = 16;
/// Exchanges in a row at most.
const STEPS: usize = 12;
/// Two pods at a time are taken out of patterns of no more items than this.
const PAIRS: usize = 12;
/// Trials that take the time of a branch.
const TRIALS: u32 = 24;

/// A pattern with the room that it leaves.
#[derive(Clone)]
struct Filled {
    counts: Vec<u32>,
    room: Vec<i64>,
    worth: f64,
}

impl Search<'_> {
    /// Where no pattern of use was found and there may be some, or the best may be far from what there
    /// is, exchanges its pods for others as long as that makes it worth more.
    pub(super) fn exchange(&mut self) {
        let near = NEAR * self.ask.enough < self.best;
        let is_loose = self.best_pods() <= FEW && self.bound() >= self.best * (1.0 + LOOSE);
        let will_do = self.best > self.ask.enough && !is_loose;
        if self.pricer.coarse != Coarse::Sometimes
            || !near
            || will_do
            || self.ask.nodes < LEAST
            || self.bound() <= self.ask.enough
        {
            return;
        }
        let Some(mut now) = self.best_filled() else { return };
        let upper = self.whole().split_off(self.chosen.len());
        let mut order: Vec<u32> = (0..self.chosen.len() as u32).collect();
        order.sort_by(|&a, &b| {
            let profit = |k: u32| self.profits[k as usize];
            profit(b).total_cmp(&profit(a)).then(a.cmp(&b))
        });
        self.relaxation.rank();
        let mut trials = 0;
        for _ in 0..STEPS {
            let Some(next) = self.best_exchange(&now, &upper, &order, &mut trials) else { break };
            now = next;
        }
        self.nodes += trials / TRIALS;
        self.keep(&now.counts);
    }

    /// Pods of the best pattern.
    fn best_pods(&self) -> u32 {
        self.found.first().map_or(0, |(_, pattern)| pattern.iter().map(|(_, pods)| pods).sum())
    }

    fn best_filled(&self) -> Option<Filled> {
        let (worth, pattern) = self.found.first()?;
        let mut counts = vec![0; self.chosen.len()];
        for &(item, count) in pattern {
            let at = self.pricer.items.binary_search(&item).ok()? as u32;
            counts[self.chosen.binary_search(&at).ok()?] = count;
        }
        let mut room = self.pricer.capacity.clone();
        self.take_lower(&counts, &mut room);
        Some(Filled { counts, room, worth: *worth })
    }

    /// The exchange that brings most, if any does.
    fn best_exchange(
        &self,
        now: &Filled,
        upper: &[u32],
        order: &[u32],
        trials: &mut u32,
    ) -> Option<Filled> {
        let held: Vec<usize> = (0..now.counts.len()).filter(|&k| now.counts[k] > 0).collect();
        let is_few = now.counts.iter().sum::<u32>() <= FEW;
        let mut best: Option<Filled> = None;
        let mut trial = now.clone();
        for (first, &one) in held.iter().enumerate() {
            let others = if held.len() <= PAIRS { &held[first..] } else { &[] };
            let others = std::iter::once(None).chain(others.iter().map(|&other| Some(other)));
            for other in others {
                if other == Some(one) && now.counts[one] < 2 {
                    continue;
                }
                let ways = [(false, order), (false, self.relaxation.order()), (true, order)];
                for &(pair, order) in &ways[..if is_few { 3 } else { 2 }] {
                    *trials += 1;
                    trial.counts.copy_from_slice(&now.counts);
                    trial.room.copy_from_slice(&now.room);
                    trial.worth = now.worth;
                    for k in std::iter::once(one).chain(other) {
                        self.take_out(k, &mut trial);
                    }
                    if pair {
                        self.put_pair(order, upper, &mut trial);
                    }
                    self.fill_in(order, upper, &mut trial);
                    let least = best.as_ref().map_or(now.worth, |best| best.worth);
                    if trial.worth > least * (1.0 + 1e-9) {
                        best = Some(trial.clone());
                    }
                }
            }
        }
        best
    }

    fn take_out(&self, k: usize, filled: &mut Filled) {
        filled.counts[k] -= 1;
        filled.worth -= self.profits[k];
        let request = self.pricer.request(self.chosen[k] as usize);
        for (room, ask) in filled.room.iter_mut().zip(request) {
            *room += ask;
        }
    }

    /// Adds the two pods that bring most together. The order is by profit.
    fn put_pair(&self, order: &[u32], upper: &[u32], filled: &mut Filled) {
        for k in self.best_pair(order, upper, filled).map_or(Vec::new(), Vec::from) {
            let added = self.add(k, 1, &mut filled.counts, upper, &mut filled.room);
            filled.worth += self.profits[k] * f64::from(added);
        }
    }

    fn best_pair(&self, order: &[u32], upper: &[u32], filled: &Filled) -> Option<[usize; 2]> {
        let spare = |k: usize| filled.counts[k] < upper[k];
        let mut best: Option<(f64, [usize; 2])> = None;
        let mut room = filled.room.clone();
        for (at, one) in order.iter().map(|&k| k as usize).enumerate() {
            if best.is_some_and(|(most, _)| self.profits[one] * 2.0 <= most) {
                break;
            }
            if !spare(one) || !self.has_room(one, &filled.room) {
                continue;
            }
            let request = self.pricer.request(self.chosen[one] as usize);
            for ((room, left), ask) in room.iter_mut().zip(&filled.room).zip(request) {
                *room = left - ask;
            }
            // The first that fits brings most.
            let mut others = order[at..].iter().map(|&k| k as usize);
            let other = others.find(|&other| {
                let taken = filled.counts[other] + u32::from(other == one);
                taken < upper[other] && self.has_room(other, &room)
            });
            if let Some(other) = other {
                let worth = self.profits[one] + self.profits[other];
                if best.is_none_or(|(most, _)| worth > most) {
                    best = Some((worth, [one, other]));
                }
            }
        }
        best.map(|(_, pair)| pair)
    }

    fn has_room(&self, k: usize, room: &[i64]) -> bool {
        let request = self.pricer.request(self.chosen[k] as usize);
        request.iter().zip(room).all(|(ask, room)| ask <= room)
    }

    /// Adds what still fits, in this order.
    fn fill_in(&self, order: &[u32], upper: &[u32], filled: &mut Filled) {
        for &k in order {
            let k = k as usize;
            if self.has_room(k, &filled.room) {
                let added = self.add(k, upper[k], &mut filled.counts, upper, &mut filled.room);
                filled.worth += self.profits[k] * f64::from(added);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        pattern::{Ask, Exact, Priced, Pricer, exchange::LEAST, fixtures::one_size, walk::Coarse},
        presolve::Core,
        random::next,
    };

    const ROOM: i64 = 1_000;

    /// A node for about four pods of thirty sorts in three dimensions.
    fn node_of_few_large_pods(random: &mut u64) -> Core {
        let mut ask = || 120 + (next(random) % 300) as i64;
        one_size(vec![ROOM; 3], 9, (0..30).map(|_| vec![ask(), ask(), ask()]))
    }

    #[test]
    fn exchanged_patterns_fit_and_are_worth_more() {
        let mut random = 1;
        let mut better = 0;
        for _ in 0..100 {
            let core = node_of_few_large_pods(&mut random);
            let mut pricer = Pricer::new(&core, &core.kinds[0]);
            // One among many kinds, which are not enumerated for the sake of a pattern.
            pricer.coarse = Coarse::Sometimes;
            let request = |item: usize| &core.items[item].request;
            let mut worth = |item: usize| {
                request(item).iter().sum::<i64>() as f64 + (next(&mut random) % 40) as f64
            };
            let profits: Vec<f64> = (0..core.items.len()).map(&mut worth).collect();
            let price = |enough: f64, nodes: u32| -> Priced {
                let limits = &[9; 30];
                let profits = &profits;
                pricer.price(&Ask { profits, limits, enough, nodes, keep: 1, exact: Exact::No })
            };
            let plain = price(0.0, LEAST - 1).patterns[0].0;
            let priced = price(plain * 1.001, LEAST);
            let (value, pattern) = &priced.patterns[0];
            for dim in 0..3 {
                let asked = pattern.iter().map(|&(i, n)| request(i as usize)[dim] * i64::from(n));
                assert!(asked.sum::<i64>() <= ROOM);
            }
            let sum: f64 = pattern.iter().map(|&(i, n)| profits[i as usize] * f64::from(n)).sum();
            assert!((sum - value).abs() < 1e-6 && *value <= priced.bound);
            better += i32::from(*value > plain * 1.001);
        }
        assert!(better > 50, "{better} of 100");
    }
}
