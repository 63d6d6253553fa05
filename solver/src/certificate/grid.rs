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
pub(super) struct Bundle {
    pub x: usize,
    pub y: usize,
    pub price: i64,
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
    let bundles = all_bundles(terms, first, second, (width, height))?;
    if bundles.len() as u64 * (width * height) as u64 > WORK {
        return Err(Fault::Grid);
    }
    fill(&bundles, width, height).map(i128::from)
}

/// Cells along an axis.
pub(super) fn side(terms: &Terms<'_>, (dim, unit): (u32, i64)) -> Result<u64, Fault> {
    if unit < 1 {
        return Err(Fault::Range { object: "unit of room", found: unit });
    }
    let room = terms.hull.room.get(dim as usize);
    let room = room.ok_or(Fault::Unknown { object: "dimension", index: dim })?;
    let cells = (room / unit).unsigned_abs();
    if cells < CELLS { Ok(cells + 1) } else { Err(Fault::Grid) }
}

fn all_bundles(
    terms: &Terms<'_>,
    first: (u32, i64),
    second: Option<(u32, i64)>,
    size: (usize, usize),
) -> Result<Vec<Bundle>, Fault> {
    let mut all = Vec::new();
    for (&item, &most) in terms.hull.items.iter().zip(&terms.hull.most) {
        let price = terms.prices[item as usize];
        if price == 0 {
            continue;
        }
        let request = terms.demand.items[item as usize].request;
        let cells = |(dim, unit): (u32, i64)| (request[dim as usize] / unit).unsigned_abs();
        all.extend(bundles([cells(first), second.map_or(0, cells)], most, price, size)?);
    }
    Ok(all)
}

/// An item's pods in bundles of 1, 2, 4 …, so that any number of them can be put together; one pod
/// takes so many cells along each axis. Bundles that are larger than the grid, of which the size is
/// given in cells, cannot be taken and are left out.
pub(super) fn bundles(
    [x, y]: [u64; 2],
    most: u64,
    price: i64,
    (width, height): (usize, usize),
) -> Result<Vec<Bundle>, Fault> {
    let mut bundles = Vec::new();
    let (mut left, mut pods) = (most, 1u64);
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
    Ok(bundles)
}

/// The worth of the whole room. A cell holds what room up to there can be worth.
fn fill(bundles: &[Bundle], width: usize, height: usize) -> Result<i64, Fault> {
    let mut worth = vec![0i64; width * height];
    let mut most = 0i64;
    for bundle in bundles {
        // No cell is worth more than the last one, so the sums below cannot overflow.
        most.checked_add(bundle.price).ok_or(Fault::Overflow)?;
        add(&mut worth, height, bundle);
        most = worth[worth.len() - 1];
    }
    Ok(most)
}

/// Lets every amount of room hold a bundle too. No sum of prices may overflow.
pub(super) fn add(worth: &mut [i64], height: usize, bundle: &Bundle) {
    let Bundle { x, y, price } = *bundle;
    for column in (x..worth.len() / height).rev() {
        let (before, from) = worth.split_at_mut(column * height);
        let column = &mut from[..height];
        if x > 0 {
            let source = &before[before.len() - x * height..][..height - y];
            for (cell, without) in column[y..].iter_mut().zip(source) {
                *cell = (*cell).max(without + price);
            }
        } else {
            for row in (y..height).rev() {
                column[row] = column[row].max(column[row - y] + price);
            }
        }
    }
}
