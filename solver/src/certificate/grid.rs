//! What a small node can be worth: dynamic programming over a grid of room.
//!
//! Requests and room are both rounded down to the unit. From Σ request × pods ≤ room follows
//! Σ ⌊request / unit⌋ × pods ≤ room / unit, and the left side is a whole number, so ⌊room / unit⌋
//! bounds it too: every pattern of the node is one of the grid. Dimensions without an axis, caps
//! between items and conflicts are left out, which only adds patterns.

use crate::certificate::{Fault, pattern::Terms};

/// Cells at most.
const CELLS: u64 = 1 << 20;
/// Updates of cells at most.
const WORK: u64 = 1 << 26;

/// Pods that are taken together or not at all.
struct Bundle {
    x: usize,
    y: usize,
    price: i64,
}

/// The worth of the best pattern of the grid.
pub(super) fn worth(terms: &Terms<'_>, axes: &[(u32, i64)]) -> Result<i128, Fault> {
    let (first, second) = match *axes {
        [first] => (first, None),
        [first, second] => (first, Some(second)),
        _ => return Err(Fault::Grid),
    };
    let width = side(terms, first)?;
    let height = second.map_or(Ok(1), |axis| side(terms, axis))?;
    // Both are at most 2^20.
    if width * height > CELLS {
        return Err(Fault::Grid);
    }
    let (width, height) = (width as usize, height as usize);
    let bundles = bundles(terms, first, second, (width, height))?;
    if bundles.len() as u64 * (width * height) as u64 > WORK {
        return Err(Fault::Grid);
    }
    fill(&bundles, width, height).map(i128::from)
}

/// Cells along an axis.
fn side(terms: &Terms<'_>, (dim, unit): (u32, i64)) -> Result<u64, Fault> {
    if unit < 1 {
        return Err(Fault::Range { object: "unit of room", found: unit });
    }
    let room = terms.hull.room.get(dim as usize);
    let room = room.ok_or(Fault::Unknown { object: "dimension", index: dim })?;
    let cells = (room / unit).unsigned_abs();
    if cells < CELLS { Ok(cells + 1) } else { Err(Fault::Grid) }
}

/// Every item's pods in bundles of 1, 2, 4 …, so that any number of them can be put together.
/// Bundles that are larger than the grid cannot be taken and are left out.
fn bundles(
    terms: &Terms<'_>,
    first: (u32, i64),
    second: Option<(u32, i64)>,
    (width, height): (usize, usize),
) -> Result<Vec<Bundle>, Fault> {
    let mut bundles = Vec::new();
    for (&item, &most) in terms.hull.items.iter().zip(&terms.hull.most) {
        let price = terms.prices[item as usize];
        if price == 0 {
            continue;
        }
        let request = terms.demand.items[item as usize].request;
        let cells = |(dim, unit): (u32, i64)| (request[dim as usize] / unit).unsigned_abs();
        let (x, y) = (cells(first), second.map_or(0, cells));
        let mut left = most;
        let mut pods = 1u64;
        while left > 0 {
            let taken = pods.min(left);
            left -= taken;
            pods = pods.saturating_mul(2);
            let (x, y) = (x.saturating_mul(taken), y.saturating_mul(taken));
            if x >= width as u64 || y >= height as u64 {
                continue;
            }
            let taken = i64::try_from(taken).map_err(|_| Fault::Overflow)?;
            let price = price.checked_mul(taken).ok_or(Fault::Overflow)?;
            bundles.push(Bundle { x: x as usize, y: y as usize, price });
        }
    }
    Ok(bundles)
}

/// The worth of the whole room. A cell holds what room up to there can be worth.
fn fill(bundles: &[Bundle], width: usize, height: usize) -> Result<i64, Fault> {
    let mut worth = vec![0i64; width * height];
    let mut most = 0i64;
    for bundle in bundles {
        // No cell is worth more than the last one, so the sums below cannot overflow.
        most.checked_add(bundle.price).ok_or(Fault::Overflow)?;
        for column in (bundle.x..width).rev() {
            let (before, from) = worth.split_at_mut(column * height);
            let column = &mut from[..height];
            if bundle.x > 0 {
                let source = before.len() - bundle.x * height;
                let source = &before[source..source + height - bundle.y];
                for (cell, without) in column[bundle.y..].iter_mut().zip(source) {
                    *cell = (*cell).max(without + bundle.price);
                }
            } else {
                for row in (bundle.y..height).rev() {
                    column[row] = column[row].max(column[row - bundle.y] + bundle.price);
                }
            }
        }
        most = worth[worth.len() - 1];
    }
    Ok(most)
}
