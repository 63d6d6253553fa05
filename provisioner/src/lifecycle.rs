//! One claim at a time, from the wish for a node to the node and to its end (karpenter.md,
//! section 4): launch → register → initialise, kept up, then drained, deleted and forgotten.
//!
//! ```text
//! NodeClaim ─► launch ─► Launched ─► register ─► Registered ─► initialize ─► Initialized
//!                │ all refused         │ too late                              │
//!                ▼                     ▼                                       ▼ deleted, expired, empty
//!              deleted ◄───────────────┴──────────────────────────────── terminate: fence, drain,
//!                                                              volumes, machine, node, claim
//! ```
//!
//! Every claim is worked on by one task at a time, many claims at once; a claim that waits for the
//! cloud holds nobody up. Whatever a step needs to know stands in the API server or the cloud, so
//! that a process may die anywhere and the next one goes on.

mod collect;
mod events;
mod health;
mod initialize;
mod launch;
mod metrics;
mod node;
mod nominations;
mod pools;
mod reconcile;
mod register;
mod requirement;
mod settings;
mod terminate;
#[cfg(test)]
mod tests;
mod upkeep;
mod work;
mod world;

use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt,
    channel::mpsc::{UnboundedReceiver, unbounded},
    future::BoxFuture,
    stream,
};
use kube::{
    Client, ResourceExt,
    runtime::{
        controller::{self, applier},
        reflector::{ObjectRef, Store},
    },
};
use prometheus::Registry;

use self::{events::Events, work::duration, world::Watches};
pub(crate) use self::{
    events::Reason as EventReason,
    node::{is_ready as node_is_ready, taints as node_taints},
    requirement::read as read_requirements,
    work::{Context, Work},
};
pub use self::{
    metrics::Metrics,
    settings::Settings,
    terminate::disrupted_taint,
    work::Error,
    world::{Pod, World, provider_id},
};
use crate::{
    api::v1::NodeClaim, clock::Clock, cloud::Cloud, disruption, refusals::Refusals,
    source::Catalog, standby::drop_until, watch::Listener,
};

/// A comparison of claims and machines that failed is made up for after this long: until then a
/// claim whose machine is gone keeps the room of its pods.
const COLLECT_AGAIN: Duration = Duration::from_secs(10);

/// The lifecycle of all claims of a cluster.
pub struct Lifecycle<C> {
    ctx: Arc<Context<C>>,
    watches: Watches,
    claims: Store<NodeClaim>,
    woken: UnboundedReceiver<ObjectRef<NodeClaim>>,
}

impl<C: Cloud> Lifecycle<C> {
    /// A lifecycle that has not begun yet; its metrics stand in `registry`.
    ///
    /// # Errors
    ///
    /// When `registry` has metrics of these names.
    pub fn new(
        client: Client,
        cloud: Arc<C>,
        catalog: Arc<Catalog>,
        refusals: Arc<Refusals>,
        settings: Settings,
        clock: Clock,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let (wake, woken) = unbounded();
        let watches = Watches::new(clock.clone(), wake);
        let ctx = Context {
            events: Events::new(client.clone(), clock.clone(), settings.event_every),
            client,
            cloud,
            catalog,
            refusals,
            world: watches.world(),
            clock,
            settings,
            metrics: Metrics::new(registry)?,
            evictions: terminate::Evictions::default(),
            openings: register::Openings::default(),
            health: health::PoolHealth::default(),
            failures: std::sync::Mutex::default(),
        };
        Ok(Self { ctx: Arc::new(ctx), claims: watches.claims(), watches, woken })
    }

    /// What it has read, for others to read too.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.ctx.world)
    }

    /// Leaves the watching of claims, nodes, pods and pools to whoever tells this listener of it.
    pub fn listener(&mut self) -> Arc<dyn Listener> {
        self.watches.listen()
    }

    /// Works until `shutdown`. Work in hand is dropped where it stands; the next process goes on
    /// from there.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.run_when(std::future::ready(()), shutdown).await;
    }

    /// The same, but works only when `leads` is done; until then it keeps up with the cluster.
    pub async fn run_when(
        self,
        leads: impl Future<Output = ()>,
        shutdown: impl Future<Output = ()>,
    ) {
        let Self { ctx, watches, claims, mut woken } = self;
        let watching = watches.run(ctx.client.clone());
        let work = async {
            while !ctx.world.is_ready() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            drop_until(leads, &mut woken).await;
            let all: Vec<_> =
                ctx.world.claims().iter().map(|claim| ObjectRef::new(&claim.name_any())).collect();
            tokio::join!(
                reconcile_all(Arc::clone(&ctx), claims, stream::iter(all).chain(woken)),
                collect_forever(&ctx),
                disruption::empty_forever(&ctx),
                pools::report_forever(&ctx),
            );
        };
        tokio::select! {
            () = shutdown => {}
            () = watching => {}
            () = work => {}
        }
    }
}

async fn reconcile_all<C: Cloud>(
    ctx: Arc<Context<C>>,
    claims: Store<NodeClaim>,
    woken: impl Stream<Item = ObjectRef<NodeClaim>> + Send + 'static,
) {
    let config = controller::Config::default().concurrency(ctx.settings.concurrency);
    let reconcile =
        |claim, ctx| -> BoxFuture<'static, _> { Box::pin(reconcile::reconcile::<C>(claim, ctx)) };
    let queue = woken.map(Ok::<_, Infallible>);
    applier(reconcile, reconcile::retry::<C>, ctx, claims, queue, config)
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn collect_forever<C: Cloud>(ctx: &Context<C>) {
    let mut orphans = collect::Orphans::default();
    loop {
        let mut wait = duration(ctx.settings.collect_every);
        if let Err(error) = collect::collect(ctx, &mut orphans).await {
            wait = wait.min(COLLECT_AGAIN);
            tracing::warn!(%error, "claims and machines not compared; trying again in {wait:?}");
        }
        tokio::time::sleep(wait).await;
    }
}
