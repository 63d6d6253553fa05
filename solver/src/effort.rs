//! How much work may be done, and how much was.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::solution::Effort;

/// What is left to spend. Work is counted in units of about a microsecond on a desktop of 2020.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    left: u64,
    stop: Option<Arc<AtomicBool>>,
    pub(crate) done: Effort,
}

impl Budget {
    pub(crate) fn new(units: u64, stop: Option<Arc<AtomicBool>>) -> Self {
        Self { left: units, stop, done: Effort::default() }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Nothing is left, or somebody asked to stop.
    pub(crate) fn is_spent(&self) -> bool {
        self.left == 0 || self.is_stopped()
    }

    /// What somebody sets who asks to stop.
    pub(crate) fn flag(&self) -> Option<&AtomicBool> {
        self.stop.as_deref()
    }

    /// Somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Pivots of a programme with so many rows: each works through the whole inverse.
    pub(crate) fn pivots(&mut self, count: u64, rows: usize) {
        self.done.pivots += count;
        self.spend(count.saturating_mul(2 + (rows * rows) as u64 / 2_500));
    }

    /// Looks at single pods, of which many take a microsecond.
    pub(crate) fn moves(&mut self, count: u64) {
        self.spend(count.div_ceil(100));
    }

    pub(crate) fn prices(&mut self, count: u64) {
        self.done.prices += count;
        self.spend(count.saturating_mul(3));
    }

    /// A part of what is left, for one of `parts` that work side by side.
    pub(crate) fn fork(&self, parts: u64) -> Self {
        self.part(self.left / parts.max(1))
    }

    /// So many units of what is left.
    pub(crate) fn part(&self, units: u64) -> Self {
        Self { left: units.min(self.left), stop: self.stop.clone(), done: Effort::default() }
    }

    /// Lends one part in `parts` of what is left to some work, and takes account of what it did.
    pub(crate) fn lend<T>(&mut self, parts: u64, work: impl FnOnce(&mut Self) -> T) -> T {
        self.lend_units(self.left / parts.max(1), work)
    }

    /// The same with so many units at most.
    pub(crate) fn lend_units<T>(&mut self, units: u64, work: impl FnOnce(&mut Self) -> T) -> T {
        let mut own = self.part(units);
        let given = own.left();
        let result = work(&mut own);
        self.join(&own, given);
        result
    }

    /// Takes account of what a fork did.
    pub(crate) fn join(&mut self, fork: &Self, given: u64) {
        self.spend(given.saturating_sub(fork.left));
        self.done.columns += fork.done.columns;
        self.done.pivots += fork.done.pivots;
        self.done.prices += fork.done.prices;
        self.done.dives += fork.done.dives;
        self.done.nodes += fork.done.nodes;
    }

    /// Counts work in units, without a name of its own.
    pub(crate) fn spend(&mut self, units: u64) {
        self.left = self.left.saturating_sub(units);
    }
}
