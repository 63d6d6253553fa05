//! Amounts of named resources, as integers.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// CPU, in thousandths of a core.
pub const CPU: &str = "cpu";
/// Memory, in bytes.
pub const MEMORY: &str = "memory";
/// Local ephemeral storage, in bytes.
pub const EPHEMERAL_STORAGE: &str = "ephemeral-storage";
/// Number of pods.
pub const PODS: &str = "pods";

/// The names above, written down once: nearly every amount is of one of them.
static COMMON: LazyLock<[Arc<str>; 4]> =
    LazyLock::new(|| [CPU, MEMORY, PODS, EPHEMERAL_STORAGE].map(Arc::from));

/// A resource's name to share.
pub fn shared_name(name: &str) -> Arc<str> {
    let known = COMMON.iter().find(|known| ***known == *name);
    known.map_or_else(|| Arc::from(name), Arc::clone)
}

/// Amounts by resource name. The unit of `cpu` is the milli-core; every other resource is in its
/// base unit (bytes, pieces). A resource that is not listed has the amount 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resources(pub BTreeMap<Arc<str>, i64>);

impl Resources {
    /// The amount of `name`, 0 when absent.
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// Sets the amount of `name`.
    pub fn set(&mut self, name: &str, amount: i64) {
        self.0.insert(shared_name(name), amount);
    }

    /// Adds every amount of `other`, saturating.
    pub fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let mine = self.0.entry(name.clone()).or_insert(0);
            *mine = mine.saturating_add(*amount);
        }
    }

    /// Takes every amount of `other` away, saturating; results may be negative.
    pub fn subtract(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let mine = self.0.entry(name.clone()).or_insert(0);
            *mine = mine.saturating_sub(*amount);
        }
    }

    /// Raises every amount to at least that of `other`.
    pub fn max(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let mine = self.0.entry(name.clone()).or_insert(0);
            *mine = (*mine).max(*amount);
        }
    }
}

impl<const N: usize> From<[(&str, i64); N]> for Resources {
    fn from(amounts: [(&str, i64); N]) -> Self {
        Self(amounts.into_iter().map(|(name, amount)| (shared_name(name), amount)).collect())
    }
}
