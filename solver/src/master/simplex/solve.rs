//! The rounds of a solve: dual method, primal method, and the proof that nothing is left to do.

use super::{
    CAREFUL, CLOSED, DUAL_SHARE, End, FEASIBILITY, Kind, OPTIMALITY, Outcome, ROUNDS, Simplex,
    Tolerance,
};

impl Simplex {
    /// Finds the optimum from the last basis with at most `max_pivots` pivots.
    pub(crate) fn solve(&mut self, max_pivots: u64) -> Outcome {
        let budget = self.pivots.saturating_add(max_pivots);
        if !self.y_valid {
            self.compute_duals();
        }
        self.measure();
        let mut outcome = self.rounds(budget);
        if outcome == Outcome::Failed {
            self.start_over();
            outcome = self.rounds(budget);
        }
        outcome
    }

    fn rounds(&mut self, budget: u64) -> Outcome {
        for round in 0..ROUNDS {
            let careful = round >= CAREFUL;
            let mut end = End::Done;
            if self.is_infeasible() {
                end = self.run_dual(budget, careful);
                self.restore_costs();
            }
            if matches!(end, End::Done) {
                end = self.run_primal(budget, careful);
            }
            match end {
                End::Done if self.is_proven() => return Outcome::Optimal,
                End::Budget => {
                    self.refresh();
                    return Outcome::Stopped;
                }
                End::Unbounded if !self.dirty || careful => return Outcome::Unbounded,
                End::Done | End::Unbounded | End::Restart => {}
            }
            self.refresh();
            if matches!(end, End::Done) && !self.is_infeasible() && self.is_dual_feasible() {
                return Outcome::Optimal;
            }
        }
        Outcome::Failed
    }

    /// Whether values and duals as the pivots left them fit the basis, and the values their bounds:
    /// the residuals cost less than computing both again.
    fn is_proven(&mut self) -> bool {
        if self.dirty {
            self.dirty = self.perturbed || self.has_drifted() || self.is_infeasible();
        }
        !self.dirty
    }

    /// Sets the tolerances by the size of right-hand sides, costs and duals.
    fn measure(&mut self) {
        let rhs = largest(&self.rhs).max(1.0);
        let cost = largest(&self.cost).max(DUAL_SHARE * largest(&self.y));
        let scale = if cost > 0.0 { cost } else { 1.0 };
        self.tolerance = Tolerance { primal: FEASIBILITY * rhs, dual: OPTIMALITY * scale };
    }

    /// Whether some basic value is out of its bounds.
    fn is_infeasible(&self) -> bool {
        (0..self.head.len()).any(|position| self.infeasibility(position) > 0.0)
    }

    /// By how much the basic value at `position` leaves its bounds, 0 within the tolerance.
    #[inline]
    pub(super) fn infeasibility(&self, position: usize) -> f64 {
        let value = self.x[position];
        if value < -self.tolerance.primal {
            -value
        } else if value > self.tolerance.primal && self.is_closed(self.head[position]) {
            value
        } else {
            0.0
        }
    }

    fn is_dual_feasible(&mut self) -> bool {
        self.price();
        let tolerance = self.tolerance.dual;
        let columns = self.reduced.iter().zip(&self.status);
        columns.into_iter().all(|(&reduced, &status)| status != 0 || reduced >= -tolerance)
            && (0..self.logical_basic.len())
                .all(|index| self.logical_basic[index] || self.logical_reduced(index) >= -tolerance)
    }

    /// The reduced cost of the logical at `index`.
    #[inline]
    pub(super) fn logical_reduced(&self, index: usize) -> f64 {
        let dual = self.y[index / 2];
        self.logical_work[index] - if index.is_multiple_of(2) { dual } else { -dual }
    }

