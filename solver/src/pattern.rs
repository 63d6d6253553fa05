//! Pricing: the most valuable pattern that fits on one node.
//!
//! A pattern says how many pods of each item share a node. Given a profit per item, the best one
//! solves a bounded knapsack in several dimensions. [`Pricer::price`] searches best-first over the
//! knapsack's linear relaxation; when its budget of nodes ends early, the bound it returns still
//! holds, because it is the largest over all branches that are open.

mod cut;
mod exchange;
mod far;
#[cfg(test)]
mod fixtures;
mod grid;
mod outlook;
mod proof;
mod relaxation;
mod shrink;
mod walk;

use std::{cmp::Ordering, collections::BinaryHeap};

use crate::presolve::{self, Core, Kind};
pub(crate) use cut::Cut;
pub(crate) use proof::{Proof, Proven, Shadow, View};
use relaxation::{Basis, Relaxation};
use walk::Coarse;

/// Floats err by less than this, relative, so bounds are raised by it.
const MARGIN: f64 = 1e-10;

/// The first branches are filled up to whole patterns, later only one in so many.
const OFTEN: u32 = 12;
const SELDOM: u32 = 8;
/// Items that are compared at a time when a node is filled by shares.
const COMPARED: usize = 24;

/// (item, pods), ascending by item; counts are above zero.
pub(crate) type Pattern = Vec<(u32, u32)>;

/// What is asked of a kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    /// Profit of one pod, per item, penalties not taken off; items at or below 0 stay out.
    pub profits: &'a [f64],
    /// At most so many pods of each item.
    pub limits: &'a [u32],
    /// A pattern worth no more than this is of no use: once the bound is down here, stop.
    pub enough: f64,
    /// How many branches may be looked into.
    pub nodes: u32,
    /// How many patterns to return at most.
    pub keep: usize,
    pub exact: Exact,
}

/// How hard to try beyond branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    /// Not at all.
    No,
    /// By enumeration where a node holds few pods, or else by dynamic programming where it is small.
    Yes,
    /// The same, but not for long: [`Pricer::look_far`] comes next.
    Briefly,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Priced {
    /// No pattern is worth more.
    pub bound: f64,
    /// Distinct patterns with their worth, the best first.
    pub patterns: Vec<(f64, Pattern)>,
    /// Branches looked into.
    pub nodes: u32,
}

/// One kind, prepared for being priced many times.
#[derive(Clone, Debug)]
pub(crate) struct Pricer {
    /// Items that a node of the kind can hold.
    items: Vec<u32>,
    /// Requests as whole numbers, `dims` per item; what they count in cuts comes last.
    requests: Vec<i64>,
    capacity: Vec<i64>,
    /// Requests as shares of the capacity, one row per item.
    shares: Vec<f64>,
    /// How many pods of an item fit into an empty node.
    fits: Vec<u32>,
    /// What unmet preferences cost per pod of an item; empty when nothing does.
    penalties: Vec<f64>,
    /// Per item, the cap and how many it allows.
    caps: Vec<Option<(u32, u32)>>,
    /// Per item, the positions of those that keep off its node.
    conflicts: Vec<Vec<u32>>,
    dims: usize,
    /// Whether a node holds so few pods that its patterns may be enumerated.
    coarse: Coarse,
    /// The problem's names of the dimensions that play a part.
    dimensions: Vec<u32>,
    /// Further dimensions.
    cuts: Vec<Cut>,
}

