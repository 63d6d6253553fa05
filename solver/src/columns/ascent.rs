//! Dual prices to start from, and columns for them, without any simplex.
//!
//! The first duals of a simplex lead far astray. Those of an augmented Lagrangian ([`Augmented`])
//! stay near the best ones known, the centre. Kinds are priced at them. Where the bound is better
//! than before they are the next centre, as in the proximal bundle method; otherwise the new columns
//! show where they are wrong.

use crate::{
    columns::{
        augmented::{Augmented, Line},
        duals::Duals,
        generate::{Limits, MORE, Root},
        master::Master,
        pool::{Column, price},
        price::above,
    },
    effort::Budget,
};

/// Rounds of pricing at most.
const ROUNDS: u32 = 150;
/// Does not end for want of progress while this part of what is needed is still left undone.
const UNDONE: f64 = 1e-2;
/// What is not proven gets somewhere when prices and value are closer by this factor.
const NARROWER: f64 = 0.9;
/// Ends too when bound and value are this part of the tolerance apart.
const CLOSE: f64 = 0.6;
/// A bound that is better by less than this share is not worth a new centre.
const BETTER: f64 = 1e-4;
/// Between two pricings of all kinds those are priced so many times that are above their cost by
/// this share of what the worst is above its own, no more than so many.
const PRESSING: u32 = 10;
const PRESSED: (f64, usize) = (0.3, 4);
/// How the stiffness changes after a better bound, after rounds with this many new columns or fewer,
/// which show that the centre is what holds the prices back, and after [`Limits::astray`] others in
/// a row; what it is at most, and at least where nothing needs to be proven: amounts take long to follow
/// rows that give way.
const FORWARD: f64 = 1.1;
const KNOWN: (usize, f64) = (3, 1.3);
const ASTRAY: f64 = 0.8;
const STIFFEST: f64 = 3.0;
const LIMPEST: f64 = 0.25;
/// A row is no less stiff than with this share of its first price.
const LEAST: f64 = 0.1;
/// The same for numbers of nodes, as a share of what one costs.
const COUNTED: f64 = 0.3;
/// Columns that are handed on besides those in use, as a multiple of the rows.
const HANDED: usize = 2;

/// What the simplex goes on with.
pub(super) struct Handed {
    /// Columns in use with their amounts, no more than there are rows, those used most first.
    pub used: Vec<(f64, Column)>,
    /// Others that come close to their cost, the best first.
    pub good: Vec<Column>,
    /// Dual prices of the rows.
    pub prices: Vec<f64>,
}

/// Raises a root's bound from these prices on, and finds columns to go with it.
pub(super) fn ascend(
    root: &mut Root<'_>,
    start: &Duals,
    limits: &Limits,
    budget: &mut Budget,
) -> Handed {
    let mut ascent = Ascent::new(root, start);
    // What has been reached last, and when: the bound, or else how far prices are from the value.
    let mut low = (0, if limits.proven { root.bound } else { f64::INFINITY });
    let mut last = root.bound;
    for round in 0..ROUNDS {
        if budget.is_spent() {
            break;
        }
        let duals = root.master.prices_at(|row| ascent.model.dual(row));
        let (priced, bounds) = root.price_at(&duals, limits, budget);
        let is_loose = root.is_loose;
        let costs = root.master.costs_at(|row| ascent.model.dual(row));
        let new = ascent.model.take(root.core, &root.master, priced, &costs);
        if round == 0 {
            ascent.value_nodes(root, &bounds);
        }
        if is_loose && new <= KNOWN.0 {
            root.look();
        }
        let is_better = limits.proven && root.bound > last * (1.0 + BETTER);
        let tells = is_loose || !limits.proven;
        ascent.judge(is_better || tells && ascent.seems_better(&root.master), new, limits);
        budget.spend(ascent.model.settle());
        ascent.press(root, worst(&bounds, &costs), limits, budget);
        last = root.bound;
        let value = ascent.model.value();
        let reached =
            if limits.proven { last } else { ascent.merit(&root.master, &ascent.model.centre) };
        if reached >= value * (1.0 - CLOSE * limits.tolerance) || last > limits.enough {
            break;
        }
        let (is_further, mark) = match limits.proven {
            true => (last > low.1 * (1.0 + limits.gain), last),
            false => (value - reached < low.1 * NARROWER, value - reached),
        };
        if is_further {
            low = (round, mark);
        } else if round >= low.0 + limits.window && ascent.covers_most() {
            break;
        }
    }
    ascent.handed(root)
}

