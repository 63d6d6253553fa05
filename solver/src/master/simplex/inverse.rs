//! The dense inverse of the basis matrix, column by column.
//!
//! A sparse right-hand side then costs a few contiguous column sums, and a pivot is a rank-one
//! update of whole columns; only reading one row is strided, once per pivot.

/// Values below this are rounding noise of a sum of sparse columns.
const NOISE: f64 = 1e-14;

/// An inverse of `size` × `size`; entry (i, k) belongs to basis position i and constraint row k.
#[derive(Clone)]
pub(super) struct Inverse {
    size: usize,
    /// Distance of two columns in `data`, an odd number of cache lines so that a row's entries
    /// spread over all cache sets.
    stride: usize,
    data: Vec<f64>,
}

impl Inverse {
    pub(super) fn new() -> Self {
        Inverse { size: 0, stride: 0, data: Vec::new() }
    }

    /// Appends a row and a column that are zero but for `diagonal`.
    pub(super) fn grow(&mut self, diagonal: f64) {
        if self.size == self.stride {
            self.widen();
        }
        self.data.resize((self.size + 1) * self.stride, 0.0);
        self.data[self.size * self.stride + self.size] = diagonal;
        self.size += 1;
    }

    fn widen(&mut self) {
        let stride = (((self.size + self.size / 2 + 8) / 8) | 1) * 8;
        let mut data = vec![0.0; self.size * stride];
        for column in 0..self.size {
            data[column * stride..][..self.size].copy_from_slice(self.column(column));
        }
        self.stride = stride;
        self.data = data;
    }

    /// Becomes the diagonal matrix with these entries.
    pub(super) fn reset(&mut self, diagonal: &[f64]) {
        self.data.fill(0.0);
        for (i, &entry) in diagonal.iter().enumerate() {
            self.data[i * self.stride + i] = entry;
        }
    }

    #[inline]
    fn column(&self, k: usize) -> &[f64] {
        &self.data[k * self.stride..][..self.size]
    }

    /// Adds `factor` times column `k` to `out`.
    #[inline]
    pub(super) fn add_column(&self, k: usize, factor: f64, out: &mut [f64]) {
        for (out, &entry) in out.iter_mut().zip(self.column(k)) {
            *out += factor * entry;
        }
    }

    /// The inverse times a sparse column.
    pub(super) fn solve(&self, rows: &[u32], values: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (&row, &value) in rows.iter().zip(values) {
            self.add_column(row as usize, value, out);
        }
        for out in out {
            if out.abs() < NOISE {
                *out = 0.0;
            }
        }
    }

    /// The inverse times a dense vector over the rows.
    pub(super) fn times(&self, vector: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (k, &value) in vector.iter().enumerate() {
            if value != 0.0 {
                self.add_column(k, value, out);
            }
        }
    }

    /// A dense vector over the basis positions times the inverse.
    pub(super) fn left_times(&self, vector: &[f64], out: &mut [f64]) {
        for (k, out) in out.iter_mut().enumerate() {
            *out = dot(vector, self.column(k));
        }
    }

    /// Copies row `position`.
    pub(super) fn row(&self, position: usize, out: &mut [f64]) {
        let entries = self.data.iter().skip(position).step_by(self.stride);
        for (out, &entry) in out.iter_mut().zip(entries) {
            *out = entry;
        }
    }

    /// Changes the sign of row `position`.
    pub(super) fn negate(&mut self, position: usize) {
        for entry in self.data.iter_mut().skip(position).step_by(self.stride) {
            *entry = -*entry;
        }
    }

    /// Replaces the basic column at `position` by one whose product with the inverse is `entering`;
    /// `row` is the row of `position` before that.
    pub(super) fn pivot(&mut self, position: usize, entering: &[f64], row: &[f64]) {
        let scale = 1.0 / entering[position];
        let columns = self.data.chunks_exact_mut(self.stride);
        for (column, &entry) in columns.zip(row) {
            if entry != 0.0 {
                let factor = entry * scale;
                for (out, &value) in column.iter_mut().zip(entering) {
                    *out -= factor * value;
                }
                column[position] = factor;
            }
        }
    }
}

/// A dot product in four lanes, so that it vectorises.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left, left_rest) = left.as_chunks::<4>();
    let (right, right_rest) = right.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for (left, right) in left.iter().zip(right) {
        for lane in 0..4 {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}
