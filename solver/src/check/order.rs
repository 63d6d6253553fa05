//! Required pod affinities: is there an order in which each pod finds those it needs to be near?
//!
//! Pods that need nobody come first, for nothing keeps them waiting. A pod that comes first for its own
//! set may stand anywhere, but only as long as no pod of the set is there at all. So the order matters:
//! all pods that lean on others already there come at once, then, when nothing moves, a pod may be the
//! first of its set. When some pod is stuck because
//! another of its set came before it, everything is tried again with the stuck one first. If that
//! is not enough, all ways to choose the first pods are tried, as far as that is possible. Whatever
//! this finds is an order; in contrived large cases it may miss one, and then reports a right
//! solution.

use rustc_hash::FxHashSet;

use crate::check::{Place, Spot, Violation, spots};
use crate::problem::{Affinity, NO_DOMAIN, NODE_KEY, Problem};
use crate::solution::Solution;

/// Each new attempt lets the pods that were stuck go first; more than a few rounds would mean that
/// they get in each other's way.
const ATTEMPTS: usize = 8;

/// With more arrivals not all orders are tried.
const MOST_ARRIVALS: usize = 64;

/// How many choices of a first pod are tried at most.
const STEPS: u32 = 2_000;

/// Reports pods that cannot come in any order that was found.
pub(super) fn judge(problem: &Problem, solution: &Solution, violations: &mut Vec<Violation>) {
    let rules = Rules::new(problem);
    if rules.affinities.is_empty() {
        return;
    }
    let arrivals = arrivals(problem, solution, &rules);
    let mut first: Vec<Reservation> = Vec::new();
    let mut stuck = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut state = State::new(problem, &rules, &arrivals);
        stuck = state.run(&first);
        let known = first.len();
        for &arrival in &stuck {
            state.reserve(arrival, &mut first);
        }
        if first.len() == known {
            break;
        }
    }
    if !stuck.is_empty() && arrivals.len() <= MOST_ARRIVALS {
        let mut state = State::new(problem, &rules, &arrivals);
        let waiting = state.begin();
        let mut steps = STEPS;
        if state.has_order(waiting, &mut steps) {
            return;
        }
    }
    let mut seen = FxHashSet::default();
    for arrival in stuck {
        let Arrival { group, place, .. } = arrivals[arrival];
        if seen.insert((group, place)) {
            violations.push(Violation::AffinityOrder { group, place });
        }
    }
}

/// The required affinities, and which groups state them and satisfy them.
struct Rules<'a> {
    affinities: Vec<&'a Affinity>,
    stated_by: Vec<Vec<u32>>,
    satisfied_by: Vec<Vec<u32>>,
}

impl<'a> Rules<'a> {
    fn new(problem: &'a Problem) -> Self {
        let affinities: Vec<_> =
            problem.affinities.iter().filter(|affinity| affinity.cost.is_none()).collect();
        let mut stated_by = vec![Vec::new(); problem.groups.len()];
        let mut satisfied_by = vec![Vec::new(); problem.groups.len()];
        for (index, affinity) in affinities.iter().enumerate() {
            for &group in &affinity.groups {
                stated_by[group as usize].push(index as u32);
            }
            for group in problem.sets[affinity.set as usize].groups.iter() {
                satisfied_by[group].push(index as u32);
            }
        }
        Self { affinities, stated_by, satisfied_by }
    }
}

/// The pods of one group on one node. When the first of them may come, so may the rest.
#[derive(Clone, Copy)]
struct Arrival<'a> {
    group: u32,
    place: Place,
    domains: &'a [u32],
    /// The domain of [`NODE_KEY`].
    node: u32,
}

impl Arrival<'_> {
    fn domain(&self, key: u8) -> Option<u32> {
        if key == NODE_KEY {
            return Some(self.node);
        }
        let domain = self.domains[key as usize];
        (domain != NO_DOMAIN).then_some(domain)
    }
}

