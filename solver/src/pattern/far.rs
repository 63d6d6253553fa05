//! Pricing a kind to the end where branches and a short enumeration did not get there.
//!
//! Few large pods of many sorts, on nodes of which three resources run short, are the hardest: no
//! relaxation comes closer than some per cent, and there are millions of patterns above that. What
//! helps is to know what the rest of a node can still hold ([`outlook`](super::outlook)).

use super::{
    Ask, Priced, Pricer, Search,
    relaxation::Relaxation,
    walk::{self, Coarse},
};

/// Pricings of fewer branches than this fill no tables of what is ahead. An enumeration with them takes
/// so many steps per branch at most, and no more than half a second or so, for nothing interrupts it.
const FAR: u32 = 128;
const STEPS: u64 = 1 << 15;
const MOST_STEPS: u64 = 1 << 23;
/// A pattern that is worth more than is needed will do when none is better by this share of what is
/// too much, or by this share of all.
const NEARLY: f64 = 0.2;
const MOST_NEARLY: f64 = 5e-3;

/// What is asked of an enumeration with tables of what is ahead.
pub(super) struct Far {
    /// The best pattern is wanted if it is worth more than this.
    pub useful: f64,
    /// Patterns that come along are good when they are worth more than this.
    pub floor: f64,
    /// Once one is worth this much nothing else matters.
    pub futile: f64,
    /// Steps at most with the largest tables.
    pub steps: u64,
}

/// Steps for a pricing of so many branches.
pub(super) fn steps(nodes: u32) -> u64 {
    (u64::from(nodes) * STEPS).min(MOST_STEPS)
}

impl Pricer {
    /// Whether [`Self::look_far`] may bring a bound further down than so many branches.
    pub(crate) fn looks_far(&self, nodes: u32) -> bool {
        nodes >= FAR && self.coarse != Coarse::No && self.dimensions.len() > 1
    }

    /// Goes on from what a pricing came to by enumerating, with tables of what is ahead, the patterns
    /// that are worth more than `ask.enough` and more, by a little, than the best: where that is worth
    /// more than is needed, its own value is of less account. Those worth more than `floor` are good;
    /// once one is worth `futile` the bound does not matter any more.
    pub(crate) fn look_far(&self, ask: &Ask<'_>, known: Priced, floor: f64, futile: f64) -> Priced {
        let mut search = Search::new(self, ask);
        search.best = known.patterns.first().map_or(0.0, |(worth, _)| *worth);
        let useful = search.useful();
        let useful = useful + ((useful - floor) * NEARLY).clamp(0.0, useful * MOST_NEARLY);
        let upper = search.relax();
        let far = Far { useful, floor, futile, steps: steps(ask.nodes) };
        let walked = walk::look_far(&search, &upper, &far);
        search.keep = search.keep.max(walked.patterns.len());
        search.nodes = known.nodes + walked.branches;
        search.found = known.patterns;
        search.found.extend(walked.patterns);
        let bound = walked.bound.map_or(known.bound, |bound| bound.min(known.bound));
        search.finish(bound)
    }
}

