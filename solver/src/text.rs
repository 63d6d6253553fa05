//! Problems and solutions as plain text: a bug report is a file.
//!
//! The first line names the format and its version, `tenon-problem 1` or `tenon-solution 1`. Then
//! comes one object a line: its kind, and fields `name=value` in any order. Objects of a kind are
//! numbered from 0 in the order they stand; kinds may be mixed. `#` starts a comment.
//!
//! ```text
//! tenon-problem 1
//! dims 2                                  # cpu (milli-cores), memory (MiB)
//! keys 3                                  # one topology key with three domains
//! class offerings=0-1 nodes=0
//! group count=5 priority=0 class=0 request=500,1024
//! offering price=96000 tier=0 capacity=1900,5500 domains=0
//! offering price=96000 tier=0 capacity=1900,5500 domains=2 limits=0:1
//! node free=700,2000 domains=-
//! set groups=0 bound=0:1
//! spread groups=0 key=0 set=0 max-skew=1 min-domains=1 domains=0,2 nodes=0 offerings=0-1
//! exclusion groups=0 key=node set=0 cost=1000
//! limit remaining=4
//! variety most=5 used=2 values=0:1,1:2    # offering:value; 2 is on existing nodes already
//! ```
//!
//! Lists separate their items by commas; `3-6` stands for `3,4,5,6`; pairs are written `a:b`; an
//! empty list is left out. `-` is no domain, `node` the key whose domains are the nodes. `cost` of
//! a spread, affinity or exclusion makes it a preference; without it, it is a filter.

mod line;
mod problem;
mod solution;

use thiserror::Error;

use crate::validate::ProblemError;

pub use problem::{read_problem, write_problem};
pub use solution::{read_solution, write_solution};

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// What cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {fault}")]
pub struct TextError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a piece of text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// The file does not start as it should.
    #[error("expected `{0} {VERSION}` first")]
    Header(&'static str),
    /// A kind of object that the format does not have.
    #[error("unknown object `{0}`")]
    Object(String),
    /// A word that is no `name=value`, or names a field the object does not have.
    #[error("unknown field `{0}`")]
    Field(String),
    /// A field is given twice.
    #[error("`{0}` is given twice")]
    Repeated(String),
    /// A field without which the object means nothing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value that does not read as what it should be.
    #[error("`{found}` is not {expected}")]
    Value {
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// An index beyond the objects of its kind.
    #[error("`{found}` does not exist, there are {count}")]
    Index {
        /// What stands there.
        found: u32,
        /// How many objects there are.
        count: usize,
    },
    /// A list that is longer than any real one.
    #[error("more than {0} items")]
    Length(usize),
    /// It reads well and makes no sense.
    #[error(transparent)]
    Problem(#[from] ProblemError),
}

#[cfg(test)]
mod tests;
