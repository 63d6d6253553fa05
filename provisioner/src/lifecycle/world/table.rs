//! Objects by name, with one index, kept up to date by a watch.

use std::{collections::BTreeSet, sync::Arc};

use kube::runtime::watcher::Event;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a table holds.
pub trait Row {
    /// `name` or `namespace/name`.
    fn name(&self) -> String;

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

/// Objects of one kind. There may be a hundred thousand, so that a name is kept once.
#[derive(Debug)]
pub struct Table<K> {
    rows: FxHashMap<Arc<str>, Arc<K>>,
    index: FxHashMap<Box<str>, BTreeSet<Arc<str>>>,
    /// The names seen since the watch began anew.
    relisted: Option<FxHashSet<Arc<str>>>,
    ready: bool,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            rows: FxHashMap::default(),
            index: FxHashMap::default(),
            relisted: None,
            ready: false,
        }
    }
}

impl<K: Row> Table<K> {
    /// Takes one event of a watch and tells what changed by it.
    pub fn apply(&mut self, event: Event<K>) -> Vec<Change<K>> {
        match event {
            Event::Apply(row) => vec![self.put(row).1],
            Event::Delete(row) => self.remove(&row.name()).into_iter().collect(),
            Event::Init => {
                self.relisted = Some(FxHashSet::default());
                vec![]
            }
            Event::InitApply(row) => {
                let (name, change) = self.put(row);
                if let Some(relisted) = &mut self.relisted {
                    relisted.insert(name);
                }
                vec![change]
            }
            Event::InitDone => self.relisted(),
        }
    }

    /// Takes out what the new list did not have.
    fn relisted(&mut self) -> Vec<Change<K>> {
        self.ready = true;
        let Some(seen) = self.relisted.take() else { return vec![] };
        let gone: Vec<Arc<str>> =
            self.rows.keys().filter(|name| !seen.contains(*name)).cloned().collect();
        gone.iter().filter_map(|name| self.remove(name)).collect()
    }

    /// The name comes back as the table keeps it.
    fn put(&mut self, row: K) -> (Arc<str>, Change<K>) {
        let name = row.name();
        // A hash map keeps the key that it has; the index must share that one.
        let known = self.rows.get_key_value(name.as_str()).map(|(known, _)| known.clone());
        let name: Arc<str> = known.unwrap_or_else(|| name.into());
        let row = Arc::new(row);
        let old = self.rows.insert(name.clone(), Arc::clone(&row));
        let was = old.as_ref().and_then(|old| old.index());
        if was != row.index() {
            self.unindex(old.as_deref(), &name);
            if let Some(key) = row.index() {
                self.index.entry(key.into()).or_default().insert(name.clone());
            }
        }
        (name, Change { old, new: Some(row) })
    }

    fn remove(&mut self, name: &str) -> Option<Change<K>> {
        let old = self.rows.remove(name)?;
        self.unindex(Some(&old), name);
        Some(Change { old: Some(old), new: None })
    }

    fn unindex(&mut self, old: Option<&K>, name: &str) {
        let Some(key) = old.and_then(Row::index) else { return };
        if let Some(names) = self.index.get_mut(key) {
            names.remove(name);
            if names.is_empty() {
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
        self.rows.get(name)
    }

    /// All objects, in no order.
    pub fn all(&self) -> impl Iterator<Item = &Arc<K>> {
        self.rows.values()
    }

    /// The objects with this value of the index, in order of name.
    pub fn indexed(&self, key: &str) -> impl Iterator<Item = &Arc<K>> {
        let names = self.index.get(key).into_iter().flatten();
        names.filter_map(|name| self.rows.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Thing(&'static str, Option<&'static str>);

    impl Row for Thing {
        fn name(&self) -> String {
            self.0.to_owned()
        }

        fn index(&self) -> Option<&str> {
            self.1
        }
    }

    fn names(table: &Table<Thing>, key: &str) -> Vec<&'static str> {
        table.indexed(key).map(|thing| thing.0).collect()
    }

    #[test]
    fn the_index_follows_and_a_new_list_takes_out_what_it_lacks() {
        let mut table = Table::default();
        for event in [
            Event::Init,
            Event::InitApply(Thing("a", Some("x"))),
            Event::InitApply(Thing("b", Some("x"))),
        ] {
            table.apply(event);
        }
        assert!(!table.is_ready());
        table.apply(Event::InitDone);
        assert!(table.is_ready());
        assert_eq!(names(&table, "x"), ["a", "b"]);
        let changes = table.apply(Event::Apply(Thing("a", Some("y"))));
        assert_eq!(changes[0].old.as_ref().and_then(|old| old.1), Some("x"));
        assert_eq!((names(&table, "x"), names(&table, "y")), (vec!["b"], vec!["a"]));
        table.apply(Event::Init);
        table.apply(Event::InitApply(Thing("b", None)));
        let gone = table.apply(Event::InitDone);
        assert_eq!(gone.len(), 1);
        assert_eq!((names(&table, "x"), names(&table, "y")), (vec![], vec![]));
        assert_eq!(table.apply(Event::Delete(Thing("b", None))).len(), 1);
        assert_eq!(table.all().count(), 0);
    }
}