impl Pricer {
    pub(crate) fn new(core: &Core, kind: &Kind) -> Self {
        // A dimension that no accepted pod asks for plays no part.
        let items: Vec<u32> = kind.items.iter().map(|item| item as u32).collect();
        let asked = |dim: &usize| items.iter().any(|&i| core.items[i as usize].request[*dim] > 0);
        let dims: Vec<usize> = (0..core.dims).filter(asked).collect();
        let capacity: Vec<i64> = dims.iter().map(|&dim| kind.capacity[dim]).collect();
        let mut pricer = Self {
            requests: Vec::with_capacity(items.len() * dims.len()),
            shares: Vec::with_capacity(items.len() * dims.len()),
            fits: Vec::with_capacity(items.len()),
            caps: Vec::with_capacity(items.len()),
            penalties: Vec::new(),
            conflicts: Vec::with_capacity(items.len()),
            dims: dims.len(),
            coarse: Coarse::No,
            dimensions: dims.iter().map(|&dim| dim as u32).collect(),
            cuts: Vec::new(),
            capacity,
            items,
        };
        if !kind.penalties.is_empty() {
            let penalty = |&item: &u32| kind.penalties[item as usize] as f64;
            pricer.penalties = pricer.items.iter().map(penalty).collect();
        }
        for &item in &pricer.items {
            let of = &core.items[item as usize];
            for (&dim, &have) in dims.iter().zip(&pricer.capacity) {
                let ask = of.request[dim];
                pricer.requests.push(ask);
                pricer.shares.push(if have > 0 { ask as f64 / have as f64 } else { 0.0 });
            }
            pricer.fits.push(presolve::most(core, of, kind));
            pricer.caps.push(of.cap.map(|cap| (cap, core.caps[cap as usize])));
            let position = |other: &u32| pricer.items.binary_search(other).ok().map(|at| at as u32);
            pricer
                .conflicts
                .push(core.conflicts[item as usize].iter().filter_map(position).collect());
        }
        let pods = pricer.items.iter().map(|&item| core.items[item as usize].demand);
        let pods: Vec<u32> = pods.collect();
        pricer.coarse = Coarse::of(&pricer, &pods, core.kinds.len());
        pricer
    }

    /// Bounds the worth of every pattern and finds good ones.
    pub(crate) fn price(&self, ask: &Ask<'_>) -> Priced {
        self.price_with(ask, false)
    }

    /// The same, without the items in the branches that can be of no use: faster with hundreds of
    /// items, and now and then the branches end with another pattern.
    pub(crate) fn price_lean(&self, ask: &Ask<'_>) -> Priced {
        self.price_with(ask, true)
    }

    fn price_with(&self, ask: &Ask<'_>, lean: bool) -> Priced {
        let mut search = Search::new(self, ask);
        if search.chosen.is_empty() {
            return Priced::default();
        }
        if let Some(priced) = search.enumerate() {
            return priced;
        }
        search.run(lean);
        search.exchange();
        let mut bound = search.bound();
        if ask.exact != Exact::No
            && bound > ask.enough
            && let Some(exact) = grid::best(self, ask)
        {
            bound = bound.min(exact.bound);
            search.found.extend(exact.pattern);
        }
        search.finish(bound)
    }

    /// Cuts that its proofs may rest on.
    pub(crate) fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// What one pod of an item brings on this kind.
    fn profit(&self, at: usize, profits: &[f64]) -> f64 {
        profits[self.items[at] as usize] - self.penalties.get(at).copied().unwrap_or(0.0)
    }

    fn request(&self, at: usize) -> &[i64] {
        &self.requests[at * self.dims..(at + 1) * self.dims]
    }
}

/// A branch: bounds on the counts of the chosen items.
struct Branch {
    bound: f64,
    /// Lower, then upper bounds.
    bounds: Vec<u32>,
    /// The item to branch on, and its value in the relaxation.
    on: usize,
    value: f64,
    basis: Basis,
}

impl PartialEq for Branch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Branch {}
impl PartialOrd for Branch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Branch {
    fn cmp(&self, other: &Self) -> Ordering {
        // Ties go to the smaller bounds, so that the order does not depend on the heap.
        self.bound.total_cmp(&other.bound).then_with(|| other.bounds.cmp(&self.bounds))
    }
}

