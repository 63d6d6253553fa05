//! A better bound by branching on numbers of nodes.
//!
//! Much of the gap between the relaxation and any whole plan comes from dear nodes of which the
//! relaxation buys a fraction. Two branches, at most so many nodes of a kind and at least one
//! more, cover every plan; the bound is the least over all branches that are open or closed.

use std::sync::Arc;

use crate::{
    columns::{
        generate::{Limits, Root},
        master::{Master, Range},
        pool::price,
        prove::{Point, Record},
    },
    effort::Budget,
    presolve::Source,
    problem::Money,
};

/// One node of a kind is worth branching on when its price is this share of the whole cost.
const GRAIN: f64 = 0.002;
/// With the simplex its number has a row from the start when its best pattern comes this close to its
/// price at the root; others get one when they are branched on.
const NEAR: f64 = 0.97;
/// Columns per item to start with.
const START: usize = 8;
/// With more rows than this parts go without the simplex, which would take seconds for each.
const FEW_ROWS: usize = 100;
/// A number is whole when it is this close to one: with the simplex, and without, where amounts are
/// about right.
const WHOLE: (f64, f64) = (1e-5, 0.02);
/// How far parts go.
const LIMITS: Limits = Limits {
    tolerance: 5e-4,
    keep: 1,
    rounds: 12,
    nodes: 64,
    progress: 2e-5,
    patience: 6,
    enough: f64::INFINITY,
    window: 6,
    gain: 1e-3,
};

/// Part of all plans: those with some numbers of nodes.
struct Part<'a> {
    root: Root<'a>,
    /// Whether it goes without the simplex.
    climbs: bool,
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
    /// All numbers that count are whole, or so it seems without the simplex.
    Close,
}

/// The parts that all plans are divided into.
pub(crate) struct Tree<'a> {
    open: Vec<Part<'a>>,
    /// The least bound of parts that cannot be divided further.
    closed: f64,
    /// The bound without any branching.
    first: f64,
    record: Record,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(root: &'a Root<'a>, budget: &mut Budget) -> Self {
        Self::grown(root, root.core.twins.items.len() > FEW_ROWS, budget)
    }

    /// A tree whose parts go without the simplex, or with it.
    fn grown(root: &'a Root<'a>, climbs: bool, budget: &mut Budget) -> Self {
        let core = root.core;
        let counted = (0..core.kinds.len() as u32)
            .filter(|&kind| !climbs && is_dear(root, kind) && root.worth[kind as usize] >= NEAR);
        let counted: Vec<u32> = counted.collect();
        let mut first = root.with(Master::new(core, root.master.demand(), &counted, &[]));
        let good = root.good_columns(START, |_| true).into_iter();
        let good = good.map(|at| root.pool.get(at).clone());
        let is_solved = if climbs {
            let used = root.used().into_iter();
            let used = used.map(|(at, amount)| (amount, root.pool.get(at).clone()));
            first.hold(used.chain(good.map(|column| (0.0, column))));
            true
        } else {
            for column in good {
                first.master.offer(&mut first.pool, column);
            }
            first.master.start_from(&mut first.pool, root.master.used_columns(&root.pool));
            first.master.solve(budget)
        };
        let mut part = Part { root: first, climbs, number: 0, next: Next::Solve };
        part.set_next(is_solved);
        let record = Record::new(Arc::new(Point::of_root(root)));
        Self { open: vec![part], closed: f64::INFINITY, first: root.bound, record }
    }

    /// No plan costs less.
    pub(crate) fn bound(&self) -> f64 {
        let least = self.open.iter().fold(self.closed, |least, part| least.min(part.root.bound));
        least.max(self.first)
    }

    /// The branchings so far and the prices behind their bounds.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Divides the part with the least bound, unless all its plans cost `cutoff` or more. No part's
    /// bound is raised beyond `wanted`.
    pub(crate) fn advance(&mut self, cutoff: Money, wanted: f64, budget: &mut Budget) {
        let cutoff = cutoff as f64 - 1.0;
        let wanted = wanted.min(cutoff);
        let bound = |part: &Part<'_>| part.root.bound;
        while let Some(at) = (0..self.open.len())
            .min_by(|&a, &b| bound(&self.open[a]).total_cmp(&bound(&self.open[b])))
        {
            let least = bound(&self.open[at]);
            if least > cutoff || least >= self.closed || budget.is_spent() {
                return;
            }
            match self.open[at].next {
                Next::Solve => return self.solve(at, wanted, budget),
                Next::Divide(kind, most) => {
                    let part = self.open.swap_remove(at);
                    return self.divide(&part, kind, most, wanted, budget);
                }
                Next::Close if self.open[at].climbs => {
                    self.open[at].start_simplex();
                    return self.solve(at, wanted, budget);
                }
                Next::Close => {
                    let part = self.open.swap_remove(at);
                    self.closed = self.closed.min(part.root.bound);
                }
            }
        }
    }

    /// Goes on with a part that there was not work enough for. One that all the work that is left
    /// does not help is closed.
    fn solve(&mut self, at: usize, wanted: f64, budget: &mut Budget) {
        let part = &mut self.open[at];
        part.improve(wanted, budget);
        if matches!(part.next, Next::Solve) && !budget.is_spent() {
            part.next = Next::Close;
        }
        self.record.set(part.number, Arc::new(Point::of_root(&part.root)));
    }

    fn divide(&mut self, part: &Part<'a>, kind: u32, most: u32, wanted: f64, budget: &mut Budget) {
        let (mut one, mut other) = (budget.fork(2), budget.fork(2));
        let given = one.left();
        let below = Range { least: 0, most: Some(most) };
        let above = Range { least: most.saturating_add(1), most: None };
        let (below, above) = rayon::join(
            || part.child(kind, below, wanted, &mut one),
            || part.child(kind, above, wanted, &mut other),
        );
        budget.join(&one, given);
        budget.join(&other, given);
        budget.done.nodes += 1;
        let numbers = self.record.split(part.number, kind, most);
        for (mut child, number) in [below, above].into_iter().zip(numbers) {
            child.number = number;
            self.record.set(number, Arc::new(Point::of_root(&child.root)));
            self.open.push(child);
        }
    }
}

