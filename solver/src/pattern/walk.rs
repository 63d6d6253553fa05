//! Exact pricing of nodes that hold few pods, by depth-first enumeration.
//!
//! On a node with room for a handful of pods the linear relaxation promises far too much, but
//! there are not many patterns either. At the relaxation's prices of room every pattern is worth
//! the relaxation's bound less a *loss*: what taken pods pay beyond their profit, what skipped pods
//! would have brought beyond what they pay, and the room that stays empty. Only patterns whose loss
//! leaves them useful are enumerated (variable fixing by reduced costs; Nemhauser and Wolsey,
//! Integer and Combinatorial Optimization, 1988, II.5.2).

use std::{array, iter::Peekable};

use super::{
    Exact, MARGIN, Pattern, Pricer, Search,
    far::Far,
    outlook::{Candidate, MOST, Outlook, outlooks},
};
use crate::certificate::LONGEST_WALK;

/// Nodes that hold more pods than this on average have too many patterns.
const MOST_PODS: f64 = 16.0;
/// With no more kinds than this each may be walked whenever it is priced.
const FEW_KINDS: usize = 4;
/// Steps in the place of one branch of the relaxation.
const STEPS: u64 = 2_000;
/// So many steps are taken without tables of what is ahead where these may be filled later.
const PLAIN: u64 = 1 << 15;
/// Cells of tables, and the part of the steps that may be taken with them.
const TABLES: [(usize, u64); 2] = [(4_000, 32), (40_000, 1)];
/// So many good patterns are kept.
const MANY: usize = 24;
/// Steps, and updates of tables, that take the time of a branch of the relaxation.
const BRANCH_STEPS: u64 = 500;
const BRANCH_UPDATES: u64 = 20_000;
/// No certificate goes further than so many steps, give or take what rounding does.
const MOST_STEPS: u64 = LONGEST_WALK * 7 / 8;
/// A walk that has come through less of all there is by these parts of its steps will not end. What
/// comes first takes longest, so that is less than the part.
const MILESTONES: [(u64, f64); 4] = [(16, 0.05), (8, 0.15), (4, 0.24), (2, 0.45)];

/// Whether enumeration is likely to end soon, and if it may be tried at every pricing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coarse {
    No,
    /// When the bound matters.
    Sometimes,
    Always,
}

impl Coarse {
    /// Judges a kind by the pods that a node of it holds on average.
    pub(super) fn of(pricer: &Pricer, pods: &[u32], kinds: usize) -> Self {
        let bound = pricer.caps.iter().any(Option::is_some)
            || pricer.conflicts.iter().any(|others| !others.is_empty());
        let all: f64 = pods.iter().map(|&pods| f64::from(pods)).sum();
        let load = |dim: usize| {
            let shares = pods.iter().enumerate();
            let shares =
                shares.map(|(at, &n)| pricer.shares[at * pricer.dims + dim] * f64::from(n));
            shares.sum::<f64>()
        };
        let fullest = (0..pricer.dims).map(load).fold(0.0, f64::max);
        if bound || all > MOST_PODS * fullest {
            Self::No
        } else if kinds <= FEW_KINDS {
            Self::Always
        } else {
            Self::Sometimes
        }
    }
}

/// An item in the order of the walk.
struct Entry {
    /// Position in [`Search::chosen`].
    k: usize,
    /// Position in the pricer.
    at: usize,
    profit: f64,
    /// Profit less what a pod pays for room.
    gain: f64,
    most: u32,
}

type Milestones = Peekable<array::IntoIter<(u64, f64), 4>>;

/// What a walk came to.
pub(super) struct Walked {
    /// No pattern is worth more; none when the walk did not end.
    pub bound: Option<f64>,
    pub patterns: Vec<(f64, Pattern)>,
    /// What helped it.
    pub outlooks: Vec<Outlook>,
    /// Steps with them, or without where there are none.
    pub steps: u64,
    /// Branches of the relaxation that all of this takes as long as.
    pub branches: u32,
}

