//! A better bound by branching on numbers of nodes.
//!
//! Much of the gap between the relaxation and any whole plan comes from dear nodes of which the
//! relaxation buys a fraction. Two branches, at most so many nodes of some kinds and at least one
//! more, cover every plan; the bound is the least over all branches that are open or closed. Kinds
//! are counted together from a price on, or at a price: when one alone is branched on, another like
//! it takes its place.

use std::sync::Arc;

use crate::{
    columns::{
        counted::{Counted, least_cost},
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
/// A number of several kinds together is worth so many times as much as one of a single kind, for which
/// others like it step in.
const TOGETHER: f64 = 2.0;
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
    reach: 0.0,
    keep: 1,
    rounds: 12,
    nodes: 64,
    progress: 2e-5,
    patience: 6,
    enough: f64::INFINITY,
    window: 6,
    gain: 1e-3,
    astray: 2,
    proven: true,
};

/// Part of all plans: those with some numbers of nodes.
struct Part<'a> {
    root: Root<'a>,
    /// Whether it goes without the simplex.
    climbs: bool,
    /// What may be branched on.
    sets: Sets,
    /// The part's number in the record.
    number: usize,
    next: Next,
}

/// What is to be done with a part when its bound is the least.
#[derive(Clone, Debug)]
enum Next {
    /// The work given did not solve its relaxation, whose numbers mean nothing yet.
    Solve,
    /// Divide it: some kinds, and the whole number below how many nodes the relaxation has of them.
    Divide(Arc<[u32]>, u32),
    /// All numbers that count are whole, or so it seems without the simplex.
    Close,
}

/// Kinds whose nodes may be counted together, ascending, with the price of the cheapest.
type Sets = Arc<[(Arc<[u32]>, f64)]>;

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
        let mut first = root.with(Master::new(core, root.master.demand(), &[], &[]));
        let good = root.good_columns(START, |_| true).into_iter();
        let good = good.map(|at| root.pool.get(at).clone());
        let is_solved = if climbs {
            let used = root.used().into_iter();
            let used = used.map(|(at, amount)| (amount, root.pool.get(at).clone()));
            first.hold(used.chain(good.map(|column| (0.0, column))), root.row_duals());
            true
        } else {
            for column in good {
                first.master.offer(&mut first.pool, column);
            }
            first.master.start_from(&mut first.pool, root.master.used_columns(&root.pool));
            first.master.solve(budget)
        };
        let sets = sets(root).into();
        let mut part = Part { root: first, climbs, sets, number: 0, next: Next::Solve };
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
                Next::Divide(ref kinds, most) => {
                    let kinds = kinds.clone();
                    let part = self.open.swap_remove(at);
                    return self.divide(&part, &kinds, most, wanted, budget);
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

    fn divide(
        &mut self,
        part: &Part<'a>,
        kinds: &Arc<[u32]>,
        most: u32,
        wanted: f64,
        budget: &mut Budget,
    ) {
        let counted = |range| Counted { kinds: kinds.clone(), range };
        let (mut one, mut other) = (budget.fork(2), budget.fork(2));
        let given = one.left();
        let below = Range { least: 0, most: Some(most) };
        let above = Range { least: most.saturating_add(1), most: None };
        let (below, above) = rayon::join(
            || part.child(&counted(below), wanted, &mut one),
            || part.child(&counted(above), wanted, &mut other),
        );
        budget.join(&one, given);
        budget.join(&other, given);
        budget.done.nodes += 1;
        let numbers = self.record.split(part.number, kinds, most);
        for (mut child, number) in [below, above].into_iter().zip(numbers) {
            child.number = number;
            self.record.set(number, Arc::new(Point::of_root(&child.root)));
            if child.is_possible() {
                self.open.push(child);
            }
        }
    }
}

/// Whether the number of a kind's nodes is worth branching on: they are bought, and dear.
fn is_dear(root: &Root<'_>, kind: u32) -> bool {
    matches!(root.core.kinds[kind as usize].source, Source::Offerings(_))
        && price(root.core, kind) >= GRAIN * root.bound
}

impl<'a> Part<'a> {
    /// The part of this one in which a number of nodes is within a range.
    fn child(&self, of: &Counted, wanted: f64, budget: &mut Budget) -> Self {
        let mut root = self.root.clone();
        match root.counted.iter_mut().find(|known| known.kinds == of.kinds) {
            Some(known) => known.range = known.range.meet(of.range),
            None => {
                root.counted.push(of.clone());
                root.duals.sums.push(0.0);
            }
        }
        let used = root.master.used_columns(&root.pool);
        root.master = Master::new(root.core, self.root.master.demand(), &[], &root.counted);
        if !self.climbs {
            root.master.hold(&mut root.pool, used);
        }
        let mut child = Self { root, next: Next::Solve, sets: self.sets.clone(), ..*self };
        if child.is_possible() {
            child.improve(wanted, budget);
        }
        child
    }

