//! The root of the search: the master's linear relaxation, solved by generating columns.

use std::borrow::Cow;

use rayon::prelude::*;

use crate::{
    columns::{
        ascent::{Handed, ascend},
        counted::Counted,
        dive::proper::{cut_down, is_proper},
        duals::{Duals, Profits},
        fluid,
        master::Master,
        pool::{Column, Pool},
        price::{Care, FIRST, Question, nearest, price_all, price_few},
    },
    effort::Budget,
    pattern::{Ask, Exact, Priced, Pricer},
    presolve::Core,
};

/// How far the root goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Ends when value and bound are this close, relative; kinds that keep them no further apart are
    /// left alone.
    pub tolerance: f64,
    /// Ends when they are this close, whatever single kinds do.
    pub reach: f64,
    /// Columns per kind and round.
    pub keep: usize,
    /// Rounds at most.
    pub rounds: u32,
    /// Branches per pricing at most, once the value stalls.
    pub nodes: u32,
    /// Ends after `patience` rounds in a row that bring value and bound closer by less than this,
    /// relative.
    pub progress: f64,
    pub patience: u32,
    /// Ends when the bound is beyond this.
    pub enough: f64,
    /// Without the simplex, ends when so many rounds in a row have raised the bound by no more than this
    /// share.
    pub window: u32,
    pub gain: f64,
    /// Goes in shorter steps then after so many rounds in a row that led astray.
    pub astray: u32,
    /// Whether prices are better then only when the bound is, or when they seem so by the columns that
    /// are known: for plans it does not matter how much pricing leaves unproven.
    pub proven: bool,
}

/// What the root found.
#[derive(Clone)]
pub(crate) struct Root<'a> {
    pub core: &'a Core,
    /// Borrowed where another root has them, which alone may sharpen them.
    pub pricers: Cow<'a, [Pricer]>,
    pub pool: Pool,
    /// How much there is of each column, and what the rows' prices are, where no simplex says so; empty
    /// where it does.
    amounts: Vec<f64>,
    row_prices: Vec<f64>,
    pub master: Master<'a>,
    /// How many nodes there may be where the search branched on that.
    pub counted: Vec<Counted>,
    /// Value of the restricted master.
    pub value: f64,
    /// No plan costs less; where kinds have twins, of which one stands for all, that is about so.
    pub bound: f64,
    /// The dual prices behind the bound.
    pub duals: Duals,
    /// Branches per pricing behind the bound.
    pub nodes: u32,
    /// How close each kind's best pattern comes to its price at those duals: 1 is on the mark.
    pub worth: Vec<f64>,
    /// Kinds that are priced more often than the others.
    pub near: Vec<u32>,
    care: Care,
    /// Whether the last pricing of all kinds was loose.
    pub is_loose: bool,
    /// Weight of the best duals in those at which near kinds are priced.
    pull: f64,
    /// Pricings of all kinds so far; twins take turns in them.
    turn: usize,
}

/// Weight of the best duals so far in the duals that are priced (smoothing, after Wentges 1997).
const SMOOTHING: f64 = 0.6;
/// A step that lowers the value by no more than this share has not got anywhere.
const STALL: f64 = 1e-5;
/// Pricings of the near kinds between two of all kinds at most, and how much each must bring.
const APPROACH: u32 = 20;
const PROGRESS: f64 = 1e-5;
/// Branches of a near kind once the first few bring no more.
pub(super) const MORE: u32 = 16;
/// Columns whose reduced cost is beyond this share of their cost are not good.
const DEAR: f64 = 0.2;
/// After a pricing of all kinds, of those that hold the bound down so many get cuts, or one in so many of
/// all; and how many each.
const SHARPENED: (usize, usize) = (16, 4);
const CUTS: usize = 2;
/// Pricing is loose when its bound is this share above the best pattern. Then a round must bring so many
/// times as much as others do.
const LOOSE: f64 = 1e-2;
const LOOSE_PROGRESS: f64 = 10.0;
/// Few items need more columns each.
const FEW: usize = 10;
/// Value and bound are far apart from this share on. Degenerate columns at the start can keep both
/// where they are for many rounds then, so patience is that long.
const FAR: f64 = 0.05;
const FAR_PATIENCE: u32 = 50;

