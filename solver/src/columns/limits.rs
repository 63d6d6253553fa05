//! How far roots go, and what costs are multiples of.

use crate::{
    columns::generate::Limits,
    presolve::{Core, gcd},
    problem::Money,
};

/// With no more kinds than this a round of pricing brings few columns.
pub(crate) const FEW_KINDS: usize = 4;
/// Rounds that lead astray before steps are shorter, and where kinds are few: it takes more of them to
/// tell then, and bin packing misses two optima otherwise.
const ASTRAY: (u32, u32) = (2, 4);
/// Columns per round of the root where there are few kinds.
const COLUMNS: usize = 40;
/// How close value and bound come before the first dives, and before the later ones, where only plans
/// matter.
const SKETCH: f64 = 1.6e-2;
const OUTLINE: f64 = 4e-3;
/// No bound is brought closer than this for the sake of rounding it up.
const FINEST: f64 = 1e-4;

/// How far the root goes before the first dives, which make do with columns that are about right.
pub(crate) fn rough(core: &Core) -> Limits {
    Limits { tolerance: 1e-2, progress: 5e-4, patience: 1, ..fine(core, 0, 0) }
}

/// The same for a root that goes without the simplex so far. The bound is proven later.
pub(crate) fn sketch(core: &Core) -> Limits {
    Limits { tolerance: SKETCH, proven: false, ..rough(core) }
}

/// How far such a root goes before the later dives, of what it would for a good bound.
pub(crate) fn outline(fine: &Limits) -> Limits {
    Limits { tolerance: OUTLINE, proven: false, ..*fine }
}

/// How far the root goes for a good bound: a part of the gap that is asked for will do, the rest is
/// for the plan. With many items the last stretch is long, with few it costs nothing. `cost` is that
/// of the best plan known.
pub(crate) fn fine(core: &Core, cost: Money, gap_ppm: u32) -> Limits {
    let many = core.items.len() as f64 / 80.0;
    let usual = match gap_ppm {
        0 => 1e-3 * many.clamp(0.02, 4.0),
        gap => (f64::from(gap) * 0.4e-6).clamp(1e-5, 1e-2),
    };
    // Each column costs pivots; with many items a few good ones are enough.
    let keep = if many > 0.5 { 1 } else { 2 };
    Limits {
        tolerance: tolerance(core, cost, usual),
        reach: 0.0,
        keep: keep.max(COLUMNS / core.kinds.len().max(1)),
        rounds: 400,
        nodes: 64,
        progress: 2e-5,
        patience: 6,
        enough: f64::INFINITY,
        window: 12,
        gain: 2e-3,
        proven: true,
        astray: if core.kinds.len() > FEW_KINDS { ASTRAY.0 } else { ASTRAY.1 },
    }
}

/// How close value and bound of the root are to come. Where all costs are multiples of a coarse
/// unit, such as one bin, a little more care often wins a whole unit.
fn tolerance(core: &Core, cost: Money, usual: f64) -> f64 {
    let share = unit(core) as f64 / (4 * cost.max(1)) as f64;
    if share < FINEST { usual } else { share.min(usual) }
}

/// What every plan's cost is a multiple of: the greatest common divisor of all prices.
pub(crate) fn unit(core: &Core) -> Money {
    core.kinds.iter().map(|kind| kind.price).fold(0, gcd).max(1)
}
