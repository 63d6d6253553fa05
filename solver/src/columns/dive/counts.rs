//! How many nodes of each dear kind, before their patterns.

use crate::{
    columns::{
        dive::Dive,
        master::{Master, Range},
        pool::{Pool, price},
    },
    effort::Budget,
    presolve::Source,
};

impl<'a> Dive<'a> {
    /// Decides how many nodes of each dear kind there are, while they are fractional.
    pub(super) fn decide_counts(&mut self, budget: &mut Budget) {
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
