//! The primal method: columns with negative reduced cost enter while values stay in bounds.

use super::solve::jitter;
use super::{End, Kind, PERTURBATION, PIVOT, Simplex, Var};

/// Attractive columns kept from one look at all columns to the next.
const CANDIDATES: usize = 64;

/// Pivots without progress before the values are perturbed: this many and a fraction of the rows.
const PATIENCE: u32 = 20;

/// What the primal method keeps for choosing the entering column.
#[derive(Clone, Default)]
pub(super) struct Pricing {
    /// Devex weights, of columns and of logicals, and what they start from: 1 plus the squared
    /// length of the column, which is exact in a basis of logicals.
    weight: Vec<f64>,
    logical_weight: Vec<f64>,
    length: Vec<f64>,
    candidates: Vec<u32>,
    scored: Vec<(f64, u32)>,
}

impl Pricing {
    pub(super) fn add_row(&mut self) {
        self.logical_weight.extend([2.0; 2]);
    }

    pub(super) fn add_column(&mut self, entries: &[(u32, f64)]) {
        let length = 1.0 + entries.iter().map(|&(_, value)| value * value).sum::<f64>();
        self.length.push(length);
        self.weight.push(length);
    }

    pub(super) fn retain(&mut self, stays: &[bool]) {
        super::basis::retain(&mut self.weight, stays);
        super::basis::retain(&mut self.length, stays);
    }

    fn reset(&mut self) {
        self.candidates.clear();
        self.weight.copy_from_slice(&self.length);
        self.logical_weight.fill(2.0);
    }
}

/// A column that may enter, with its reduced cost.
#[derive(Clone, Copy)]
struct Entering {
    var: Var,
    reduced: f64,
    /// Squared reduced cost over weight.
    score: f64,
}

impl Simplex {
    /// Runs until no column is attractive. Needs values within their bounds and valid duals.
    pub(super) fn run_primal(&mut self, budget: u64, careful: bool) -> End {
        self.primal.reset();
        let mut stalled = 0;
        loop {
            if self.is_stale() && !self.refactor() {
                return End::Restart;
            }
            let entering = if careful { self.first_attractive() } else { self.most_attractive() };
            let Some(entering) = entering else { return End::Done };
            if self.pivots >= budget {
                return End::Budget;
            }
            self.enter(entering.var);
            let leaving = if careful { self.first_blocking() } else { self.blocking() };
            let Some(position) = leaving else { return End::Unbounded };
            let step = (self.x[position] / self.alpha[position]).max(0.0);
            if self.alpha[position].abs() < 1e-7 && self.age > 0 {
                // Rather a better inverse than a small pivot.
                if !self.refactor() {
                    return End::Restart;
                }
                continue;
            }
            self.inverse.row(position, &mut self.rho);
            self.reweigh(position, entering.var);
            self.change(position, entering.var, entering.reduced, step);
            stalled = if step > self.tolerance.primal { 0 } else { stalled + 1 };
            if stalled > PATIENCE + self.head.len() as u32 / 4 && !careful {
                self.perturb_values();
                stalled = 0;
            }
        }
    }

    /// Among the candidates and logicals, or else among all columns.
    fn most_attractive(&mut self) -> Option<Entering> {
        let mut best = self.best_logical();
        if !self.reduced_valid {
            let mut candidates = std::mem::take(&mut self.primal.candidates);
            candidates.retain(|&column| {
                let entering = self.attractive(column as usize);
                keep_better(&mut best, entering);
                entering.is_some()
            });
            self.primal.candidates = candidates;
        }
        if best.is_none() {
            self.price();
            best = self.refill();
        }
        best
    }

    /// The column with its current reduced cost, if it is attractive.
    fn attractive(&self, column: usize) -> Option<Entering> {
        if self.status[column] != 0 {
            return None;
        }
        let reduced = self.work[column] - self.columns.dot(column, &self.y);
        let score = reduced * reduced / self.primal.weight[column];
        (reduced < -self.tolerance.dual).then_some(Entering {
            var: Var::column(column),
            reduced,
            score,
        })
    }

    fn best_logical(&self) -> Option<Entering> {
        let mut best = None;
        for index in 0..self.logical_basic.len() {
            let reduced = self.logical_reduced(index);
            if reduced < -self.tolerance.dual && !self.logical_basic[index] {
                let score = reduced * reduced / self.primal.logical_weight[index];
                keep_better(&mut best, Some(Entering { var: Var::logical(index), reduced, score }));
            }
        }
        best
    }