struct Search<'a> {
    pricer: &'a Pricer,
    ask: &'a Ask<'a>,
    /// Positions in the pricer of the items that take part.
    chosen: Vec<u32>,
    profits: Vec<f64>,
    relaxation: Relaxation,
    open: BinaryHeap<Branch>,
    /// The largest bound of a branch that was closed because it is of no use.
    closed: f64,
    found: Vec<(f64, Pattern)>,
    best: f64,
    /// How many patterns to return at most.
    keep: usize,
    nodes: u32,
}

impl<'a> Search<'a> {
    fn new(pricer: &'a Pricer, ask: &'a Ask<'a>) -> Self {
        let mut chosen = Vec::with_capacity(pricer.items.len());
        let mut profits = Vec::with_capacity(pricer.items.len());
        for (at, &item) in pricer.items.iter().enumerate() {
            let profit = pricer.profit(at, ask.profits);
            if profit > 0.0 && ask.limits[item as usize] > 0 && pricer.fits[at] > 0 {
                chosen.push(at as u32);
                profits.push(profit);
            }
        }
        let relaxation = Relaxation::new(pricer, &chosen, &profits);
        Self {
            pricer,
            ask,
            chosen,
            profits,
            relaxation,
            open: BinaryHeap::new(),
            closed: 0.0,
            found: Vec::new(),
            best: 0.0,
            keep: ask.keep,
            nodes: 0,
        }
    }

    /// Prices by enumeration where a node holds few pods; `None` when that is not so or there were
    /// too many patterns. Good ones are kept all the same.
    fn enumerate(&mut self) -> Option<Priced> {
        let wanted = match self.pricer.coarse {
            Coarse::No => false,
            Coarse::Sometimes => self.ask.exact != Exact::No,
            Coarse::Always => true,
        };
        if !wanted {
            return None;
        }
        let walked = self.walk();
        self.found = walked.patterns;
        self.best = self.found.first().map_or(0.0, |(worth, _)| *worth);
        self.nodes = 1;
        let bound = walked.bound?;
        let (patterns, nodes) = (std::mem::take(&mut self.found), self.nodes);
        Some(Priced { bound, patterns, nodes })
    }

    fn walk(&mut self) -> walk::Walked {
        let upper = self.relax();
        walk::walk(self, &upper)
    }

    /// Solves the relaxation of the whole; the most pods of each chosen item.
    fn relax(&mut self) -> Vec<u32> {
        let mut bounds = self.whole();
        let (lower, upper) = bounds.split_at_mut(self.chosen.len());
        let room = self.pricer.capacity.clone();
        self.tighten(lower, upper, &room);
        self.relaxation.solve(lower, upper, &room, None);
        upper.to_vec()
    }

    /// The bounds of all patterns: lower, then upper ones.
    fn whole(&self) -> Vec<u32> {
        let upper = self.chosen.iter().map(|&at| {
            let item = self.pricer.items[at as usize] as usize;
            self.pricer.fits[at as usize].min(self.ask.limits[item])
        });
        let mut bounds = vec![0; self.chosen.len()];
        bounds.extend(upper);
        bounds
    }

    fn run(&mut self, lean: bool) {
        let bounds = self.whole();
        self.look(bounds, None);
        if lean {
            self.shrink();
        }
        while self.nodes < self.ask.nodes {
            let Some(branch) = self.open.peek() else { return };
            if branch.bound <= self.useful() {
                return;
            }
            let Some(branch) = self.open.pop() else { return };
            let n = self.chosen.len();
            let mut below = branch.bounds.clone();
            below[n + branch.on] = branch.value.floor() as u32;
            let mut above = branch.bounds;
            above[branch.on] = branch.value.floor() as u32 + 1;
            self.look(below, Some(&branch.basis));
            self.look(above, Some(&branch.basis));
        }
    }

    /// A branch is of use only above this.
    fn useful(&self) -> f64 {
        self.ask.enough.max(self.best * (1.0 + MARGIN))
    }

