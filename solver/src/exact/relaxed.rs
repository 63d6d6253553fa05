//! The best that the pods left can still do, were there nothing between nodes.
//!
//! Without the constraints that span nodes, and without limits, a node's pods matter to nobody
//! else: what is left is a partition of pods into patterns, solved by dynamic programming over the
//! counts of pods that are left. The table is exact for such problems and a lower bound for all.

use crate::exact::Budget;
use crate::exact::lattice::Lattice;
use crate::exact::model::{Model, Scale};
use crate::exact::pattern::Book;

/// Entries over all stages.
const MOST_ENTRIES: usize = 1 << 21;

/// Scores by stage and vector of pods left, for those that can come about. At stage s the existing nodes from s on are still to be
/// filled; after the last one come the launches.
pub(super) struct Relaxed {
    stages: Vec<Vec<u128>>,
}

impl Relaxed {
    /// `None` when the tables would be too large or the budget ends.
    pub(super) fn new(
        model: &Model<'_>,
        lattice: &Lattice,
        scale: &Scale,
        book: &Book,
        budget: &mut Budget<'_>,
    ) -> Option<Self> {
        if lattice.size().saturating_mul(model.nodes.len() + 1) > MOST_ENTRIES {
            return None;
        }
        let open = reachable(lattice, book, budget)?;
        let mut stages = vec![launches(model, lattice, scale, book, budget)?];
        for (fills, open) in book.fills.iter().zip(&open).rev() {
            let after = &stages[stages.len() - 1];
            let mut table = vec![u128::MAX; lattice.size()];
            for (number, word) in lattice.words().enumerate().filter(|(at, _)| open[*at]) {
                budget.spend(fills.len() as u64 / 4 + 1)?;
                let fits = fills.iter().filter(|fill| lattice.fits(fill.word, word));
                let scores =
                    fits.map(|fill| fill.score + fill.extra + after[number - fill.number as usize]);
                table[number] = scores.fold(after[number], u128::min);
            }
            stages.push(table);
        }
        stages.reverse();
        Some(Self { stages })
    }

    /// No way to deal with the pods left costs less.
    pub(super) fn least(&self, stage: usize, number: u32) -> u128 {
        self.stages[stage][number as usize]
    }
}

/// Which pods can be left, before each of the existing nodes is filled.
fn reachable(lattice: &Lattice, book: &Book, budget: &mut Budget<'_>) -> Option<Vec<Vec<bool>>> {
    let mut open = vec![false; lattice.size()];
    open[lattice.size() - 1] = true;
    let mut stages = Vec::new();
    for fills in &book.fills {
        let mut after = open.clone();
        for (number, word) in lattice.words().enumerate().filter(|(at, _)| open[*at]) {
            budget.spend(fills.len() as u64 / 4 + 1)?;
            for fill in fills.iter().filter(|fill| lattice.fits(fill.word, word)) {
                after[number - fill.number as usize] = true;
            }
        }
        stages.push(std::mem::replace(&mut open, after));
    }
    Some(stages)
}

/// The table with launches alone.
fn launches(
    model: &Model<'_>,
    lattice: &Lattice,
    scale: &Scale,
    book: &Book,
    budget: &mut Budget<'_>,
) -> Option<Vec<u128>> {
    let mut table = vec![0u128; lattice.size()];
    for (number, word) in lattice.words().enumerate() {
        let Some(first) = lattice.first(word) else { continue };
        let patterns = &book.by_first[first];
        budget.spend(patterns.len() as u64 / 4 + 1)?;
        let left_out = table[number - lattice.stride(first) as usize]
            + scale.unplaced[model.groups[first] as usize];
        let fits = patterns.iter().filter(|pattern| lattice.fits(pattern.word, word));
        let scores = fits.map(|pattern| pattern.score + table[number - pattern.number as usize]);
        table[number] = scores.fold(left_out, u128::min);
    }
    Some(table)
}
