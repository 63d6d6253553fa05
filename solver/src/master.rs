//! The restricted master: which patterns to buy, and how many of each.

#[cfg(feature = "highs")]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "column generation, which asks for it, comes next")
)]
pub(crate) mod highs;
