//! The linear relaxation of one node's knapsack.
//!
//! A simplex with bounded variables over a handful of rows: the dimensions, and the caps that more
//! than one item shares. The inverse of the basis is small and kept in full. A branch starts from
//! its parent's basis by the dual method, which takes a pivot or two. The bound is computed anew
//! from the dual prices at the end, so it holds however the simplex ended.

use super::Pricer;

/// Rows at most; caps beyond it are left out, which only weakens the bound.
const ROWS: usize = 12;
const TOLERANCE: f64 = 1e-9;

/// Where a variable stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Lower,
    Upper,
    Basic,
}

/// Where the simplex ended, for a branch to go on from.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    state: Vec<State>,
    rows: Vec<usize>,
}

/// Working space for one pricing.
pub(super) struct Relaxation {
    items: usize,
    rows: usize,
    dims: usize,
    profits: Vec<f64>,
    /// Row-major by item.
    weights: Vec<f64>,
    /// What a whole column weighs, for choosing who enters.
    sizes: Vec<f64>,
    /// The cap behind each row after the dimensions.
    caps: Vec<(u32, u32)>,
    cap_of: Vec<Option<u32>>,
    capacity: Vec<f64>,
    /// Upper bounds less lower bounds.
    range: Vec<f64>,
    room: Vec<f64>,
    state: Vec<State>,
    basis: Vec<usize>,
    inverse: Vec<f64>,
    level: Vec<f64>,
    prices: Vec<f64>,
    column: Vec<f64>,
    free: Vec<f64>,
    values: Vec<f64>,
    order: Vec<u32>,
}

impl Relaxation {
    pub(super) fn new(pricer: &Pricer, chosen: &[u32], profits: &[f64]) -> Self {
        Self::over(pricer.dims, pricer, chosen, profits)
    }

    /// The same over the first dimensions alone, which are those of the problem.
    pub(super) fn over(dims: usize, pricer: &Pricer, chosen: &[u32], profits: &[f64]) -> Self {
        let items = chosen.len();
        let mut counted: Vec<(u32, u32, u32)> = Vec::new();
        for &at in chosen {
            if let Some((cap, most)) = pricer.caps[at as usize] {
                match counted.iter_mut().find(|(other, _, _)| *other == cap) {
                    Some((_, _, members)) => *members += 1,
                    None => counted.push((cap, most, 1)),
                }
            }
        }
        counted.retain(|(_, _, members)| *members > 1);
        counted.truncate(ROWS.saturating_sub(dims));
        let caps: Vec<(u32, u32)> = counted.iter().map(|&(cap, most, _)| (cap, most)).collect();
        let rows = dims + caps.len();
        let mut weights = vec![0.0; items * rows];
        let mut cap_of = vec![None; items];
        for (k, &at) in chosen.iter().enumerate() {
            let at = at as usize;
            weights[k * rows..k * rows + dims]
                .copy_from_slice(&pricer.shares[at * pricer.dims..][..dims]);
            if let Some((cap, _)) = pricer.caps[at]
                && let Some(row) = caps.iter().position(|(other, _)| *other == cap)
            {
                weights[k * rows + dims + row] = 1.0;
                cap_of[k] = Some(row as u32);
            }
        }
        let size = |k: usize| weights[k * rows..(k + 1) * rows].iter().sum::<f64>().max(1e-9);
        let sizes = (0..items).map(size).collect();
        Self {
            items,
            rows,
            dims,
            sizes,
            profits: profits.to_vec(),
            weights,
            caps,
            cap_of,
            capacity: pricer.capacity.iter().map(|&have| (have as f64).max(1.0)).collect(),
            range: vec![0.0; items],
            room: vec![0.0; rows],
            state: Vec::new(),
            basis: Vec::new(),
            inverse: vec![0.0; rows * rows],
            level: vec![0.0; rows],
            prices: vec![0.0; rows],
            column: vec![0.0; rows],
            free: vec![0.0; rows],
            values: vec![0.0; items],
            order: Vec::new(),
        }
    }

