//! What can be wrong with a requirement, and why two collections do not go together.

use std::{fmt, sync::Arc};

use thiserror::Error;

use super::{MOST_MIN_VALUES, Operator, Requirement, label_syntax};

/// Why a requirement cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequirementError {
    /// The key is not a label key.
    #[error("{key:?} is not a label key: {fault}")]
    Key {
        /// As given.
        key: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A value is not a label value.
    #[error("{key}: {value:?} is not a label value: {fault}")]
    Value {
        /// The label key.
        key: String,
        /// As given.
        value: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// `In` without values.
    #[error("{key}: operator In needs at least one value")]
    NoValues {
        /// The label key.
        key: String,
    },
    /// `Gt`, `Lt`, `Gte` or `Lte` with anything but one number.
    #[error(
        "{key}: operator {operator} needs exactly one non-negative integer below 2^63, has [{given}]"
    )]
    Bound {
        /// The label key.
        key: String,
        /// Which of the four.
        operator: Operator,
        /// The values given, joined by commas.
        given: String,
    },
    /// `minValues` out of its range.
    #[error("{key}: minValues must be from 1 to {MOST_MIN_VALUES}, is {given}")]
    MinValues {
        /// The label key.
        key: String,
        /// As given.
        given: u32,
    },
    /// `minValues` above the number of values listed.
    #[error("{key}: minValues {min} asks for more than the {given} values listed")]
    TooFewValues {
        /// The label key.
        key: String,
        /// `minValues`.
        min: u32,
        /// How many values `In` lists.
        given: usize,
    },
}

/// Everything about a requirement that does not depend on how its operator reads the values.
pub(super) fn check(
    key: &str,
    operator: Operator,
    values: &[String],
    min_values: Option<u32>,
) -> Result<(), RequirementError> {
    if let Some(fault) = label_syntax::key_fault(key) {
        return Err(RequirementError::Key { key: key.to_owned(), fault });
    }
    if matches!(operator, Operator::In | Operator::NotIn) {
        for value in values {
            if let Some(fault) = label_syntax::value_fault(value) {
                let (key, value) = (key.to_owned(), value.clone());
                return Err(RequirementError::Value { key, value, fault });
            }
        }
    }
    if operator == Operator::In && values.is_empty() {
        return Err(RequirementError::NoValues { key: key.to_owned() });
    }
    match min_values {
        Some(given) if !(1..=MOST_MIN_VALUES).contains(&given) => {
            Err(RequirementError::MinValues { key: key.to_owned(), given })
        }
        Some(min) if operator == Operator::In && values.len() < min as usize => {
            Err(RequirementError::TooFewValues { key: key.to_owned(), min, given: values.len() })
        }
        _ => Ok(()),
    }
}

/// The one non-negative integer of a bounding operator.
pub(super) fn bound(
    key: &str,
    operator: Operator,
    values: &[String],
) -> Result<i64, RequirementError> {
    match values {
        [value] if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
            value.parse().map_err(|_| no_bound(key, operator, values))
        }
        _ => Err(no_bound(key, operator, values)),
    }
}

pub(super) fn no_bound(key: &str, operator: Operator, values: &[String]) -> RequirementError {
    RequirementError::Bound { key: key.to_owned(), operator, given: values.join(", ") }
}

/// Why one key stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The label is asked for, and nothing says that nodes have it.
    Undefined {
        /// What is asked.
        asked: Requirement,
        /// A known label key that was perhaps meant.
        hint: Option<Arc<str>>,
    },
    /// No value satisfies both sides.
    Disjoint {
        /// What is asked.
        asked: Requirement,
        /// What nodes have.
        had: Requirement,
    },
}

impl Conflict {
    /// The label key.
    pub fn key(&self) -> &str {
        match self {
            Self::Undefined { asked, .. } | Self::Disjoint { asked, .. } => &asked.key,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined { asked, hint } => {
                write!(f, "no node has the label {}", asked.key)?;
                match hint {
                    Some(hint) => write!(f, " (did you mean {hint}?)"),
                    None => Ok(()),
                }
            }
            Self::Disjoint { asked, had } => write!(f, "asked for {asked}, but {had}"),
        }
    }
}

/// Why two collections of requirements do not go together, in order of key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Incompatible(pub Vec<Conflict>);

impl fmt::Display for Incompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, conflict) in self.0.iter().enumerate() {
            let join = if position == 0 { "" } else { "; " };
            write!(f, "{join}{conflict}")?;
        }
        Ok(())
    }
}
