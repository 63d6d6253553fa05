//! Properties of the solver over random problems with every kind of constraint.
//!
//! Cases are numbered; a failure names its case and shows the problem as text. A small case is a
//! low number of pods, not a shrunk large one: sizes grow with the case number.

/// An oracle for larger problems: one integer programme for all, solved by HiGHS.
#[cfg(feature = "highs")]
mod assignment_ilp;
/// Certificates prove bounds, and changed ones do not prove too much.
mod certificate;
/// The check and the oracle agree on what is right.
mod check_agrees;
mod components;
/// The exact engine finds the best of all solutions and says no more than it knows.
mod exact;
/// Random problems.
mod generate;
/// What the engine returns is right, the same every time, and not far from the best.
mod greedy;
/// Labels that tell very many pods apart.
mod labels;
/// Pod by pod, slow, and written from the documentation alone.
mod oracle;
/// Whether anything ranks better than a claimed optimum, by trying everything node by node.
mod refute;
/// Text reads back as it was written, and nothing makes the reader panic.
mod stopped;
mod text;
/// Zones that sell the same.
mod twins;
/// Launches of so many sizes, of one family.
mod varieties;

/// One in `share` of the cases that `TENON_CASES` asks for, or `otherwise`.
fn cases(share: u64, otherwise: u64) -> u64 {
    let given = std::env::var("TENON_CASES").ok().and_then(|given| given.parse::<u64>().ok());
    given.map_or(otherwise, |given| given.div_ceil(share))
}
