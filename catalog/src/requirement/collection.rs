//! Requirements of several keys together.

use std::{collections::btree_map::Entry, fmt, sync::Arc};

use super::{Conflict, Incompatible, Requirement, Requirements, hint};
use crate::well_known;

impl Requirements {
    /// Adds a requirement: what the key required before must hold as well.
    pub fn add(&mut self, requirement: Requirement) {
        match self.0.entry(requirement.key.clone()) {
            Entry::Vacant(entry) => {
                entry.insert(requirement);
            }
            Entry::Occupied(mut entry) => {
                let both = entry.get().intersection(&requirement);
                entry.insert(both);
            }
        }
    }

    /// Adds every requirement of `other`.
    pub fn add_all(&mut self, other: &Self) {
        for requirement in other.0.values() {
            self.add(requirement.clone());
        }
    }

    /// What the key requires, or `None` when it is not restricted.
    pub fn get(&self, key: &str) -> Option<&Requirement> {
        self.0.get(key)
    }

    /// What a node with these labels satisfies. Beta label keys become their stable names.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut requirements = Self::default();
        for (key, value) in labels {
            requirements.add(Requirement::one_of(well_known::normalise(key), [value]));
        }
        requirements
    }

    /// Whether for every key that both sides restrict some node satisfies both. A key that only
    /// one side has never stands in the way.
    ///
    /// # Errors
    /// Names every key in the way.
    pub fn intersects(&self, asked: &Self) -> Result<(), Incompatible> {
        self.compatible(asked, &|_| true)
    }

    /// Whether nodes described by `self` may satisfy `asked` (Karpenter's `Compatible`). A key
    /// that `self` does not define is accepted when `allow_undefined` says so or when what is
    /// asked is negative (`NotIn`, `DoesNotExist`); all others must intersect.
    ///
    /// # Errors
    /// Names every key in the way, with a known label where the key looks like a misspelling.
    pub fn compatible(
        &self,
        asked: &Self,
        allow_undefined: &dyn Fn(&str) -> bool,
    ) -> Result<(), Incompatible> {
        let conflicts: Vec<Conflict> = self
            .in_the_way(asked, allow_undefined)
            .map(|(asked, had)| match had {
                Some(had) => Conflict::Disjoint { asked: asked.clone(), had: had.clone() },
                None => {
                    let hint = hint::nearest(&asked.key, self.0.keys().map(Arc::as_ref));
                    Conflict::Undefined { asked: asked.clone(), hint: hint.map(Arc::from) }
                }
            })
            .collect();
        if conflicts.is_empty() { Ok(()) } else { Err(Incompatible(conflicts)) }
    }

    /// [`Self::compatible`] as yes or no, without the cost of reasons.
    pub fn is_compatible(&self, asked: &Self, allow_undefined: &dyn Fn(&str) -> bool) -> bool {
        self.in_the_way(asked, allow_undefined).next().is_none()
    }

    /// What is asked and cannot be had, with what `self` has instead.
    fn in_the_way<'a>(
        &'a self,
        asked: &'a Self,
        allow_undefined: &'a dyn Fn(&str) -> bool,
    ) -> impl Iterator<Item = (&'a Requirement, Option<&'a Requirement>)> {
        asked.0.iter().filter_map(move |(key, asked)| match self.0.get(key) {
            Some(had) => (!had.intersects(asked)).then_some((asked, Some(had))),
            None => (!asked.is_negative() && !allow_undefined(key)).then_some((asked, None)),
        })
    }
}

impl FromIterator<Requirement> for Requirements {
    fn from_iter<I: IntoIterator<Item = Requirement>>(requirements: I) -> Self {
        let mut all = Self::default();
        requirements.into_iter().for_each(|requirement| all.add(requirement));
        all
    }
}

/// For messages: all requirements, joined by commas, in order of key.
impl fmt::Display for Requirements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, requirement) in self.0.values().enumerate() {
            let join = if position == 0 { "" } else { ", " };
            write!(f, "{join}{requirement}")?;
        }
        Ok(())
    }
}
