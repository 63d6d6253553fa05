//! The restricted master problem of column generation: which patterns to buy, and how many of each.
//!
//! [`simplex`] keeps its linear relaxation: columns come in by the dozen, right-hand sides and
//! bounds change by one or two, and each time the optimum is found again from the last basis.
//! [`highs`] solves it in whole numbers, when built with the feature of that name.

#[cfg(feature = "highs")]
pub(crate) mod highs;
mod simplex;

pub(crate) use simplex::{Outcome, Sense, Simplex};
