//! A better bound by branching on numbers of nodes.
//!
//! Much of the gap between the relaxation and any whole plan comes from dear nodes of which the
//! relaxation buys a fraction. Two branches, at most so many nodes of a kind and at least one
//! more, cover every plan; the bound is the least over all branches that are open or closed.

use std::sync::Arc;

use crate::{
    columns::{
        duals::Duals,
        generate::Root,
        master::{Master, Range},
        pool::{Pool, price},
        price::{Care, FIRST, Question, nearest, price_all, price_few},
        prove::{Point, Record},
    },
    effort::Budget,
    presolve::Source,
    problem::Money,
};

/// One node of a kind is worth branching on when its price is this share of the whole cost.
const GRAIN: f64 = 0.002;
/// Its number has a row from the start when its best pattern comes this close to its price at the
/// root; others get one when they are branched on.
const NEAR: f64 = 0.97;
/// Columns per item to start with.
const START: usize = 8;
/// Rounds of pricing per branch at most, and pricings of the near kinds alone in each.
const ROUNDS: u32 = 12;
const APPROACH: u32 = 6;
/// Branches per pricing.
const NODES: u32 = 64;
/// A branch ends when its value and bound are this close, relative.
const TOLERANCE: f64 = 5e-4;

/// Part of all plans: those with these numbers of nodes.
struct Part<'a> {
    master: Master<'a>,
    pool: Pool,
    ranges: Vec<(u32, Range)>,
    bound: f64,
    /// The prices behind the bound.
    point: Arc<Point>,
    /// The part's number in the record.
    number: usize,
    next: Next,
}

/// What is to be done with a part when its bound is the least.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The work given did not solve its relaxation, whose numbers mean nothing yet.
    Solve,
    /// Divide it: a kind, and the whole number below its number in the relaxation.
    Divide(u32, u32),
    /// All numbers that count are whole.
    Close,
}

/// The parts that all plans are divided into.
pub(crate) struct Tree<'a> {
    root: &'a Root<'a>,
    open: Vec<Part<'a>>,
    /// The least bound of parts that cannot be divided further.
    closed: f64,
    record: Record,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Root<'a>, budget: &mut Budget) -> Self {
        let core = root.core;
        let counted: Vec<u32> = (0..core.kinds.len() as u32)
            .filter(|&k| is_dear(root, k) && root.worth[k as usize] >= NEAR)
            .collect();
        let point = Arc::new(Point::of_root(root));
        let record = Record::new(point.clone());
        let mut first = Part {
            master: Master::new(core, root.master.demand(), &counted, &[]),
            pool: Pool::default(),
            ranges: Vec::new(),
            bound: root.bound,
            point,
            number: 0,
            next: Next::Solve,
        };
        for at in root.good_columns(START, |_| true) {
            first.master.offer(&mut first.pool, root.pool.get(at).clone());
        }
        first.master.start_from(&mut first.pool, root.master.used_columns(&root.pool));
        if first.master.solve(budget) {
            first.next = next(root, &first);
        }
        Self { root, open: vec![first], closed: f64::INFINITY, record }
    }

    /// No plan costs less.
    pub(crate) fn bound(&self) -> f64 {
        let least = self.open.iter().fold(self.closed, |least, part| least.min(part.bound));
        least.max(self.root.bound)
    }

    /// The branchings so far and the prices behind their bounds.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Divides the part with the least bound, unless all its plans cost `cutoff` or more.
    pub(crate) fn advance(&mut self, cutoff: Money, budget: &mut Budget) {
        let wanted = cutoff as f64 - 1.0;
        while let Some(at) =
            (0..self.open.len()).min_by(|&a, &b| self.open[a].bound.total_cmp(&self.open[b].bound))
        {
            let settled = self.open[at].bound > wanted || self.open[at].bound >= self.closed;
            if settled || budget.is_spent() {
                return;
            }
            match self.open[at].next {
                Next::Solve => return self.solve(at, wanted, budget),
                Next::Divide(kind, most) => {
                    let part = self.open.swap_remove(at);
                    return self.divide(&part, kind, most, wanted, budget);
                }
                Next::Close => {
                    let part = self.open.swap_remove(at);
                    self.closed = self.closed.min(part.bound);
                }
            }
        }
    }

    /// Goes on with a part that there was not work enough for. One that all the work that is left
    /// does not help is closed.
    fn solve(&mut self, at: usize, wanted: f64, budget: &mut Budget) {
        let part = &mut self.open[at];
        generate(self.root, part, wanted, budget);
        if matches!(part.next, Next::Solve) && !budget.is_spent() {
            part.next = Next::Close;
        }
        self.record.set(part.number, part.point.clone());
    }

    fn divide(&mut self, part: &Part<'a>, kind: u32, most: u32, wanted: f64, budget: &mut Budget) {
        let root = self.root;
        let (mut one, mut other) = (budget.fork(2), budget.fork(2));
        let given = one.left();
        let below = Range { least: 0, most: Some(most) };
        let above = Range { least: most.saturating_add(1), most: None };
        let (below, above) = rayon::join(
            || child(root, part, kind, below, wanted, &mut one),
            || child(root, part, kind, above, wanted, &mut other),
        );
        budget.join(&one, given);
        budget.join(&other, given);
        budget.done.nodes += 1;
        let numbers = self.record.split(part.number, kind, most);
        for (mut child, number) in [below, above].into_iter().zip(numbers) {
            child.number = number;
            self.record.set(number, child.point.clone());
            self.open.push(child);
        }
    }
}

