//! The cheapest set of nodes that hosts these pods.
//!
//! This crate knows nothing of Kubernetes, clouds, files, clocks or entropy. A [`Problem`] is plain
//! data: groups of identical pods, offerings that can be bought, nodes that exist, and the
//! constraints between them. Labels, taints and names were turned into bits before they came here.
//!
//! One verb does the work: [`solve`] takes a problem and [`Options`] and always returns a
//! [`Solution`]; a pod without a place is part of the answer, not an error. [`check`] looks at any
//! solution with code that shares nothing with the engines.

pub mod bits;
pub mod bound;
pub mod certificate;
pub mod check;
mod columns;
mod components;
pub mod cost;
mod effort;
mod exact;
pub mod explain;
mod greedy;
mod master;
mod neighbourhood;
mod pattern;
mod presolve;
pub mod problem;
mod random;
pub mod solution;
mod spread;
pub mod strategy;
pub mod text;
pub mod validate;
mod variety;

pub use bits::BitSet;
pub use certificate::{Certificate, verify};
pub use check::{Violation, check};
pub use problem::Problem;
pub use solution::Solution;
pub use strategy::{Engine, Options, Progress, certify, offerings_kept, solve, watch};
