//! What the watches have shown so far, ready to be made a snapshot of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::watcher::Event;
use rustc_hash::FxHashMap;

use super::{
    Wake,
    expectations::{DEFAULT_TIMEOUT, Expectations},
    kind::{Kind, NODE, NODE_CLAIM, NODE_POOL, POD, WATCHED},
    object::Object,
};
use crate::{
    api::{
        node_pool::{NodeClaim, NodePool},
        v1::{self, PodRef},
    },
    refusals::Refused,
    snapshot::{Pod, SkipReason, Skipped, Snapshot, store::Store},
};

/// A node pool as it travels; claims are made from it.
pub type PoolObject = v1::NodePool;

/// Where a pod ended up that a plan had a place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Where it was planned.
    Planned,
    /// The scheduler chose another node.
    Elsewhere,
}

/// Everything that the watches have shown, behind one lock.
#[derive(Debug)]
pub struct Stores {
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    /// Objects that could not be read.
    faulty: BTreeMap<Identity, Skipped>,
    pools: BTreeMap<String, PoolObject>,
    /// resourceVersion of the claims, by name.
    versions: BTreeMap<String, Box<str>>,
    expectations: Expectations,
    /// Pods that need a place or are about to get one.
    unbound: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Kinds whose list is complete.
    listed: BTreeSet<Kind>,
    /// Of kinds that are being listed anew, what has not shown up again yet.
    stale: FxHashMap<Kind, BTreeSet<(String, String)>>,
    /// Where pods are planned, by uid: a node or a claim.
    awaited: FxHashMap<Box<str>, Arc<str>>,
    landings: Vec<Landing>,
    /// Pods that cannot be read, and why, that nobody has been told of yet.
    unreadable: Vec<(ObjectReference, String)>,
}

