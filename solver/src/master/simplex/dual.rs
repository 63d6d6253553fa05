//! The dual method: values out of bounds leave while reduced costs stay ≥ 0.

use super::solve::jitter;
use super::{End, Kind, PERTURBATION, PIVOT, Simplex, Var};

/// Pivots without progress before the costs are perturbed: this many and a fraction of the rows.
const PATIENCE: u32 = 20;

/// What the dual method keeps for its choices.
#[derive(Clone, Default)]
pub(super) struct Pricing {
    /// Devex weights of the basis positions.
    weight: Vec<f64>,
    /// The leaving row's entries in the columns that may enter, 0 in the others.
    entries: Vec<f64>,
    passed: Vec<Tight>,
    /// The dual step at which the first reduced cost falls below 0 by half the tolerance.
    limit: f64,
}

/// A column that could enter.
#[derive(Clone, Copy)]
struct Tight {
    var: Var,
    /// How fast its reduced cost falls with the dual step.
    rate: f64,
    reduced: f64,
}

impl Pricing {
    pub(super) fn add_row(&mut self) {
        self.weight.push(1.0);
    }

    pub(super) fn add_column(&mut self) {
        self.entries.push(0.0);
    }

    pub(super) fn retain(&mut self, columns: usize) {
        self.entries.truncate(columns);
    }
}

impl Simplex {
    /// Runs until all values are within their bounds. Costs that stand in the way are raised, see
    /// `shifted`.
    pub(super) fn run_dual(&mut self, budget: u64, careful: bool) -> End {
        self.price();
        self.shift_costs();
        self.dual.weight.fill(1.0);
        let mut stalled = 0;
        loop {
            if self.is_stale() {
                if !self.refactor() {
                    return End::Restart;
                }
                self.price();
                self.shift_costs();
                self.dual.weight.fill(1.0);
            }
            let Some(position) = self.leaving(careful) else { return End::Done };
            if self.pivots >= budget {
                return End::Budget;
            }
            self.inverse.row(position, &mut self.rho);
            let sign = if self.x[position] < 0.0 { -1.0 } else { 1.0 };
            self.compute_entries(sign);
            let entering = if careful { self.first_tight() } else { self.tight() };
            let Some((entering, reduced)) = entering else { return self.retry() };
            self.enter(entering);
            if sign * self.alpha[position] < PIVOT {
                return self.retry();
            }
            let reduced = self.raise(entering, reduced);
            stalled = if reduced > self.tolerance.dual { 0 } else { stalled + 1 };
            self.step(position, entering, reduced);
            if stalled > PATIENCE + self.head.len() as u32 / 4 && !careful {
                self.perturb_costs();
                stalled = 0;
            }
        }
    }

    /// No pivot can be trusted: the next round works with a fresh inverse.
    fn retry(&mut self) -> End {
        if self.age > 0 {
            self.refactor();
        }
        End::Restart
    }

    /// Makes the pivot and updates weights and reduced costs.
    fn step(&mut self, position: usize, entering: Var, reduced: f64) {
        let step = self.x[position] / self.alpha[position];
        self.reweigh_positions(position);
        let leaving = self.head[position];
        let theta = self.change(position, entering, reduced, step);
        for (reduced, &entry) in self.reduced.iter_mut().zip(&self.dual.entries) {
            *reduced -= theta * entry;
        }
        if let Kind::Column(column) = leaving.kind() {
            self.reduced[column] = -theta;
        }
        self.priced.copy_from_slice(&self.y);
        self.reduced_valid = true;
    }

    /// The position to leave: the largest squared infeasibility over weight, or by Bland's rule.
    fn leaving(&self, careful: bool) -> Option<usize> {
        let infeasible =
            (0..self.head.len()).filter(|&position| self.infeasibility(position) > 0.0);
        if careful {
            return infeasible.min_by_key(|&position| self.head[position]);
        }
        let mut best = None;
        let mut highest = 0.0;
        for position in infeasible {
            let score = self.x[position] * self.x[position] / self.dual.weight[position];
            if score > highest {
                highest = score;
                best = Some(position);
            }
        }
        best
    }

