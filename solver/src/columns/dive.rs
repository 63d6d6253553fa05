//! Whole plans by diving: fix what the relaxation is sure of, price again for what remains.

use crate::{
    columns::{
        generate::Root,
        master::{Master, Range},
        plan::{Plan, cheapest},
        pool::{Column, Pool, price},
    },
    effort::Budget,
    pattern::{Ask, Pattern},
    presolve::{Core, Source},
    problem::Money,
};

/// In what dives differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Decide the numbers of dear nodes before their patterns.
    pub counts: bool,
    /// Columns at least this share of the dearest one's price are fixed first.
    pub large: f64,
    /// Kinds take part whose best pattern comes this close to their price at the root.
    pub kinds: f64,
    /// What is rounded up at a time costs at most this share of the whole, or is a single node.
    pub batch: f64,
    /// A fix that raises the cost of the whole by less than this share calls for no new columns.
    pub harmless: f64,
    /// How much chance plays in the choice of columns, and its seed.
    pub noise: f64,
    pub seed: u64,
}

/// Columns whose reduced cost is beyond this share of their price stay out.
const DEAR: f64 = 0.2;
/// Rounds of pricing after each decision.
const ROUNDS: u32 = 3;
/// Rounds of pricing before a dive is given up.
const PATIENCE: u32 = 16;
/// Columns per item to start with.
const START: usize = 5;
/// Branches per pricing in a dive.
const NODES: u32 = 8;
/// Kinds this many times the price of the cheapest take part in every dive.
const CHEAP: f64 = 8.0;
/// A kind is counted when one node is this share of the whole cost.
const GRAIN: f64 = 0.004;

/// A plan cheaper than `cutoff`, if the dive finds one.
pub(crate) fn dive(
    root: &Root<'_>,
    style: Style,
    cutoff: Money,
    budget: &mut Budget,
) -> Option<Plan> {
    budget.done.dives += 1;
    let mut dive = Dive::new(root, style);
    let taken_over = dive.pool.len();
    let arrived = dive.run(cutoff, budget);
    budget.done.columns += (dive.pool.len() - taken_over) as u64;
    arrived.then(|| Plan::new(root.core, dive.fixed)).flatten().filter(|plan| plan.cost < cutoff)
}

struct Dive<'a> {
    core: &'a Core,
    root: &'a Root<'a>,
    style: Style,
    pool: Pool,
    master: Master<'a>,
    /// Kinds that are priced.
    kinds: Vec<u32>,
    /// The same, twins together.
    families: Vec<Vec<u32>>,
    /// Rounds of pricing so far.
    rounds: usize,
    fixed: Vec<(Column, u32)>,
    /// Price of what is fixed.
    paid: f64,
    random: u64,
    /// Count rows were given up.
    freed: bool,
}

impl<'a> Dive<'a> {
    fn new(root: &'a Root<'a>, style: Style) -> Self {
        let core = root.core;
        let least = core.kinds.iter().map(|kind| kind.price).filter(|&price| price > 0).min();
        let cheap = least.unwrap_or(0) as f64 * CHEAP;
        let takes_part = |k: u32| {
            let kind = &core.kinds[k as usize];
            matches!(kind.source, Source::Nodes(_))
                || kind.price as f64 <= cheap
                || root.worth[k as usize] >= style.kinds
        };
        let families = core.twins.kinds.iter();
        let families: Vec<Vec<u32>> =
            families.filter(|kinds| kinds.iter().any(|&k| takes_part(k))).cloned().collect();
        let mut kinds: Vec<u32> = families.iter().flatten().copied().collect();
        kinds.sort_unstable();
        let counted: Vec<u32> = if style.counts {
            let grain = root.value * GRAIN;
            kinds.iter().copied().filter(|&k| price(core, k) >= grain).collect()
        } else {
            Vec::new()
        };
        let mut dive = Self {
            core,
            root,
            style,
            pool: Pool::default(),
            master: Master::new(core, root.master.demand(), &counted, &[]),
            kinds,
            families,
            rounds: 0,
            fixed: Vec::new(),
            paid: 0.0,
            random: style.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            freed: false,
        };
        dive.start();
        dive
    }