    fn bound(&self) -> f64 {
        let open = self.open.peek().map_or(0.0, |branch| branch.bound);
        open.max(self.closed).max(self.best) * (1.0 + MARGIN)
    }

    /// Solves a branch's relaxation, rounds it to patterns, and keeps the branch when it matters.
    fn look(&mut self, mut bounds: Vec<u32>, start: Option<&Basis>) {
        self.nodes += 1;
        let n = self.chosen.len();
        let (lower, upper) = bounds.split_at_mut(n);
        let mut room = self.pricer.capacity.clone();
        if !self.take_lower(lower, &mut room) || !self.tighten(lower, upper, &room) {
            return;
        }
        let bound = self.relaxation.solve(lower, upper, &room, start);
        if bound <= self.useful() {
            self.closed = self.closed.max(bound);
            return;
        }
        self.round(lower, upper, &room);
        let split = self.relaxation.split(lower);
        match split {
            Some((on, value)) if bound > self.useful() => {
                let basis = self.relaxation.basis();
                self.open.push(Branch { bound, bounds, on, value, basis });
            }
            _ => self.closed = self.closed.max(bound),
        }
    }

    fn take_lower(&self, lower: &[u32], room: &mut [i64]) -> bool {
        for (&at, &count) in self.chosen.iter().zip(lower) {
            if count > 0 {
                for (room, ask) in room.iter_mut().zip(self.pricer.request(at as usize)) {
                    *room -= ask * i64::from(count);
                }
            }
        }
        room.iter().all(|&room| room >= 0)
    }

    /// Cuts the upper bounds to what still fits; false when the lower bounds break a cap.
    fn tighten(&self, lower: &[u32], upper: &mut [u32], room: &[i64]) -> bool {
        for (k, &at) in self.chosen.iter().enumerate() {
            let mut more = upper[k].saturating_sub(lower[k]);
            if let Some((cap, most)) = self.pricer.caps[at as usize] {
                let taken = self.taken(cap, lower);
                if taken > most {
                    return false;
                }
                more = more.min(most - taken);
            }
            for (&room, &ask) in room.iter().zip(self.pricer.request(at as usize)) {
                // So many fit into an empty node, so the product is no more than its room; most
                // often it fits still, and a division takes ten times as long.
                if ask * i64::from(more) > room {
                    more = u32::try_from(room / ask).unwrap_or(0);
                }
            }
            let barred = self.pricer.conflicts[at as usize].iter().any(|other| {
                self.chosen.binary_search(other).is_ok_and(|position| lower[position] > 0)
            });
            if barred && lower[k] > 0 {
                return false;
            }
            upper[k] = if barred { 0 } else { lower[k] + more };
        }
        true
    }

    /// Pods that count against a cap.
    fn taken(&self, cap: u32, counts: &[u32]) -> u32 {
        let capped = self.chosen.iter().zip(counts).filter(|(at, count)| {
            **count > 0 && self.pricer.caps[**at as usize].is_some_and(|(other, _)| other == cap)
        });
        capped.map(|(_, count)| count).sum()
    }

    /// Rounds the relaxation down and fills up, in two orders.
    fn round(&mut self, lower: &[u32], upper: &[u32], room: &[i64]) {
        let mut counts = lower.to_vec();
        let mut room = room.to_vec();
        let values: Vec<f64> = self.relaxation.values().to_vec();
        for (k, value) in values.iter().enumerate() {
            // A value that is whole but for rounding counts as whole.
            let count = (value + 1e-7).floor() as u32;
            self.add(k, count, &mut counts, upper, &mut room);
        }
        if self.nodes == 1 {
            let mut other = (counts.clone(), room.clone());
            self.fill_by_share(&mut other.0, upper, &mut other.1);
            self.keep(&other.0);
        }
        // Deep in the search it is the bound that matters, and filling up takes longer than that.
        if self.nodes <= OFTEN || self.nodes.is_multiple_of(SELDOM) {
            self.relaxation.rank();
            self.fill_by_value(&mut counts, upper, &mut room);
        }
        self.keep(&counts);
    }

