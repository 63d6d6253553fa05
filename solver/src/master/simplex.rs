//! A revised simplex method for many warm re-solves of one small linear programme.
//!
//! Minimise c·x over x ≥ 0 subject to rows Ax {≥, ≤, =} b. Every row is *elastic*: falling short of
//! it, or going beyond, costs a finite price per unit. With two logical columns per row,
//!
//! ```text
//!     Ax + plus − minus = b,    plus, minus ≥ 0,
//! ```
//!
//! of which the violating ones bear the row's price and the other costs nothing, all kinds of row
//! look alike and a row's dual π lies in [−cost(minus), cost(plus)]. The programme is never infeasible.
//!
//! [`Simplex::solve`] starts from the last basis. While a basic value is out of bounds the *dual*
//! method runs, on costs shifted where the basis is not dual feasible either; then the *primal*
//! method runs on the true costs. Stalls are broken by small deterministic perturbations, of costs
//! in the dual and of values in the primal method, which are taken back afterwards; later rounds
//! follow Bland's rule. Values, duals and both residuals are recomputed from the basis before an
//! optimum is announced.
//!
//! The inverse of the basis is kept explicitly (see [`inverse`]): rows are few, and the columns so
//! sparse that reading it costs little. Prices are Devex weights (P. Harris, "Pivot selection
//! methods of the Devex LP code", 1973) on a short list of attractive columns; both ratio tests are
//! Harris's with two passes.

mod basis;
mod columns;
mod dual;
mod inverse;
mod primal;
mod solve;

#[cfg(test)]
mod tests;

use columns::Columns;
use inverse::Inverse;

/// Feasibility tolerance, relative to the largest right-hand side (at least 1).
const FEASIBILITY: f64 = 1e-9;
/// Optimality tolerance, relative to the largest cost of a column.
const OPTIMALITY: f64 = 1e-9;
/// Duals count towards the scale of costs with this factor: a reduced cost cannot be told from zero
/// below the rounding of its terms.
const DUAL_SHARE: f64 = 1e-4;
/// Size of a perturbation, relative to the scale of what is perturbed.
const PERTURBATION: f64 = 1e-7;
/// Pivots on entries smaller than this are refused.
const PIVOT: f64 = 1e-9;
/// Rounds of dual and primal method before the solver gives up; from `CAREFUL` on it follows
/// Bland's rule and perturbs nothing.
const ROUNDS: u32 = 12;
const CAREFUL: u32 = 6;

/// How a row's activity relates to its right-hand side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    AtLeast,
    AtMost,
    Equal,
}

/// How a solve ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Optimal,
    /// The budget of pivots was used up. Values and duals are those of the last basis, which may be
    /// neither primal nor dual feasible.
    Stopped,
    /// Some column can grow for ever while the objective falls.
    Unbounded,
    /// Rounding errors got the upper hand.
    Failed,
}

/// A column of the extended programme: structural, or a logical of some row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Var(u32);

/// The same, to match on.
enum Kind {
    Column(usize),
    /// `index` addresses the arrays over logicals: 2·row for plus, 2·row + 1 for minus.
    Logical {
        row: usize,
        sign: f64,
        index: usize,
    },
}

impl Var {
    const LOGICAL: u32 = 1 << 31;

    fn column(column: usize) -> Var {
        Var(column as u32)
    }

    /// The logical at `index`, see [`Kind::Logical`].
    fn logical(index: usize) -> Var {
        Var(index as u32 | Var::LOGICAL)
    }

    fn kind(self) -> Kind {
        if self.0 & Var::LOGICAL == 0 {
            return Kind::Column(self.0 as usize);
        }
        let index = (self.0 & !Var::LOGICAL) as usize;
        let sign = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        Kind::Logical { row: index / 2, sign, index }
    }
}

/// Bits of a column's status; a column may enter the basis when none is set.
const BASIC: u8 = 1;
const CLOSED: u8 = 2;

/// Why one of the two methods returned.
enum End {
    Done,
    Budget,
    Unbounded,
    /// The basis had to be repaired, or no pivot could be trusted: look at everything afresh.
    Restart,
}

/// A linear programme with the state of its last solve.
#[derive(Clone)]
pub(crate) struct Simplex {
    columns: Columns,
    /// The largest sum of absolute entries of a column.
    longest: f64,
    cost: Vec<f64>,
    status: Vec<u8>,
    sense: Vec<Sense>,
    rhs: Vec<f64>,
    /// Costs of the logicals.
    logical_cost: Vec<f64>,
    logical_basic: Vec<bool>,
    /// Costs as shifted or perturbed by the dual method; equal to the true ones unless `shifted`.
    work: Vec<f64>,
    logical_work: Vec<f64>,
    shifted: bool,