    /// Takes the most attractive columns as candidates and returns the best.
    fn refill(&mut self) -> Option<Entering> {
        let tolerance = self.tolerance.dual;
        let scored = &mut self.primal.scored;
        scored.clear();
        for (column, (&reduced, &status)) in self.reduced.iter().zip(&self.status).enumerate() {
            if reduced < -tolerance && status == 0 {
                scored.push((reduced * reduced / self.primal.weight[column], column as u32));
            }
        }
        if scored.len() > CANDIDATES {
            scored
                .select_nth_unstable_by(CANDIDATES, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            scored.truncate(CANDIDATES);
        }
        scored.sort_unstable_by_key(|&(_, column)| column);
        self.primal.candidates.clear();
        self.primal.candidates.extend(scored.iter().map(|&(_, column)| column));
        let mut best = None;
        for &(score, column) in &self.primal.scored {
            let reduced = self.reduced[column as usize];
            let var = Var::column(column as usize);
            keep_better(&mut best, Some(Entering { var, reduced, score }));
        }
        best
    }

    /// Bland's rule: the attractive column of lowest index.
    fn first_attractive(&mut self) -> Option<Entering> {
        self.price();
        let tolerance = self.tolerance.dual;
        let mut columns = self.reduced.iter().zip(&self.status);
        let column = columns.position(|(&reduced, &status)| reduced < -tolerance && status == 0);
        if let Some(column) = column {
            let (var, reduced) = (Var::column(column), self.reduced[column]);
            return Some(Entering { var, reduced, score: 0.0 });
        }
        let index = (0..self.logical_basic.len()).find(|&index| {
            !self.logical_basic[index] && self.logical_reduced(index) < -tolerance
        })?;
        Some(Entering {
            var: Var::logical(index),
            reduced: self.logical_reduced(index),
            score: 0.0,
        })
    }

    /// Harris's ratio test: how far may the entering column grow if bounds give way by half the
    /// tolerance; of the values that block before that, the one with the largest pivot.
    fn blocking(&self) -> Option<usize> {
        let slack = 0.5 * self.tolerance.primal;
        let mut limit = f64::INFINITY;
        for position in 0..self.alpha.len() {
            let (rate, room) = self.block(position);
            if rate > PIVOT {
                limit = limit.min((room + slack) / rate);
            }
        }
        let mut best = None;
        let mut largest = 0.0;
        for position in 0..self.alpha.len() {
            let (rate, room) = self.block(position);
            if rate > PIVOT && rate > largest && room <= limit * rate {
                best = Some(position);
                largest = rate;
            }
        }
        best
    }

    /// How fast the value at `position` moves towards its bound, and how far away that is. A closed
    /// column is held on both sides.
    #[inline]
    fn block(&self, position: usize) -> (f64, f64) {
        let (alpha, value) = (self.alpha[position], self.x[position].max(0.0));
        if alpha < 0.0 && self.is_closed(self.head[position]) {
            (-alpha, 0.0)
        } else {
            (alpha, value)
        }
    }

    /// The textbook's ratio test, ties to the lowest index.
    fn first_blocking(&self) -> Option<usize> {
        let mut best: Option<(f64, Var, usize)> = None;
        for position in 0..self.alpha.len() {
            let (rate, room) = self.block(position);
            if rate > PIVOT {
                let (ratio, var) = (room / rate, self.head[position]);
                if best.is_none_or(|(least, of, _)| ratio < least || ratio == least && var < of) {
                    best = Some((ratio, var, position));
                }
            }
        }
        best.map(|(_, _, position)| position)
    }

    /// Updates the Devex weights of the candidates, of the logicals and of the column that leaves
    /// from `position`.
    fn reweigh(&mut self, position: usize, entering: Var) {
        let weight = match entering.kind() {
            Kind::Column(column) => self.primal.weight[column],
            Kind::Logical { index, .. } => self.primal.logical_weight[index],
        };
        let pivot = self.alpha[position];
        let unit = weight / (pivot * pivot);
        let pricing = &mut self.primal;
        for &column in &pricing.candidates {
            let entry = self.columns.dot(column as usize, &self.rho);
            let weight = &mut pricing.weight[column as usize];
            *weight = weight.max(entry * entry * unit);
        }
        for (weights, &entry) in pricing.logical_weight.chunks_exact_mut(2).zip(&self.rho) {
            let new = entry * entry * unit;
            weights[0] = weights[0].max(new);
            weights[1] = weights[1].max(new);
        }
        match self.head[position].kind() {
            Kind::Column(column) => pricing.weight[column] = unit.max(1.0),
            Kind::Logical { index, .. } => pricing.logical_weight[index] = unit.max(1.0),
        }
    }

    /// Moves the basic values off their bounds a little, each by another amount, as if right-hand
    /// sides had changed. The recomputed values after the round show the truth again.
    fn perturb_values(&mut self) {
        let size = PERTURBATION * self.tolerance.primal / super::FEASIBILITY;
        for position in 0..self.x.len() {
            if !self.is_closed(self.head[position]) {
                self.x[position] = self.x[position].max(0.0) + size * jitter(position);
            }
        }
        self.dirty = true;
        self.perturbed = true;
    }
}

/// The higher score wins, the earlier at a tie.
fn keep_better(best: &mut Option<Entering>, other: Option<Entering>) {
    if let Some(other) = other
        && best.is_none_or(|best| other.score > best.score)
    {
        *best = Some(other);
    }
}
