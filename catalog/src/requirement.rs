//! Karpenter's requirement algebra over label values.
//!
//! A [`Requirement`] is the set of values that one label key may have: the values listed, or all
//! but those listed, within integer bounds. [`Requirements`] holds one per key. Whether a node
//! described by one collection may host what the other asks for is [`Requirements::compatible`].
//!
//! ```
//! use catalog::{Operator, Requirement};
//!
//! let values = ["4".to_owned(), "8".to_owned(), "16".to_owned()];
//! let sizes = Requirement::new("example.com/cpu", Operator::In, &values, None)?;
//! let large = Requirement::new("example.com/cpu", Operator::Gt, &["4".to_owned()], None)?;
//! let both = sizes.intersection(&large);
//! assert!(both.has("16") && !both.has("4"));
//! # Ok::<(), catalog::RequirementError>(())
//! ```

mod collection;
mod error;
mod hint;
mod set;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use error::{Conflict, Incompatible, RequirementError};

use crate::{label_syntax, well_known};

/// The operators of `NodeSelectorRequirement`, and Karpenter's `Gte` and `Lte`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the definition")]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
    Gte,
    Lte,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The set of values that one label key may have.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// The label key.
    pub key: Arc<str>,
    /// `false`: exactly `values`. `true`: everything but `values`.
    pub complement: bool,
    /// See `complement`.
    pub values: BTreeSet<Arc<str>>,
    /// Values must be integers of at least this.
    pub gte: Option<i64>,
    /// Values must be integers of at most this.
    pub lte: Option<i64>,
    /// How many distinct values must remain to choose from.
    pub min_values: Option<u32>,
}

/// Requirements by key; a key that is absent is not restricted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Requirements(pub BTreeMap<Arc<str>, Requirement>);

/// Most that `minValues` may ask for (Karpenter's NodePool schema).
const MOST_MIN_VALUES: u32 = 50;

impl Requirement {
    /// Reads one `{key, operator, values, minValues}` as NodePools and node affinity write it.
    /// Beta label keys become their stable names. `Gt n` means at least n + 1, `Lt n` at most
    /// n − 1. Values of `Exists` and `DoesNotExist` mean nothing and are dropped, as in Karpenter.
    ///
    /// # Errors
    /// When key or values have not the form that Kubernetes asks of labels, `In` has no value, a
    /// bound is not exactly one non-negative integer, or `minValues` cannot be met.
    pub fn new(
        key: &str,
        operator: Operator,
        values: &[String],
        min_values: Option<u32>,
    ) -> Result<Self, RequirementError> {
        let key = well_known::normalise(key);
        error::check(key, operator, values, min_values)?;
        let mut requirement = Self::any(key);
        requirement.min_values = min_values;
        match operator {
            Operator::In => {
                requirement.complement = false;
                requirement.values = shared(values);
            }
            Operator::NotIn => requirement.values = shared(values),
            Operator::Exists => {}
            Operator::DoesNotExist => requirement.complement = false,
            Operator::Gt => {
                let above = error::bound(key, operator, values)?.checked_add(1);
                requirement.gte =
                    Some(above.ok_or_else(|| error::no_bound(key, operator, values))?);
            }
            Operator::Gte => requirement.gte = Some(error::bound(key, operator, values)?),
            // A bound is not negative, so there is an integer below it.
            Operator::Lt => requirement.lte = Some(error::bound(key, operator, values)? - 1),
            Operator::Lte => requirement.lte = Some(error::bound(key, operator, values)?),
        }
        Ok(requirement)
    }

    /// The label must exist, with any value. The key is taken as it is.
    pub fn any(key: &str) -> Self {
        Self {
            key: Arc::from(key),
            complement: true,
            values: BTreeSet::new(),
            gte: None,
            lte: None,
            min_values: None,
        }
    }

    /// The label must not exist. The key is taken as it is.
    pub fn absent(key: &str) -> Self {
        Self { complement: false, ..Self::any(key) }
    }

    /// The label must have one of these values. Key and values are taken as they are.
    pub fn one_of<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(Arc::from).collect();
        Self { complement: false, values, ..Self::any(key) }
    }

    /// The operator that describes the set: `In`, `NotIn`, `Exists` or `DoesNotExist`. Bounds do
    /// not show here (Karpenter, `Operator()`).
    pub fn operator(&self) -> Operator {
        match (self.complement, self.values.is_empty()) {
            (true, true) => Operator::Exists,
            (true, false) => Operator::NotIn,
            (false, true) => Operator::DoesNotExist,
            (false, false) => Operator::In,
        }
    }

    /// `NotIn` or `DoesNotExist`: satisfied by a node that does not have the label.
    pub fn is_negative(&self) -> bool {
        matches!(self.operator(), Operator::NotIn | Operator::DoesNotExist)
    }

    /// No value is possible: the label must not exist.
    pub fn is_empty(&self) -> bool {
        !self.complement && self.values.is_empty()
    }
}

fn shared(values: &[String]) -> BTreeSet<Arc<str>> {
    values.iter().map(|value| Arc::from(value.as_str())).collect()
}

/// For messages: `key in (a, b)`, `key notin (a) and >= 3`, `key exists`, `key does not exist`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        f.write_str(&self.key)?;
        let bounded = self.gte.is_some() || self.lte.is_some();
        match self.operator() {
            Operator::DoesNotExist => f.write_str(" does not exist")?,
            Operator::Exists if !bounded => f.write_str(" exists")?,
            Operator::In => f.write_str(" in (")?,
            Operator::NotIn => f.write_str(" notin (")?,
            _ => {}
        }
        if !self.values.is_empty() {
            let shown: Vec<&str> = self.values.iter().take(SHOWN).map(AsRef::as_ref).collect();
            f.write_str(&shown.join(", "))?;
            match self.values.len().saturating_sub(SHOWN) {
                0 => f.write_str(")")?,
                more => write!(f, " and {more} more)")?,
            }
        }
        let mut join = if self.values.is_empty() { "" } else { " and" };
        for (sign, bound) in [(">=", self.gte), ("<=", self.lte)] {
            if let Some(bound) = bound {
                write!(f, "{join} {sign} {bound}")?;
                join = " and";
            }
        }
        Ok(())
    }
}