    /// Fixes nodes until every pod has one; false when that would cost too much or take too long.
    fn run(&mut self, cutoff: Money, budget: &mut Budget) -> bool {
        let mut whole = 0.0;
        while self.remains() {
            if !self.master.solve(budget) {
                return false;
            }
            let harmless = self.paid + self.master.value() <= whole * (1.0 + self.style.harmless);
            if !harmless && !self.reprice(ROUNDS, budget) || budget.is_spent() {
                return false;
            }
            whole = self.paid + self.master.value();
            let most = cutoff as f64 * (1.0 - 1e-6);
            // Right after many fixes the master lacks columns, and promises too little.
            if whole > most && self.reprice(PATIENCE, budget) {
                whole = self.paid + self.master.value();
            }
            if whole > most {
                return false;
            }
            if self.style.counts {
                self.decide_counts(budget);
            }
            if !self.fix() {
                return false;
            }
        }
        true
    }

    /// Takes over the root's good columns.
    fn start(&mut self) {
        let takes = |kind: u32| self.kinds.binary_search(&kind).is_ok();
        for at in self.root.good_columns(START, takes) {
            self.add(self.root.pool.get(at).clone());
        }
    }

    fn add(&mut self, column: Column) -> (u32, bool) {
        self.master.offer(&mut self.pool, column)
    }

    fn remains(&self) -> bool {
        self.master.demand().iter().any(|&pods| pods > 0)
    }

    /// Solves the master and adds columns for what remains; false when the solver gave up.
    fn reprice(&mut self, rounds: u32, budget: &mut Budget) -> bool {
        for _ in 0..rounds {
            if !self.master.solve(budget) {
                return false;
            }
            if !self.price(budget) {
                return true;
            }
        }
        self.master.solve(budget)
    }

    /// One round of pricing; false when no column came. Of twins the first with a good pattern will
    /// do; they take turns.
    fn price(&mut self, budget: &mut Budget) -> bool {
        let duals = self.master.duals();
        let mut added = false;
        self.rounds += 1;
        for at in 0..self.families.len() {
            let count = self.families[at].len();
            for step in 0..count {
                let kind = self.families[at][(self.rounds + step) % count];
                if self.price_kind(kind, &duals, budget) {
                    added = true;
                    break;
                }
            }
        }
        added
    }

    /// Prices one kind; false when no column came.
    fn price_kind(&mut self, kind: u32, duals: &[f64], budget: &mut Budget) -> bool {
        if self.master.affordable(kind as usize) == 0 {
            return false;
        }
        let cost = price(self.core, kind) + self.master.surcharge(kind as usize);
        let priced = self.root.pricers[kind as usize].price(&Ask {
            profits: duals,
            limits: self.master.demand(),
            enough: cost * (1.0 + 1e-4),
            nodes: NODES,
            keep: 1,
            exact: false,
        });
        budget.prices(priced.nodes.into());
        let mut added = false;
        for (value, pattern) in priced.patterns {
            if value > cost * (1.0 + 1e-6) + 1e-6 {
                added |= self.add(Column { kind, pattern }).1;
            }
        }
        added
    }

    /// Fixes columns: whole parts first, else the largest fraction, dear nodes before cheap ones.
    /// False when nothing holds what remains.
    fn fix(&mut self) -> bool {
        let used = self.master.used();
        let dearest = used
            .iter()
            .map(|(_, at, _)| price(self.core, self.pool.get(*at).kind))
            .fold(0.0, f64::max);
        let large: Vec<(u32, u32, f64)> = used
            .iter()
            .copied()
            .filter(|(_, at, _)| {
                price(self.core, self.pool.get(*at).kind) >= self.style.large * dearest
            })
            .collect();
        let mut whole = false;
        for &(_, at, value) in &large {
            let copies = (value + 1e-6).floor() as u32;
            whole |= copies > 0 && self.take(at, copies);
        }
        if !whole {
            let mut scored: Vec<(f64, u32)> = large
                .iter()
                .map(|&(_, at, value)| (value + self.style.noise * self.chance(), at))
                .collect();
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let spare = self.paid + self.style.batch * (self.paid + self.master.value());
            let mut taken = false;
            for (score, at) in scored {
                // A column of which next to nothing is used is not worth a node of it yet.
                if taken && (self.paid >= spare || score < 0.5) {
                    break;
                }
                taken |= self.take(at, 1);
            }
            if !taken && !self.take_any() {
                return false;
            }
        }
        self.close_improper();
        true
    }

    /// Fixes copies of a column, no more than what remains can fill; false when none. Twins take
    /// turns, so that no place runs dry before the others.
    fn take(&mut self, at: u32, copies: u32) -> bool {
        let column = self.pool.get(at).clone();
        let share = copies.div_ceil(self.core.twins.of_kind(column.kind).len() as u32);
        let mut left = copies;
        while left > 0 {
            let (column, most) = self.roomiest(&column);
            let taken = most.min(left).min(share);
            if taken == 0 {
                break;
            }
            self.master.fix(&column, taken);
            self.paid += column.cost(self.core) * f64::from(taken);
            self.fixed.push((column, taken));
            left -= taken;
        }
        left < copies
    }