/// Whether the number of a kind's nodes is worth branching on: they are bought, and dear.
fn is_dear(root: &Root<'_>, kind: u32) -> bool {
    matches!(root.core.kinds[kind as usize].source, Source::Offerings(_))
        && price(root.core, kind) >= GRAIN * root.bound
}

fn child<'a>(
    root: &Root<'a>,
    parent: &Part<'a>,
    kind: u32,
    range: Range,
    wanted: f64,
    budget: &mut Budget,
) -> Part<'a> {
    let mut ranges = parent.ranges.clone();
    let joint = match ranges.iter_mut().find(|(other, _)| *other == kind) {
        Some((_, old)) => {
            *old = old.meet(range);
            *old
        }
        None => {
            ranges.push((kind, range));
            range
        }
    };
    let mut part = Part {
        master: parent.master.clone(),
        pool: parent.pool.clone(),
        ranges,
        bound: parent.bound,
        point: parent.point.clone(),
        number: parent.number,
        next: Next::Solve,
    };
    let is_counted = part.master.range(kind as usize).is_some();
    if !is_counted || part.master.needs_two(kind as usize, joint) {
        part.master = rebuilt(root, &mut part, kind);
    }
    part.master.set_range(kind as usize, joint);
    generate(root, &mut part, wanted, budget);
    part
}

/// The same master with a row for one more kind, or a second one where it is counted already.
fn rebuilt<'a>(root: &Root<'a>, part: &mut Part<'a>, kind: u32) -> Master<'a> {
    let counted: Vec<(u32, Range, bool)> = part.master.ranges().collect();
    let mut kinds: Vec<u32> = counted.iter().map(|(kind, _, _)| *kind).collect();
    let mut twice: Vec<u32> =
        counted.iter().filter(|(_, _, two)| *two).map(|(kind, _, _)| *kind).collect();
    match part.master.range(kind as usize) {
        Some(_) => twice.push(kind),
        None => kinds.push(kind),
    }
    let mut master = Master::new(root.core, root.master.demand(), &kinds, &twice);
    for (kind, range, _) in counted {
        master.set_range(kind as usize, range);
    }
    for at in 0..part.pool.len() as u32 {
        master.add(&part.pool, at);
    }
    let used = part.master.used_columns(&part.pool);
    master.start_from(&mut part.pool, used);
    master
}

/// Column generation within a part, and what is to be done with it after that.
fn generate(root: &Root<'_>, part: &mut Part<'_>, wanted: f64, budget: &mut Budget) {
    part.next =
        if add_columns(root, part, wanted, budget) { next(root, part) } else { Next::Solve };
}

