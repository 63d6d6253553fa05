//! Sparse columns in one flat arena, and the same entries by row.

/// Columns as runs of (row, value) in shared arrays, addressed by index.
#[derive(Clone)]
pub(super) struct Columns {
    /// Where each column starts; one more entry than columns.
    start: Vec<u32>,
    rows: Vec<u32>,
    values: Vec<f64>,
    /// The (column, value) entries of each row.
    by_row: Vec<Vec<(u32, f64)>>,
}

/// What handling a column costs beside its entries, in entries of a row.
const OVERHEAD: usize = 2;

impl Columns {
    pub(super) fn new() -> Self {
        Columns { start: vec![0], rows: Vec::new(), values: Vec::new(), by_row: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.start.len() - 1
    }

    pub(super) fn add_row(&mut self) {
        self.by_row.push(Vec::new());
    }

    pub(super) fn push(&mut self, entries: &[(u32, f64)]) {
        let column = self.len() as u32;
        for &(row, value) in entries {
            self.by_row[row as usize].push((column, value));
            self.rows.push(row);
            self.values.push(value);
        }
        self.start.push(self.rows.len() as u32);
    }

    /// The rows and the values of a column.
    #[inline]
    pub(super) fn get(&self, column: usize) -> (&[u32], &[f64]) {
        let range = self.start[column] as usize..self.start[column + 1] as usize;
        (&self.rows[range.clone()], &self.values[range])
    }

    /// The product of a column with a vector over the rows.
    #[inline]
    pub(super) fn dot(&self, column: usize, vector: &[f64]) -> f64 {
        let (rows, values) = self.get(column);
        rows.iter().zip(values).map(|(&row, &value)| value * vector[row as usize]).sum()
    }

    /// Whether a combination of the rows with these multipliers is cheaper by row than by column.
    pub(super) fn is_sparse(&self, multipliers: &[f64]) -> bool {
        let rows = self.by_row.iter().zip(multipliers).filter(|&(_, &factor)| factor != 0.0);
        let entries: usize = rows.map(|(row, _)| row.len()).sum();
        entries < self.rows.len() / 2 + OVERHEAD * self.len()
    }

    /// Adds the combination of the rows with these multipliers to `out`, row by row.
    pub(super) fn add_rows(&self, multipliers: &[f64], out: &mut [f64]) {
        for (row, &factor) in self.by_row.iter().zip(multipliers) {
            if factor != 0.0 {
                for &(column, value) in row {
                    out[column as usize] += factor * value;
                }
            }
        }
    }

    /// Drops the columns for which `keep` says no; the others close ranks in order.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut end = 0;
        let mut kept = 0;
        for (column, &keep) in keep.iter().enumerate() {
            let range = self.start[column] as usize..self.start[column + 1] as usize;
            if keep {
                let length = range.len();
                self.rows.copy_within(range.clone(), end);
                self.values.copy_within(range, end);
                end += length;
                kept += 1;
                // Starts are read at `column` and later, and `kept` never overtakes `column + 1`;
                // the entry at `column + 1` is still needed unless it is the one written.
                if kept <= column {
                    self.start[kept] = end as u32;
                }
            }
        }
        self.start.truncate(kept + 1);
        self.rows.truncate(end);
        self.values.truncate(end);
        self.index_rows();
    }

    fn index_rows(&mut self) {
        for row in &mut self.by_row {
            row.clear();
        }
        for column in 0..self.len() {
            for entry in self.start[column] as usize..self.start[column + 1] as usize {
                self.by_row[self.rows[entry] as usize].push((column as u32, self.values[entry]));
            }
        }
    }
}
