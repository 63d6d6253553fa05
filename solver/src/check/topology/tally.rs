//! How many pods of a set there are per domain, kept sparsely.

use rustc_hash::FxHashMap;

use super::counts_at;
use crate::check::{Place, Spot};
use crate::problem::{NO_DOMAIN, NODE_KEY, Problem, Spread};
use crate::solution::Solution;

/// What is counted: pods of a set by the domains of a key.
struct Counter {
    key: u8,
    /// The spread whose counted nodes and offerings alone matter.
    spread: Option<u32>,
}

/// Counts of pods per (counter, domain).
///
/// A domain of [`NODE_KEY`] is one node, so its count is worked out when the node is looked at;
/// the counts of other keys are summed up over all places first.
pub(super) struct Tally {
    counters: Vec<Counter>,
    /// The counters that see a pod of the group.
    by_group: Vec<Vec<u32>>,
    /// Pods bound on a node, by counter.
    bound: Vec<Vec<(u32, u64)>>,
    domains: FxHashMap<(u32, u32), u64>,
    /// All pods of the counter's set that are in some domain of its key.
    totals: Vec<u64>,
    /// For [`NODE_KEY`]: how many counted nodes hold a pod, and the fewest on one of those.
    occupied: Vec<(u64, u64)>,
    /// Counts on the place that is looked at; zero but for `touched`.
    here: Vec<u64>,
    touched: Vec<u32>,
}

impl Tally {
    pub(super) fn new(problem: &Problem) -> Self {
        Self {
            counters: Vec::new(),
            by_group: vec![Vec::new(); problem.groups.len()],
            bound: vec![Vec::new(); problem.nodes.len()],
            domains: FxHashMap::default(),
            totals: Vec::new(),
            occupied: Vec::new(),
            here: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// The number that the next counter will have.
    pub(super) fn next(&self) -> u32 {
        self.counters.len() as u32
    }

    /// Registers a counter; `bound` says whether bound pods of the set count.
    pub(super) fn counter(
        &mut self,
        problem: &Problem,
        set: u32,
        key: u8,
        spread: Option<u32>,
        bound: bool,
    ) -> u32 {
        let id = self.next();
        self.counters.push(Counter { key, spread });
        self.totals.push(0);
        self.occupied.push((0, u64::MAX));
        self.here.push(0);
        let set = &problem.sets[set as usize];
        for group in set.groups.iter() {
            self.by_group[group].push(id);
        }
        for &(node, count) in set.bound.iter().filter(|_| bound) {
            self.bound[node as usize].push((id, u64::from(count)));
        }
        id
    }

    /// Sums everything up. All counters must be registered.
    pub(super) fn count(&mut self, problem: &Problem, solution: &Solution, spots: &[Spot<'_>]) {
        for &spot in spots {
            self.look_at(problem, solution, spot);
            let copies = u64::from(spot.copies);
            for &id in &self.touched {
                let count = self.here[id as usize];
                let key = self.counters[id as usize].key;
                let sum = count.saturating_mul(copies);
                if key == NODE_KEY || spot.domains[key as usize] != NO_DOMAIN {
                    self.totals[id as usize] = self.totals[id as usize].saturating_add(sum);
                }
                if key == NODE_KEY {
                    let (nodes, fewest) = &mut self.occupied[id as usize];
                    *nodes += copies;
                    *fewest = count.min(*fewest);
                } else if spot.domains[key as usize] != NO_DOMAIN {
                    let domain = (id, spot.domains[key as usize]);
                    let known = self.domains.entry(domain).or_default();
                    *known = known.saturating_add(sum);
                }
            }
        }
    }

    /// Fills `here` with the pods on one node of the spot, bound ones included.
    pub(super) fn look_at(&mut self, problem: &Problem, solution: &Solution, spot: Spot<'_>) {
        for id in self.touched.drain(..) {
            self.here[id as usize] = 0;
        }
        let mut add = |id: u32, count: u64| {
            let spread = self.counters[id as usize].spread;
            if spread
                .is_none_or(|at| counts_at(&problem.spreads[at as usize], spot.place, solution))
            {
                let here = &mut self.here[id as usize];
                if *here == 0 {
                    self.touched.push(id);
                }
                *here = here.saturating_add(count);
            }
        };
        if let Place::Node(node) = spot.place {
            for &(id, count) in &self.bound[node as usize] {
                add(id, count);
            }
        }
        for &(group, count) in spot.pods.iter().filter(|(_, count)| *count > 0) {
            for &id in &self.by_group[group as usize] {
                add(id, u64::from(count));
            }
        }
    }

    /// Pods in the domain of the spot that was looked at last; `None` when it has no such key.
    pub(super) fn at(&self, counter: u32, spot: Spot<'_>) -> Option<u64> {
        let key = self.counters[counter as usize].key;
        if key == NODE_KEY {
            return Some(self.here[counter as usize]);
        }
        let domain = spot.domains[key as usize];
        (domain != NO_DOMAIN)
            .then(|| self.domains.get(&(counter, domain)).copied().unwrap_or_default())
    }

    /// All pods that the counter saw, whatever their domain.
    pub(super) fn total(&self, counter: u32) -> u64 {
        self.totals[counter as usize]
    }

    /// The pods in the emptiest domain of each spread, 0 when there are too few domains.
    pub(super) fn least(&self, problem: &Problem, solution: &Solution) -> Vec<u64> {
        let mut least = vec![0; problem.spreads.len()];
        for (id, counter) in self.counters.iter().enumerate() {
            let Some(index) = counter.spread else { continue };
            let spread = &problem.spreads[index as usize];
            least[index as usize] = if counter.key == NODE_KEY {
                self.least_node(spread, id, solution)
            } else {
                self.least_domain(spread, id as u32, problem, solution)
            };
        }
        least
    }

    fn least_node(&self, spread: &Spread, id: usize, solution: &Solution) -> u64 {
        let launched = solution
            .launches
            .iter()
            .filter(|launch| spread.counted_offerings.contains(launch.offering as usize));
        let launched: u64 = launched.map(|launch| u64::from(launch.copies)).sum();
        let nodes = spread.counted_nodes.count() as u64 + launched;
        let (occupied, fewest) = self.occupied[id];
        if nodes == 0 || nodes < u64::from(spread.min_domains) || occupied < nodes {
            return 0;
        }
        fewest
    }

    fn least_domain(
        &self,
        spread: &Spread,
        id: u32,
        problem: &Problem,
        solution: &Solution,
    ) -> u64 {
        let key = usize::from(spread.key);
        let existing = spread.counted_nodes.iter().map(|node| problem.nodes[node].domains[key]);
        let launched = (solution.launches.iter())
            .map(|launch| launch.offering as usize)
            .filter(|&offering| spread.counted_offerings.contains(offering))
            .map(|offering| problem.offerings[offering].domains[key]);
        let mut domains: Vec<u32> = (spread.domains.iter().copied())
            .chain(existing)
            .chain(launched)
            .filter(|&domain| domain != NO_DOMAIN)
            .collect();
        domains.sort_unstable();
        domains.dedup();
        if (domains.len() as u64) < u64::from(spread.min_domains) {
            return 0;
        }
        let counts = domains.iter().map(|&d| self.domains.get(&(id, d)).copied().unwrap_or(0));
        counts.min().unwrap_or(0)
    }
}