struct Walk<'a> {
    pricer: &'a Pricer,
    entries: Vec<Entry>,
    /// Per entry, the least that it or any after it asks of each dimension, and the most that a pod
    /// of them brings.
    least: Vec<i64>,
    dearest: Vec<f64>,
    room: Vec<i64>,
    /// Tables over the entries, and how much of the room beside the axes of each is not paid for.
    outlooks: Vec<Outlook>,
    left: [f64; MOST],
    /// (position in `entries`, pods) of the pattern being built.
    taken: Vec<(usize, u32)>,
    /// The relaxation's bound.
    top: f64,
    /// A pattern must be worth more, and more than the best if only that counts.
    useful: f64,
    follows: bool,
    /// Patterns that are worth more are good.
    floor: f64,
    /// Once a pattern is worth this much nothing else matters.
    futile: f64,
    best: f64,
    /// Whether good patterns are wanted besides the best: per entry the best that holds it.
    many: Option<Vec<(f64, Pattern)>>,
    found: Option<Pattern>,
    steps: u64,
    /// Steps of the last start and of all, and updates of tables.
    last_steps: u64,
    taken_steps: u64,
    updates: u64,
    /// Steps left at each milestone to come, and what must be done by then.
    milestones: Milestones,
    /// How much of all there is has been gone through, were every choice as long as its siblings.
    done: f64,
}

/// Walks over the useful patterns of a search whose relaxation has been solved at the top.
pub(super) fn walk(search: &Search<'_>, upper: &[u32]) -> Walked {
    let mut walk = Walk::new(search, upper, search.ask.enough);
    walk.many = (search.ask.keep > 1).then(|| vec![(0.0, Pattern::new()); walk.entries.len()]);
    walk.follows = walk.many.is_none();
    let steps = (u64::from(search.ask.nodes) * STEPS).min(MOST_STEPS);
    let brief = search.ask.exact == Exact::Briefly;
    let ended = walk.start(if brief { steps.min(PLAIN) } else { steps });
    walk.close(ended, search.ask.keep)
}

/// Walks with tables of what is ahead: small ones first, which often suffice.
pub(super) fn look_far(search: &Search<'_>, upper: &[u32], far: &Far) -> Walked {
    let mut walk = Walk::new(search, upper, far.useful);
    (walk.floor, walk.futile) = (far.floor, far.futile);
    walk.many = (search.ask.keep > 0).then(|| vec![(0.0, Pattern::new()); walk.entries.len()]);
    let prices = search.prices_without_cuts(upper);
    let mut ended = false;
    for (cells, part) in TABLES {
        walk.look_out(&prices, cells);
        ended = !walk.outlooks.is_empty() && walk.start(far.steps / part);
        if ended || walk.best >= walk.futile {
            break;
        }
    }
    walk.close(ended, search.ask.keep.max(MANY))
}

/// Steps left at each milestone of so many, and what must be done by then.
fn milestones(steps: u64) -> Milestones {
    MILESTONES.map(|(part, done)| (steps - steps / part, done)).into_iter().peekable()
}

/// Per entry, the least request and the highest profit from there on.
fn ahead(pricer: &Pricer, entries: &[Entry]) -> (Vec<i64>, Vec<f64>) {
    let dims = pricer.dimensions.len();
    let mut least = vec![i64::MAX; (entries.len() + 1) * dims];
    let mut dearest = vec![0.0; entries.len() + 1];
    for (at, entry) in entries.iter().enumerate().rev() {
        for (dim, &ask) in pricer.request(entry.at)[..dims].iter().enumerate() {
            least[at * dims + dim] = least[(at + 1) * dims + dim].min(ask);
        }
        dearest[at] = entry.profit.max(dearest[at + 1]);
    }
    (least, dearest)
}

impl<'a> Walk<'a> {
    fn new(search: &Search<'a>, upper: &[u32], useful: f64) -> Self {
        let pricer = search.pricer;
        let (prices, _) = search.relaxation.prices();
        let mut entries: Vec<Entry> = Vec::with_capacity(search.chosen.len());
        for (k, &at) in search.chosen.iter().enumerate() {
            let at = at as usize;
            let shares = &pricer.shares[at * pricer.dims..(at + 1) * pricer.dims];
            let paid: f64 = shares.iter().zip(prices).map(|(share, price)| share * price).sum();
            let profit = search.profits[k];
            entries.push(Entry { k, at, profit, gain: profit - paid, most: upper[k] });
        }
        entries.sort_by(|a, b| b.gain.total_cmp(&a.gain).then(a.k.cmp(&b.k)));
        let gains = entries.iter().map(|e| e.gain.max(0.0) * f64::from(e.most)).sum::<f64>();
        let top = (prices.iter().sum::<f64>() + gains) * (1.0 + MARGIN);
        let (least, dearest) = ahead(pricer, &entries);
        Self {
            pricer,
            entries,
            least,
            dearest,
            room: pricer.capacity[..pricer.dimensions.len()].to_vec(),
            outlooks: Vec::new(),
            left: [0.0; MOST],
            taken: Vec::new(),
            top,
            useful,
            follows: true,
            floor: useful,
            futile: f64::INFINITY,
            best: 0.0,
            many: None,
            found: None,
            steps: 0,
            last_steps: 0,
            taken_steps: 0,
            updates: 0,
            milestones: milestones(0),
            done: 0.0,
        }
    }