/// A root to be solved with [`Root::generate`]. `seeds` are columns to start with.
pub(crate) fn root<'a>(core: &'a Core, seeds: Vec<Column>, budget: &mut Budget) -> Root<'a> {
    let demand = core.demand();
    let pricers: Vec<Pricer> = core.kinds.par_iter().map(|kind| Pricer::new(core, kind)).collect();
    let mut root = Root {
        core,
        pool: Pool::default(),
        amounts: Vec::new(),
        row_prices: Vec::new(),
        master: Master::new(core, &demand, &[], &[]),
        value: f64::INFINITY,
        bound: 0.0,
        nodes: 0,
        duals: Duals::nothing(core),
        worth: vec![1.0; core.kinds.len()],
        near: Vec::new(),
        care: Care::Glance,
        is_loose: false,
        pull: 0.0,
        turn: 0,
        counted: Vec::new(),
        pricers: Cow::Owned(pricers),
    };
    for column in proper(core, seeds, &demand).chain(singles(core)) {
        root.master.offer(&mut root.pool, column);
    }
    budget.done.columns += root.pool.len() as u64;
    root
}

/// Columns that were good elsewhere, cut down to the pods that there are.
fn proper(core: &Core, columns: Vec<Column>, demand: &[u32]) -> impl Iterator<Item = Column> {
    columns.into_iter().filter_map(|column| match is_proper(&column.pattern, demand) {
        true => Some(column),
        false => cut_down(core, &column, demand),
    })
}

/// For every item, the node that holds its pods at the least price each.
fn singles(core: &Core) -> Vec<Column> {
    let mut columns = Vec::new();
    for (at, item) in core.items.iter().enumerate() {
        let offered = core.kinds.iter().enumerate().filter(|(_, kind)| kind.items.contains(at));
        let best = offered
            .map(|(k, kind)| {
                let pods = crate::presolve::most(core, item, kind);
                (kind.price as f64 / f64::from(pods.max(1)), k, pods)
            })
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((_, kind, pods)) = best.filter(|(_, _, pods)| *pods > 0) {
            columns.push(Column { kind: kind as u32, pattern: vec![(at as u32, pods)] });
        }
    }
    columns
}

impl<'a> Root<'a> {
    /// The same with another master and no columns, for the search to branch on.
    pub(crate) fn with(&'a self, master: Master<'a>) -> Self {
        Self {
            pricers: Cow::Borrowed(&self.pricers),
            pool: Pool::default(),
            amounts: Vec::new(),
            row_prices: Vec::new(),
            master,
            counted: Vec::new(),
            value: f64::INFINITY,
            duals: self.duals.clone(),
            worth: self.worth.clone(),
            near: self.near.clone(),
            care: Care::Glance,
            ..*self
        }
    }

    /// Adds columns until value and bound meet, or the limits end it. May be called again with
    /// other limits, to go on from where it ended.
    pub(crate) fn generate(&mut self, limits: &Limits, budget: &mut Budget) {
        let known = self.pool.len() as u64;
        self.close_in(limits, budget);
        budget.done.columns += self.pool.len() as u64 - known;
    }

    /// Starts from the prices of resources, and betters them before the simplex has its first turn.
    /// Duals are drawn towards the best so far from then on. Where the columns to start with are
    /// many and good already, these say more.
    pub(crate) fn start_fluid(&mut self, limits: &Limits, budget: &mut Budget) {
        self.start_at(fluid::prices(self.core), limits, budget);
    }

