//! Fewer items for the branches of a pricing.

use crate::pattern::{MARGIN, Search, relaxation::Relaxation};

/// So few items are all taken into branches.
const SMALL: usize = 40;

impl Search<'_> {
    /// Leaves out the items of which a single pod makes a pattern useless: what it loses at the
    /// relaxation's prices is more than the bound is above what is of use. With hundreds of items
    /// that leaves a few dozen for the branches.
    pub(super) fn shrink(&mut self) {
        let n = self.chosen.len();
        let Some(root) = self.open.peek().filter(|_| n > SMALL && self.ask.nodes > self.nodes)
        else {
            return;
        };
        let worth = |k: usize| root.bound * (1.0 + MARGIN) + self.relaxation.gain(k);
        let useful = self.useful();
        let is_used = |k: usize| {
            let item = self.pricer.items[self.chosen[k] as usize];
            self.found.iter().any(|(_, pattern)| pattern.iter().any(|(other, _)| *other == item))
        };
        let stays: Vec<bool> = (0..n).map(|k| worth(k) > useful || is_used(k)).collect();
        if stays.iter().filter(|stays| **stays).count() * 4 > n * 3 {
            return;
        }
        let left_out = (0..n).filter(|&k| !stays[k]).map(worth).fold(0.0, f64::max);
        self.closed = self.closed.max(left_out);
        let mut kept = stays.iter();
        self.chosen.retain(|_| kept.next() == Some(&true));
        let mut kept = stays.iter();
        self.profits.retain(|_| kept.next() == Some(&true));
        self.relaxation = Relaxation::new(self.pricer, &self.chosen, &self.profits);
        self.open.clear();
        let bounds = self.whole();
        self.look(bounds, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pattern::{Ask, Exact, Pricer, fixtures::one_size, walk::Coarse},
        presolve::Core,
        random::next,
    };

    const ROOM: usize = 60;
    const SORTS: usize = 90;
    const PODS: u32 = 3;

    /// A node of two resources for a dozen small pods of ninety sorts.
    fn node(random: &mut u64) -> Core {
        let mut ask = || 2 + (next(random) % 11) as i64;
        one_size(vec![ROOM as i64; 2], PODS, (0..SORTS).map(|_| vec![ask(), ask()]))
    }

    /// What the best pattern is worth, by dynamic programming over what is used of both resources.
    fn best(core: &Core, profits: &[f64]) -> f64 {
        let mut most = vec![0.0f64; (ROOM + 1) * (ROOM + 1)];
        for (item, profit) in core.items.iter().zip(profits) {
            let (a, b) = (item.request[0] as usize, item.request[1] as usize);
            for _ in 0..PODS {
                for x in (a..=ROOM).rev() {
                    for y in (b..=ROOM).rev() {
                        let with = most[(x - a) * (ROOM + 1) + y - b] + profit;
                        let best = &mut most[x * (ROOM + 1) + y];
                        *best = best.max(with);
                    }
                }
            }
        }
        most[ROOM * (ROOM + 1) + ROOM]
    }

    #[test]
    fn what_is_left_out_is_of_no_use() {
        let mut random = 5;
        let (mut shrunk, mut reached) = (0, 0);
        for _ in 0..60 {
            let core = node(&mut random);
            let mut pricer = Pricer::new(&core, &core.kinds[0]);
            pricer.coarse = Coarse::No;
            let size = |item: usize| core.items[item].request.iter().sum::<i64>() as f64;
            let profits: Vec<f64> = (0..core.items.len())
                .map(|item| size(item) * (60.0 + (next(&mut random) % 60) as f64))
                .collect();
            let limits = vec![PODS; core.items.len()];
            let best = best(&core, &profits);
            for enough in [0.0, 0.97 * best, 1.01 * best] {
                let (profits, limits) = (profits.as_slice(), limits.as_slice());
                let ask = Ask { profits, limits, enough, nodes: 400, keep: 2, exact: Exact::No };
                let mut search = Search::new(&pricer, &ask);
                let items = search.chosen.len();
                search.run(true);
                shrunk += usize::from(search.chosen.len() < items);
                let priced = pricer.price_lean(&ask);
                assert!(priced.bound >= best * (1.0 - 1e-9), "{} of {best}", priced.bound);
                let worth = priced.patterns.first().map_or(0.0, |(worth, _)| *worth);
                assert!(worth <= best * (1.0 + 1e-9));
                // Whatever is of use is found, unless the branches come to an end before.
                let is_proven = priced.bound <= worth.max(enough) * (1.0 + 1e-9);
                if is_proven && best > enough * (1.0 + 1e-9) {
                    reached += 1;
                    assert!(worth >= best * (1.0 - 1e-9), "{worth} of {best}");
                }
            }
        }
        assert!(shrunk > 60 && reached > 40, "{shrunk} shrunk, {reached} reached");
    }
}