/// The kinds that are worth most beside their cost, as far as they are worth more than that.
fn worst(bounds: &[f64], costs: &[f64]) -> Vec<u32> {
    let over = |kind: usize| bounds[kind] / costs[kind].max(1.0) - 1.0;
    let most = (0..costs.len()).map(over).fold(0.0, f64::max);
    let is_bad = |kind: &u32| over(*kind as usize) > most * PRESSED.0;
    let mut kinds: Vec<u32> = (0..costs.len() as u32).filter(is_bad).collect();
    kinds.sort_by(|&a, &b| over(b as usize).total_cmp(&over(a as usize)).then(a.cmp(&b)));
    kinds.truncate(PRESSED.1);
    kinds
}

struct Ascent {
    model: Augmented,
    /// Rounds in a row that led astray.
    astray: u32,
}

impl Ascent {
    /// Starts at these prices, with the columns that the root has and uses.
    fn new(root: &Root<'_>, start: &Duals) -> Self {
        let items: Vec<f64> = start.items.iter().map(|price| price * LEAST).collect();
        let mut least = root.master.by_row(&items);
        for (of, row) in root.master.rows_of_sums() {
            let nodes = of.range.most.unwrap_or(of.range.least).max(1);
            let prices = of.kinds.iter().map(|&kind| price(root.core, kind));
            let cheapest = prices.fold(f64::INFINITY, f64::min);
            least[row as usize] = cheapest * f64::from(nodes) * COUNTED;
        }
        let mut model = Augmented::new(&root.master, &root.master.rows_at(start), &least);
        let mut amounts = vec![0.0; root.pool.len()];
        for (at, amount) in root.used() {
            amounts[at as usize] = amount;
        }
        for (at, amount) in (0..).zip(amounts) {
            model.add(root.core, &root.master, root.pool.get(at).clone(), amount);
        }
        model.renew(&root.master, |line| !root.is_shut(line.column.kind));
        Self { model, astray: 0 }
    }

    /// Existing nodes cost what they are worth at the first prices, to begin with.
    fn value_nodes(&mut self, root: &Root<'_>, bounds: &[f64]) {
        for (kind, row) in root.master.count_rows() {
            self.model.value_row(row, bounds[kind as usize], LEAST);
        }
    }

    /// Whether the prices are better than the centre as far as the columns known can tell.
    fn seems_better(&self, master: &Master<'_>) -> bool {
        let centre = self.merit(master, &self.model.centre);
        self.merit(master, &self.model.prices()) > centre * (1.0 + BETTER)
    }

    /// What prices are worth when existing nodes are charged what their columns bring, and all prices
    /// are lowered until no other column brings more than it costs.
    fn merit(&self, master: &Master<'_>, prices: &[f64]) -> f64 {
        let mut over: f64 = 1.0;
        let mut short = vec![0.0_f64; prices.len()];
        for line in &self.model.lines {
            let worth = line.worth(|row| prices[row]);
            if line.cost > 0.0 {
                over = over.max(worth / line.cost);
            } else if let Some(row) = master.count_row(line.column.kind as usize) {
                short[row as usize] = worth.max(short[row as usize]);
            }
        }
        let rows = self.model.rhs.iter().zip(prices).zip(short);
        rows.map(|((rhs, price), short)| rhs * (price + short)).sum::<f64>() / over
    }

    /// Moves the centre to the prices when they are better, and says how far the next step goes.
    fn judge(&mut self, is_better: bool, new: usize, limits: &Limits) {
        if is_better {
            let model = &mut self.model;
            model.centre = model.prices();
            model.step = (model.step * FORWARD).min(STIFFEST);
            self.astray = 0;
            return;
        }
        self.astray += 1;
        if new <= KNOWN.0 {
            self.model.step = (self.model.step * KNOWN.1).min(STIFFEST);
        } else if self.astray.is_multiple_of(limits.astray) {
            let least = if limits.proven { 0.0 } else { LIMPEST };
            self.model.step = (self.model.step * ASTRAY).max(least);
        }
    }

    /// Prices these kinds alone, and settles with what they bring, as long as that is anything new.
    fn press(
        &mut self,
        root: &Root<'_>,
        mut kinds: Vec<u32>,
        limits: &Limits,
        budget: &mut Budget,
    ) {
        for _ in 0..PRESSING {
            if kinds.is_empty() || budget.is_spent() {
                return;
            }
            let duals = root.master.prices_at(|row| self.model.dual(row));
            let priced = root.price_some(&kinds, MORE, &duals, limits, budget);
            let costs = root.master.costs_at(|row| self.model.dual(row));
            kinds = above(&priced, &costs);
            if self.model.take(root.core, &root.master, priced, &costs) == 0 {
                return;
            }
            budget.spend(self.model.settle());
        }
    }