    /// Makes `reduced` belong to `y`.
    pub(super) fn price(&mut self) {
        if self.reduced_valid {
            return;
        }
        for ((change, &old), &new) in self.scratch.iter_mut().zip(&self.priced).zip(&self.y) {
            *change = old - new;
        }
        if self.columns.is_sparse(&self.scratch) && !self.price_afresh {
            self.columns.add_rows(&self.scratch, &mut self.reduced);
        } else {
            for column in 0..self.reduced.len() {
                if self.status[column] & CLOSED == 0 {
                    self.reduced[column] = self.work[column] - self.columns.dot(column, &self.y);
                }
            }
        }
        self.priced.copy_from_slice(&self.y);
        self.price_afresh = false;
        self.reduced_valid = true;
    }

    /// Takes back what the dual method did to the costs.
    pub(super) fn restore_costs(&mut self) {
        if self.shifted {
            self.shifted = false;
            for ((reduced, work), &cost) in
                self.reduced.iter_mut().zip(&mut self.work).zip(&self.cost)
            {
                *reduced += cost - *work;
                *work = cost;
            }
            self.logical_work.copy_from_slice(&self.logical_cost);
            self.compute_duals();
        }
    }

    /// Recomputes values and duals, and the inverse too when they do not fit the basis.
    pub(super) fn refresh(&mut self) {
        self.compute_values();
        self.compute_duals();
        self.measure();
        if self.age > 0 && self.has_drifted() {
            self.refactor();
        }
        self.dirty = false;
    }

    /// Whether the values miss the right-hand sides, or the duals the costs of basic columns, by a
    /// good part of the tolerance.
    fn has_drifted(&mut self) -> bool {
        let mut costs = 0.0_f64;
        self.scratch.copy_from_slice(&self.rhs);
        for (&var, &value) in self.head.iter().zip(&self.x) {
            match var.kind() {
                Kind::Column(column) => {
                    let (rows, values) = self.columns.get(column);
                    for (&row, &entry) in rows.iter().zip(values) {
                        self.scratch[row as usize] -= entry * value;
                    }
                    let reduced = self.work[column] - self.columns.dot(column, &self.y);
                    costs = costs.max(reduced.abs());
                }
                Kind::Logical { row, sign, index } => {
                    self.scratch[row] -= sign * value;
                    costs = costs.max(self.logical_reduced(index).abs());
                }
            }
        }
        // Not-a-number must count as drift, hence the form of the comparisons.
        let fits = largest(&self.scratch) <= 0.1 * self.tolerance.primal
            && costs <= 0.1 * self.tolerance.dual;
        !fits
    }

    /// Values from the right-hand sides.
    pub(super) fn compute_values(&mut self) {
        self.inverse.times(&self.rhs, &mut self.x);
        self.perturbed = false;
    }

    /// Duals from the costs of the basic columns.
    pub(super) fn compute_duals(&mut self) {
        for position in 0..self.head.len() {
            self.scratch[position] = self.work_cost(self.head[position]);
        }
        std::mem::swap(&mut self.y, &mut self.rho);
        self.inverse.left_times(&self.scratch, &mut self.y);
        // Duals recomputed at the end of a solve differ by rounding, hardly worth pricing again.
        let moved = self.y.iter().zip(&self.rho).map(|(new, old)| (new - old).abs());
        let moved = moved.fold(0.0, |most, change| if change <= most { most } else { change });
        if self.reduced_valid && moved * self.longest <= 0.001 * self.tolerance.dual {
            self.priced.copy_from_slice(&self.y);
        } else {
            self.reduced_valid = false;
        }
        self.y_valid = true;
    }
}

/// The largest absolute value; not-a-number if there is one.
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| {
        let size = value.abs();
        if size <= largest { largest } else { size }
    })
}

/// A number in [1, 2) that depends on nothing but `index` (a multiplicative hash).
pub(super) fn jitter(index: usize) -> f64 {
    let hash = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    1.0 + (hash >> 40) as f64 / (1_u64 << 24) as f64
}