/// Everything that states or satisfies an affinity. Of equal nodes, one stands for itself (it may
/// hold the first pod of a set) and one for all others, which come alike.
fn arrivals<'a>(
    problem: &'a Problem,
    solution: &'a Solution,
    rules: &Rules<'_>,
) -> Vec<Arrival<'a>> {
    let mut arrivals = Vec::new();
    let mut node = 0;
    for Spot { place, pods, copies, domains } in spots(problem, solution) {
        for _ in 0..copies.min(2) {
            let pods = pods.iter().map(|&(group, _)| group).filter(|&group| {
                let group = group as usize;
                !rules.stated_by[group].is_empty() || !rules.satisfied_by[group].is_empty()
            });
            arrivals.extend(pods.map(|group| Arrival { group, place, domains, node }));
            node += 1;
        }
    }
    arrivals
}

/// A pod that shall be the first of the sets of some affinities.
struct Reservation {
    arrival: usize,
    affinities: Vec<u32>,
}

#[derive(Clone)]
struct State<'a> {
    problem: &'a Problem,
    rules: &'a Rules<'a>,
    arrivals: &'a [Arrival<'a>],
    /// (affinity, key, domain) that hold a pod of the affinity's set.
    present: FxHashSet<(u32, u8, u32)>,
    /// Per affinity: a pod of its set is in some domain of its keys.
    any: Vec<bool>,
    /// As `any`, for bound pods and those that need nobody.
    begun: Vec<bool>,
    /// Per affinity: its first pod is reserved and has not come.
    held: Vec<bool>,
}

