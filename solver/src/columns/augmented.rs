//! A linear programme over columns, solved about right without a simplex.
//!
//! With hundreds of rows a simplex takes dozens of pivots for every column that it is given. Here
//! rows give way: what a row lacks raises its price above the one at the *centre*, in proportion to
//! its stiffness,
//!
//! ```text
//!     price = max(0, centre + stiffness · (rhs − A x)),
//! ```
//!
//! and the columns' amounts x are the cheapest at prices that rise like that: the minimum of the
//! augmented Lagrangian (R. T. Rockafellar, "Augmented Lagrangians and applications of the proximal
//! point algorithm in convex programming", 1976). It is found by looking at one column after the
//! other, which takes as long for all of them as a pivot or two.

use crate::{
    columns::{
        master::Master,
        pool::{Column, Pool},
    },
    master::Sense,
    pattern::Priced,
    presolve::Core,
};

/// Looks at every column in use between two rounds of pricing; the first and the last one are at
/// all columns.
const SWEEPS: u32 = 8;
/// How much of a row's price it costs to leave all of it undone, at first. Longer steps lead
/// further, and astray when the columns are few.
const STIFFNESS: f64 = 0.5;
/// A pattern worth more than its node by less than this share is no news.
const GAINFUL: f64 = 1e-6;
/// A limit is no less stiff than with this share of what all of it may be worth.
const LEAST: f64 = 0.1;
/// Entries of columns that are looked at in a microsecond.
const LOOKS: u64 = 300;

/// A column with the amount of it.
pub(super) struct Line {
    pub column: Column,
    pub cost: f64,
    /// What counts against a row is below zero.
    pub entries: Vec<(u32, f64)>,
    pub amount: f64,
}

impl Line {
    /// What it covers is worth at these prices of the rows.
    pub(super) fn worth(&self, price: impl Fn(usize) -> f64) -> f64 {
        self.entries.iter().map(|&(row, entry)| entry * price(row as usize)).sum()
    }
}

/// The programme, with amounts and prices.
pub(super) struct Augmented {
    /// Per row 1, or −1 where columns may not go beyond the right-hand side: all rows are to be
    /// reached, then, and all prices are zero or more.
    signs: Vec<f64>,
    pub rhs: Vec<f64>,
    /// What the right-hand sides are beyond what the columns add up to.
    pub lacking: Vec<f64>,
    pub centre: Vec<f64>,
    /// Prices that stiffness is measured by at least.
    least: Vec<f64>,
    stiffness: Vec<f64>,
    pub step: f64,
    pool: Pool,
    /// In the order in which they were added.
    pub lines: Vec<Line>,
}

impl Augmented {
    /// A master's rows without any columns; the centre is at these dual prices of the rows. Where a
    /// row's price is less than in `least`, stiffness is measured by that.
    pub(super) fn new(master: &Master<'_>, duals: &[f64], least: &[f64]) -> Self {
        let (signs, rhs): (Vec<f64>, Vec<f64>) = requirements(master).unzip();
        let centre: Vec<f64> =
            signs.iter().zip(duals).map(|(sign, dual)| (sign * dual).max(0.0)).collect();
        let worth: f64 = centre.iter().zip(&rhs).map(|(price, rhs)| price * rhs.max(0.0)).sum();
        // What is a limit has no price yet; a part of everything is what all of it may be worth.
        let least = least.iter().zip(&rhs).zip(&signs).map(|((least, rhs), sign)| {
            let is_known = *sign > 0.0 || *least > 0.0;
            if is_known { *least } else { LEAST * worth / rhs.abs().max(1.0) }
        });
        Self {
            lacking: rhs.clone(),
            least: least.collect(),
            stiffness: vec![0.0; rhs.len()],
            step: STIFFNESS,
            pool: Pool::default(),
            lines: Vec::new(),
            signs,
            rhs,
            centre,
        }
    }

    /// Adds a column with an amount of it unless it is there; whether it is new.
    pub(super) fn add(
        &mut self,
        core: &Core,
        master: &Master<'_>,
        column: Column,
        amount: f64,
    ) -> bool {
        let (_, new) = self.pool.add(column.clone());
        if new {
            let mut entries = master.entries(&column);
            for (row, entry) in &mut entries {
                *entry *= self.signs[*row as usize];
            }
            let cost = column.cost(core);
            self.lines.push(Line { column, cost, entries, amount });
        }
        new
    }

