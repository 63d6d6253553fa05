//! What can be wrong with an instance's text, and where.

use std::fmt;

use solver::{text::TextError, validate::ProblemError};
use thiserror::Error;

/// A text that cannot be an instance.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}{fault}")]
pub struct ReadError {
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub fault: Fault,
}

/// Where in a text something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the text as a whole.
    Text,
    /// In a line, counted from 1.
    Line(usize),
    /// At an object, by its path.
    Path(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => Ok(()),
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Path(path) => write!(f, "{path}: "),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Nothing of what is needed.
    #[error("no {what}; {hint}")]
    Nothing {
        /// What there should be at least one of.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A value that does not read as what it should be.
    #[error("{field} is `{found}`, expected {expected}")]
    Value {
        /// Its name.
        field: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// A field without which the rest means nothing.
    #[error("{field} is missing; {hint}")]
    Missing {
        /// Its name.
        field: String,
        /// What to do.
        hint: &'static str,
    },
    /// More than there should be.
    #[error("`{found}` is left over after the last {what}")]
    Surplus {
        /// The first thing left over.
        found: String,
        /// What came before.
        what: &'static str,
    },
    /// A sum that no longer fits.
    #[error("{what} do not fit: {limit} at most")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many there may be.
        limit: u64,
    },
    /// Something the format has and this reader does not.
    #[error("{what} cannot be solved: {why}")]
    Unsupported {
        /// What it is.
        what: String,
        /// Why not.
        why: &'static str,
    },
    /// Demands that exclude each other.
    #[error("{0}")]
    Contradiction(&'static str),
    /// The text looks like none of the formats.
    #[error("the format is not recognised; name it with --format")]
    Unrecognised,
    /// Not the JSON it should be; the message names line and column.
    #[error("{0}")]
    Json(String),
    /// The solver's own text.
    #[error(transparent)]
    Text(#[from] TextError),
    /// All of it reads well and makes no sense together.
    #[error(transparent)]
    Problem(#[from] ProblemError),
}

impl ReadError {
    /// Something wrong in a line.
    pub fn line(line: usize, fault: Fault) -> Self {
        Self { place: Place::Line(line), fault }
    }

    /// Something wrong with the whole.
    pub fn text(fault: Fault) -> Self {
        Self { place: Place::Text, fault }
    }

    /// Something wrong with an object.
    pub fn path(path: impl Into<String>, fault: Fault) -> Self {
        Self { place: Place::Path(path.into()), fault }
    }
}