impl<'a> State<'a> {
    fn new(problem: &'a Problem, rules: &'a Rules<'a>, arrivals: &'a [Arrival<'a>]) -> Self {
        let mut present = FxHashSet::default();
        let mut any = Vec::new();
        for (index, affinity) in rules.affinities.iter().enumerate() {
            let bound = &problem.sets[affinity.set as usize].bound;
            let mut is_known = false;
            for &(node, _) in bound {
                let domains = &problem.nodes[node as usize].domains;
                // The numbers of existing nodes come first among the nodes of arrivals.
                let at = Arrival { group: 0, place: Place::Node(node), domains, node };
                for &key in &affinity.keys {
                    if let Some(domain) = at.domain(key) {
                        present.insert((index as u32, key, domain));
                        is_known = true;
                    }
                }
            }
            any.push(is_known);
        }
        let held = vec![false; any.len()];
        Self { problem, rules, arrivals, present, begun: any.clone(), any, held }
    }

    /// Lets those come that need nobody; the others.
    fn begin(&mut self) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..self.arrivals.len()).collect();
        self.admit(&mut waiting, |state, arrival| {
            state.rules.stated_by[state.arrivals[arrival].group as usize].is_empty()
        });
        self.begun.clone_from(&self.any);
        waiting
    }

    /// Lets everything come that can, and returns what cannot.
    fn run(&mut self, first: &[Reservation]) -> Vec<usize> {
        let mut waiting = self.begin();
        for &affinity in first.iter().flat_map(|reservation| &reservation.affinities) {
            self.held[affinity as usize] = true;
        }
        let mut reserved: Vec<&Reservation> = first.iter().collect();
        loop {
            if self.admit(&mut waiting, |state, arrival| {
                !state.is_held(arrival) && state.near(arrival)
            }) {
                continue;
            }
            if let Some(at) = reserved.iter().position(|next| self.may_lead(next.arrival)) {
                let leader = reserved.remove(at);
                self.arrive(leader.arrival);
                waiting.retain(|&arrival| arrival != leader.arrival);
                for &affinity in &leader.affinities {
                    self.held[affinity as usize] = false;
                }
                continue;
            }
            if !reserved.is_empty() {
                reserved.clear();
                self.held.fill(false);
                continue;
            }
            if !self.admit(&mut waiting, Self::may_lead) {
                return waiting;
            }
        }
    }

    /// Whether those that wait can come in some order. A pod that brings no set its first pod takes
    /// nothing from anyone, so it comes as soon as it can; all others that may come are tried. Each
    /// of these ends the wait of an affinity, so there are never many in a row.
    fn has_order(mut self, mut waiting: Vec<usize>, steps: &mut u32) -> bool {
        while self.admit(&mut waiting, |state, arrival| {
            let group = state.arrivals[arrival].group as usize;
            let begins = state.rules.satisfied_by[group].iter().any(|&a| !state.any[a as usize]);
            !begins && state.near(arrival)
        }) {}
        if waiting.is_empty() {
            return true;
        }
        let mut may_come = waiting.iter().copied().filter(|&arrival| self.may_lead(arrival));
        may_come.any(|arrival| {
            *steps = steps.saturating_sub(1);
            if *steps == 0 {
                return false;
            }
            let mut next = self.clone();
            next.arrive(arrival);
            next.has_order(
                waiting.iter().copied().filter(|&other| other != arrival).collect(),
                steps,
            )
        })
    }

    /// Lets those come that may, one after the other; whether any did.
    fn admit(&mut self, waiting: &mut Vec<usize>, may: impl Fn(&Self, usize) -> bool) -> bool {
        let before = waiting.len();
        waiting.retain(|&arrival| {
            let comes = may(self, arrival);
            if comes {
                self.arrive(arrival);
            }
            !comes
        });
        waiting.len() < before
    }

    fn arrive(&mut self, arrival: usize) {
        let arrival = &self.arrivals[arrival];
        for &affinity in &self.rules.satisfied_by[arrival.group as usize] {
            for &key in &self.rules.affinities[affinity as usize].keys {
                if let Some(domain) = arrival.domain(key) {
                    self.any[affinity as usize] = true;
                    self.present.insert((affinity, key, domain));
                }
            }
        }
    }

    fn is_held(&self, arrival: usize) -> bool {
        let group = self.arrivals[arrival].group as usize;
        self.rules.satisfied_by[group].iter().any(|&affinity| self.held[affinity as usize])
    }

    /// Whether all that the pod needs to be near to is there.
    fn near(&self, arrival: usize) -> bool {
        let stated = &self.rules.stated_by[self.arrivals[arrival].group as usize];
        stated.iter().all(|&affinity| self.meets(arrival, affinity))
    }

    fn meets(&self, arrival: usize, affinity: u32) -> bool {
        self.rules.affinities[affinity as usize].keys.iter().all(|&key| {
            let domain = self.arrivals[arrival].domain(key);
            domain.is_some_and(|domain| self.present.contains(&(affinity, key, domain)))
        })
    }

    /// As [`Self::near`], but the pod may be the first of sets that have none yet.
    fn may_lead(&self, arrival: usize) -> bool {
        let stated = &self.rules.stated_by[self.arrivals[arrival].group as usize];
        stated.iter().all(|&affinity| {
            self.meets(arrival, affinity)
                || (!self.any[affinity as usize] && self.is_own(arrival, affinity))
        })
    }

    /// Whether the pod is in the set that it wants to be near to, on a place with all the keys.
    fn is_own(&self, arrival: usize, affinity: u32) -> bool {
        let Arrival { group, .. } = self.arrivals[arrival];
        let affinity = self.rules.affinities[affinity as usize];
        self.problem.sets[affinity.set as usize].groups.contains(group as usize)
            && affinity.keys.iter().all(|&key| self.arrivals[arrival].domain(key).is_some())
    }

    /// Plans for a stuck pod to be the first of its sets, if no other pod has that place.
    fn reserve(&self, arrival: usize, first: &mut Vec<Reservation>) {
        let stated = &self.rules.stated_by[self.arrivals[arrival].group as usize];
        let missed: Vec<u32> =
            stated.iter().copied().filter(|&affinity| !self.meets(arrival, affinity)).collect();
        let taken = |affinity: &u32| first.iter().any(|known| known.affinities.contains(affinity));
        let possible = missed
            .iter()
            .all(|&affinity| !self.begun[affinity as usize] && self.is_own(arrival, affinity));
        if possible && !missed.iter().any(taken) {
            first.push(Reservation { arrival, affinities: missed });
        }
    }
}