    /// Goes through everything in so many steps; false when they do not suffice.
    fn start(&mut self, steps: u64) -> bool {
        (self.steps, self.milestones, self.done) = (steps, milestones(steps), 0.0);
        self.left = array::from_fn(|at| self.outlooks.get(at).map_or(0.0, |of| of.aside));
        let ended = self.descend(0, 0.0, 0.0, 1.0);
        self.last_steps = steps - self.steps;
        self.taken_steps += self.last_steps;
        ended
    }

    /// Fills tables of so many cells for the entries that a useful pattern may hold.
    fn look_out(&mut self, prices: &[f64], cells: usize) {
        let slack = self.top - self.useful;
        let hopeful = self.entries.partition_point(|entry| -entry.gain < slack);
        let candidate = |&Entry { at, profit, most, .. }: &Entry| Candidate { at, profit, most };
        self.entries.truncate(hopeful);
        let candidates: Vec<Candidate> = self.entries.iter().map(candidate).collect();
        self.outlooks = outlooks(self.pricer, &candidates, prices, (cells, self.top));
        self.updates += self.outlooks.iter().map(|outlook| outlook.updates).sum::<u64>();
    }

    /// Whether the entries from one on could still make a pattern of this worth useful in what room
    /// is left, by the tables.
    fn is_open(&self, from: usize, worth: f64) -> bool {
        self.outlooks
            .iter()
            .zip(self.left)
            .all(|(outlook, left)| worth + left + outlook.most(from, &self.room) > self.useful)
    }

    /// The most pods of an entry, of so many that fit, with which a pattern worth this much without
    /// them may become useful. If a number of pods leaves no hope whatever comes, more do not either.
    fn hopeful(&self, at: usize, fitting: u32, worth: f64) -> u32 {
        if self.outlooks.is_empty() {
            return fitting;
        }
        let profit = self.entries[at].profit;
        let hopeless = |&pods: &u32| {
            let missing = self.useful - worth - profit * f64::from(pods);
            let outlooks = self.outlooks.iter().zip(self.left);
            !outlooks
                .into_iter()
                .all(|(of, left)| left + of.most_with(at, pods.into(), &self.room) > missing)
        };
        (1..=fitting).find(hopeless).map_or(fitting, |pods| pods - 1)
    }

    /// Whether other tables count from an entry on.
    fn is_next(&self, at: usize) -> bool {
        self.outlooks.first().is_some_and(|outlook| at.is_multiple_of(outlook.block))
    }

    /// Whether pods of the entries from one on fit, and could make a pattern of this worth useful:
    /// as many fit as of the smallest at most, and none brings more than the dearest.
    fn promises(&self, from: usize, worth: f64) -> bool {
        let dims = self.room.len();
        let least = &self.least[from * dims..(from + 1) * dims];
        // The count saturates, at 1 where the pattern is useful as it stands.
        let pods = ((self.useful - worth) / self.dearest[from]).floor() as i64;
        let pods = pods.saturating_add(1).max(1);
        self.room.iter().zip(least).all(|(&room, &ask)| ask.saturating_mul(pods) <= room)
    }