    /// Adds up to `want` pods of the k-th item as far as room, caps and conflicts allow.
    fn add(&self, k: usize, want: u32, counts: &mut [u32], upper: &[u32], room: &mut [i64]) -> u32 {
        let at = self.chosen[k] as usize;
        let mut most = want.min(upper[k].saturating_sub(counts[k]));
        if most == 0 {
            return 0;
        }
        for (&room, &ask) in room.iter().zip(self.pricer.request(at)) {
            if ask > 0 {
                let times = room / ask;
                if times < i64::from(most) {
                    most = times.max(0) as u32;
                }
            }
        }
        if let Some((cap, limit)) = self.pricer.caps[at] {
            most = most.min(limit.saturating_sub(self.taken(cap, counts)));
        }
        if most == 0 {
            return 0;
        }
        let barred = self.pricer.conflicts[at].iter().any(|other| {
            self.chosen.binary_search(other).is_ok_and(|position| counts[position] > 0)
        });
        if barred {
            return 0;
        }
        counts[k] += most;
        for (room, ask) in room.iter_mut().zip(self.pricer.request(at)) {
            *room -= ask * i64::from(most);
        }
        most
    }

    /// By profit per room at the relaxation's own prices of room.
    fn fill_by_value(&self, counts: &mut [u32], upper: &[u32], room: &mut [i64]) {
        for &k in self.relaxation.order() {
            let k = k as usize;
            self.add(k, upper[k], counts, upper, room);
        }
    }

    /// By profit per largest share of what is left. Only a few of the best are compared at a time:
    /// with hundreds of items the rest would cost much and change little.
    fn fill_by_share(&self, counts: &mut [u32], upper: &[u32], room: &mut [i64]) {
        let score = |k: usize, room: &[i64]| {
            let request = self.pricer.request(self.chosen[k] as usize);
            let share = request
                .iter()
                .zip(room)
                .map(|(&ask, &room)| ask as f64 / (room.max(1)) as f64)
                .fold(1e-9, f64::max);
            self.profits[k] / share
        };
        let mut order: Vec<(f64, usize)> =
            (0..self.chosen.len()).map(|k| (score(k, room), k)).collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut rest = order.into_iter().map(|(_, k)| k);
        let mut open: Vec<usize> = rest.by_ref().take(COMPARED).collect();
        while !open.is_empty() {
            let best = open.iter().map(|&k| (score(k, room), k));
            let Some((_, k)) = best.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1))) else {
                return;
            };
            let most = upper[k].saturating_sub(counts[k]);
            if self.add(k, most.div_ceil(2), counts, upper, room) == 0 {
                open.retain(|&other| other != k);
                open.extend(rest.next());
            }
        }
    }

    fn keep(&mut self, counts: &[u32]) {
        let worth: f64 = counts.iter().zip(&self.profits).map(|(&n, p)| f64::from(n) * p).sum();
        let least = if self.found.len() < self.ask.keep {
            0.0
        } else {
            self.found.last().map_or(0.0, |(worth, _)| *worth)
        };
        if worth <= least {
            return;
        }
        let counted = self.chosen.iter().zip(counts).filter(|(_, count)| **count > 0);
        let pattern: Pattern =
            counted.map(|(&at, &count)| (self.pricer.items[at as usize], count)).collect();
        if self.found.iter().any(|(_, other)| *other == pattern) {
            return;
        }
        let at = self.found.partition_point(|(other, _)| *other >= worth);
        self.found.insert(at, (worth, pattern));
        self.found.truncate(self.ask.keep.max(1));
        self.best = self.best.max(worth);
    }

    fn finish(mut self, bound: f64) -> Priced {
        self.found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        self.found.dedup_by(|next, kept| next.1 == kept.1);
        self.found.truncate(self.keep.max(1));
        Priced { bound, patterns: self.found, nodes: self.nodes }
    }
}