    /// The basic column at each position.
    head: Vec<Var>,
    inverse: Inverse,
    /// Basic values by position.
    x: Vec<f64>,
    /// Duals by row.
    y: Vec<f64>,
    /// Whether `y` belongs to basis and costs.
    y_valid: bool,
    /// Reduced costs of the open columns at the duals `priced`.
    reduced: Vec<f64>,
    priced: Vec<f64>,
    /// Whether `priced` is `y`.
    reduced_valid: bool,
    /// Whether `reduced` must be computed from the columns, lest rounding errors add up.
    price_afresh: bool,
    /// Pivots since the inverse was computed.
    age: u32,
    /// Whether there were pivots since values and duals were last seen to fit the basis.
    dirty: bool,
    /// Whether the primal method moved the values on purpose.
    perturbed: bool,
    pivots: u64,
    tolerance: Tolerance,

    primal: primal::Pricing,
    dual: dual::Pricing,
    /// Scratch over positions or rows: the entering column times the inverse, the inverse's row.
    alpha: Vec<f64>,
    rho: Vec<f64>,
    scratch: Vec<f64>,
}

/// Tolerances and scales in the programme's units.
#[derive(Clone, Copy, Default)]
struct Tolerance {
    primal: f64,
    dual: f64,
}

/// The programme: rows, columns, bounds and what is read off the last basis.
impl Simplex {
    pub(crate) fn new() -> Self {
        Simplex {
            columns: Columns::new(),
            longest: 0.0,
            cost: Vec::new(),
            status: Vec::new(),
            sense: Vec::new(),
            rhs: Vec::new(),
            logical_cost: Vec::new(),
            logical_basic: Vec::new(),
            work: Vec::new(),
            logical_work: Vec::new(),
            shifted: false,
            head: Vec::new(),
            inverse: Inverse::new(),
            x: Vec::new(),
            y: Vec::new(),
            y_valid: true,
            reduced: Vec::new(),
            priced: Vec::new(),
            reduced_valid: true,
            price_afresh: false,
            age: 0,
            dirty: false,
            perturbed: false,
            pivots: 0,
            tolerance: Tolerance::default(),
            primal: primal::Pricing::default(),
            dual: dual::Pricing::default(),
            alpha: Vec::new(),
            rho: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds a row and returns its index. A unit of violation costs `elastic` (finite, ≥ 0). Columns
    /// that exist have no entry in it, so the basis grows by a logical and stays feasible.
    pub(crate) fn add_row(&mut self, sense: Sense, rhs: f64, elastic: f64) -> u32 {
        debug_assert!(rhs.is_finite() && elastic.is_finite() && elastic >= 0.0);
        let row = self.rhs.len();
        let costs = match sense {
            Sense::AtLeast => [elastic, 0.0],
            Sense::AtMost => [0.0, elastic],
            Sense::Equal => [elastic, elastic],
        };
        let minus = rhs < 0.0;
        let sign = if minus { -1.0 } else { 1.0 };
        let index = 2 * row + usize::from(minus);
        self.sense.push(sense);
        self.rhs.push(rhs);
        self.logical_cost.extend(costs);
        self.logical_work.extend(costs);
        self.logical_basic.extend([!minus, minus]);
        self.primal.add_row();
        self.dual.add_row();
        self.head.push(Var::logical(index));
        self.inverse.grow(sign);
        self.x.push(rhs.abs());
        let dual = sign * costs[usize::from(minus)];
        self.y.push(dual);
        self.priced.push(dual);
        self.columns.add_row();
        self.alpha.push(0.0);
        self.rho.push(0.0);
        self.scratch.push(0.0);
        row as u32
    }

    /// Adds an open column with the given (row, value) entries, nonbasic at 0, and returns its index.
    pub(crate) fn add_column(&mut self, cost: f64, entries: &[(u32, f64)]) -> u32 {
        debug_assert!(cost.is_finite() && entries.iter().all(|entry| entry.1.is_finite()));
        let column = self.columns.len();
        self.columns.push(entries);
        self.longest = self.longest.max(entries.iter().map(|entry| entry.1.abs()).sum());
        self.cost.push(cost);
        self.work.push(cost);
        self.status.push(0);
        self.primal.add_column(entries);
        self.dual.add_column();
        self.reduced.push(cost - self.columns.dot(column, &self.priced));
        column as u32
    }

    /// Changes a row's right-hand side.
    pub(crate) fn set_rhs(&mut self, row: u32, rhs: f64) {
        debug_assert!(rhs.is_finite());
        let row = row as usize;
        let change = rhs - self.rhs[row];
        if change != 0.0 {
            self.rhs[row] = rhs;
            self.inverse.add_column(row, change, &mut self.x);
        }
    }

    /// Changes a column's cost.
    #[cfg(test)]
    pub(crate) fn set_cost(&mut self, column: u32, cost: f64) {
        debug_assert!(cost.is_finite());
        let column = column as usize;
        self.reduced[column] += cost - self.cost[column];
        self.y_valid &= self.status[column] & BASIC == 0;
        self.cost[column] = cost;
        self.work[column] = cost;
    }

    /// Bounds a column to 0: the next solve drives it out.
    pub(crate) fn close(&mut self, column: u32) {
        self.status[column as usize] |= CLOSED;
    }

    /// Lifts the bound that [`Simplex::close`] set.
    pub(crate) fn open(&mut self, column: u32) {
        let column = column as usize;
        self.status[column] &= !CLOSED;
        // Reduced costs of closed columns are not kept up.
        self.reduced[column] = self.work[column] - self.columns.dot(column, &self.priced);
    }

    /// How a row's activity relates to its right-hand side, and that.
    pub(crate) fn row(&self, row: u32) -> (Sense, f64) {
        (self.sense[row as usize], self.rhs[row as usize])
    }

    pub(crate) fn is_open(&self, column: u32) -> bool {
        self.status[column as usize] & CLOSED == 0
    }

    /// Cost of the last basis, violations included.
    pub(crate) fn objective(&self) -> f64 {
        self.head.iter().zip(&self.x).map(|(&var, &value)| self.true_cost(var) * value).sum()
    }

    /// The dual of a row: ≥ 0 for [`Sense::AtLeast`], ≤ 0 for [`Sense::AtMost`].
    pub(crate) fn dual(&self, row: u32) -> f64 {
        self.y[row as usize]
    }

    /// The duals of all rows.
    #[cfg(test)]
    pub(crate) fn duals(&self) -> &[f64] {
        &self.y
    }

    /// The value of a column: a scan of the basis. [`Simplex::basic`] lists all that are not 0.
    #[cfg(test)]
    pub(crate) fn value(&self, column: u32) -> f64 {
        self.basic().find(|&(basic, _)| basic == column).map_or(0.0, |(_, value)| value)
    }

    /// The basic columns and their values, in order of basis position; logicals are left out.
    pub(crate) fn basic(&self) -> impl Iterator<Item = (u32, f64)> {
        self.head.iter().zip(&self.x).filter_map(|(&var, &value)| match var.kind() {
            Kind::Column(column) => Some((column as u32, value.max(0.0))),
            Kind::Logical { .. } => None,
        })
    }

    /// By how much a row is violated: a scan of the basis.
    pub(crate) fn violation(&self, row: u32) -> f64 {
        let violating = |var: Var| match var.kind() {
            Kind::Logical { row: of, index, .. } => {
                let above = index % 2 == 1;
                of == row as usize
                    && match self.sense[of] {
                        Sense::AtLeast => !above,
                        Sense::AtMost => above,
                        Sense::Equal => true,
                    }
            }
            Kind::Column(_) => false,
        };
        let pairs = self.head.iter().zip(&self.x);
        pairs.filter(|&(&var, _)| violating(var)).map(|(_, &value)| value.max(0.0)).sum()
    }

    /// Cost of a column minus what its entries are worth at the duals.
    pub(crate) fn reduced_cost(&self, column: u32) -> f64 {
        let column = column as usize;
        self.cost[column] - self.columns.dot(column, &self.y)
    }

    /// Pivots made since the programme was created.
    pub(crate) fn pivots(&self) -> u64 {
        self.pivots
    }

    #[cfg(test)]
    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rhs.len()
    }

    fn true_cost(&self, var: Var) -> f64 {
        match var.kind() {
            Kind::Column(column) => self.cost[column],
            Kind::Logical { index, .. } => self.logical_cost[index],
        }
    }

    fn work_cost(&self, var: Var) -> f64 {
        match var.kind() {
            Kind::Column(column) => self.work[column],
            Kind::Logical { index, .. } => self.logical_work[index],
        }
    }

    /// Whether `var` is bounded to 0.
    fn is_closed(&self, var: Var) -> bool {
        match var.kind() {
            Kind::Column(column) => self.status[column] & CLOSED != 0,
            Kind::Logical { .. } => false,
        }
    }
}