    /// Tries every useful way to add pods of the entries from here on, which are `share` of all there
    /// is; false when there are too many.
    fn descend(&mut self, from: usize, mut loss: f64, worth: f64, mut share: f64) -> bool {
        self.note(worth);
        if !self.promises(from, worth) {
            self.done += share;
            return true;
        }
        for at in from..self.entries.len() {
            let Entry { at: position, profit, gain, most, .. } = self.entries[at];
            let slack = self.top - self.useful;
            if loss + (-gain).max(0.0) >= slack || self.is_next(at) && !self.is_open(at, worth) {
                break;
            }
            if !self.step() {
                return false;
            }
            let fitting = self.hopeful(at, self.fitting(position, most), worth);
            share /= f64::from(fitting + 1);
            for pods in (1..=fitting).rev() {
                let idle = if gain > 0.0 { most - pods } else { pods };
                let loss = loss + gain.abs() * f64::from(idle);
                let worth = worth + profit * f64::from(pods);
                if loss >= self.top - self.useful {
                    self.done += share;
                    continue;
                }
                self.put(at, pods);
                let ended = self.descend(at + 1, loss, worth, share);
                self.take_back(at, pods);
                if !ended {
                    return false;
                }
            }
            loss += gain.max(0.0) * f64::from(most);
        }
        self.done += share;
        true
    }

    /// Counts a step; false when there are no more, or not enough to come to an end, or it does not
    /// matter any more.
    fn step(&mut self) -> bool {
        if self.steps == 0 || self.best >= self.futile {
            return false;
        }
        self.steps -= 1;
        let here = self.milestones.next_if(|(left, _)| *left == self.steps);
        here.is_none_or(|(_, least)| self.done >= least)
    }

    /// Pods of an item that fit into the room that is left. Whatever fits keeps to the cuts.
    fn fitting(&self, position: usize, most: u32) -> u32 {
        let mut most = i64::from(most);
        for (&room, &ask) in self.room.iter().zip(self.pricer.request(position)) {
            if ask * most > room {
                if ask > room {
                    return 0;
                }
                // Most often one pod fits, and a division takes as long as all the rest.
                most = if ask > room - ask { 1 } else { room / ask };
            }
        }
        most as u32
    }

    /// Puts pods of an entry, which fit, on the node.
    fn put(&mut self, at: usize, pods: u32) {
        self.shift(at, i64::from(pods));
        self.taken.push((at, pods));
    }

    /// Takes those back that were put there last.
    fn take_back(&mut self, at: usize, pods: u32) {
        self.shift(at, -i64::from(pods));
        self.taken.pop();
    }

    fn shift(&mut self, at: usize, pods: i64) {
        let request = self.pricer.request(self.entries[at].at);
        for (room, ask) in self.room.iter_mut().zip(request) {
            *room -= ask * pods;
        }
        for (left, outlook) in self.left.iter_mut().zip(&self.outlooks) {
            *left -= outlook.paid(at, pods);
        }
    }

    /// Keeps the pattern being built when it is the best so far, or the best with one of its items.
    fn note(&mut self, worth: f64) {
        if worth <= self.floor {
            return;
        }
        if worth > self.best {
            self.best = worth;
            self.found = Some(self.pattern());
            if self.follows {
                self.useful = self.useful.max(worth);
            }
        }
        let Some(many) = &mut self.many else { return };
        let better = |(at, _): &&(usize, u32)| many[*at].0 < worth;
        let places: Vec<usize> = self.taken.iter().filter(better).map(|&(at, _)| at).collect();
        if !places.is_empty() {
            let pattern = self.pattern();
            for at in places {
                if let Some(many) = &mut self.many {
                    many[at] = (worth, pattern.clone());
                }
            }
        }
    }

    fn close(mut self, ended: bool, keep: usize) -> Walked {
        let bound = self.best.max(self.useful) * (1.0 + MARGIN);
        Walked {
            bound: ended.then_some(bound),
            outlooks: std::mem::take(&mut self.outlooks),
            steps: self.last_steps,
            branches: (self.taken_steps / BRANCH_STEPS + self.updates / BRANCH_UPDATES) as u32,
            patterns: self.patterns(keep),
        }
    }

    fn pattern(&self) -> Pattern {
        let item = |&(at, pods): &(usize, u32)| (self.pricer.items[self.entries[at].at], pods);
        let mut pattern: Pattern = self.taken.iter().map(item).collect();
        pattern.sort_unstable();
        pattern
    }

    fn patterns(self, keep: usize) -> Vec<(f64, Pattern)> {
        let mut patterns: Vec<(f64, Pattern)> = self.many.unwrap_or_default();
        patterns.extend(self.found.map(|pattern| (self.best, pattern)));
        patterns.retain(|(_, pattern)| !pattern.is_empty());
        patterns.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        patterns.dedup_by(|next, kept| next.1 == kept.1);
        patterns.truncate(keep.max(1));
        patterns
    }
}
