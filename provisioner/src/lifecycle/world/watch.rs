//! The watches that keep the [`World`] up to date and tell which claims to look at.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{channel::mpsc::UnboundedSender, future::join_all};
use k8s_openapi::api::{
    core::v1::{Node, Pod as FullPod},
    storage::v1::VolumeAttachment,
};
use kube::{
    Client, ResourceExt,
    runtime::{
        reflector::{ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};
use serde::de::DeserializeOwned;

use super::{
    ClaimRow, Pod, World, provider_id,
    table::{Change, Row},
};
use crate::{
    api::v1::{NodeClaim, NodePool},
    clock::Clock,
    snapshot::{error::Fault, intern::Interner},
    watch::{Kind, Listener, NODE, NODE_CLAIM, NODE_POOL, Object, POD, VOLUME_ATTACHMENT, follow},
};

/// The watches of one lifecycle.
pub struct Watches {
    feed: Arc<Feed>,
    /// What nobody else watches for it.
    own: Vec<Kind>,
}

impl Watches {
    /// Watches that send the names of claims to look at to `wake`. The receiver merges equal
    /// names, so what waits there is bounded by the number of claims.
    pub fn new(clock: Clock, wake: UnboundedSender<ObjectRef<NodeClaim>>) -> Self {
        let claims: Writer<NodeClaim> = Writer::new(());
        let world = Arc::new(World::new(claims.as_reader()));
        let feed =
            Feed { world, claims: Mutex::new(claims), interner: Mutex::default(), clock, wake };
        let own = vec![NODE_CLAIM, NODE, POD, NODE_POOL, VOLUME_ATTACHMENT];
        Self { feed: Arc::new(feed), own }
    }

    /// What they fill.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.feed.world)
    }

    /// The claims as kube's queue reads them.
    pub fn claims(&self) -> Store<NodeClaim> {
        self.feed.claims().as_reader()
    }

    /// Leaves what plans depend on to somebody who watches it anyway.
    pub fn listen(&mut self) -> Arc<dyn Listener> {
        self.own = vec![VOLUME_ATTACHMENT];
        self.feed.clone()
    }

    /// Follows the API server; ends only when dropped.
    pub async fn run(self, client: Client) {
        let Self { feed, own } = self;
        let all = own.into_iter().map(|kind| {
            let feed = &feed;
            follow(client.clone(), kind, move |shown| {
                if let Some(event) = shown {
                    feed.hear(kind, &event);
                }
            })
        });
        join_all(all).await;
    }
}

impl Listener for Feed {
    fn hear(&self, kind: Kind, event: &Event<Object>) {
        match kind {
            NODE_CLAIM => tell(kind, event, typed, |event| self.claim(event)),
            NODE => tell(kind, event, Object::node, |event| self.node(event)),
            POD => tell(kind, event, |object| self.reduced(object), |event| self.pod(event)),
            NODE_POOL => tell(kind, event, shared, |event| self.pool(event)),
            VOLUME_ATTACHMENT => tell(kind, event, shared, |event| self.attachment(event)),
            _ => {}
        }
    }
}

/// Tells of an event with the object in the form of its kind. One that does not have it is as if it
/// were not there.
fn tell<K>(
    kind: Kind,
    event: &Event<Object>,
    read: impl Fn(&Object) -> Result<K, Fault>,
    take: impl FnOnce(Event<K>),
) {
    let read = |object: &Object| {
        read(object)
            .inspect_err(|fault| {
                let (namespace, name) = object.key();
                tracing::warn!(
                    kind = kind.kind,
                    namespace,
                    name,
                    field = fault.field,
                    error = fault.problem,
                    "not read"
                );
            })
            .ok()
    };
    if let Some(event) = map(event, read) {
        take(event);
    }
}

fn typed<K: DeserializeOwned>(object: &Object) -> Result<K, Fault> {
    crate::snapshot::typed::typed(&object.value)
}

fn shared<K: DeserializeOwned>(object: &Object) -> Result<Arc<K>, Fault> {
    typed(object).map(Arc::new)
}

/// Where what is shown goes.
struct Feed {
    world: Arc<World>,
    claims: Mutex<Writer<NodeClaim>>,
    /// Names of nodes, which thousands of pods have in common.
    interner: Mutex<Interner>,
    clock: Clock,
    wake: UnboundedSender<ObjectRef<NodeClaim>>,
}

impl Feed {
    fn wake(&self, claims: BTreeSet<String>) {
        for name in claims {
            // Nobody listens any more when the lifecycle ends.
            let _ = self.wake.unbounded_send(ObjectRef::new(&name));
        }
    }

    fn claims(&self) -> MutexGuard<'_, Writer<NodeClaim>> {
        // An event is taken in whole or not at all.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, event: Event<NodeClaim>) {
        self.claims().apply_watcher_event(&event);
        let row = |claim: &NodeClaim| ClaimRow {
            name: claim.name_any(),
            provider_id: claim.provider_id().map(str::to_owned),
        };
        let Some(event) = map(&event, |claim| Some(Arc::new(row(claim)))) else { return };
        let changes = self.world.write().claims.apply(event);
        self.wake(changes.into_iter().filter_map(|it| it.new).map(|it| it.name.clone()).collect());
    }

    fn node(&self, event: Event<Arc<Node>>) {
        let changes = self.world.write().nodes.apply(event);
        for id in changes.iter().flat_map(sides).filter_map(|node| provider_id(node)) {
            let claims = self.world.claims_of(id);
            self.wake(claims.iter().map(|claim| claim.name_any()).collect());
        }
        let mut tables = self.world.write();
        for change in changes.iter().filter(|change| change.new.is_none()) {
            if let Some(node) = &change.old {
                tables.pod_events.remove(&node.name_any());
            }
        }
    }

    fn reduced(&self, object: &Object) -> Result<Arc<Pod>, Fault> {
        let pod: FullPod = typed(object)?;
        // What is known of a text is known whole.
        let mut interner = self.interner.lock().unwrap_or_else(PoisonError::into_inner);
        interner.tidy();
        Ok(Arc::new(Pod::of(&pod, &mut interner)))
    }

    fn pod(&self, event: Event<Arc<Pod>>) {
        let listing = matches!(event, Event::Init | Event::InitApply(_) | Event::InitDone);
        let changes = self.world.write().pods.apply(event);
        let mut nodes = BTreeSet::new();
        for change in changes.iter().filter(|change| change.old != change.new) {
            let places = sides(change).filter_map(|pod| pod.index());
            nodes.extend(places.map(str::to_owned));
            // A list tells what is, not when it came to be.
            if !listing && let Some(node) = disturbs(change) {
                let now = self.clock.now();
                self.world.write().pod_events.insert(node.to_owned(), now);
            }
        }
        let claims = nodes.iter().flat_map(|node| self.world.claims_of_node(node));
        self.wake(claims.collect());
    }

    fn attachment(&self, event: Event<Arc<VolumeAttachment>>) {
        let changes = self.world.write().attachments.apply(event);
        let nodes = changes.iter().flat_map(sides).filter_map(|it| it.index());
        let claims = nodes.flat_map(|node| self.world.claims_of_node(node));
        self.wake(claims.collect());
    }

    fn pool(&self, event: Event<Arc<NodePool>>) {
        let changes = self.world.write().pools.apply(event);
        for change in changes {
            let generation =
                |pool: &Option<Arc<NodePool>>| pool.as_ref().map(|it| it.metadata.generation);
            // Status changes at every count of nodes; only what people wrote moves claims.
            if generation(&change.old) == generation(&change.new) {
                continue;
            }
            let pool = change.new.or(change.old).map(|pool| pool.name_any());
            let claims = self.world.claims();
            let claims = claims.iter().filter(|claim| claim.pool() == pool.as_deref());
            self.wake(claims.map(|claim| claim.name_any()).collect());
        }
    }
}

fn sides<K>(change: &Change<K>) -> impl Iterator<Item = &K> {
    change.old.iter().chain(&change.new).map(Arc::as_ref)
}

/// The node whose quiet a change ends: a pod came to it, ended on it, began to leave or is gone.
fn disturbs(change: &Change<Pod>) -> Option<&str> {
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    let state = |pod: &Pod| (pod.node.clone(), pod.terminal, pod.deleting.is_some());
    if old.map(state) == new.map(state) {
        return None;
    }
    new.and_then(|pod| pod.node.as_deref()).or_else(|| old.and_then(|pod| pod.node.as_deref()))
}

/// The event with another object; none when there is no such object.
fn map<K, T>(event: &Event<K>, read: impl FnOnce(&K) -> Option<T>) -> Option<Event<T>> {
    Some(match event {
        Event::Apply(object) => Event::Apply(read(object)?),
        Event::Delete(object) => Event::Delete(read(object)?),
        Event::InitApply(object) => Event::InitApply(read(object)?),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    })
}
