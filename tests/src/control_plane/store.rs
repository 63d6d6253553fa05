//! The objects, one growing revision over all of them, and what changed lately.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

use super::{
    kind::Kind,
    object::{Key, Object, finalizers, key, uid},
    status::Refusal,
};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It has another version.
    Modified,
    /// It is gone; the event holds its last version under a new revision.
    Deleted,
}

/// One change of one object.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub change: Change,
    /// The object after it.
    pub object: Arc<Object>,
    /// The object before it.
    pub previous: Option<Arc<Object>>,
}

impl Event {
    /// The revision of the change.
    pub fn revision(&self) -> u64 {
        self.object.revision
    }
}

/// The objects of one kind at one revision.
#[derive(Debug)]
pub struct Listing {
    /// By namespace and name.
    pub objects: Vec<Arc<Object>>,
    /// The revision that they are of.
    pub revision: u64,
    /// Whether there are more behind the last one.
    pub more: bool,
}

/// Which objects of a kind to list.
#[derive(Clone, Debug, Default)]
pub struct Range {
    /// Only of this namespace; empty for all.
    pub namespace: String,
    /// Only behind this object.
    pub after: Option<Key>,
    /// As of this revision; now if none.
    pub revision: Option<u64>,
}

/// The objects that name an owner: kind and key each.
type Dependents = HashSet<(String, Key)>;

#[derive(Debug)]
struct Table {
    objects: BTreeMap<Key, Arc<Object>>,
    log: VecDeque<Arc<Event>>,
    /// Everything up to this revision has been dropped from the log.
    forgotten: u64,
    wake: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    revision: u64,
    tables: HashMap<String, Table>,
    owners: HashMap<String, Dependents>,
    living: HashSet<String>,
    /// Objects that are deleted in the foreground, by uid.
    waiting: HashMap<String, (String, Key)>,
}

/// The objects of a cluster.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    log_length: usize,
}

impl Store {
    /// No objects. `log_length` bounds how many changes per kind a watch may lag behind.
    pub fn new(log_length: usize) -> Self {
        // Revision 0 means "any" in the API, so real ones begin later.
        let state = State { revision: 1, ..State::default() };
        Self { state: Mutex::new(state), log_length }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The revision of the newest change.
    pub fn revision(&self) -> u64 {
        self.state().revision
    }

    /// One object.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let state = self.state();
        let key = (namespace.to_owned(), name.to_owned());
        state.tables.get(kind)?.objects.get(&key).cloned()
    }

    /// All objects of a kind (`plural.group`, or `plural` for the core).
    pub fn all(&self, kind: &str) -> Vec<Arc<Object>> {
        let state = self.state();
        state.tables.get(kind).map(|it| it.objects.values().cloned().collect()).unwrap_or_default()
    }

    /// The objects of a kind in a namespace.
    pub fn within(&self, kind: &str, namespace: &str) -> Vec<Arc<Object>> {
        let state = self.state();
        let Some(table) = state.tables.get(kind) else { return Vec::new() };
        let from = (namespace.to_owned(), String::new());
        let rest = table.objects.range(from..);
        rest.take_while(|(key, _)| key.0 == namespace).map(|(_, it)| it.clone()).collect()
    }