    /// Whether what the columns leave undone is worth little beside what they cost.
    fn covers_most(&self) -> bool {
        let lacking = self.model.lacking.iter().zip(&self.model.centre);
        lacking.map(|(lacking, price)| lacking.max(0.0) * price).sum::<f64>()
            <= UNDONE * self.model.cost()
    }

    /// What there is to go on with.
    fn handed(self, root: &Root<'_>) -> Handed {
        let profits = root.duals.profits(root.core);
        let prices = (0..self.model.rhs.len() as u32).map(|row| self.model.dual(row)).collect();
        let (used, idle): (Vec<Line>, Vec<Line>) =
            self.model.lines.into_iter().partition(|line| line.amount > 0.0);
        let used = used.into_iter().map(|line| (line.amount, line.column));
        let merit = |line: &Line| line.column.gain(root.core, &profits) / line.cost.max(1.0);
        let idle = idle.into_iter().map(|line| (merit(&line), line.column));
        let rows = self.model.rhs.len();
        let good = best(idle, HANDED * rows).into_iter().map(|(_, column)| column);
        Handed { used: best(used, rows), good: good.collect(), prices }
    }
}

/// The first so many in falling order; the sort is stable, so ties go to what was found first.
fn best(columns: impl Iterator<Item = (f64, Column)>, most: usize) -> Vec<(f64, Column)> {
    let mut columns: Vec<(f64, Column)> = columns.collect();
    columns.sort_by(|a, b| b.0.total_cmp(&a.0));
    columns.truncate(most);
    columns
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        BitSet, Problem,
        columns::{
            fluid, generate,
            limits::{fine, sketch},
        },
        presolve::{Core, View, places::Parts},
        problem::{Class, Group, Limit, Node, Offering},
        random::next,
    };

    /// Forty sorts of large pods on two sizes of nodes, the larger one a little cheaper, and no more than
    /// so many units of the first resource in all.
    pub(in crate::columns) fn shop(random: &mut u64, limit: Option<i64>) -> Problem {
        let mut upto = |most: u64| (next(random) % most) as i64;
        let groups = (0..40u32).map(|at| {
            let request = vec![900 + upto(2_900), 2_000 + upto(12_000)];
            Group { request, count: 1 + 200 / (at + 1), priority: 0, class: 0 }
        });
        let offerings = (0..2).map(|size| Offering {
            capacity: vec![3_800 << size, 14_000 << size],
            price: (1_000 << size) - (20 << size) * size,
            tier: 0,
            domains: vec![],
            limits: limit.map(|_| (0, 3_800 << size)).into_iter().collect(),
        });
        Problem {
            dims: 2,
            groups: groups.collect(),
            classes: vec![Class { offerings: BitSet::full(2), nodes: BitSet::empty(0) }],
            offerings: offerings.collect(),
            limits: limit.map(|most| Limit { remaining: most }).into_iter().collect(),
            ..Problem::default()
        }
    }

    pub(in crate::columns) fn core(problem: &Problem) -> Core {
        let pods: Vec<u32> = problem.groups.iter().map(|group| group.count).collect();
        Core::new(problem, &Parts::anywhere(&pods), View::Bound)
    }

    fn fluid(core: &Core) -> Duals {
        Duals { items: fluid::prices(core), ..Duals::nothing(core) }
    }

    /// No amount can be changed for the better when the others stay.
    #[test]
    fn amounts_settle_where_columns_bring_what_they_cost() {
        let problem = shop(&mut 7, None);
        let core = core(&problem);
        let budget = &mut Budget::new(u64::MAX, None);
        let root = generate::root(&core, Vec::new(), budget);
        let mut ascent = Ascent::new(&root, &fluid(&core));
        for _ in 0..500 {
            ascent.model.settle();
        }
        let mut used = 0;
        for line in &ascent.model.lines {
            let worth =
                line.entries.iter().map(|&(row, entry)| entry * ascent.model.price(row as usize));
            let gain = worth.sum::<f64>() / line.cost - 1.0;
            assert!(gain < 1e-6, "{gain}");
            assert!(line.amount == 0.0 || gain > -1e-6, "{gain} with {}", line.amount);
            used += usize::from(line.amount > 0.0);
        }
        assert!(used > 10);
        for row in 0..ascent.model.rhs.len() {
            let held = ascent.model.lines.iter().flat_map(|line| {
                line.entries
                    .iter()
                    .filter(|(of, _)| *of == row as u32)
                    .map(|(_, n)| n * line.amount)
            });
            assert!(
                (held.sum::<f64>() + ascent.model.lacking[row] - ascent.model.rhs[row]).abs()
                    < 1e-6
            );
        }
    }

    /// The bound is one, the columns come close to the relaxation, and the simplex goes on to it; with a
    /// limit that binds too.
    #[test]
    fn the_simplex_has_little_left_to_do() {
        for limit in [None, Some(2_080_000)] {
            let problem = shop(&mut 11, limit);
            let core = core(&problem);
            let budget = &mut Budget::new(u64::MAX, None);
            let limits = Limits { tolerance: 1e-6, ..fine(&core, 0, 0) };
            let mut exact = generate::root(&core, Vec::new(), budget);
            assert!(exact.master.solve(budget));
            let first = exact.master.value();
            exact.generate(&limits, budget);
            assert!(exact.bound > 0.99999 * exact.value);

            let mut root = generate::root(&core, Vec::new(), budget);
            let handed = ascend(&mut root, &fluid(&core), &limits, budget);
            assert!(root.bound <= exact.value * (1.0 + 1e-9));
            assert!(handed.used.len() <= core.items.len() + core.limits.len());
            let used = handed.used.into_iter().map(|(_, column)| column);
            root.master.start_from(&mut root.pool, used);
            assert!(root.master.solve(budget));
            let value = root.master.value();
            assert!(value >= exact.value * (1.0 - 1e-9));
            assert!(value - exact.value < 0.1 * (first - exact.value), "{first} to {value}");
            root.generate(&limits, budget);
            assert!((root.value / exact.value - 1.0).abs() < 1e-5);
        }
    }

    /// The same pods with existing nodes for a third of them, no two of the same size.
    fn with_nodes(mut problem: Problem, random: &mut u64) -> Problem {
        let mut upto = |most: u64| (next(random) % most) as i64;
        let node =
            |_| Node { free: vec![900 + upto(7_000), 4_000 + upto(25_000)], domains: vec![] };
        problem.nodes = (0..60).map(node).collect();
        problem.classes[0].nodes = BitSet::full(60);
        problem
    }

    /// Prices are no better for what existing nodes would bring at them: it is charged for.
    #[test]
    fn prices_seem_worth_what_they_are() {
        for (seed, factor) in [(1, 0.7), (2, 1.0), (3, 1.3), (4, 2.0)] {
            let random = &mut { seed };
            let shop = shop(random, None);
            let core = core(&with_nodes(shop, random));
            let budget = &mut Budget::new(u64::MAX, None);
            let mut root = generate::root(&core, Vec::new(), budget);
            let items = fluid::prices(&core).iter().map(|price| factor * price).collect();
            let mut ascent = Ascent::new(&root, &Duals { items, ..Duals::nothing(&core) });
            let duals = root.master.prices_at(|row| ascent.model.dual(row));
            root.look();
            let (priced, _) = root.price_at(&duals, &fine(&core, 0, 0), budget);
            let costs = root.master.costs_at(|row| ascent.model.dual(row));
            ascent.model.take(&core, &root.master, priced, &costs);
            let seems = ascent.merit(&root.master, &ascent.model.centre) / root.bound;
            assert!((1.0..1.02).contains(&seems), "{seems} of the bound, case {seed}");
        }
    }

    /// For plans it is enough that prices and columns agree.
    #[test]
    fn what_is_not_proven_ends_with_prices_near_the_value() {
        for seed in 1..7 {
            let random = &mut { seed };
            let shop = shop(random, None);
            let core = core(&with_nodes(shop, random));
            let budget = &mut Budget::new(u64::MAX, None);
            let limits = sketch(&core);
            let mut root = generate::root(&core, Vec::new(), budget);
            root.start_alone(fluid::prices(&core), &limits, budget);
            let mut ascent = Ascent::new(&root, &fluid(&core));
            ascent.model.centre.clone_from(&root.row_duals());
            let cost: f64 =
                root.used().iter().map(|&(at, n)| n * root.pool.get(at).cost(&core)).sum();
            let left = ascent.model.lacking.iter().zip(&ascent.model.centre);
            let undone: f64 = left.map(|(left, price)| left.max(0.0) * price.abs()).sum();
            let mut exact = generate::root(&core, Vec::new(), budget);
            exact.generate(&fine(&core, 0, 0), budget);
            let share = (cost + undone) / exact.value;
            assert!((0.97..1.03).contains(&share), "{share} of the relaxation, case {seed}");
        }
    }
}