impl Search<'_> {
    /// What all room of each dimension of the problem costs by a relaxation that knows of no cuts.
    pub(super) fn prices_without_cuts(&self, upper: &[u32]) -> Vec<f64> {
        let dims = self.pricer.dimensions.len();
        let mut relaxation = Relaxation::over(dims, self.pricer, &self.chosen, &self.profits);
        relaxation.solve(&vec![0; upper.len()], upper, &self.pricer.capacity[..dims], None);
        relaxation.prices().0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        pattern::{Ask, Exact, Pattern, Priced, Pricer, fixtures::one_size, walk::Coarse},
        presolve::Core,
        random::next,
    };

    const ROOM: i64 = 1_000;
    const SORTS: usize = 24;
    const PODS: u32 = 3;

    /// A node for four or five pods of so many dimensions.
    fn node(random: &mut u64, dims: usize) -> Core {
        let mut ask = || 90 + (next(random) % 300) as i64;
        let requests = (0..SORTS).map(|_| (0..dims).map(|_| ask()).collect());
        one_size(vec![ROOM; dims], PODS, requests)
    }

    fn pricer(core: &Core) -> Pricer {
        let mut pricer = Pricer::new(core, &core.kinds[0]);
        // One among many kinds.
        pricer.coarse = Coarse::Sometimes;
        pricer
    }

    /// Requests add up, with something for chance.
    fn profits(core: &Core, random: &mut u64) -> Vec<f64> {
        let worth = |request: &[i64]| request.iter().sum::<i64>() as f64;
        core.items.iter().map(|item| worth(&item.request) + (next(random) % 60) as f64).collect()
    }

    /// The most that items from one on bring in so much room, by trying everything.
    fn most(core: &Core, profits: &[f64], from: usize, room: &[i64]) -> f64 {
        let mut best = 0.0f64;
        for at in from..core.items.len() {
            let mut left = room.to_vec();
            for pods in 1..=PODS {
                left.iter_mut().zip(&core.items[at].request).for_each(|(left, ask)| *left -= ask);
                if left.iter().any(|&left| left < 0) {
                    break;
                }
                let worth = profits[at] * f64::from(pods);
                best = best.max(worth + most(core, profits, at + 1, &left));
            }
        }
        best
    }

    fn fits(core: &Core, pattern: &Pattern) -> bool {
        (0..core.dims).all(|dim| {
            let asked = pattern
                .iter()
                .map(|&(item, pods)| core.items[item as usize].request[dim] * i64::from(pods));
            asked.sum::<i64>() <= ROOM
        })
    }

    #[test]
    fn the_best_pattern_is_found_and_proven() {
        let mut random = 3;
        for round in 0..40 {
            let core = node(&mut random, 2 + round % 2);
            let (pricer, profits) = (pricer(&core), profits(&core, &mut random));
            let room: Vec<i64> = core.kinds[0].capacity.clone();
            let best = most(&core, &profits, 0, &room);
            for enough in [0.0, 0.99 * best, best * (1.0 - 1e-6), 1.01 * best] {
                let (profits, limits) = (profits.as_slice(), &[PODS; SORTS]);
                let exact = Exact::Yes;
                let ask = Ask { profits, limits, enough, nodes: 4096, keep: 2, exact };
                let known = Priced { bound: f64::INFINITY, ..Priced::default() };
                let priced = pricer.look_far(&ask, known, enough, f64::INFINITY);
                let expected = best.max(enough);
                let error = (priced.bound / expected - 1.0).abs();
                assert!(error < 1e-9, "{} instead of {expected}", priced.bound);
                let found = priced.patterns.first().map_or(0.0, |(worth, _)| *worth);
                assert!(best <= enough || (found / best - 1.0).abs() < 1e-9, "{found} of {best}");
                for (worth, pattern) in &priced.patterns {
                    let sum = pattern.iter().map(|&(i, n)| profits[i as usize] * f64::from(n));
                    assert!(fits(&core, pattern) && (sum.sum::<f64>() - worth).abs() < 1e-6);
                }
            }
        }
    }

    /// Once a pattern is worth so much that the bound will be of no use, nobody looks for a better one.
    #[test]
    fn what_is_futile_ends_early() {
        let mut random = 7;
        let core = node(&mut random, 3);
        let (pricer, profits) = (pricer(&core), profits(&core, &mut random));
        let best = most(&core, &profits, 0, &core.kinds[0].capacity);
        let look = |futile: f64| {
            let (profits, limits) = (profits.as_slice(), &[PODS; SORTS]);
            let (enough, exact) = (0.5 * best, Exact::Yes);
            let ask = Ask { profits, limits, enough, nodes: 4096, keep: 2, exact };
            let known = Priced { bound: 2.0 * best, ..Priced::default() };
            pricer.look_far(&ask, known, enough, futile)
        };
        let (short, long) = (look(0.6 * best), look(f64::INFINITY));
        assert_eq!(short.bound, 2.0 * best);
        assert!(short.patterns[0].0 >= 0.6 * best && short.nodes <= long.nodes);
        assert!(long.bound < 1.001 * best);
    }
}
