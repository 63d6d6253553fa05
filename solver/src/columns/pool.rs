//! Every pattern seen so far, once.

use rustc_hash::FxHashMap;

use crate::{columns::duals::Profits, pattern::Pattern, presolve::Core};

/// A pattern on a kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Column {
    /// Index into [`Core::kinds`].
    pub kind: u32,
    /// What one node holds.
    pub pattern: Pattern,
}

/// The columns, in the order they were found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    columns: Vec<Column>,
    index: FxHashMap<Column, u32>,
}

impl Pool {
    /// The number of a column, and whether it is new.
    pub(crate) fn add(&mut self, column: Column) -> (u32, bool) {
        if let Some(&at) = self.index.get(&column) {
            return (at, false);
        }
        let at = self.columns.len() as u32;
        self.columns.push(column.clone());
        self.index.insert(column, at);
        (at, true)
    }

    pub(crate) fn get(&self, at: u32) -> &Column {
        &self.columns[at as usize]
    }

    /// The columns from a number on.
    pub(crate) fn since(mut self, at: usize) -> Vec<Column> {
        self.columns.split_off(at)
    }

    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }
}

/// What an empty node of a kind costs, as a float for the linear programme.
pub(crate) fn price(core: &Core, kind: u32) -> f64 {
    core.kinds[kind as usize].price as f64
}

impl Column {
    /// What one node costs, unmet preferences included.
    pub(crate) fn cost(&self, core: &Core) -> f64 {
        core.cost(self.kind, &self.pattern) as f64
    }

    /// What its pods are worth at dual prices, less what the node costs.
    pub(crate) fn gain(&self, core: &Core, profits: &Profits<'_>) -> f64 {
        let profits = profits.on(&core.kinds[self.kind as usize]);
        let worth = |&(item, pods): &(u32, u32)| profits[item as usize] * f64::from(pods);
        self.pattern.iter().map(worth).sum::<f64>() - self.cost(core)
    }
}