/// Whether the number of a kind's nodes is worth branching on: they are bought, and dear.
fn is_dear(root: &Root<'_>, kind: u32) -> bool {
    matches!(root.core.kinds[kind as usize].source, Source::Offerings(_))
        && price(root.core, kind) >= GRAIN * root.bound
}

impl<'a> Part<'a> {
    /// The part of this one in which a kind's number is within a range.
    fn child(&self, kind: u32, range: Range, wanted: f64, budget: &mut Budget) -> Self {
        let mut root = self.root.clone();
        let joint = match root.ranges.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, old)) => {
                *old = old.meet(range);
                *old
            }
            None => {
                root.ranges.push((kind, range));
                range
            }
        };
        let is_counted = root.master.range(kind as usize).is_some();
        if !is_counted || root.master.needs_two(kind as usize, joint) {
            let used = root.master.used_columns(&root.pool);
            root.master = recounted(&root, kind);
            if !self.climbs {
                root.master.hold(&mut root.pool, used);
            }
        }
        root.master.set_range(kind as usize, joint);
        let mut child = Self { root, next: Next::Solve, ..*self };
        child.improve(wanted, budget);
        child
    }

    /// Raises the bound, and finds out what is to be done after that.
    fn improve(&mut self, wanted: f64, budget: &mut Budget) {
        let root = &mut self.root;
        let limits = Limits { enough: wanted, ..LIMITS };
        let is_solved = if self.climbs {
            root.climb_alone(&limits, budget);
            !budget.is_spent()
        } else {
            root.look();
            root.generate(&limits, budget);
            root.master.solve(budget)
        };
        self.set_next(is_solved);
    }

    /// Goes on with the simplex, from the columns that there are.
    fn start_simplex(&mut self) {
        self.climbs = false;
        self.root.start_simplex();
    }

    /// Divides a solved part by the kind whose number, made whole, matters most.
    fn set_next(&mut self, is_solved: bool) {
        self.next = match self.most_fractional() {
            _ if !is_solved => Next::Solve,
            Some((kind, number)) => Next::Divide(kind, number.floor() as u32),
            None => Next::Close,
        };
    }

    fn most_fractional(&self) -> Option<(u32, f64)> {
        let root = &self.root;
        let whole = if self.climbs { WHOLE.1 } else { WHOLE.0 };
        let mut numbers = vec![0.0; root.core.kinds.len()];
        for (at, amount) in root.used() {
            numbers[root.pool.get(at).kind as usize] += amount;
        }
        // Without the simplex a number may be a little beyond its range, where there is nothing to divide.
        for &(kind, range) in &root.ranges {
            numbers[kind as usize] = range.closest(numbers[kind as usize]);
        }
        let mut best: Option<(f64, u32, f64)> = None;
        for (kind, &number) in (0..).zip(&numbers).filter(|(kind, _)| is_dear(root, *kind)) {
            let fraction = number - f64::floor(number);
            let away = fraction.min(1.0 - fraction);
            let stake = price(root.core, kind) * away;
            if away > whole && best.is_none_or(|(top, _, _)| stake > top) {
                best = Some((stake, kind, number));
            }
        }
        best.map(|(_, kind, number)| (kind, number))
    }
}

