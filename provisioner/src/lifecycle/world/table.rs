//! Objects by name, with one index, kept up to date by a watch.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use kube::runtime::watcher::Event;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a table holds.
pub trait Row {
    /// `name` or `namespace/name`.
    fn name(&self) -> &str;

    /// What it is looked up by besides: the provider id of nodes and claims, the node of pods.
    fn index(&self) -> Option<&str>;
}

/// An object before and after.
#[derive(Debug)]
pub struct Change<K> {
    /// As it was known.
    pub old: Option<Arc<K>>,
    /// As it is; none when it is gone.
    pub new: Option<Arc<K>>,
}

/// A row that is found by its name.
#[derive(Debug)]
struct Named<K>(Arc<K>);

/// Objects of one kind. There may be a hundred thousand, so that they are their own keys.
#[derive(Debug)]
pub struct Table<K> {
    rows: FxHashSet<Named<K>>,
    index: FxHashMap<Box<str>, BTreeSet<Named<K>>>,
    /// What was seen since the watch began anew.
    relisted: Option<FxHashSet<Named<K>>>,
    ready: bool,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            rows: FxHashSet::default(),
            index: FxHashMap::default(),
            relisted: None,
            ready: false,
        }
    }
}

impl<K: Row> Table<K> {
    /// Takes one event of a watch and tells what changed by it.
    pub fn apply(&mut self, event: Event<Arc<K>>) -> Vec<Change<K>> {
        match event {
            Event::Apply(row) => vec![self.put(row)],
            Event::Delete(row) => self.remove(row.name()).into_iter().collect(),
            Event::Init => {
                self.relisted = Some(FxHashSet::default());
                vec![]
            }
            Event::InitApply(row) => {
                if let Some(relisted) = &mut self.relisted {
                    relisted.replace(Named(Arc::clone(&row)));
                }
                vec![self.put(row)]
            }
            Event::InitDone => self.relisted(),
        }
    }

    /// Takes out what the new list did not have.
    fn relisted(&mut self) -> Vec<Change<K>> {
        self.ready = true;
        let Some(seen) = self.relisted.take() else { return vec![] };
        let gone: Vec<Arc<K>> =
            self.rows.difference(&seen).map(|Named(row)| Arc::clone(row)).collect();
        gone.iter().filter_map(|row| self.remove(row.name())).collect()
    }

    fn put(&mut self, row: Arc<K>) -> Change<K> {
        let old = self.rows.replace(Named(Arc::clone(&row))).map(|Named(old)| old);
        if let Some(old) = old.as_deref().filter(|old| old.index() != row.index()) {
            self.unindex(old);
        }
        if let Some(key) = row.index() {
            // Most come to where they are already, and need no key of their own.
            if !self.index.contains_key(key) {
                self.index.insert(key.into(), BTreeSet::new());
            }
            if let Some(rows) = self.index.get_mut(key) {
                rows.replace(Named(Arc::clone(&row)));
            }
        }
        Change { old, new: Some(row) }
    }

    fn remove(&mut self, name: &str) -> Option<Change<K>> {
        let Named(old) = self.rows.take(name)?;
        self.unindex(&old);
        Some(Change { old: Some(old), new: None })
    }

    fn unindex(&mut self, old: &K) {
        let Some(key) = old.index() else { return };
        if let Some(rows) = self.index.get_mut(key) {
            rows.remove(old.name());
            if rows.is_empty() {
                self.index.remove(key);
            }
        }
    }

    /// Whether the whole list has been read once.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// One object.
    pub fn get(&self, name: &str) -> Option<&Arc<K>> {
        self.rows.get(name).map(|Named(row)| row)
    }

    /// All objects, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<K>> {
        self.rows.iter().map(|Named(row)| row)
    }

    /// The objects with this value of the index, in order of name.
    pub fn indexed(&self, key: &str) -> impl Iterator<Item = &Arc<K>> {
        self.index.get(key).into_iter().flatten().map(|Named(row)| row)
    }
}

impl<K: Row> Borrow<str> for Named<K> {
    fn borrow(&self) -> &str {
        self.0.name()
    }
}

impl<K: Row> Hash for Named<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name().hash(state);
    }
}

impl<K: Row> PartialEq for Named<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl<K: Row> Eq for Named<K> {}

impl<K: Row> Ord for Named<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name().cmp(other.0.name())
    }
}

impl<K: Row> PartialOrd for Named<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Thing(&'static str, Option<&'static str>);

    impl Row for Thing {
        fn name(&self) -> &str {
            self.0
        }

        fn index(&self) -> Option<&str> {
            self.1
        }
    }

    fn thing(name: &'static str, index: Option<&'static str>) -> Arc<Thing> {
        Arc::new(Thing(name, index))
    }

    fn names(table: &Table<Thing>, key: &str) -> Vec<&'static str> {
        table.indexed(key).map(|thing| thing.0).collect()
    }

    #[test]
    fn the_index_follows_and_a_new_list_takes_out_what_it_lacks() {
        let mut table = Table::default();
        for event in [
            Event::Init,
            Event::InitApply(thing("a", Some("x"))),
            Event::InitApply(thing("b", Some("x"))),
        ] {
            table.apply(event);
        }
        assert!(!table.is_ready());
        table.apply(Event::InitDone);
        assert!(table.is_ready());
        assert_eq!(names(&table, "x"), ["a", "b"]);
        let changes = table.apply(Event::Apply(thing("a", Some("y"))));
        assert_eq!(changes[0].old.as_ref().and_then(|old| old.1), Some("x"));
        assert_eq!((names(&table, "x"), names(&table, "y")), (vec!["b"], vec!["a"]));
        table.apply(Event::Init);
        table.apply(Event::InitApply(thing("b", None)));
        let gone = table.apply(Event::InitDone);
        assert_eq!(gone.len(), 1);
        assert_eq!((names(&table, "x"), names(&table, "y")), (vec![], vec![]));
        assert_eq!(table.apply(Event::Delete(thing("b", None))).len(), 1);
        assert_eq!(table.all().count(), 0);
    }
}