    /// The same from other prices of the items on.
    pub(crate) fn start_at(&mut self, items: Vec<f64>, limits: &Limits, budget: &mut Budget) {
        self.start_from(&Duals { items, ..Duals::nothing(self.core) }, limits, budget);
    }

    /// The same from other prices of all rows on.
    pub(crate) fn start_from(&mut self, duals: &Duals, limits: &Limits, budget: &mut Budget) {
        self.climb(duals, limits, budget);
        self.pull = SMOOTHING;
    }

    /// The same without the simplex ([`Self::climb_alone`]).
    pub(crate) fn start_alone(&mut self, items: Vec<f64>, limits: &Limits, budget: &mut Budget) {
        let start = Duals { items, ..Duals::nothing(self.core) };
        self.climb_alone_at(&start, limits, budget);
    }

    /// Adds columns that may be known already, cut down to the pods that there are.
    pub(crate) fn offer(&mut self, columns: Vec<Column>) {
        let demand = self.core.demand();
        for column in proper(self.core, columns, &demand) {
            self.master.offer(&mut self.pool, column);
        }
    }

    /// Betters the bound from the best prices on, without the simplex.
    pub(crate) fn climb_on(&mut self, limits: &Limits, budget: &mut Budget) {
        self.climb(&self.duals.clone(), limits, budget);
    }

    fn climb(&mut self, start: &Duals, limits: &Limits, budget: &mut Budget) {
        let known = self.pool.len() as u64;
        let Handed { used, good, .. } = ascend(self, start, limits, budget);
        self.master.start_from(&mut self.pool, used.into_iter().map(|(_, column)| column));
        if self.master.solve(budget) {
            for column in good {
                self.master.offer(&mut self.pool, column);
            }
        }
        budget.done.columns += self.pool.len() as u64 - known;
    }

    /// The same without any simplex in the end: the columns are those handed on, with their amounts.
    /// The master, which has none, says what they are for.
    pub(crate) fn climb_alone(&mut self, limits: &Limits, budget: &mut Budget) {
        let best = match limits.proven || self.row_prices.is_empty() {
            true => self.duals.clone(),
            false => self.master.prices_at(|row| self.row_prices[row as usize]),
        };
        self.climb_alone_at(&best, limits, budget);
    }

    fn climb_alone_at(&mut self, start: &Duals, limits: &Limits, budget: &mut Budget) {
        let known = self.pool.len();
        let Handed { used, good, prices } = ascend(self, start, limits, budget);
        self.hold(used.into_iter().chain(good.into_iter().map(|column| (0.0, column))), prices);
        budget.done.columns += self.pool.len().saturating_sub(known) as u64;
    }

    /// Holds these columns in these amounts, and no others, at these dual prices of the rows.
    pub(crate) fn hold(
        &mut self,
        columns: impl Iterator<Item = (f64, Column)>,
        row_prices: Vec<f64>,
    ) {
        (self.pool, self.amounts) = Default::default();
        self.row_prices = row_prices;
        for (amount, column) in columns {
            if self.pool.add(column).1 {
                self.amounts.push(amount);
            }
        }
    }

    /// Hands the columns held over to the master's simplex.
    pub(crate) fn start_simplex(&mut self) {
        let used = self.used().into_iter().map(|(at, _)| self.pool.get(at).clone()).collect();
        self.amounts.clear();
        self.row_prices.clear();
        self.master.hold(&mut self.pool, used);
    }

    /// Dual prices of the master's rows.
    pub(crate) fn row_duals(&self) -> Vec<f64> {
        match self.row_prices.is_empty() {
            true => self.master.row_duals(),
            false => self.row_prices.clone(),
        }
    }

    /// The columns in use: number in the pool, and how often.
    pub(crate) fn used(&self) -> Vec<(u32, f64)> {
        if self.amounts.is_empty() {
            return self.master.used().into_iter().map(|(_, at, amount)| (at, amount)).collect();
        }
        let amounts = (0..).zip(self.amounts.iter().copied());
        amounts.filter(|(_, amount)| *amount > 0.0).collect()
    }