/// Whether the master is solved in the end.
fn add_columns(root: &Root<'_>, part: &mut Part<'_>, wanted: f64, budget: &mut Budget) -> bool {
    let mut care = Care::Look;
    let mut near = root.near.clone();
    let mut few = APPROACH;
    let mut round = 0;
    let kinds: Vec<u32> = (0..root.core.kinds.len() as u32).collect();
    while round < ROUNDS {
        if !part.master.solve(budget) {
            return false;
        }
        if budget.is_spent() {
            return true;
        }
        let value = part.master.value();
        let duals = part.master.prices();
        let counts: Vec<f64> =
            (0..root.core.kinds.len()).map(|kind| part.master.count_dual(kind)).collect();
        let costs: Vec<f64> = counts
            .iter()
            .enumerate()
            .map(|(kind, dual)| duals.cost(root.core, kind) - dual)
            .collect();
        let question = Question {
            core: root.core,
            profits: &duals.profits(root.core),
            costs: &costs,
            limits: root.master.demand(),
            keep: 1,
            tolerance: TOLERANCE / 2.0,
            futile: f64::INFINITY,
            nodes: NODES,
            care,
        };
        if few > 0 {
            few -= 1;
            let priced = price_few(&root.pricers, &near, FIRST, &question, budget);
            if part.master.add_gainful(&mut part.pool, priced) {
                continue;
            }
        }
        (round, few) = (round + 1, APPROACH);
        let priced = price_all(&root.pricers, &kinds, &question, budget);
        let bounds: Vec<f64> = priced.iter().map(|(_, priced)| priced.bound).collect();
        let bound = bound(root, &duals, &counts, &part.ranges, &bounds);
        if bound > part.bound {
            part.bound = bound;
            let closed = part.ranges.iter().filter(|(_, range)| range.most == Some(0));
            let closed = closed.map(|(kind, _)| *kind).collect();
            let (duals, counts) = (duals.clone(), counts.clone());
            part.point = Arc::new(Point { duals, counts, closed, bound, nodes: 0, above: None });
        }
        near = nearest(&priced, &costs);
        if part.bound > wanted || part.bound >= value * (1.0 - TOLERANCE) {
            return true;
        }
        if !part.master.add_gainful(&mut part.pool, priced) {
            if care == Care::Insist {
                return true;
            }
            care = care.more();
        }
    }
    part.master.solve(budget)
}

/// The bound on plans of a part. The number of a kind's nodes has a dual price: positive ones pay
/// for the least number, negative ones charge for the most.
///
/// Where a pattern may be worth more than its node costs, either all duals of items are scaled
/// down, or the kind's own count dual is lowered; the better of the two holds.
fn bound(
    root: &Root<'_>,
    duals: &Duals,
    counts: &[f64],
    ranges: &[(u32, Range)],
    bounds: &[f64],
) -> f64 {
    let shifted = bound_by(root, duals, counts, ranges, bounds, true);
    shifted.max(bound_by(root, duals, counts, ranges, bounds, false))
}

fn bound_by(
    root: &Root<'_>,
    duals: &Duals,
    counts: &[f64],
    ranges: &[(u32, Range)],
    bounds: &[f64],
    shift: bool,
) -> f64 {
    let core = root.core;
    let mut scale: f64 = 1.0;
    let mut numbers = 0.0;
    for (at, kind) in core.kinds.iter().enumerate() {
        if matches!(kind.source, Source::Nodes(_)) {
            continue;
        }
        let range = ranges.iter().find(|(k, _)| *k as usize == at).map_or(Range::ANY, |(_, r)| *r);
        let full = duals.cost(core, at);
        let mut dual = counts[at].min(full);
        // A charge that no largest number limits would have no end.
        if range.most.is_none() {
            dual = dual.max(0.0);
        }
        if bounds[at] > full - dual {
            let lowered = full - bounds[at];
            if shift && (lowered >= 0.0 || range.most.is_some()) {
                dual = lowered;
            } else if full - dual > 0.0 {
                scale = scale.max(bounds[at] / (full - dual));
            } else {
                return 0.0;
            }
        }
        numbers += if dual > 0.0 {
            dual * f64::from(range.least)
        } else {
            dual * f64::from(range.most.unwrap_or(0))
        };
    }
    duals.scaled_bound(core, root.master.demand(), bounds, scale) + numbers
}

/// Divides a solved part by the kind whose number, made whole, matters most.
fn next(root: &Root<'_>, part: &Part<'_>) -> Next {
    let mut numbers = vec![0.0; root.core.kinds.len()];
    for (_, at, value) in part.master.used() {
        numbers[part.pool.get(at).kind as usize] += value;
    }
    let mut best: Option<(f64, u32, f64)> = None;
    for (kind, &number) in numbers.iter().enumerate() {
        if !is_dear(root, kind as u32) {
            continue;
        }
        let fraction = number - f64::floor(number);
        let stake = price(root.core, kind as u32) * fraction.min(1.0 - fraction);
        if fraction > 1e-5 && fraction < 1.0 - 1e-5 && best.is_none_or(|(top, _, _)| stake > top) {
            best = Some((stake, kind as u32, number));
        }
    }
    best.map_or(Next::Close, |(_, kind, number)| Next::Divide(kind, number.floor() as u32))
}