    /// Whether there are numbers of nodes within all ranges.
    fn is_possible(&self) -> bool {
        least_cost(&self.root.counted, |_| 0.0).is_finite()
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

    /// Divides a solved part by the number that matters most when it is made whole.
    fn set_next(&mut self, is_solved: bool) {
        self.next = match self.most_fractional() {
            _ if !is_solved => Next::Solve,
            Some((kinds, number)) => Next::Divide(kinds, number.floor() as u32),
            None => Next::Close,
        };
    }

    fn most_fractional(&self) -> Option<(Arc<[u32]>, f64)> {
        let root = &self.root;
        let whole = if self.climbs { WHOLE.1 } else { WHOLE.0 };
        let mut numbers = vec![0.0; root.core.kinds.len()];
        for (at, amount) in root.used() {
            numbers[root.pool.get(at).kind as usize] += amount;
        }
        let mut best: Option<(f64, &Arc<[u32]>, f64)> = None;
        for (kinds, cheapest) in self.sets.iter() {
            let mut number = kinds.iter().map(|&kind| numbers[kind as usize]).sum::<f64>();
            // Without the simplex a number may be a little beyond its range, where there is nothing
            // to divide.
            if let Some(of) = root.counted.iter().find(|of| of.kinds == *kinds) {
                number = of.range.closest(number);
            }
            let fraction = number - f64::floor(number);
            let away = fraction.min(1.0 - fraction);
            let stake = cheapest * away * if kinds.len() > 1 { TOGETHER } else { 1.0 };
            if away > whole && best.is_none_or(|(top, _, _)| stake > top) {
                best = Some((stake, kinds, number));
            }
        }
        best.map(|(_, kinds, number)| (kinds.clone(), number))
    }
}

/// What numbers of nodes may be branched on, each with the price of the cheapest node: those of all
/// kinds from a price on, of all kinds at a price, and of single kinds. Of two sets one holds the other,
/// or they have no kind in common.
fn sets(root: &Root<'_>) -> Vec<(Arc<[u32]>, f64)> {
    let core = root.core;
    let kinds = (0..core.kinds.len() as u32).filter(|&kind| is_dear(root, kind));
    let mut kinds: Vec<u32> = kinds.collect();
    kinds.sort_by(|&a, &b| price(core, b).total_cmp(&price(core, a)).then(a.cmp(&b)));
    let mut sets: Vec<(Arc<[u32]>, f64)> = Vec::new();
    let mut dearer: Vec<u32> = Vec::new();
    for alike in kinds.chunk_by(|&a, &b| price(core, a) == price(core, b)) {
        dearer.extend_from_slice(alike);
        let singles = alike.iter().filter(|&&kind| core.twins.first[kind as usize] == kind);
        let singles = singles.map(|&kind| core.twins.of_kind(kind).to_vec());
        for mut set in [dearer.clone(), alike.to_vec()].into_iter().chain(singles) {
            set.sort_unstable();
            if sets.iter().all(|(known, _)| **known != *set) {
                sets.push((set.into(), price(core, alike[0])));
            }
        }
    }
    sets
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
        presolve::twins::tests::zonal,
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
        let (mut random, mut near, mut far) = (3, 0, 0);
        for _ in 0..6 {
            let problem = few(&mut random);
            let core = core(&problem);
            let budget = &mut Budget::new(u64::MAX, None);
            let mut root = generate::root(&core, Vec::new(), budget);
            root.generate(&fine(&core, 0, 0), budget);
            for (wanted, prices) in [(root.bound, &mut near), (f64::INFINITY, &mut far)] {
                let before = budget.done.prices;
                let mut tree = Tree::grown(&root, true, budget);
                tree.advance(Money::MAX, wanted, budget);
                assert!(tree.bound() >= root.bound);
                *prices += budget.done.prices - before;
            }
        }
        assert!(near < far * 2 / 3, "{near} and {far}");
    }

    /// Of two sets that may be branched on one holds the other, or they have nothing in common.
    #[test]
    fn numbers_to_branch_on_are_nested() {
        let core = zonal();
        let root = generate::root(&core, Vec::new(), &mut Budget::new(1_000, None));
        let sets = sets(&root);
        let sold = core.kinds.iter().filter(|kind| matches!(kind.source, Source::Offerings(_)));
        assert!(sets.iter().any(|(kinds, _)| kinds.len() == sold.clone().count()));
        for (a, cheapest) in &sets {
            let common = |b: &[u32]| a.iter().filter(|kind| b.contains(kind)).count();
            let nested = |b: &[u32]| [0, a.len(), b.len()].contains(&common(b));
            assert!(sets.iter().all(|(b, _)| nested(b)));
            assert!(a.iter().all(|&kind| price(&core, kind) >= *cheapest));
            let twins = |kind: &u32| core.twins.of_kind(*kind).iter().all(|twin| a.contains(twin));
            assert!(a.iter().all(twins) && a.is_sorted());
        }
    }
}
