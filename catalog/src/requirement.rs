//! Karpenter's requirement algebra over label values.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

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