    /// Solves with these bounds and `room` left beyond the lower ones; returns an upper bound on
    /// the worth of all integer points within, the lower bounds' own worth included.
    pub(super) fn solve(
        &mut self,
        lower: &[u32],
        upper: &[u32],
        room: &[i64],
        start: Option<&Basis>,
    ) -> f64 {
        for (dim, &left) in room.iter().enumerate() {
            self.room[dim] = left as f64 / self.capacity[dim];
        }
        for (row, &(_, most)) in self.caps.iter().enumerate() {
            let members = self.cap_of.iter().zip(lower);
            let taken = members.filter(|(cap, _)| **cap == Some(row as u32)).map(|(_, n)| n);
            self.room[self.dims + row] = f64::from(most.saturating_sub(taken.sum()));
        }
        for k in 0..self.items {
            self.range[k] = f64::from(upper[k] - lower[k]);
        }
        if !start.is_some_and(|basis| self.resume(basis)) {
            self.reset();
        }
        for _ in 0..(50 + 6 * self.items) {
            if !self.step() {
                break;
            }
        }
        self.read();
        let base: f64 = lower.iter().zip(&self.profits).map(|(&n, p)| f64::from(n) * p).sum();
        base + self.dual_bound()
    }

    fn reset(&mut self) {
        let (items, rows) = (self.items, self.rows);
        self.state.clear();
        self.state.resize(items, State::Lower);
        self.state.resize(items + rows, State::Basic);
        self.basis.clear();
        self.basis.extend(items..items + rows);
        self.inverse.fill(0.0);
        for row in 0..rows {
            self.inverse[row * rows + row] = 1.0;
        }
        self.level.copy_from_slice(&self.room);
    }

    /// Goes on from another basis by the dual method; false when that leads nowhere.
    fn resume(&mut self, basis: &Basis) -> bool {
        self.state.clone_from(&basis.state);
        self.basis.clone_from(&basis.rows);
        if !self.invert() {
            return false;
        }
        self.update_levels();
        for _ in 0..(4 * self.rows + 16) {
            match self.dual_step() {
                Some(true) => {}
                Some(false) => return true,
                None => return false,
            }
        }
        false
    }

    /// The inverse of the basis, by elimination; false when it is singular.
    fn invert(&mut self) -> bool {
        let (items, rows) = (self.items, self.rows);
        // Slack columns are put in first, so that their unit vectors stay where they are.
        let wanted = std::mem::take(&mut self.basis);
        self.inverse.fill(0.0);
        for row in 0..rows {
            self.inverse[row * rows + row] = 1.0;
        }
        let mut placed = vec![usize::MAX; rows];
        for &basic in wanted.iter().filter(|&&basic| basic >= items) {
            placed[basic - items] = basic;
        }
        for &basic in wanted.iter().filter(|&&basic| basic < items) {
            self.load_column(basic);
            let free = (0..rows).filter(|&row| placed[row] == usize::MAX);
            let firm = free.max_by(|&a, &b| self.column[a].abs().total_cmp(&self.column[b].abs()));
            let Some(row) = firm.filter(|&row| self.column[row].abs() > 1e-9) else {
                self.basis = wanted;
                return false;
            };
            placed[row] = basic;
            self.pivot(row);
        }
        self.basis = placed;
        true
    }

    /// The entering column in terms of the basis, into `column`.
    fn load_column(&mut self, entering: usize) {
        let (items, rows) = (self.items, self.rows);
        for row in 0..rows {
            let line = &self.inverse[row * rows..(row + 1) * rows];
            self.column[row] = if entering < items {
                let weights = &self.weights[entering * rows..(entering + 1) * rows];
                line.iter().zip(weights).map(|(a, w)| a * w).sum()
            } else {
                line[entering - items]
            };
        }
    }

    /// Values of the basic variables from the bounds that hold now.
    fn update_levels(&mut self) {
        let rows = self.rows;
        let mut free = std::mem::take(&mut self.free);
        free.clone_from(&self.room);
        for k in (0..self.items).filter(|&k| self.state[k] == State::Upper) {
            let weights = &self.weights[k * rows..(k + 1) * rows];
            for (free, weight) in free.iter_mut().zip(weights) {
                *free -= weight * self.range[k];
            }
        }
        for row in 0..rows {
            let line = &self.inverse[row * rows..(row + 1) * rows];
            self.level[row] = line.iter().zip(&free).map(|(a, b)| a * b).sum();
        }
        self.free = free;
    }