    fn close_in(&mut self, limits: &Limits, budget: &mut Budget) {
        let mut idle = 0;
        for _ in 0..limits.rounds {
            if !self.approach(limits, budget) {
                return;
            }
            let value = self.master.value();
            let before = (self.value, self.bound);
            self.value = value;
            let far = self.bound < value * (1.0 - FAR);
            let patience = if far { limits.patience.max(FAR_PATIENCE) } else { limits.patience };
            if self.is_closed(limits) || budget.is_spent() || idle >= patience {
                return;
            }
            if value > before.0 * (1.0 - STALL) && self.care == Care::Glance {
                self.care = Care::Look;
            }
            let looked = self.care > Care::Glance;
            if !self.close_round(limits, budget) {
                return;
            }
            let gained = before.0 - value + self.bound - before.1;
            let least = limits.progress * if self.is_loose { LOOSE_PROGRESS } else { 1.0 };
            idle = if !looked || gained > least * value { 0 } else { idle + 1 };
        }
    }

    /// Whether value and bound are close enough, or the bound is good enough by itself.
    pub(crate) fn is_closed(&self, limits: &Limits) -> bool {
        self.is_within(limits.tolerance.max(limits.reach)) || self.bound > limits.enough
    }

    /// Whether value and bound are this close, relative.
    pub(crate) fn is_within(&self, share: f64) -> bool {
        self.bound >= self.value * (1.0 - share)
    }

    /// One round of pricing, at smoothed duals first; false when there is nothing left to find.
    fn close_round(&mut self, limits: &Limits, budget: &mut Budget) -> bool {
        let current = self.master.prices();
        let smooth = self.duals.blend(&current, SMOOTHING);
        let mut added = self.round(&smooth, limits, budget);
        while !added && !self.is_within(limits.tolerance) {
            added = self.round(&current, limits, budget);
            if !added && self.care == Care::Insist {
                return false;
            }
            self.care = self.care.more();
        }
        if self.care == Care::Insist {
            self.care = Care::Look;
        }
        true
    }

    /// Solves the master, and again with columns of the kinds that were near the mark when all were
    /// priced last, as long as that lowers its value: these cost little and bring most. False when
    /// the solver gave up.
    fn approach(&mut self, limits: &Limits, budget: &mut Budget) -> bool {
        let mut last = f64::INFINITY;
        let mut branches = [FIRST, MORE].into_iter();
        let mut nodes = branches.next();
        for _ in 0..APPROACH {
            if !self.master.solve(budget) {
                return false;
            }
            if budget.is_spent() {
                return true;
            }
            let value = self.master.value();
            if value > last * (1.0 - PROGRESS) {
                nodes = branches.next();
            }
            last = value;
            loop {
                let Some(few) = nodes else { return true };
                let priced = self.price_near(few, limits, budget);
                if self.master.add_gainful(&mut self.pool, priced) {
                    break;
                }
                nodes = branches.next();
            }
        }
        self.master.solve(budget)
    }

    /// Prices the near kinds between the best duals and the master's, with a few branches each.
    fn price_near(&self, nodes: u32, limits: &Limits, budget: &mut Budget) -> Vec<(u32, Priced)> {
        let duals = self.duals.blend(&self.master.prices(), self.pull);
        self.price_some(&self.near, nodes, &duals, limits, budget)
    }

    /// More branches from now on for kinds that pricing leaves above their cost.
    pub(crate) fn look(&mut self) {
        self.care = self.care.max(Care::Look);
    }

