//! The restricted master problem of column generation.
//!
//! [`simplex`] keeps its linear relaxation: columns come in by the dozen, right-hand sides and
//! bounds change by one or two, and each time the optimum is found again from the last basis.

mod simplex;

#[expect(unused_imports, reason = "column generation will be the caller")]
pub(crate) use simplex::{Outcome, Sense, Simplex};
