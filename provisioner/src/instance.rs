//! Packing problems of other tools and of traces, brought into the solver's form.
//!
//! Pure functions from text to values; [`crate::cli`] reads the files. Some formats hold a whole
//! problem ([`vbp`], the solver's own text), others only pods ([`pods`], [`vm_stream`]) or only
//! sizes ([`sizes`], a catalog); [`market::join`] puts these together. Identical pods are one group.

pub mod answer;
mod csv;
pub mod error;
pub mod format;
pub mod maneuver;
pub mod market;
mod number;
pub mod pods;
pub mod sizes;
pub mod vbp;
pub mod vm_stream;

use solver::{
    Problem,
    validate::{ProblemError, validate},
};

pub use answer::Answer;
pub use error::{Fault, Place, ReadError};
pub use format::Format;
pub use market::{Demand, Market, Shape, Size};

/// A problem to solve, with the names that the problem itself does not know.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// What prices and costs count.
    pub unit: Unit,
    /// What the resources are, one per dimension of the problems.
    pub dimensions: Vec<String>,
    /// Names of the groups.
    pub groups: Vec<String>,
    /// Names of the offerings.
    pub offerings: Vec<String>,
    /// At least one. Where counts are open there are several, with the same groups and offerings
    /// but other counts; the cheapest answer to any of them is the answer.
    pub problems: Vec<Problem>,
}

/// What one unit of a cost stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// A millionth of a dollar, for one hour.
    #[default]
    MicroDollars,
    /// A bin of a packing problem: each costs 1.
    Bins,
    /// A node of a fleet without prices: each costs 1.
    Nodes,
}

impl Unit {
    /// The name in JSON; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::MicroDollars => "micro-dollars/h",
            Self::Bins => "bins",
            Self::Nodes => "nodes",
        }
    }
}

impl Instance {
    /// One problem, objects named by number.
    ///
    /// # Errors
    ///
    /// When the problem does not hold together.
    pub fn unnamed(problem: Problem, unit: Unit) -> Result<Self, ProblemError> {
        validate(&problem)?;
        let names = |kind: &str, count| (0..count).map(|at| format!("{kind} {at}")).collect();
        Ok(Self {
            unit,
            dimensions: names("dimension", problem.dims),
            groups: names("group", problem.groups.len()),
            offerings: names("offering", problem.offerings.len()),
            problems: vec![problem],
        })
    }
}