    /// Prices these kinds at these duals with so many branches each, for columns and not for a bound.
    pub(crate) fn price_some(
        &self,
        kinds: &[u32],
        nodes: u32,
        duals: &Duals,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Vec<(u32, Priced)> {
        let (profits, costs) = (duals.profits(self.core), duals.costs(self.core));
        let question = self.question(&profits, &costs, limits, f64::INFINITY);
        price_few(&self.pricers, kinds, nodes, &question, budget)
    }

    fn question<'q>(
        &'q self,
        profits: &'q Profits<'q>,
        costs: &'q [f64],
        limits: &Limits,
        futile: f64,
    ) -> Question<'q> {
        Question {
            core: self.core,
            profits,
            costs,
            limits: self.master.demand(),
            keep: limits.keep,
            tolerance: limits.tolerance / 2.0,
            futile,
            nodes: limits.nodes,
            care: self.care,
        }
    }

    /// Prices every kind, or one of its twins, at these duals; true when a column came that the
    /// master lacks.
    fn round(&mut self, duals: &Duals, limits: &Limits, budget: &mut Budget) -> bool {
        let (priced, bounds) = self.price_at(duals, limits, budget);
        let sharpened = self.sharpen(&priced, duals, &bounds, limits);
        self.master.add_gainful(&mut self.pool, priced) || sharpened
    }

    /// Prices every kind, or one of its twins, at these duals, and keeps them when their bound is
    /// the best: what was priced, and what each kind's patterns are worth at most.
    pub(crate) fn price_at(
        &mut self,
        duals: &Duals,
        limits: &Limits,
        budget: &mut Budget,
    ) -> (Vec<(u32, Priced)>, Vec<f64>) {
        let core = self.core;
        let (profits, costs) = (duals.profits(core), duals.costs(core));
        let mut kinds = core.twins.one_each(self.turn);
        kinds.retain(|&kind| !self.is_shut(kind));
        self.turn += 1;
        // No kind above its cost by more than this leaves a bound that is better than the best.
        let futile = self.bound_at(duals, &costs) / self.bound.max(1.0);
        let question = self.question(&profits, &costs, limits, futile.max(1.0));
        let priced = price_all(&self.pricers, &kinds, &question, budget);
        let most = question.most_nodes(self.care);
        let mut bounds = vec![0.0; core.kinds.len()];
        for (kind, priced) in &priced {
            for &twin in core.twins.of_kind(*kind) {
                bounds[twin as usize] = priced.bound;
            }
        }
        self.is_loose = is_loose(&priced, &bounds, &costs);
        let bound = self.bound_at(duals, &bounds);
        if bound > self.bound || self.duals.is_nothing() {
            self.bound = self.bound.max(bound);
            self.duals = duals.clone();
            self.nodes = most;
            self.worth =
                bounds.iter().zip(&costs).map(|(bound, cost)| bound / cost.max(1.0)).collect();
        }
        self.near = nearest(&priced, &costs);
        (priced, bounds)
    }

    /// The bound at these duals when no pattern of a kind is worth more than `bounds[kind]`.
    fn bound_at(&self, duals: &Duals, bounds: &[f64]) -> f64 {
        duals.bound(self.core, self.master.demand(), bounds, &self.counted)
    }

    /// Whether there are no nodes of a kind, nor of its twins.
    pub(crate) fn is_shut(&self, kind: u32) -> bool {
        self.counted.iter().any(|of| of.range.most == Some(0) && of.counts(kind))
    }

    /// Sharpens the relaxations of those kinds priced that hold the bound down most; false when none
    /// of them can be.
    fn sharpen(
        &mut self,
        priced: &[(u32, Priced)],
        duals: &Duals,
        bounds: &[f64],
        limits: &Limits,
    ) -> bool {
        let Cow::Owned(pricers) = &mut self.pricers else { return false };
        let (profits, costs) = (duals.profits(self.core), duals.costs(self.core));
        let over = |kind: usize| bounds[kind] / costs[kind].max(1.0);
        let above = |kind: &usize| costs[*kind] > 0.0 && over(*kind) > 1.0 + limits.tolerance;
        let most = SHARPENED.0.max(priced.len() / SHARPENED.1);
        let kinds = priced.iter().map(|&(kind, _)| kind as usize);
        let mut kinds: Vec<usize> = kinds.filter(above).collect();
        kinds.sort_by(|&a, &b| over(b).total_cmp(&over(a)).then(a.cmp(&b)));
        kinds.truncate(most);
        let mut sharpened = false;
        for kind in kinds {
            let ask = Ask {
                profits: profits.on(&self.core.kinds[kind]),
                limits: self.master.demand(),
                enough: 0.0,
                nodes: 0,
                keep: 0,
                exact: Exact::No,
            };
            for _ in 0..CUTS {
                if !pricers[kind].sharpen(&ask) {
                    break;
                }
                sharpened = true;
            }
        }
        sharpened
    }

    /// Good columns to start another master with, in the order in which they were found: at most
    /// `most` per item, those of least reduced cost for what they cost, of kinds for which `takes`
    /// holds; and all that hold a single item, so that there is a way out.
    pub(crate) fn good_columns(&self, most: usize, takes: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut good: Vec<(f64, u32)> = Vec::new();
        let profits = self.duals.profits(self.core);
        for at in 0..self.pool.len() as u32 {
            let column = self.pool.get(at);
            let reduced = -column.gain(self.core, &profits);
            let share = reduced / column.cost(self.core).max(1.0);
            if column.pattern.len() == 1 {
                good.push((f64::NEG_INFINITY, at));
            } else if share <= DEAR && takes(column.kind) {
                good.push((share, at));
            }
        }
        good.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        good.truncate(most * (self.core.items.len() + FEW));
        let mut good: Vec<u32> = good.into_iter().map(|(_, at)| at).collect();
        good.sort_unstable();
        good
    }
}

