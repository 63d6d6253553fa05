//! The basis: pivots, the inverse from scratch, repair, and columns that go.

use super::{BASIC, Kind, PIVOT, Simplex, Var};

/// The inverse is computed afresh after this many pivots, or after twice as many as rows if that is
/// more: computing it costs as much as a pivot per row or less. The residuals tell if that is too late.
const MAX_AGE: u32 = 100;

/// A column whose part outside the rows taken is smaller than this, relative to its largest entry,
/// is taken to depend on the others.
const DEPENDENT: f64 = 1e-9;

impl Simplex {
    /// Computes the entering column's product with the inverse into `alpha`.
    pub(super) fn enter(&mut self, var: Var) {
        match var.kind() {
            Kind::Column(column) => {
                let (rows, values) = self.columns.get(column);
                self.inverse.solve(rows, values, &mut self.alpha);
            }
            Kind::Logical { row, sign, .. } => {
                self.inverse.solve(&[row as u32], &[sign], &mut self.alpha);
            }
        }
    }

    /// Puts `entering` in the place of the basic column at `position`, at value `step`. Expects
    /// `alpha` and `rho` to belong to them. `reduced` is the entering column's reduced cost.
    /// Returns the dual step.
    pub(super) fn change(
        &mut self,
        position: usize,
        entering: Var,
        reduced: f64,
        step: f64,
    ) -> f64 {
        let theta = reduced / self.alpha[position];
        for (dual, &rho) in self.y.iter_mut().zip(&self.rho) {
            *dual += theta * rho;
        }
        for (value, &alpha) in self.x.iter_mut().zip(&self.alpha) {
            *value -= step * alpha;
        }
        self.x[position] = step;
        self.inverse.pivot(position, &self.alpha, &self.rho);
        self.set_basic(self.head[position], false);
        self.set_basic(entering, true);
        self.head[position] = entering;
        self.reduced_valid = false;
        self.pivots += 1;
        self.age += 1;
        self.dirty = true;
        theta
    }

    fn set_basic(&mut self, var: Var, basic: bool) {
        match var.kind() {
            Kind::Column(column) if basic => self.status[column] |= BASIC,
            Kind::Column(column) => self.status[column] &= !BASIC,
            Kind::Logical { index, .. } => self.logical_basic[index] = basic,
        }
    }

    /// Whether the inverse has seen enough pivots to be computed afresh.
    pub(super) fn is_stale(&self) -> bool {
        self.age >= MAX_AGE.max(2 * self.head.len() as u32)
    }

    /// Computes the inverse, values and duals from the basic columns. Columns that depend on others
    /// leave the basis for logicals. Positions change. Returns whether the basis is as it was.
    pub(super) fn refactor(&mut self) -> bool {
        let mut columns = Vec::new();
        let mut open = vec![true; self.head.len()];
        let mut diagonal = vec![1.0; self.head.len()];
        let mut intact = true;
        for position in 0..self.head.len() {
            match self.head[position].kind() {
                Kind::Column(column) => columns.push(column),
                Kind::Logical { row, sign, .. } if open[row] => {
                    open[row] = false;
                    diagonal[row] = sign;
                }
                Kind::Logical { .. } => intact = false,
            }
        }
        intact &= self.rebuild(&columns, &diagonal, &mut open);
        if !intact {
            self.mend(&open);
        }
        intact
    }

    /// Computes the inverse, values and duals of a basis of `columns`, in rows that are `open`, and of
    /// logicals of these signs in the others. Returns whether there was room for all of them.
    fn rebuild(&mut self, columns: &[usize], diagonal: &[f64], open: &mut [bool]) -> bool {
        self.logical_basic.fill(false);
        for (row, (head, &sign)) in self.head.iter_mut().zip(diagonal).enumerate() {
            *head = Var::logical(2 * row + usize::from(sign < 0.0));
        }
        self.inverse.reset(diagonal);
        let intact = self.pivot_in(columns, open);
        for position in 0..self.head.len() {
            self.set_basic(self.head[position], true);
        }
        self.settle();
        intact
    }

    /// Recomputes what follows from a new inverse.
    fn settle(&mut self) {
        self.age = 0;
        self.price_afresh = true;
        self.reduced_valid = false;
        self.compute_values();
        self.compute_duals();
    }

    /// Pivots `columns` in for the rows that are `open`, the ones with an entry in a sparse row
    /// first. Returns whether there was room for all of them.
    fn pivot_in(&mut self, columns: &[usize], open: &mut [bool]) -> bool {
        let mut order = Order::new(self, columns);
        let mut intact = true;
        while let Some((column, preferred)) = order.next(self, open) {
            self.enter(Var::column(column));
            let Some(position) = self.pivot_row(preferred, open) else {
                self.set_basic(Var::column(column), false);
                intact = false;
                continue;
            };
            self.inverse.row(position, &mut self.rho);
            self.inverse.pivot(position, &self.alpha, &self.rho);
            self.head[position] = Var::column(column);
            open[position] = false;
        }
        intact
    }

    /// The row to pivot the column in `alpha` into: the preferred one unless its entry is small.
    fn pivot_row(&self, preferred: Option<usize>, open: &[bool]) -> Option<usize> {
        let size = |row: usize| self.alpha[row].abs();
        let rows = (0..open.len()).filter(|&row| open[row]);
        let best = rows.reduce(|best, row| if size(row) > size(best) { row } else { best })?;
        let largest = self.alpha.iter().fold(0.0, |largest: f64, entry| largest.max(entry.abs()));
        if size(best) <= (DEPENDENT * largest).max(PIVOT) {
            return None;
        }
        let prefer = preferred.filter(|&row| size(row) >= 0.05 * size(best));
        Some(prefer.unwrap_or(best))
    }