    /// Drives the worst basic variable to the bound it breaks. `Some(false)`: none does; `None`: no
    /// way out.
    fn dual_step(&mut self) -> Option<bool> {
        let (items, rows) = (self.items, self.rows);
        let mut worst: Option<(f64, usize, State)> = None;
        for row in 0..rows {
            let level = self.level[row];
            let top = self.basis[row];
            let over = if top < items { level - self.range[top] } else { f64::NEG_INFINITY };
            let (break_by, state) =
                if over > -level { (over, State::Upper) } else { (-level, State::Lower) };
            if break_by > 1e-9 && worst.is_none_or(|(most, _, _)| break_by > most) {
                worst = Some((break_by, row, state));
            }
        }
        let Some((_, row, state)) = worst else { return Some(false) };
        self.update_prices();
        // The row falls when it must come down from above its bound, and rises otherwise.
        let falls = state == State::Upper;
        let mut best: Option<(f64, f64, usize)> = None;
        for candidate in 0..items + rows {
            let (entry, cost) = match self.state[candidate] {
                State::Basic => continue,
                _ if candidate < items && self.range[candidate] == 0.0 => continue,
                State::Lower => (self.entry(row, candidate), 1.0),
                State::Upper => (-self.entry(row, candidate), -1.0),
            };
            let helps = if falls { entry > 1e-9 } else { entry < -1e-9 };
            if !helps {
                continue;
            }
            let gain = if candidate < items {
                self.gain(candidate)
            } else {
                -self.prices[candidate - items]
            };
            let ratio = (-gain * cost).max(0.0) / entry.abs();
            let better = best.is_none_or(|(least, size, _)| {
                ratio < least - 1e-12 || (ratio <= least + 1e-12 && entry.abs() > size)
            });
            if better {
                best = Some((ratio, entry.abs(), candidate));
            }
        }
        let (_, _, entering) = best?;
        let leaving = self.basis[row];
        self.load_column(entering);
        self.state[leaving] = state;
        self.state[entering] = State::Basic;
        self.basis[row] = entering;
        self.pivot(row);
        self.update_levels();
        Some(true)
    }

    /// One entry of a column in terms of the basis.
    fn entry(&self, row: usize, candidate: usize) -> f64 {
        let (items, rows) = (self.items, self.rows);
        let line = &self.inverse[row * rows..(row + 1) * rows];
        if candidate < items {
            let weights = &self.weights[candidate * rows..(candidate + 1) * rows];
            line.iter().zip(weights).map(|(a, w)| a * w).sum()
        } else {
            line[candidate - items]
        }
    }

    /// Where the simplex stands.
    pub(super) fn basis(&self) -> Basis {
        Basis { state: self.state.clone(), rows: self.basis.clone() }
    }

    fn update_prices(&mut self) {
        let rows = self.rows;
        self.prices.fill(0.0);
        for (row, &basic) in self.basis.iter().enumerate() {
            if basic < self.items {
                let profit = self.profits[basic];
                let line = &self.inverse[row * rows..(row + 1) * rows];
                for (price, entry) in self.prices.iter_mut().zip(line) {
                    *price += profit * entry;
                }
            }
        }
    }

    /// What a pod of an item brings beyond its room, at the prices behind the last bound.
    pub(super) fn gain(&self, k: usize) -> f64 {
        let weights = &self.weights[k * self.rows..(k + 1) * self.rows];
        let paid: f64 = weights.iter().zip(&self.prices).map(|(w, y)| w * y).sum();
        self.profits[k] - paid
    }

    /// Who enters: most gain per weight.
    fn entering(&self) -> Option<(usize, f64)> {
        let mut best: Option<(f64, usize, f64)> = None;
        for k in 0..self.items {
            let gain = match self.state[k] {
                State::Basic => continue,
                State::Lower => self.gain(k),
                State::Upper => -self.gain(k),
            };
            if gain <= TOLERANCE * self.profits[k] || self.range[k] == 0.0 {
                continue;
            }
            let score = gain / self.sizes[k];
            if best.is_none_or(|(top, _, _)| score > top) {
                let direction = if self.state[k] == State::Lower { 1.0 } else { -1.0 };
                best = Some((score, k, direction));
            }
        }
        for row in 0..self.rows {
            let slack = self.items + row;
            if self.state[slack] != State::Basic && self.prices[row] < -TOLERANCE {
                let score = -self.prices[row];
                if best.is_none_or(|(top, _, _)| score > top) {
                    best = Some((score, slack, 1.0));
                }
            }
        }
        best.map(|(_, entering, direction)| (entering, direction))
    }

