//! New columns for what a dive has left.

use crate::{
    columns::{
        dive::Dive,
        pool::{Column, price},
    },
    effort::Budget,
    pattern::{Ask, Exact},
};

/// Branches per pricing in a dive.
const NODES: u32 = 8;

impl Dive<'_> {
    /// Solves the master and adds columns for what remains; false when the solver gave up.
    pub(super) fn reprice(&mut self, rounds: u32, budget: &mut Budget) -> bool {
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
            keep: (self.care.columns / self.families.len()).max(1),
            exact: Exact::No,
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
}