    /// Rows left `open` have their plus in the basis; where it is negative, minus takes over.
    fn mend(&mut self, open: &[bool]) {
        for (row, &open) in open.iter().enumerate() {
            if open && self.x[row] < 0.0 {
                self.set_basic(self.head[row], false);
                self.head[row] = Var::logical(2 * row + 1);
                self.set_basic(self.head[row], true);
                self.inverse.negate(row);
            }
        }
        self.settle();
    }

    /// Goes back to the basis of logicals.
    pub(super) fn start_over(&mut self) {
        self.start_from(&[]);
    }

    /// Goes to a basis of these columns, as far as they do not depend on each other, and logicals.
    /// The next solve brings values into their bounds that are not.
    pub(crate) fn start_from(&mut self, columns: &[u32]) {
        for status in &mut self.status {
            *status &= !BASIC;
        }
        let sign = |rhs: &f64| if *rhs < 0.0 { -1.0 } else { 1.0 };
        let diagonal: Vec<f64> = self.rhs.iter().map(sign).collect();
        let columns: Vec<usize> = columns.iter().map(|&column| column as usize).collect();
        let mut open = vec![true; self.head.len()];
        self.rebuild(&columns, &diagonal, &mut open);
        self.mend(&open);
    }

    /// Drops the nonbasic columns for which `keep` says no. Returns the new index of each column
    /// that stays, `None` for those dropped; the order stays.
    pub(crate) fn compact(&mut self, keep: impl Fn(u32) -> bool) -> Vec<Option<u32>> {
        let stays: Vec<bool> = (0..self.columns.len())
            .map(|column| self.status[column] & BASIC != 0 || keep(column as u32))
            .collect();
        let mut next = 0;
        let new_index: Vec<Option<u32>> = stays
            .iter()
            .map(|&stays| {
                let index = next;
                next += u32::from(stays);
                stays.then_some(index)
            })
            .collect();
        self.columns.retain(&stays);
        retain(&mut self.cost, &stays);
        retain(&mut self.work, &stays);
        retain(&mut self.status, &stays);
        retain(&mut self.reduced, &stays);
        self.primal.retain(&stays);
        self.dual.retain(next as usize);
        for var in &mut self.head {
            if let Kind::Column(column) = var.kind()
                && let Some(index) = new_index[column]
            {
                *var = Var::column(index as usize);
            }
        }
        new_index
    }
}

/// Keeps the entries where `stays` says so.
pub(super) fn retain<T>(entries: &mut Vec<T>, stays: &[bool]) {
    let mut stays = stays.iter();
    entries.retain(|_| stays.next().is_some_and(|&stays| stays));
}

/// The order in which columns are pivoted in: always one from the open row with the fewest columns
/// left, for then the product of pivots fills in little (Markowitz's rule on the rows).
struct Order {
    /// The columns with an entry in row r are `by_row[start[r]..start[r + 1]]`, as positions in `columns`.
    start: Vec<u32>,
    by_row: Vec<u32>,
    /// Columns left per row.
    count: Vec<u32>,
    columns: Vec<usize>,
    left: Vec<bool>,
}

impl Order {
    fn new(simplex: &Simplex, columns: &[usize]) -> Self {
        let rows = simplex.rhs.len();
        let mut count = vec![0_u32; rows];
        for &column in columns {
            for &row in simplex.columns.get(column).0 {
                count[row as usize] += 1;
            }
        }
        let mut start = vec![0_u32; rows + 1];
        for row in 0..rows {
            start[row + 1] = start[row] + count[row];
        }
        let mut end = start.clone();
        let mut by_row = vec![0; start[rows] as usize];
        for (place, &column) in columns.iter().enumerate() {
            for &row in simplex.columns.get(column).0 {
                by_row[end[row as usize] as usize] = place as u32;
                end[row as usize] += 1;
            }
        }
        Order { start, by_row, count, columns: columns.to_vec(), left: vec![true; columns.len()] }
    }

    /// The next column, and the row it should take if there is a good one.
    fn next(&mut self, simplex: &Simplex, open: &[bool]) -> Option<(usize, Option<usize>)> {
        let rows = (0..open.len()).filter(|&row| open[row] && self.count[row] > 0);
        let row = rows.min_by_key(|&row| self.count[row]);
        let place = match row {
            Some(row) => self.sparsest(simplex, row),
            // Columns without entries in open rows may have some once multiplied by the inverse.
            None => self.left.iter().position(|&left| left)?,
        };
        self.left[place] = false;
        for &row in simplex.columns.get(self.columns[place]).0 {
            self.count[row as usize] -= 1;
        }
        Some((self.columns[place], row))
    }

    fn sparsest(&self, simplex: &Simplex, row: usize) -> usize {
        let places = &self.by_row[self.start[row] as usize..self.start[row + 1] as usize];
        let left = places.iter().map(|&place| place as usize).filter(|&place| self.left[place]);
        left.min_by_key(|&place| simplex.columns.get(self.columns[place]).0.len())
            .expect("a row's count is the number of its columns that are left")
    }
}