    /// A column or its twin, whichever what remains fills most often, and how often that is.
    fn roomiest(&self, column: &Column) -> (Column, u32) {
        let demand = self.master.demand();
        let times = |pattern: &Pattern| {
            let fill = pattern.iter().map(|&(item, pods)| demand[item as usize] / pods);
            fill.min().unwrap_or(0)
        };
        let mut best = (column.clone(), times(&column.pattern));
        for &kind in self.core.twins.of_kind(column.kind) {
            let pattern = remainder(self.core, kind, &column.pattern, demand);
            let pods = |pattern: &Pattern| pattern.iter().map(|(_, pods)| pods).sum::<u32>();
            if pods(&pattern) == pods(&column.pattern) && times(&pattern) > best.1 {
                let times = times(&pattern);
                best = (Column { kind, pattern }, times);
            }
        }
        // The relaxation may pay for nodes that are not there when pods have nowhere else to go.
        best.1 = best.1.min(self.master.affordable(best.0.kind as usize));
        best
    }

    /// The relaxation offers nothing that fits: a node for the first item that remains. False when
    /// nothing for sale holds it.
    fn take_any(&mut self) -> bool {
        let Some(item) = self.master.demand().iter().position(|&pods| pods > 0) else {
            return true;
        };
        let offered = self.core.kinds.iter().enumerate().filter(|(_, kind)| {
            matches!(kind.source, Source::Offerings(_)) && kind.items.contains(item)
        });
        let offered = offered.map(|(at, kind)| (self.master.affordable(at) == 0, kind.price, at));
        let Some((unaffordable, _, kind)) = offered.min() else { return false };
        let column = Column { kind: kind as u32, pattern: vec![(item as u32, 1)] };
        if unaffordable {
            // Beyond a limit; the caller finds other nodes for what is on it.
            self.master.fix(&column, 1);
            self.paid += column.cost(self.core);
            self.fixed.push((column, 1));
            return true;
        }
        let (at, _) = self.add(column);
        self.take(at, 1)
    }

    /// Closes every column that holds more of an item than remains: the relaxation would use a
    /// fraction of it and promise that the last pods cost next to nothing. Those that were good
    /// come back cut down to what remains, on the cheapest kind that holds it.
    fn close_improper(&mut self) {
        let demand = self.master.demand().to_vec();
        let duals = self.master.duals();
        let over =
            |pattern: &Pattern| pattern.iter().any(|&(item, pods)| pods > demand[item as usize]);
        let dear: Vec<bool> =
            (0..self.core.kinds.len()).map(|kind| self.master.affordable(kind) == 0).collect();
        let improper = |column: &Column| dear[column.kind as usize] || over(&column.pattern);
        let improper: Vec<(u32, u32)> =
            self.master.open().filter(|(_, at)| improper(self.pool.get(*at))).collect();
        let mut cut = Vec::new();
        for (column, at) in improper {
            let old = self.pool.get(at);
            let good = self.master.reduced_cost(column) <= DEAR * price(self.core, old.kind);
            self.master.close(column);
            if good {
                let mut new = self.elsewhere(old, &duals);
                if !new.pattern.is_empty() {
                    new.kind = cheapest(self.core, &new);
                }
                if !new.pattern.is_empty() && !dear[new.kind as usize] {
                    cut.push(new);
                }
            }
        }
        self.master.compact();
        for column in cut {
            self.add(column);
        }
    }

    /// A column cut down to what remains, on the one of its kind's twins where most of it is left.
    fn elsewhere(&self, column: &Column, duals: &[f64]) -> Column {
        let worth = |pattern: &Pattern| -> f64 {
            pattern.iter().map(|&(item, pods)| duals[item as usize] * f64::from(pods)).sum()
        };
        let mut best = Column { kind: column.kind, pattern: Pattern::new() };
        let mut most = f64::NEG_INFINITY;
        for &kind in self.core.twins.of_kind(column.kind) {
            let pattern = remainder(self.core, kind, &column.pattern, self.master.demand());
            let worth = worth(&pattern);
            if worth > most {
                most = worth;
                best = Column { kind, pattern };
            }
        }
        best
    }

