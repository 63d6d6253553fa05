//! What the entries of an enumeration from one on can still bring: dynamic programming over two
//! dimensions of the room that is left.
//!
//! With rents y ≥ 0 for room in other dimensions, pods x that fit beside those taken bring
//! Σ p(i)·x(i) ≤ Σ (p(i) − paid(i))·x(i) + Σ y − what those taken pay, paid(i) being rounded down.
//! The first sum is bounded by a cell of a table, as in [`super::grid`]: requests and room are both
//! rounded down to the unit. A table stands for several entries in a row and counts on all of them.

use crate::certificate::{
    self, Fault,
    enumerate::Entry,
    grid::{Bundle, add, bundles, side},
    pattern::Terms,
    prices,
};

/// Tables of an outlook at most.
pub(crate) const OUTLOOK_BLOCKS: usize = 24;
/// Cells of a table, and updates of all of them, at most.
const CELLS: u64 = 1 << 18;
const WORK: u64 = 1 << 27;

pub(super) struct Outlook {
    axes: [(usize, i64); 2],
    height: usize,
    /// Entries per table.
    pub block: usize,
    tables: Vec<Vec<i64>>,
    /// Rent for all room beside the axes.
    pub rent: i128,
    /// What one pod of each entry pays of it.
    pub paid: Vec<i128>,
}

impl Outlook {
    pub(super) fn new(
        terms: &Terms<'_>,
        entries: &[Entry<'_>],
        of: &certificate::Outlook,
    ) -> Result<Self, Fault> {
        let rents = prices("rents of an outlook", &of.rents, terms.hull.dims)?;
        let [first, second] = of.axes;
        let (width, height) = (side(terms, first)?, side(terms, second)?);
        if first.0 == second.0 || width * height > CELLS {
            return Err(Fault::Grid);
        }
        let mut outlook = Self {
            axes: of.axes.map(|(dim, unit)| (dim as usize, unit)),
            height: height as usize,
            block: entries.len().div_ceil(OUTLOOK_BLOCKS).max(1),
            tables: Vec::new(),
            rent: rents.iter().map(|&rent| i128::from(rent)).sum(),
            paid: entries.iter().map(|entry| terms.paid(entry.at, rents)).collect(),
        };
        outlook.fill(entries, width as usize)?;
        Ok(outlook)
    }

    fn fill(&mut self, entries: &[Entry<'_>], width: usize) -> Result<(), Fault> {
        let mut bundles = Vec::with_capacity(entries.len());
        let (mut work, mut all) = (0u64, 0i64);
        for (entry, paid) in entries.iter().zip(&self.paid) {
            let own = self.bundles(entry, entry.price - paid, width)?;
            for bundle in &own {
                // No cell is worth more than everything, so that no sum below overflows.
                all = all.checked_add(bundle.price).ok_or(Fault::Overflow)?;
                work += ((width - bundle.x) * (self.height - bundle.y)) as u64;
            }
            bundles.push(own);
        }
        if work > WORK {
            return Err(Fault::Grid);
        }
        let mut table = vec![0i64; width * self.height];
        for block in bundles.chunks(self.block).rev() {
            block.iter().flatten().for_each(|bundle| add(&mut table, self.height, bundle));
            self.tables.push(table.clone());
        }
        self.tables.reverse();
        Ok(())
    }

    /// An entry's pods in bundles, when a pod is worth this much.
    fn bundles(&self, entry: &Entry<'_>, worth: i128, width: usize) -> Result<Vec<Bundle>, Fault> {
        if worth <= 0 {
            return Ok(Vec::new());
        }
        let worth = i64::try_from(worth).map_err(|_| Fault::Overflow)?;
        let cells = self.axes.map(|(dim, unit)| (entry.request[dim] / unit).unsigned_abs());
        bundles(cells, entry.most, worth, (width, self.height))
    }

    /// What the entries from one on bring at most in so much room, beyond the rents that they pay.
    pub(super) fn most(&self, from: usize, room: &[i64]) -> i128 {
        let Some(table) = self.tables.get(from / self.block) else { return 0 };
        let [x, y] = self.axes.map(|(dim, unit)| (room[dim] / unit) as usize);
        table[x * self.height + y].into()
    }
}