/// Kind, namespace and name.
type Identity = (&'static str, String, String);

impl Default for Stores {
    fn default() -> Self {
        Self::new(DEFAULT_TIMEOUT)
    }
}

impl Stores {
    /// Empty stores; what we write ourselves may take `timeout` to show up.
    pub fn new(timeout: Duration) -> Self {
        Self { timeout, state: Mutex::default() }
    }

    /// Takes in an event of a watch. Says when that may call for a round.
    pub fn take(&self, kind: Kind, event: Event<Object>) -> Option<Wake> {
        let mut state = self.lock();
        match event {
            Event::Init => {
                let known = state.known(kind);
                state.stale.insert(kind, known);
                None
            }
            Event::InitApply(object) => {
                if let Some(stale) = state.stale.get_mut(&kind) {
                    let (namespace, name) = object.key();
                    stale.remove(&(namespace.to_owned(), name.to_owned()));
                }
                state.apply(kind, object)
            }
            Event::InitDone => {
                for (namespace, name) in state.stale.remove(&kind).unwrap_or_default() {
                    state.forget(kind, &namespace, &name);
                }
                state.list_is_complete(kind)
            }
            Event::Apply(object) => state.apply(kind, object),
            Event::Delete(object) => {
                let (namespace, name) = object.key();
                state.forget(kind, namespace, name)
            }
        }
    }

    /// The server does not know a kind: there are no objects of it.
    pub fn absent(&self, kind: Kind) -> Option<Wake> {
        let mut state = self.lock();
        for (namespace, name) in state.known(kind) {
            state.forget(kind, &namespace, &name);
        }
        state.list_is_complete(kind)
    }

    /// Whether all kinds have been listed.
    pub fn synced(&self) -> bool {
        self.lock().listed.len() == WATCHED.len()
    }

    /// How many pods have no node yet, apart from those that nobody has to find one for.
    pub fn unbound(&self) -> usize {
        self.lock().unbound.len()
    }

    /// The cluster at this moment, as the reader of files would give it, with what we have written
    /// ourselves; `None` before all kinds have been listed.
    pub fn snapshot(&self, now: Timestamp, refused: Vec<Refused>) -> Option<Snapshot> {
        let mut state = self.lock();
        if state.listed.len() < WATCHED.len() {
            return None;
        }
        let mut copy = state.store.copy();
        let late = state.expectations.overlay(&mut copy.node_claims, now);
        copy.skipped.extend(state.faulty.values().cloned());
        drop(state);
        for name in late {
            tracing::warn!(claim = name, "what was written has not shown up; going on without");
        }
        Some(Snapshot { refused, taken_at: now.as_second(), ..copy.finish() })
    }

    /// The node pools as they travel, by name.
    pub fn pools(&self) -> BTreeMap<String, PoolObject> {
        self.lock().pools.clone()
    }

    /// The resourceVersion at which the watch has shown a claim last.
    pub fn version_of(&self, claim: &str) -> Option<Box<str>> {
        self.lock().versions.get(claim).cloned()
    }

    /// A claim was written: it counts until the watch shows it.
    pub fn expect(&self, claim: &v1::NodeClaim, now: Timestamp) {
        let read = serde_json::to_value(claim).ok();
        let Some(read) = read.and_then(|value| NodeClaim::read(&value).ok()) else { return };
        let version = claim.metadata.resource_version.as_deref().unwrap_or_default();
        let until = now.checked_add(self.timeout).unwrap_or(Timestamp::MAX);
        self.lock().expectations.expect(read, version, until);
    }

    /// A plan has a place for a pod: a node, or a claim without one.
    pub fn await_pod(&self, uid: &str, place: &Arc<str>) {
        self.lock().awaited.insert(uid.into(), place.clone());
    }

    /// The same for pods that are known by name.
    pub fn await_pods(&self, place: &Arc<str>, pods: &[PodRef]) {
        let mut state = self.lock();
        for pod in pods {
            let key = (Arc::from(pod.namespace.as_str()), Arc::from(pod.name.as_str()));
            let uid = state.store.pods.get(&key).map(|entry| entry.pod.uid.clone());
            state.awaited.extend(uid.map(|uid| (uid, place.clone())));
        }
    }

    /// Whether a round might find something to do: a pod waits, a node or a claim is on its way
    /// out, or a pool is off its size, which `is_off` tells.
    pub fn has_work(
        &self,
        is_off: impl FnOnce(&BTreeMap<String, NodePool>, &BTreeMap<String, Arc<NodeClaim>>) -> bool,
    ) -> bool {
        let state = self.lock();
        if state.listed.len() < WATCHED.len() || state.store.node_pools.is_empty() {
            return false;
        }
        let store = &state.store;
        !state.unbound.is_empty()
            || store.node_claims.keys().any(|name| state.leaves(NODE_CLAIM, name))
            || store.nodes.keys().any(|name| state.leaves(NODE, name))
            || is_off(&store.node_pools, &store.node_claims)
    }

    /// Where awaited pods have landed since the last call.
    pub fn landings(&self) -> Vec<Landing> {
        std::mem::take(&mut self.lock().landings)
    }

    /// Pods that turned out to be unreadable since the last call, and why.
    pub fn unreadable(&self) -> Vec<(ObjectReference, String)> {
        std::mem::take(&mut self.lock().unreadable)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Reading an object does not panic; if it did, the others are still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, kind: Kind, object: Object) -> Option<Wake> {
        let (namespace, name) = object.key();
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        if kind == NODE_CLAIM {
            self.expectations.seen(&name, object.version());
            self.versions.insert(name.clone(), object.version().into());
        }
        let pool: Option<PoolObject> = (kind == NODE_POOL)
            .then(|| serde_json::from_value(object.value.clone()).ok())
            .flatten();
        let uid: Box<str> = object.uid().into();
        let left_before = self.leaves(kind, &name);
        let identity = (kind.kind, namespace, name);
        let read = match kind {
            NODE => object.node().and_then(|node| self.store.update_node(node)),
            _ => self.store.update(kind.group, kind.kind, object.value),
        };
        self.store.interner.tidy();
        match read {
            Ok(()) => drop(self.faulty.remove(&identity)),
            Err(fault) => {
                let (_, namespace, name) = &identity;
                let known = self.faulty.get(&identity).map(|fault| fault.detail.clone());
                self.forget(kind, namespace, name);
                self.note_fault(identity, &fault, &uid, known.as_deref());
                return None;
            }
        }
        let (_, namespace, name) = identity;
        match kind {
            POD => self.note_pod(&namespace, &name, uid),
            NODE_POOL => {
                self.pools.remove(&name);
                self.pools.extend(pool.map(|pool| (name, pool)));
                Some(Wake::Supply)
            }
            NODE | NODE_CLAIM => {
                (!left_before && self.leaves(kind, &name)).then_some(Wake::Leaving)
            }
            Kind { group: "karpenter.azure.com", .. } => Some(Wake::Supply),
            _ => None,
        }
    }

    fn forget(&mut self, kind: Kind, namespace: &str, name: &str) -> Option<Wake> {
        if kind == POD {
            let key = (Arc::from(namespace), Arc::from(name));
            if let Some(entry) = self.store.pods.get(&key) {
                self.awaited.remove(&entry.pod.uid);
            }
        }
        self.store.remove(kind.kind, namespace, name);
        self.faulty.remove(&(kind.kind, namespace.to_owned(), name.to_owned()));
        match kind {
            POD => drop(self.unbound.remove(&(namespace.into(), name.into()))),
            NODE_POOL => drop(self.pools.remove(name)),
            NODE_CLAIM => {
                self.versions.remove(name);
                self.expectations.gone(name);
                return Some(Wake::Leaving);
            }
            NODE => return Some(Wake::Leaving),
            _ => {}
        }
        None
    }

    /// `known` is what was wrong with the object before.
    fn note_fault(
        &mut self,
        identity: Identity,
        fault: &crate::snapshot::error::Fault,
        uid: &str,
        known: Option<&str>,
    ) {
        let (kind, namespace, name) = &identity;
        let object = match namespace.as_str() {
            "" => format!("{kind} {name}"),
            namespace => format!("{kind} {namespace}/{name}"),
        };
        let detail = format!("{}: {}; {}", fault.field, fault.problem, fault.help);
        if known != Some(&detail) {
            tracing::warn!(object, detail, "an object cannot be read and is left out");
            let about = ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some((*kind).to_owned()),
                namespace: Some(namespace.clone()),
                name: Some(name.clone()),
                uid: Some(uid.to_owned()),
                ..ObjectReference::default()
            };
            let told = (*kind == POD.kind).then(|| (about, detail.clone()));
            self.unreadable.extend(told);
        }
        let reason = SkipReason::Malformed;
        self.faulty.insert(identity, Skipped { object, reason, detail });
    }

    fn note_pod(&mut self, namespace: &str, name: &str, uid: Box<str>) -> Option<Wake> {
        let key = (Arc::from(namespace), Arc::from(name));
        let pod = &self.store.pods.get(&key)?.pod;
        if let Some(node) = &pod.node_name {
            let landed = self.awaited.remove(&uid);
            let claims = &self.store.node_claims;
            self.landings.extend(landed.map(|place| {
                let of_claim = claims.get(&*place).and_then(|claim| claim.node_name.as_deref());
                let there = *place == **node || of_claim == Some(&**node);
                if there { Landing::Planned } else { Landing::Elsewhere }
            }));
        }
        if !needs_place(pod) {
            self.unbound.remove(&key);
            return None;
        }
        self.unbound.insert(key).then_some(Wake::Pod(uid))
    }

    /// Whether a node or a claim is on its way out.
    fn leaves(&self, kind: Kind, name: &str) -> bool {
        match kind {
            NODE_CLAIM => self.store.node_claims.get(name).is_some_and(|claim| claim.deleting),
            NODE => self.store.nodes.get(name).is_some_and(|node| {
                let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
                node.metadata.deletion_timestamp.is_some()
                    || taints
                        .into_iter()
                        .flatten()
                        .any(|one| one.key == crate::api::names::DISRUPTED)
            }),
            _ => false,
        }
    }

    fn known(&self, kind: Kind) -> BTreeSet<(String, String)> {
        let faulty = self.faulty.keys().filter(|(of, ..)| *of == kind.kind);
        let mut known = self.store.keys(kind.kind);
        known.extend(faulty.map(|(_, namespace, name)| (namespace.clone(), name.clone())));
        known
    }

    fn list_is_complete(&mut self, kind: Kind) -> Option<Wake> {
        let new = self.listed.insert(kind);
        (new && self.listed.len() == WATCHED.len()).then_some(Wake::Synced)
    }
}

/// Whether somebody has to find a node for the pod; gated pods wait for their gates.
fn needs_place(pod: &Pod) -> bool {
    let template = &pod.template;
    let gates = template.spec.scheduling_gates.as_ref();
    pod.node_name.is_none()
        && !pod.terminal
        && !pod.deleting
        && template.owner_kind.as_deref() != Some("DaemonSet")
        && gates.is_none_or(Vec::is_empty)
}
