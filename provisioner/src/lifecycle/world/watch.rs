//! The watches that keep the [`World`] up to date and tell which claims to look at.

use std::{collections::BTreeSet, fmt::Debug, sync::Arc};

use futures::{
    StreamExt,
    channel::mpsc::UnboundedSender,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use k8s_openapi::api::{
    core::v1::{Node, Pod as FullPod},
    storage::v1::VolumeAttachment,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, store::Writer},
        watcher::{Event, watcher},
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
    watch::listing,
};

/// The watches of one lifecycle.
pub struct Watches {
    /// What they fill.
    pub world: Arc<World>,
    claims: Writer<NodeClaim>,
    clock: Clock,
    wake: UnboundedSender<ObjectRef<NodeClaim>>,
}

impl Watches {
    /// Watches that send the names of claims to look at to `wake`. The receiver merges equal
    /// names, so what waits there is bounded by the number of claims.
    pub fn new(clock: Clock, wake: UnboundedSender<ObjectRef<NodeClaim>>) -> Self {
        let claims: Writer<NodeClaim> = Writer::new(());
        Self { world: Arc::new(World::new(claims.as_reader())), claims, clock, wake }
    }

    /// The claims as kube's queue reads them.
    pub fn claims(&self) -> Store<NodeClaim> {
        self.claims.as_reader()
    }

    /// Follows the API server; ends only when dropped.
    pub async fn run(self, client: Client) {
        let Self { world, claims, clock, wake } = self;
        let feed = Feed { world, clock, wake };
        let mut all: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        all.push(follow_claims(&feed, client.clone(), claims).boxed());
        all.push(follow(client.clone(), trim_node, |event| feed.node(event)).boxed());
        all.push(follow(client.clone(), |_: &mut FullPod| (), |event| feed.pod(event)).boxed());
        all.push(follow(client.clone(), trim_attachment, |event| feed.attachment(event)).boxed());
        all.push(follow(client, |_: &mut NodePool| (), |event| feed.pool(event)).boxed());
        while all.next().await.is_some() {}
    }
}

/// A watch with backoff, handed on event by event.
async fn follow<K>(client: Client, trim: fn(&mut K), mut take: impl FnMut(Event<K>))
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    // Page by page: with "any version will do" a server sends a list of 150,000 pods in one piece.
    let mut events = watcher(Api::<K>::all(client), listing()).default_backoff().boxed();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => take(event.modify(|object| {
                object.meta_mut().managed_fields = None;
                trim(object);
            })),
            Err(error) => tracing::warn!(kind = %K::kind(&()), %error, "watch failed; retrying"),
        }
    }
}

async fn follow_claims(feed: &Feed, client: Client, mut writer: Writer<NodeClaim>) {
    follow(
        client,
        |_: &mut NodeClaim| (),
        |event| {
            writer.apply_watcher_event(&event);
            feed.claim(event);
        },
    )
    .await;
}

/// What nodes carry that the lifecycle never looks at.
fn trim_node(node: &mut Node) {
    if let Some(status) = &mut node.status {
        status.images = None;
        status.volumes_in_use = None;
        status.volumes_attached = None;
        status.addresses = None;
    }
}

fn trim_attachment(attachment: &mut VolumeAttachment) {
    attachment.status = None;
}

struct Feed {
    world: Arc<World>,
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

    fn claim(&self, event: Event<NodeClaim>) {
        let event = map(event, |claim| ClaimRow {
            name: claim.name_any(),
            provider_id: claim.provider_id().map(str::to_owned),
        });
        let changes = self.world.write().claims.apply(event);
        self.wake(changes.into_iter().filter_map(|it| it.new).map(|it| it.name()).collect());
    }

    fn node(&self, event: Event<Node>) {
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

    fn pod(&self, event: Event<FullPod>) {
        let event = map(event, Pod::of);
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

    fn attachment(&self, event: Event<VolumeAttachment>) {
        let changes = self.world.write().attachments.apply(event);
        let nodes = changes.iter().flat_map(sides).filter_map(|it| it.index());
        let claims = nodes.flat_map(|node| self.world.claims_of_node(node));
        self.wake(claims.collect());
    }

    fn pool(&self, event: Event<NodePool>) {
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

fn map<K, T>(event: Event<K>, reduce: impl Fn(&K) -> T) -> Event<T> {
    match event {
        Event::Apply(object) => Event::Apply(reduce(&object)),
        Event::Delete(object) => Event::Delete(reduce(&object)),
        Event::InitApply(object) => Event::InitApply(reduce(&object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}