    /// Computes the leaving row's entries in all columns that may enter, and does the first pass of
    /// Harris's ratio test on the way: `passed` gets the columns that could be among the tight ones.
    fn compute_entries(&mut self, sign: f64) {
        let slack = 0.5 * self.tolerance.dual;
        let passed = &mut self.dual.passed;
        passed.clear();
        let mut limit = f64::INFINITY;
        let mut pass = |var: Var, rate: f64, reduced: f64| {
            if rate > PIVOT && reduced <= limit * rate {
                limit = limit.min((reduced.max(0.0) + slack) / rate);
                passed.push(Tight { var, rate, reduced });
            }
        };
        for (row, &rho) in self.rho.iter().enumerate() {
            // Of a row's two logicals the sign admits one.
            let index = 2 * row + usize::from(sign * rho < 0.0);
            if rho != 0.0 && !self.logical_basic[index] {
                let dual = if index == 2 * row { self.y[row] } else { -self.y[row] };
                pass(Var::logical(index), rho.abs(), self.logical_work[index] - dual);
            }
        }
        let entries = &mut self.dual.entries;
        let by_row = self.columns.is_sparse(&self.rho);
        if by_row {
            entries.fill(0.0);
            self.columns.add_rows(&self.rho, entries);
        }
        let states = self.status.iter().zip(&self.reduced);
        for (column, (entry, (&status, &reduced))) in entries.iter_mut().zip(states).enumerate() {
            if status != 0 {
                *entry = 0.0;
                continue;
            }
            if !by_row {
                *entry = self.columns.dot(column, &self.rho);
            }
            pass(Var::column(column), sign * *entry, reduced);
        }
        self.dual.limit = limit;
    }

    /// Second pass of Harris's ratio test: the largest entry among the tight columns.
    fn tight(&self) -> Option<(Var, f64)> {
        let mut best = None;
        let mut largest = 0.0;
        for tight in &self.dual.passed {
            if tight.rate > largest && tight.reduced <= self.dual.limit * tight.rate {
                largest = tight.rate;
                best = Some((tight.var, tight.reduced));
            }
        }
        best
    }

    /// The textbook's ratio test, ties to the lowest index.
    fn first_tight(&self) -> Option<(Var, f64)> {
        let mut best: Option<(f64, Var, f64)> = None;
        for &Tight { var, rate, reduced } in &self.dual.passed {
            let ratio = reduced.max(0.0) / rate;
            if best.is_none_or(|(least, of, _)| ratio < least || ratio == least && var < of) {
                best = Some((ratio, var, reduced));
            }
        }
        best.map(|(_, var, reduced)| (var, reduced))
    }

    /// Devex weights of the positions after the pivot at `position`.
    fn reweigh_positions(&mut self, position: usize) {
        let pivot = self.alpha[position];
        let unit = self.dual.weight[position] / (pivot * pivot);
        for (weight, &alpha) in self.dual.weight.iter_mut().zip(&self.alpha) {
            *weight = weight.max(alpha * alpha * unit);
        }
        self.dual.weight[position] = unit.max(1.0);
    }

    /// Raises the costs of columns with negative reduced cost until it is 0.
    fn shift_costs(&mut self) {
        let tolerance = self.tolerance.dual;
        for column in 0..self.reduced.len() {
            if self.reduced[column] < -tolerance && self.status[column] == 0 {
                self.raise(Var::column(column), self.reduced[column]);
            }
        }
        for index in 0..self.logical_basic.len() {
            let reduced = self.logical_reduced(index);
            if reduced < -tolerance && !self.logical_basic[index] {
                self.raise(Var::logical(index), reduced);
            }
        }
    }

    /// Raises the cost of a nonbasic column so that its reduced cost is at least 0, which is returned.
    fn raise(&mut self, var: Var, reduced: f64) -> f64 {
        if reduced < 0.0 {
            self.shifted = true;
            match var.kind() {
                Kind::Column(column) => {
                    self.work[column] -= reduced;
                    self.reduced[column] = 0.0;
                }
                Kind::Logical { index, .. } => self.logical_work[index] -= reduced,
            }
        }
        reduced.max(0.0)
    }

    /// Raises the costs of all columns that may enter a little, each by another amount.
    pub(super) fn perturb_costs(&mut self) {
        let size = PERTURBATION * self.tolerance.dual / super::OPTIMALITY;
        for column in 0..self.reduced.len() {
            if self.status[column] == 0 {
                let raise = size * jitter(column);
                self.work[column] += raise;
                self.reduced[column] += raise;
            }
        }
        for index in 0..self.logical_basic.len() {
            if !self.logical_basic[index] {
                self.logical_work[index] += size * jitter(index);
            }
        }
        self.shifted = true;
    }
}