    /// Between 0 and 1, from the dive's own seed (xorshift, Marsaglia 2003).
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Decides how many nodes of each dear kind there are, while they are fractional.
    fn decide_counts(&mut self, budget: &mut Budget) {
        if self.freed {
            return;
        }
        let start = self.master.value();
        self.drop_rare(start, budget);
        for _ in 0..self.kinds.len() {
            let Some((kind, count)) = self.fractional() else { return };
            if budget.is_spent() {
                return;
            }
            let below = self.with_count(kind, count.floor() as u32, budget);
            let above = self.with_count(kind, count.ceil() as u32, budget);
            let (value, best) = if below.0 <= above.0 { below } else { above };
            let Some(best) = best else { return self.free(budget) };
            (self.master, self.pool) = best;
            if value > start * 1.004 {
                return self.free(budget);
            }
        }
    }

    /// Numbers of nodes per kind in the relaxation, those of twins with the first of them.
    fn numbers(&self) -> Vec<f64> {
        let mut numbers = vec![0.0; self.core.kinds.len()];
        for (_, at, value) in self.master.used() {
            let kind = self.core.twins.first[self.pool.get(at).kind as usize];
            numbers[kind as usize] += value;
        }
        numbers
    }

    /// Is this kind's number still open?
    fn undecided(&self, kind: u32) -> bool {
        let core = &self.core.kinds[kind as usize];
        matches!(core.source, Source::Offerings(_))
            && self.core.twins.first[kind as usize] == kind
            && self.master.range(kind as usize).is_some_and(|range| range.most != Some(range.least))
    }

    /// The dearest counted kind whose number is fractional.
    fn fractional(&self) -> Option<(u32, f64)> {
        let numbers = self.numbers();
        let open = self.kinds.iter().copied().filter(|&kind| {
            let number = numbers[kind as usize];
            self.undecided(kind) && (number - number.round()).abs() > 1e-5
        });
        let dearest = open
            .max_by(|&a, &b| price(self.core, a).total_cmp(&price(self.core, b)).then(b.cmp(&a)));
        dearest.map(|kind| (kind, numbers[kind as usize]))
    }

    /// Kinds with a small part of a node are given up together when that costs next to nothing.
    fn drop_rare(&mut self, start: f64, budget: &mut Budget) {
        let numbers = self.numbers();
        let rare: Vec<u32> = self
            .kinds
            .iter()
            .copied()
            .filter(|&k| self.undecided(k) && numbers[k as usize] < 0.2)
            .collect();
        if rare.is_empty() || rare.iter().all(|&k| numbers[k as usize] == 0.0) {
            return;
        }
        let before = (self.master.clone(), self.pool.clone());
        for kind in rare {
            self.master.set_range(kind as usize, Range { least: 0, most: Some(0) });
        }
        if !self.reprice(2, budget) || self.master.value() > start * 1.001 {
            (self.master, self.pool) = before;
        }
    }

    fn with_count(
        &mut self,
        kind: u32,
        count: u32,
        budget: &mut Budget,
    ) -> (f64, Option<(Master<'a>, Pool)>) {
        let before = (self.master.clone(), self.pool.clone());
        self.master.set_range(kind as usize, Range { least: count, most: Some(count) });
        let solved = self.reprice(4, budget) && self.master.is_covered();
        let value = if solved { self.master.value() } else { f64::INFINITY };
        let after = std::mem::replace(&mut self.master, before.0);
        let pool = std::mem::replace(&mut self.pool, before.1);
        (value, solved.then_some((after, pool)))
    }

    /// Gives up all decisions on numbers.
    fn free(&mut self, budget: &mut Budget) {
        self.freed = true;
        for &kind in &self.kinds {
            if matches!(self.core.kinds[kind as usize].source, Source::Offerings(_)) {
                self.master.set_range(kind as usize, Range::ANY);
            }
        }
        self.reprice(1, budget);
    }
}

/// What remains to be placed of a pattern, on a twin of its kind: each item, or the twin of it that
/// is left most often among those that may be there.
fn remainder(core: &Core, kind: u32, pattern: &Pattern, demand: &[u32]) -> Pattern {
    let accepted = &core.kinds[kind as usize].items;
    let mut left = Pattern::new();
    for &(item, pods) in pattern {
        let twins = core.twins.of_item(item).iter().filter(|&&twin| {
            accepted.contains(twin as usize)
                && !left.iter().any(|(other, _): &(u32, u32)| {
                    *other == twin || core.conflicts[twin as usize].binary_search(other).is_ok()
                })
        });
        let twin = twins.max_by_key(|&&twin| (demand[twin as usize], std::cmp::Reverse(twin)));
        if let Some(&twin) = twin.filter(|&&twin| demand[twin as usize] > 0) {
            left.push((twin, pods.min(demand[twin as usize])));
        }
    }
    left.sort_unstable();
    left
}
