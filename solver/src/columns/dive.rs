//! Whole plans by diving: fix what the relaxation is sure of, price again for what remains.

mod counts;
mod fix;
mod price;
pub(super) mod proper;
mod slide;

use crate::{
    columns::{
        generate::Root,
        limits::FEW_KINDS,
        master::Master,
        plan::Plan,
        pool::{Column, Pool, price},
    },
    effort::Budget,
    presolve::{Core, Source},
    problem::Money,
};

/// In what dives differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Decide the numbers of dear nodes before their patterns.
    pub counts: bool,
    /// Fill existing nodes before anything is bought, or with what is left over.
    pub nodes: bool,
    /// Columns at least this share of the dearest one's price are fixed first.
    pub large: f64,
    /// Kinds take part whose best pattern comes this close to their price at the root.
    pub kinds: f64,
    /// What is rounded up at a time costs at most this share of the whole, or is a single node.
    pub batch: f64,
    /// Price less often.
    pub hasty: bool,
    /// Leave the simplex out while there are many items.
    pub slides: bool,
    /// A fix that raises the cost of the whole by less than this share calls for no new columns.
    pub harmless: f64,
    /// How much chance plays in the choice of columns, and its seed.
    pub noise: f64,
    pub seed: u64,
    /// Whether to take care where kinds are few and items many.
    pub careful: bool,
}

/// How many columns a dive has to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Care {
    /// Per item to start with.
    start: usize,
    /// Rounds of pricing after each decision.
    rounds: u32,
    /// In a round, of all kinds together; one of each at least.
    columns: usize,
}

/// With few kinds dives take more care; with more items than this only those do that are to.
pub(super) const MANY_ITEMS: usize = 150;
/// What dives do as a rule, what those do that take care, and those that are in a hurry.
const USUAL: Care = Care { start: 3, rounds: 3, columns: 1 };
const MORE: Care = Care { start: 10, rounds: 10, columns: 20 };
const LESS: Care = Care { rounds: 2, ..USUAL };
/// Rounds of pricing before a dive is given up, or when a fix seems to raise the cost of the whole by
/// this share: most often the columns for what it left are not there yet.
const PATIENCE: u32 = 16;
const SHOCK: f64 = 1e-3;
/// Kinds this many times the price of the cheapest take part in every dive.
const CHEAP: f64 = 8.0;
/// A kind is counted when one node is this share of the whole cost.
const GRAIN: f64 = 0.004;
/// Of a dive's work this part, and so much at most, is put by for the case that it does not suffice.
const RESERVE: u64 = 8;
const MOST_RESERVE: u64 = 60_000;

/// A plan cheaper than `cutoff`, if the dive finds one, and the columns that it came across. When the
/// work does not suffice, it is a plan for a part of the pods.
pub(crate) fn dive(
    root: &Root<'_>,
    style: Style,
    cutoff: Money,
    budget: &mut Budget,
) -> (Option<Plan>, Vec<Column>) {
    budget.done.dives += 1;
    let reserve = (budget.left() / RESERVE).min(MOST_RESERVE);
    let mut dive = Dive::new(root, style);
    let taken_over = dive.pool.len();
    let arrived = dive.run(cutoff, budget);
    budget.done.columns += (dive.pool.len() - taken_over) as u64;
    let plan = if arrived {
        Plan::new(root.core, dive.fixed)
    } else if budget.is_spent() {
        let mut rest = Budget::new(reserve, None);
        dive.coast(cutoff, &mut rest);
        budget.join(&rest, reserve);
        Some(Plan::of_some(root.core, dive.fixed))
    } else {
        None
    };
    (plan.filter(|plan| plan.cost < cutoff), dive.pool.since(taken_over))
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
    care: Care,
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
        let mut used = vec![false; core.kinds.len()];
        for (at, _) in root.used() {
            used[root.pool.get(at).kind as usize] = true;
        }
        let takes_part = |k: u32| {
            let kind = &core.kinds[k as usize];
            matches!(kind.source, Source::Nodes(_))
                || used[k as usize]
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
        let few = core.items.len() <= MANY_ITEMS || style.careful;
        let care = match families.len() <= FEW_KINDS && few {
            true => MORE,
            false if style.hasty => LESS,
            false => USUAL,
        };
        let mut dive = Self {
            core,
            root,
            style,
            care,
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
        if !dive.slides() {
            dive.start();
        }
        dive
    }

    /// Fixes nodes until every pod has one; false when that would cost too much or take too long.
    fn run(&mut self, cutoff: Money, budget: &mut Budget) -> bool {
        if self.slides() && !self.slide(cutoff as f64, budget) {
            return false;
        }
        let mut whole = 0.0;
        while self.remains() {
            if !self.master.solve(budget) {
                return false;
            }
            let harmless = self.paid + self.master.value() <= whole * (1.0 + self.style.harmless);
            if !harmless && !self.reprice(self.care.rounds, budget) || budget.is_spent() {
                return false;
            }
            let shock = whole > 0.0 && self.may_be_shocked();
            let expected = if shock { whole * (1.0 + SHOCK) } else { f64::INFINITY };
            let most = cutoff as f64 * (1.0 - 1e-6);
            whole = self.paid + self.master.value();
            if whole > most.min(expected) && self.reprice(PATIENCE, budget) {
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

    /// Whether a dear fix calls for more columns: with few kinds a single node is as much, and with many
    /// items there are better uses for the time.
    fn may_be_shocked(&self) -> bool {
        self.families.len() > FEW_KINDS && self.core.items.len() <= MANY_ITEMS
    }

    /// Goes on with the columns that there are, for as long as the work lasts.
    fn coast(&mut self, cutoff: Money, budget: &mut Budget) {
        while self.remains()
            && self.master.solve(budget)
            && self.paid + self.master.value() < cutoff as f64
            && self.fix_known()
        {}
    }

    /// Takes over the root's good columns, and starts from those that it uses.
    fn start(&mut self) {
        let takes = |kind: u32| self.kinds.binary_search(&kind).is_ok();
        for at in self.root.good_columns(self.care.start, takes) {
            self.add(self.root.pool.get(at).clone());
        }
        let used = self.root.master.used_columns(&self.root.pool);
        self.master.start_from(&mut self.pool, used);
    }

    fn add(&mut self, column: Column) -> (u32, bool) {
        self.master.offer(&mut self.pool, column)
    }

    fn remains(&self) -> bool {
        self.master.demand().iter().any(|&pods| pods > 0)
    }
}
