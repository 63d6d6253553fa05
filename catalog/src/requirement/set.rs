//! A requirement as a set of values: membership and intersection.

use std::{collections::BTreeSet, sync::Arc};

use super::Requirement;

/// Integer bounds, both inclusive.
#[derive(Clone, Copy)]
struct Bounds {
    gte: Option<i64>,
    lte: Option<i64>,
}

impl Bounds {
    /// The bounds that hold when both requirements do.
    fn of_both(a: &Requirement, b: &Requirement) -> Self {
        let lte = match (a.lte, b.lte) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        // An absent lower bound is below every other one.
        Self { gte: a.gte.max(b.gte), lte }
    }

    fn cross(self) -> bool {
        matches!((self.gte, self.lte), (Some(gte), Some(lte)) if gte > lte)
    }

    /// Under a bound, only integers are admitted.
    fn admit(self, value: &str) -> bool {
        if self.gte.is_none() && self.lte.is_none() {
            return true;
        }
        let Ok(value) = value.parse::<i64>() else { return false };
        self.gte.is_none_or(|gte| gte <= value) && self.lte.is_none_or(|lte| value <= lte)
    }
}

impl Requirement {
    /// Whether the label may have this value.
    pub fn has(&self, value: &str) -> bool {
        self.values.contains(value) != self.complement
            && Bounds { gte: self.gte, lte: self.lte }.admit(value)
    }

    /// What satisfies both requirements (Karpenter's rule): sets are combined by their complement
    /// flags, the tighter bounds hold, a finite set is filtered by the bounds and loses them,
    /// and `min_values` is the larger one. Bounds that cross leave nothing. The key is that of
    /// `self`.
    ///
    /// As in Karpenter, two complements never have an empty intersection unless their bounds
    /// cross, even if every integer between the bounds is excluded; `has` still says no to each.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let bounds = Bounds::of_both(self, other);
        let complement = self.complement && other.complement;
        let min_values = self.min_values.max(other.min_values);
        if bounds.cross() {
            return Self { min_values, ..Self::absent(&self.key) };
        }
        let mut values: BTreeSet<Arc<str>> = match (self.complement, other.complement) {
            (true, true) => self.values.union(&other.values).cloned().collect(),
            (true, false) => other.values.difference(&self.values).cloned().collect(),
            (false, true) => self.values.difference(&other.values).cloned().collect(),
            (false, false) => self.values.intersection(&other.values).cloned().collect(),
        };
        values.retain(|value| bounds.admit(value));
        let (gte, lte) = if complement { (bounds.gte, bounds.lte) } else { (None, None) };
        Self { key: self.key.clone(), complement, values, gte, lte, min_values }
    }

    /// Whether both can hold for one node: some value satisfies both, or both are negative
    /// (`NotIn`, `DoesNotExist`) and the node does without the label.
    pub fn intersects(&self, other: &Self) -> bool {
        self.shares_value(other) || (self.is_negative() && other.is_negative())
    }

    /// Whether [`Self::intersection`] is not empty, without building it.
    fn shares_value(&self, other: &Self) -> bool {
        let bounds = Bounds::of_both(self, other);
        if bounds.cross() {
            return false;
        }
        let (finite, rest) = match (self.complement, other.complement) {
            (true, true) => return true,
            (false, true) => (self, other),
            (true, false) => (other, self),
            (false, false) if self.values.len() <= other.values.len() => (self, other),
            (false, false) => (other, self),
        };
        let in_rest = |value: &Arc<str>| rest.values.contains(value) != rest.complement;
        finite.values.iter().any(|value| in_rest(value) && bounds.admit(value))
    }
}