/// Whether the bound is held down by pricing, and not by the prices: no pattern found comes close to
/// what some kind's are said to be worth at most.
fn is_loose(priced: &[(u32, Priced)], bounds: &[f64], costs: &[f64]) -> bool {
    // What costs nothing, as existing nodes do, has nothing to come close to.
    let over = |kind: u32, worth: f64| match costs[kind as usize] {
        cost if cost > 0.0 => worth / cost,
        _ => 0.0,
    };
    let said = priced.iter().map(|(kind, _)| over(*kind, bounds[*kind as usize]));
    let found = priced
        .iter()
        .filter_map(|(kind, priced)| priced.patterns.first().map(|(worth, _)| over(*kind, *worth)));
    said.fold(1.0, f64::max) > found.fold(1.0, f64::max) * (1.0 + LOOSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presolve::twins::tests::zonal;

    /// A part of a node with more pods than there are would promise that pods cost next to nothing.
    #[test]
    fn columns_from_elsewhere_hold_no_more_pods_than_there_are() {
        let core = zonal();
        let demand = core.demand();
        let seeds = (0..core.kinds.len() as u32).flat_map(|kind| {
            let accepted = core.kinds[kind as usize].items.iter().map(|item| item as u32);
            accepted.map(move |item| Column { kind, pattern: vec![(item, 3)] })
        });
        let seeds: Vec<Column> = seeds.collect();
        assert!(seeds.iter().any(|seed| seed.pattern[0].1 > demand[seed.pattern[0].0 as usize]));
        let root = root(&core, seeds.clone(), &mut Budget::new(1_000, None));
        let known: Vec<&Column> = (0..root.pool.len() as u32).map(|at| root.pool.get(at)).collect();
        for column in &known {
            assert!(column.pattern.iter().all(|&(item, pods)| pods <= demand[item as usize]));
        }
        let whole =
            seeds.iter().filter(|seed| seed.pattern[0].1 <= demand[seed.pattern[0].0 as usize]);
        assert!(whole.into_iter().all(|seed| known.contains(&seed)));
    }
}