/// The same master without columns, with a row for one more kind, or a second one where it is counted
/// already.
fn recounted<'a>(root: &Root<'a>, kind: u32) -> Master<'a> {
    let counted: Vec<(u32, Range, bool)> = root.master.ranges().collect();
    let mut kinds: Vec<u32> = counted.iter().map(|(kind, _, _)| *kind).collect();
    let mut twice: Vec<u32> =
        counted.iter().filter(|(_, _, two)| *two).map(|(kind, _, _)| *kind).collect();
    match root.master.range(kind as usize) {
        Some(_) => twice.push(kind),
        None => kinds.push(kind),
    }
    let mut master = Master::new(root.core, root.master.demand(), &kinds, &twice);
    for (kind, range, _) in counted {
        master.set_range(kind as usize, range);
    }
    master
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Options, certify,
        columns::{
            ascent::tests::{core, shop},
            generate,
            limits::fine,
        },
    };

    /// A few dozen pods on a dozen nodes, each of which is a good part of the cost.
    fn few(random: &mut u64) -> crate::Problem {
        let mut problem = shop(random, None);
        problem.groups.truncate(12);
        problem.groups.iter_mut().for_each(|group| group.count = group.count.min(5));
        problem
    }

    /// With the simplex and without, bounds rise as parts are divided, come about as far, and stay
    /// below what a plan costs.
    #[test]
    fn parts_without_the_simplex_are_bounded_as_well() {
        let mut random = 5;
        let (mut risen, mut total) = ([0.0; 2], 0.0);
        for _ in 0..6 {
            let problem = few(&mut random);
            let plan = certify(&problem, &Options::default(), &mut |_| {}).0;
            let core = core(&problem);
            let budget = &mut Budget::new(u64::MAX, None);
            let mut root = generate::root(&core, Vec::new(), budget);
            root.start_fluid(&fine(&core, 0, 0), budget);
            root.generate(&fine(&core, 0, 0), budget);
            total += plan.cost as f64 - root.bound;
            for (climbs, risen) in [false, true].into_iter().zip(&mut risen) {
                let mut tree = Tree::grown(&root, climbs, budget);
                for _ in 0..40 {
                    let before = tree.bound();
                    tree.advance(plan.cost, f64::INFINITY, budget);
                    assert!(tree.bound() >= before);
                }
                assert!(tree.bound() <= plan.cost as f64 * (1.0 + 1e-9), "{}", tree.bound());
                *risen += tree.bound() - root.bound;
            }
        }
        assert!(risen[0] > 0.5 * total, "{risen:?} of {total}");
        assert!(risen[1] > 0.8 * risen[0], "{risen:?} of {total}");
    }

    /// No part's bound is raised further than it is asked for.
    #[test]
    fn parts_are_good_enough_when_their_bounds_are() {
        let problem = few(&mut 3);
        let core = core(&problem);
        let budget = &mut Budget::new(u64::MAX, None);
        let mut root = generate::root(&core, Vec::new(), budget);
        root.generate(&fine(&core, 0, 0), budget);
        let columns = |wanted: f64, budget: &mut Budget| {
            let before = budget.done.prices;
            let mut tree = Tree::grown(&root, true, budget);
            tree.advance(Money::MAX, wanted, budget);
            assert!(tree.bound() >= root.bound);
            budget.done.prices - before
        };
        let far = columns(f64::INFINITY, budget);
        assert!(columns(root.bound, budget) < far / 2);
    }
}
