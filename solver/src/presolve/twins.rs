//! Items and kinds that differ only in where they stand.
//!
//! Pods that must be in places of their own are items of their own, and every zone has kinds of
//! its own, although all zones sell the same. A relaxation gains next to nothing by telling them
//! apart, and has several times the rows. So the master covers items that differ only in their
//! place by one row, and counts the nodes of kinds that differ only in theirs by one more. Which
//! pods stand where stays with the columns and with what remains of each item.

use rustc_hash::FxHashMap;

use crate::presolve::{Item, Kind, Source};

/// Who has twins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Twins {
    /// The row of each item.
    pub row_of: Vec<u32>,
    /// The items of each row, ascending.
    pub items: Vec<Vec<u32>>,
    /// The first twin of each kind; its own number when there is none before it.
    pub first: Vec<u32>,
    /// The twins of each kind that is the first of them, itself included, ascending.
    pub kinds: Vec<Vec<u32>>,
}

impl Twins {
    /// Nobody has a twin where no item has a place: what is equal is one item or one kind there.
    pub(crate) fn new(items: &[Item], kinds: &[Kind]) -> Self {
        let placed = items.iter().any(|item| item.place.is_some());
        let mut twins = Self::default();
        let mut index = FxHashMap::default();
        for (at, item) in (0u32..).zip(items) {
            let own = if placed { None } else { Some(at) };
            let key = (&item.request, item.class, item.cap, own);
            let row = *index.entry(key).or_insert_with(|| {
                twins.items.push(Vec::new());
                twins.items.len() - 1
            });
            twins.row_of.push(row as u32);
            twins.items[row].push(at);
        }
        twins.kinds = vec![Vec::new(); kinds.len()];
        let mut index = FxHashMap::default();
        for (at, kind) in (0u32..).zip(kinds) {
            let own = match kind.source {
                Source::Offerings(_) if placed => None,
                _ => Some(at),
            };
            let key = (&kind.capacity, kind.price, &kind.limits, own);
            let first = *index.entry(key).or_insert(at);
            twins.first.push(first);
            twins.kinds[first as usize].push(at);
        }
        twins
    }

    /// The twins of a kind, itself included, ascending.
    pub(crate) fn of_kind(&self, kind: u32) -> &[u32] {
        &self.kinds[self.first[kind as usize] as usize]
    }

    /// The twins of an item, itself included, ascending.
    pub(crate) fn of_item(&self, item: u32) -> &[u32] {
        &self.items[self.row_of[item as usize] as usize]
    }
}