    /// How many objects of a kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.state().tables.get(kind).map_or(0, |it| it.objects.len())
    }

    /// Whether there is an object of this uid.
    pub fn lives(&self, uid: &str) -> bool {
        self.state().living.contains(uid)
    }

    /// The objects that name an owner of this uid: kind and key each.
    pub fn dependents(&self, uid: &str) -> Vec<(String, Key)> {
        let state = self.state();
        let mut found: Vec<_> = state.owners.get(uid).into_iter().flatten().cloned().collect();
        found.sort();
        found
    }

    /// The object of this uid, if its deletion waits for dependents.
    pub fn find_waiting(&self, uid: &str) -> Option<(String, Key)> {
        let state = self.state();
        state.waiting.get(uid).cloned()
    }

    /// Objects of a kind that `wanted` accepts, at most `limit` of them.
    ///
    /// # Errors
    /// 410 when the revision asked for is no longer known.
    pub fn list(
        &self,
        kind: &str,
        range: &Range,
        limit: usize,
        wanted: impl Fn(&Object) -> bool,
    ) -> Result<Listing, Refusal> {
        let (candidates, revision) = self.state().candidates(kind, range)?;
        let mut objects = Vec::new();
        for object in candidates {
            if !wanted(&object) {
                continue;
            }
            if objects.len() == limit {
                return Ok(Listing { objects, revision, more: true });
            }
            objects.push(object);
        }
        Ok(Listing { objects, revision, more: false })
    }

    /// Adds an object.
    ///
    /// # Errors
    /// 409 when there is one of its name.
    pub fn create(&self, kind: &Kind, value: Value) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let (id, key) = (kind.table(), key(&value));
        if state.table(&id).objects.contains_key(&key) {
            return Err(Refusal::already_exists(&id, &key.1));
        }
        let object = Arc::new(Object::new(value, state.next()));
        state.living.insert(uid(&object.value).to_owned());
        state.own(&id, &key, None, Some(&object));
        state.table(&id).objects.insert(key, object.clone());
        state.log(&id, Change::Added, object.clone(), None, self.log_length);
        Ok(object)
    }

    /// Puts `value` in the place of `old`.
    ///
    /// # Errors
    /// 409 when `old` is not the newest version, 404 when it is gone.
    pub fn replace(
        &self,
        kind: &Kind,
        old: &Arc<Object>,
        value: Value,
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let (id, key) = (kind.table(), key(&old.value));
        state.newest(&id, &key, old)?;
        let object = Arc::new(Object::new(value, state.next()));
        if finalizers(&object.value).contains(&"foregroundDeletion") {
            state.waiting.insert(uid(&object.value).to_owned(), (id.clone(), key.clone()));
        }
        state.own(&id, &key, Some(old), Some(&object));
        state.table(&id).objects.insert(key, object.clone());
        state.log(&id, Change::Modified, object.clone(), Some(old.clone()), self.log_length);
        Ok(object)
    }

    /// Takes `old` out; its watchers see `last`.
    ///
    /// # Errors
    /// 409 when `old` is not the newest version, 404 when it is gone.
    pub fn remove(
        &self,
        kind: &Kind,
        old: &Arc<Object>,
        last: Value,
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let (id, key) = (kind.table(), key(&old.value));
        state.newest(&id, &key, old)?;
        let object = Arc::new(Object::new(last, state.next()));
        state.living.remove(uid(&old.value));
        state.waiting.remove(uid(&old.value));
        state.own(&id, &key, Some(old), None);
        state.table(&id).objects.remove(&key);
        state.log(&id, Change::Deleted, object.clone(), Some(old.clone()), self.log_length);
        Ok(object)
    }

    /// Forgets a kind: its watches end.
    pub fn forget(&self, kind: &str) {
        self.state().tables.remove(kind);
    }

    /// The changes of a kind after a revision, and the revision they lead to.
    ///
    /// # Errors
    /// 410 when some of them have been dropped.
    pub fn changes(&self, kind: &str, after: u64) -> Result<(Vec<Arc<Event>>, u64), Refusal> {
        let mut state = self.state();
        let revision = state.revision;
        let table = state.table(kind);
        if after < table.forgotten {
            return Err(Refusal::expired(after, table.forgotten));
        }
        let from = table.log.partition_point(|it| it.revision() <= after);
        Ok((table.log.range(from..).cloned().collect(), revision.max(after)))
    }

    /// The revision `behind` revisions before `now`, or the oldest that a list can still show.
    pub fn remembered(&self, kind: &str, now: u64, behind: u64) -> u64 {
        let forgotten = self.state().table(kind).forgotten;
        now.saturating_sub(behind).max(forgotten).max(1)
    }

    /// Wakes whoever waits for changes of a kind. Closed when the kind is gone.
    pub fn subscribe(&self, kind: &str) -> watch::Receiver<u64> {
        self.state().table(kind).wake.subscribe()
    }

    /// Drops all logged changes, as if the server had been compacted: watches from older revisions
    /// must list again.
    pub fn compact(&self) {
        let mut state = self.state();
        let revision = state.revision;
        for table in state.tables.values_mut() {
            table.log.clear();
            table.forgotten = revision;
        }
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    fn table(&mut self, kind: &str) -> &mut Table {
        if !self.tables.contains_key(kind) {
            let table = Table {
                objects: BTreeMap::new(),
                log: VecDeque::new(),
                forgotten: 0,
                wake: watch::channel(0).0,
            };
            self.tables.insert(kind.to_owned(), table);
        }
        self.tables.entry(kind.to_owned()).or_insert_with(|| unreachable!("it was just made"))
    }

    /// Refuses unless `old` is the newest version of the object.
    fn newest(&mut self, kind: &str, key: &Key, old: &Arc<Object>) -> Result<(), Refusal> {
        match self.table(kind).objects.get(key) {
            None => Err(Refusal::not_found(kind, &key.1)),
            Some(now) if now.revision != old.revision => Err(Refusal::stale(kind, &key.1)),
            Some(_) => Ok(()),
        }
    }

    fn log(
        &mut self,
        kind: &str,
        change: Change,
        object: Arc<Object>,
        previous: Option<Arc<Object>>,
        length: usize,
    ) {
        let revision = object.revision;
        let table = self.table(kind);
        table.log.push_back(Arc::new(Event { change, object, previous }));
        if table.log.len() > length
            && let Some(dropped) = table.log.pop_front()
        {
            table.forgotten = dropped.revision();
        }
        table.wake.send_replace(revision);
    }

    /// Keeps the index from owners to dependents.
    fn own(&mut self, kind: &str, key: &Key, old: Option<&Object>, new: Option<&Object>) {
        let before = old.map(|it| owner_uids(&it.value)).unwrap_or_default();
        let after = new.map(|it| owner_uids(&it.value)).unwrap_or_default();
        let dependent = (kind.to_owned(), key.clone());
        for owner in before.iter().filter(|it| !after.contains(it)) {
            if let Some(dependents) = self.owners.get_mut(*owner) {
                dependents.remove(&dependent);
                if dependents.is_empty() {
                    self.owners.remove(*owner);
                }
            }
        }
        for owner in after.iter().filter(|it| !before.contains(it)) {
            self.owners.entry((*owner).to_owned()).or_default().insert(dependent.clone());
        }
    }

    fn candidates(&self, kind: &str, range: &Range) -> Result<(Vec<Arc<Object>>, u64), Refusal> {
        let revision = range.revision.unwrap_or(self.revision);
        let Some(table) = self.tables.get(kind) else { return Ok((Vec::new(), revision)) };
        if revision < table.forgotten {
            return Err(Refusal::expired(revision, table.forgotten));
        }
        let undone = table.undone(revision);
        let inside = |key: &Key| {
            (range.namespace.is_empty() || key.0 == range.namespace)
                && range.after.as_ref().is_none_or(|after| key > after)
        };
        let from = match &range.after {
            Some(after) => after.clone(),
            None => (range.namespace.clone(), String::new()),
        };
        let now = table.objects.range(from..);
        let now = now.take_while(|(key, _)| range.namespace.is_empty() || key.0 == range.namespace);
        if undone.is_empty() {
            let found = now.filter(|(key, _)| inside(key)).map(|(_, it)| it.clone());
            return Ok((found.collect(), revision));
        }
        let mut then: BTreeMap<Key, Arc<Object>> =
            now.map(|(key, it)| (key.clone(), it.clone())).collect();
        for (key, object) in undone {
            match object {
                Some(object) => then.insert(key, object),
                None => then.remove(&key),
            };
        }
        Ok((then.into_iter().filter(|(key, _)| inside(key)).map(|(_, it)| it).collect(), revision))
    }
}

impl Table {
    /// For each object that changed after `revision`, what it was then.
    fn undone(&self, revision: u64) -> BTreeMap<Key, Option<Arc<Object>>> {
        let from = self.log.partition_point(|it| it.revision() <= revision);
        let mut undone = BTreeMap::new();
        for event in self.log.range(from..) {
            undone.entry(key(&event.object.value)).or_insert_with(|| event.previous.clone());
        }
        undone
    }
}

/// The uids in `metadata.ownerReferences`.
pub fn owner_uids(value: &Value) -> Vec<&str> {
    let owners = value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().filter_map(|it| it.get("uid")?.as_str()).collect()
}