    /// Takes the patterns that are worth more than they cost; how many of them are new.
    pub(super) fn take(
        &mut self,
        core: &Core,
        master: &Master<'_>,
        priced: Vec<(u32, Priced)>,
        costs: &[f64],
    ) -> usize {
        let mut new = 0;
        for (kind, priced) in priced {
            let least = costs[kind as usize] * (1.0 + GAINFUL);
            for (_, pattern) in priced.patterns.into_iter().filter(|(worth, _)| *worth > least) {
                new += usize::from(self.add(core, master, Column { kind, pattern }, 0.0));
            }
        }
        new
    }

    /// Sets a row's price, of which stiffness is measured by this share at least.
    pub(super) fn value_row(&mut self, row: u32, price: f64, least: f64) {
        self.centre[row as usize] = price;
        self.least[row as usize] = price * least;
    }

    pub(super) fn price(&self, row: usize) -> f64 {
        (self.centre[row] + self.stiffness[row] * self.lacking[row]).max(0.0)
    }

    pub(super) fn prices(&self) -> Vec<f64> {
        (0..self.rhs.len()).map(|row| self.price(row)).collect()
    }

    /// The price as the master counts it.
    pub(super) fn dual(&self, row: u32) -> f64 {
        self.signs[row as usize] * self.price(row as usize)
    }

    /// What the columns cost, and what they leave undone is worth.
    pub(super) fn value(&self) -> f64 {
        self.cost() + self.undone()
    }

    /// What the columns cost.
    pub(super) fn cost(&self) -> f64 {
        self.lines.iter().map(|line| line.cost * line.amount).sum()
    }

    /// What the columns leave undone is worth. What has no price now may need a node of its own
    /// when it is left over.
    pub(super) fn undone(&self) -> f64 {
        let worth = |row: usize| self.price(row).max(self.least[row]);
        let lacking = self.lacking.iter().enumerate();
        lacking.map(|(row, lacking)| lacking.max(0.0) * worth(row)).sum()
    }

    /// Finds amounts for the centre and the step; units of work.
    pub(super) fn settle(&mut self) -> u64 {
        for row in 0..self.rhs.len() {
            let scale = self.centre[row].max(self.least[row]);
            self.stiffness[row] = self.step * scale / self.rhs[row].abs().max(1.0);
        }
        let mut looks = 0;
        for sweep in 0..SWEEPS {
            let all = sweep == 0 || sweep + 1 == SWEEPS;
            for at in 0..self.lines.len() {
                if all || self.lines[at].amount > 0.0 {
                    looks += self.lines[at].entries.len() as u64;
                    self.balance(at);
                }
            }
        }
        looks / LOOKS
    }

    /// Sets one amount to what is cheapest while the others stay (Newton's step: prices rise in
    /// proportion).
    fn balance(&mut self, at: usize) {
        let line = &self.lines[at];
        let (mut worth, mut bend) = (0.0, 0.0);
        for &(row, entry) in &line.entries {
            let row = row as usize;
            let price = self.price(row);
            if price > 0.0 {
                worth += entry * price;
                bend += entry * entry * self.stiffness[row];
            }
        }
        let gain = worth - line.cost;
        if line.amount == 0.0 && gain <= 0.0 {
            return;
        }
        // Where no price is above zero the column is of no use, whatever there is of it.
        let amount = if bend > 0.0 { (line.amount + gain / bend).max(0.0) } else { 0.0 };
        let change = amount - line.amount;
        self.lines[at].amount = amount;
        for &(row, entry) in &self.lines[at].entries {
            self.lacking[row as usize] -= entry * change;
        }
    }

    /// Takes over what a master's rows ask for now, and which of the columns are left.
    pub(super) fn renew(&mut self, master: &Master<'_>, stays: impl Fn(&Line) -> bool) {
        self.lines.retain(stays);
        self.rhs = requirements(master).map(|(_, rhs)| rhs).collect();
        self.lacking.clone_from(&self.rhs);
        for line in self.lines.iter().filter(|line| line.amount > 0.0) {
            for &(row, entry) in &line.entries {
                self.lacking[row as usize] -= entry * line.amount;
            }
        }
    }
}

/// Signs and right-hand sides of rows that are all to be reached.
fn requirements<'a>(master: &'a Master<'_>) -> impl Iterator<Item = (f64, f64)> + 'a {
    let reach = |(sense, rhs): (Sense, f64)| {
        if sense == Sense::AtLeast { (1.0, rhs) } else { (-1.0, -rhs) }
    };
    master.requirements().map(reach)
}
