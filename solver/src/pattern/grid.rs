//! Exact pricing of small nodes by dynamic programming over a grid of room.
//!
//! A tiny node needs patterns that fit perfectly, and there the linear relaxation promises far too
//! much. When the requests share a coarse unit (50 m of CPU, 64 MiB), the room of a small node is a
//! grid of few cells. Requests are rounded down to the unit and further dimensions are left out, so
//! the value is a bound in any case; it is exact when nothing was lost.

use super::{Ask, MARGIN, Pattern, Pricer};
use crate::presolve::gcd;

/// Cells at most.
const CELLS: usize = 20_000;
/// Updates of cells at most.
const WORK: usize = 3_000_000;

/// What the grid says.
pub(super) struct Exact {
    /// No pattern is worth more.
    pub bound: f64,
    /// The pattern behind it, when it fits in every dimension.
    pub pattern: Option<(f64, Pattern)>,
    /// Dimensions of the pricer with their units.
    pub axes: [(usize, i64); 2],
}

/// A bundle of equal pods that is taken whole or not at all.
struct Bundle {
    at: u32,
    pods: u32,
    x: usize,
    y: usize,
    profit: f64,
}

/// The best pattern over two dimensions; `None` when the grid would be too large.
pub(super) fn best(pricer: &Pricer, ask: &Ask<'_>) -> Option<Exact> {
    let taking: Vec<usize> = (0..pricer.items.len())
        .filter(|&at| {
            let item = pricer.items[at] as usize;
            pricer.profit(at, ask.profits) > 0.0 && ask.limits[item] > 0 && pricer.fits[at] > 0
        })
        .collect();
    let binding = binding(pricer, ask, &taking);
    let &[x, y] = &binding[..] else { return None };
    let (unit_x, unit_y) = (unit(pricer, &taking, x), unit(pricer, &taking, y));
    let side = |dim: usize, unit: i64| usize::try_from(pricer.capacity[dim] / unit).ok();
    let (width, height) = (side(x, unit_x)? + 1, side(y, unit_y)? + 1);
    if width.checked_mul(height)? > CELLS {
        return None;
    }
    let bundles = bundles(pricer, ask, &taking, (x, unit_x), (y, unit_y));
    if bundles.len() * width * height > WORK {
        return None;
    }
    let axes = [(x, unit_x), (y, unit_y)];
    Some(Exact { axes, ..run(pricer, ask, &bundles, width, height) })
}

/// The two dimensions that can run out; those that cannot are not needed.
fn binding(pricer: &Pricer, ask: &Ask<'_>, taking: &[usize]) -> Vec<usize> {
    let load = |dim: usize| -> f64 {
        let each = |&at: &usize| {
            let most = pricer.fits[at].min(ask.limits[pricer.items[at] as usize]);
            pricer.shares[at * pricer.dims + dim] * f64::from(most)
        };
        taking.iter().map(each).sum()
    };
    let mut loads: Vec<(f64, usize)> =
        (0..pricer.dimensions.len()).map(|dim| (load(dim), dim)).collect();
    loads.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut dims: Vec<usize> = loads.into_iter().take(2).map(|(_, dim)| dim).collect();
    dims.sort_unstable();
    dims
}

/// The largest unit that divides every request of a dimension.
fn unit(pricer: &Pricer, taking: &[usize], dim: usize) -> i64 {
    taking.iter().map(|&at| pricer.request(at)[dim]).fold(0, gcd).max(1)
}

/// Counts in binary, so that every number up to the limit can be put together.
fn bundles(
    pricer: &Pricer,
    ask: &Ask<'_>,
    taking: &[usize],
    (x, unit_x): (usize, i64),
    (y, unit_y): (usize, i64),
) -> Vec<Bundle> {
    let mut bundles = Vec::new();
    for &at in taking {
        let item = pricer.items[at] as usize;
        let mut left = pricer.fits[at].min(ask.limits[item]);
        let (w, h) = (pricer.request(at)[x] / unit_x, pricer.request(at)[y] / unit_y);
        let mut pods = 1;
        while left > 0 {
            let pods_now = pods.min(left);
            bundles.push(Bundle {
                at: at as u32,
                pods: pods_now,
                x: w as usize * pods_now as usize,
                y: h as usize * pods_now as usize,
                profit: pricer.profit(at, ask.profits) * f64::from(pods_now),
            });
            left -= pods_now;
            pods = pods.saturating_mul(2);
        }
    }
    bundles
}

fn run(pricer: &Pricer, ask: &Ask<'_>, bundles: &[Bundle], width: usize, height: usize) -> Exact {
    let cells = width * height;
    let mut worth = vec![0.0f64; cells];
    // One bit per bundle and cell: whether the best filling of the cell takes the bundle.
    let words = cells.div_ceil(64);
    let mut taken = vec![0u64; words * bundles.len()];
    for (at, bundle) in bundles.iter().enumerate() {
        if bundle.x >= width || bundle.y >= height {
            continue;
        }
        let taken = &mut taken[at * words..(at + 1) * words];
        let offset = bundle.x * height + bundle.y;
        for column in (bundle.x..width).rev() {
            for row in (bundle.y..height).rev() {
                let cell = column * height + row;
                let with = worth[cell - offset] + bundle.profit;
                if with > worth[cell] {
                    worth[cell] = with;
                    taken[cell / 64] |= 1 << (cell % 64);
                }
            }
        }
    }
    let mut cell = cells - 1;
    let bound = worth[cell] * (1.0 + MARGIN);
    let mut counts = vec![0u32; pricer.items.len()];
    for (at, bundle) in bundles.iter().enumerate().rev() {
        if taken[at * words + cell / 64] >> (cell % 64) & 1 == 1 {
            counts[bundle.at as usize] += bundle.pods;
            cell -= bundle.x * height + bundle.y;
        }
    }
    Exact { bound, pattern: feasible(pricer, ask, &counts), axes: [(0, 1); 2] }
}

/// The pattern, when every dimension, cap and conflict allows it.
fn feasible(pricer: &Pricer, ask: &Ask<'_>, counts: &[u32]) -> Option<(f64, Pattern)> {
    let mut room = pricer.capacity.clone();
    let mut pattern = Pattern::new();
    let mut worth = 0.0;
    for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        for (room, ask) in room.iter_mut().zip(pricer.request(at)) {
            *room -= ask * i64::from(count);
        }
        let alone = pricer.conflicts[at].iter().all(|&other| counts[other as usize] == 0);
        let capped = pricer.caps[at].is_none_or(|(cap, most)| {
            let same = counts.iter().zip(&pricer.caps);
            let same = same.filter(|(_, other)| other.is_some_and(|(other, _)| other == cap));
            same.map(|(count, _)| count).sum::<u32>() <= most
        });
        if !alone || !capped {
            return None;
        }
        let item = pricer.items[at];
        worth += pricer.profit(at, ask.profits) * f64::from(count);
        pattern.push((item, count));
    }
    room.iter().all(|&room| room >= 0).then_some((worth, pattern))
}