    /// One pivot or bound flip; false at the optimum.
    fn step(&mut self) -> bool {
        self.update_prices();
        let Some((entering, direction)) = self.entering() else { return false };
        let (items, rows) = (self.items, self.rows);
        self.load_column(entering);
        let own = if entering < items { self.range[entering] } else { f64::INFINITY };
        let mut step = own;
        let mut leaving: Option<(usize, State)> = None;
        for row in 0..rows {
            let change = direction * self.column[row];
            let (limit, state) = if change > 1e-11 {
                (self.level[row].max(0.0) / change, State::Lower)
            } else if change < -1e-11 && self.basis[row] < items {
                let top = self.range[self.basis[row]];
                ((top - self.level[row]).max(0.0) / -change, State::Upper)
            } else {
                continue;
            };
            let firmer = leaving.is_none_or(|(other, _)| {
                limit < step || self.column[row].abs() > self.column[other].abs()
            });
            if limit < step || (limit == step && firmer) {
                step = limit;
                leaving = Some((row, state));
            }
        }
        if !step.is_finite() {
            return false;
        }
        for row in 0..rows {
            self.level[row] -= step * direction * self.column[row];
        }
        let Some((row, state)) = leaving else {
            self.state[entering] = if direction > 0.0 { State::Upper } else { State::Lower };
            return true;
        };
        let start = if direction > 0.0 { 0.0 } else { own };
        self.state[self.basis[row]] = state;
        self.state[entering] = State::Basic;
        self.basis[row] = entering;
        self.level[row] = start + direction * step;
        self.pivot(row);
        true
    }

    fn pivot(&mut self, row: usize) {
        let rows = self.rows;
        let scale = 1.0 / self.column[row];
        for entry in &mut self.inverse[row * rows..(row + 1) * rows] {
            *entry *= scale;
        }
        for other in (0..rows).filter(|&other| other != row) {
            let factor = self.column[other];
            if factor != 0.0 {
                for at in 0..rows {
                    self.inverse[other * rows + at] -= factor * self.inverse[row * rows + at];
                }
            }
        }
    }

    /// Values beyond the lower bounds.
    fn read(&mut self) {
        for k in 0..self.items {
            self.values[k] = if self.state[k] == State::Upper { self.range[k] } else { 0.0 };
        }
        for (row, &basic) in self.basis.iter().enumerate() {
            if basic < self.items {
                self.values[basic] = self.level[row].clamp(0.0, self.range[basic]);
            }
        }
        self.update_prices();
    }

    /// Orders the items by worth per price of room.
    pub(super) fn rank(&mut self) {
        self.order.clear();
        self.order.extend((0..self.items as u32).filter(|&k| self.range[k as usize] > 0.0));
        let worth = |k: u32| {
            let k = k as usize;
            let weights = &self.weights[k * self.rows..(k + 1) * self.rows];
            let paid: f64 = weights.iter().zip(&self.prices).map(|(w, y)| w * y.max(0.0)).sum();
            // A little of every dimension's price keeps items of equal worth apart.
            self.profits[k] / (paid + 1e-6 * self.sizes[k])
        };
        let mut keyed: Vec<(f64, u32)> = self.order.iter().map(|&k| (worth(k), k)).collect();
        keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.order.clear();
        self.order.extend(keyed.into_iter().map(|(_, k)| k));
    }

    /// The Lagrangian value at the prices found: holds for any prices that are not negative.
    fn dual_bound(&mut self) -> f64 {
        for price in &mut self.prices {
            *price = price.max(0.0);
        }
        let room: f64 = self.room.iter().zip(&self.prices).map(|(room, y)| room * y).sum();
        let items: f64 = (0..self.items).map(|k| self.gain(k).max(0.0) * self.range[k]).sum();
        room + items
    }

    /// Dual prices of the whole room per dimension, and of the caps, after a solve.
    pub(super) fn prices(&self) -> (&[f64], impl Iterator<Item = (u32, f64)> + '_) {
        let (room, caps) = self.prices.split_at(self.dims);
        (room, self.caps.iter().map(|(cap, _)| *cap).zip(caps.iter().copied()))
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn order(&self) -> &[u32] {
        &self.order
    }

    /// The fractional item with most profit at stake, and its value with the lower bound.
    pub(super) fn split(&self, lower: &[u32]) -> Option<(usize, f64)> {
        let mut best: Option<(f64, usize)> = None;
        for &basic in &self.basis {
            if basic >= self.items {
                continue;
            }
            let value = self.values[basic];
            let fraction = value - value.floor();
            if fraction > 1e-7 && fraction < 1.0 - 1e-7 {
                let stake = self.profits[basic] * fraction.min(1.0 - fraction);
                if best.is_none_or(|(top, _)| stake > top) {
                    best = Some((stake, basic));
                }
            }
        }
        best.map(|(_, k)| (k, self.values[k] + f64::from(lower[k])))
    }
}
