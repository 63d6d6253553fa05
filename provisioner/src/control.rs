//! The loop of `tenon run`: gathers what happens, plans, checks, acts.
//!
//! Events only wake the loop; every round looks at the whole cluster as the stores show it, so a
//! lost event costs at most one [`Settings::period`]. While no pod waits, no node leaves and every
//! pool has its size, nothing is planned.

pub mod batch;
pub mod metrics;
pub mod recorder;
mod round;
pub mod sizes;
mod work;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::stream;
use jiff::Timestamp;
use kube::Client;
use prometheus::Registry;
use tokio::{sync::mpsc, time::timeout_at};
use tracing::Instrument;

use self::work::Planned;
pub use self::{
    batch::{Batch, Window},
    metrics::Metrics,
    recorder::Recording,
    round::Rounds,
};
use crate::{
    act::{
        Actor,
        events::{Events, Reason},
    },
    pipeline,
    refusals::Refusals,
    source::Catalog,
    standby::drop_until,
    watch::{self, Listener, Stores, Wake},
};

/// How the loop behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How plans are made.
    pub plan: pipeline::Settings,
    /// Threads that solve; 0 for one per core.
    pub threads: usize,
    /// Solving ends after this time with the best plan found.
    pub solve_time: Duration,
    /// How long to gather events.
    pub window: Window,
    /// While something waits, a round is made at least this often.
    pub period: Duration,
    /// Requests to the API server at a time.
    pub concurrency: usize,
    /// Where rounds are recorded; nowhere by default.
    pub recording: Option<Recording>,
    /// How long our own writes may take to show up.
    pub visibility: Duration,
}

impl Settings {
    /// Karpenter's times, with plans made this way.
    pub fn new(plan: pipeline::Settings) -> Self {
        Self {
            plan,
            threads: 0,
            solve_time: Duration::from_secs(5),
            window: Window::default(),
            period: Duration::from_secs(10),
            concurrency: 64,
            recording: None,
            visibility: watch::DEFAULT_TIMEOUT,
        }
    }
}

/// The live side of planning: watches, plans, writes.
pub struct Controller {
    client: Client,
    settings: Arc<Settings>,
    catalog: Arc<Catalog>,
    refusals: Arc<Refusals>,
    stores: Arc<Stores>,
    listeners: Vec<Arc<dyn Listener>>,
    metrics: Metrics,
}

impl Controller {
    /// A controller that is not running yet. `refusals` is shared with the lifecycle, which fills
    /// it; `registry` gets the metrics.
    ///
    /// # Errors
    /// When the registry has metrics of the same names already.
    pub fn new(
        client: Client,
        settings: Settings,
        catalog: Arc<Catalog>,
        refusals: Arc<Refusals>,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Metrics::new(registry)?;
        let stores = Arc::new(Stores::new(settings.visibility));
        let settings = Arc::new(settings);
        let listeners = vec![];
        Ok(Self { client, settings, catalog, refusals, stores, listeners, metrics })
    }

    /// Lets somebody hear what is watched.
    #[must_use]
    pub fn heard_by(mut self, listener: Arc<dyn Listener>) -> Self {
        self.listeners.push(listener);
        self
    }

    /// The stores: for readiness ([`Stores::synced`]) and for others who need to see the cluster.
    pub fn stores(&self) -> Arc<Stores> {
        self.stores.clone()
    }

    /// Watches and plans until `shutdown` is done. A round at work is given up: whatever it has
    /// written already is found by the next one.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        self.run_when(std::future::ready(()), shutdown).await;
    }

    /// The same, but plans only when `leads` is done; until then it keeps up with the cluster.
    pub async fn run_when(
        self,
        leads: impl Future<Output = ()>,
        shutdown: impl Future<Output = ()>,
    ) {
        let (wake, mut wakes) = mpsc::unbounded_channel();
        let _streams = watch::start(&self.client, &self.stores, &self.listeners, &wake);
        let stop = Arc::new(AtomicBool::new(false));
        let actor = Actor {
            client: self.client.clone(),
            stores: self.stores.clone(),
            concurrency: self.settings.concurrency,
        };
        let mut rounds = Loop {
            events: Events::start(self.client.clone()),
            controller: self,
            actor,
            rounds: Rounds::default(),
            stop: stop.clone(),
        };
        let work = async {
            drop_until(leads, &mut stream::poll_fn(|context| wakes.poll_recv(context))).await;
            // The first round is due for whatever there was; `wakes` is listened to here.
            let _ = wake.send(Wake::Synced);
            rounds.run(wakes).await;
        };
        tokio::select! {
            () = pin!(shutdown) => {}
            () = work => {}
        }
        stop.store(true, Ordering::Relaxed);
    }
}

/// The loop at work.
struct Loop {
    controller: Controller,
    actor: Actor,
    events: Events,
    rounds: Rounds,
    /// Ends the search of a round at work.
    stop: Arc<AtomicBool>,
}

impl Loop {
    async fn run(&mut self, mut wakes: mpsc::UnboundedReceiver<Wake>) {
        loop {
            self.gather(&mut wakes).await;
            for landing in self.controller.stores.landings() {
                self.controller.metrics.landed(landing);
            }
            for (pod, note) in self.controller.stores.unreadable() {
                self.events.tell_about(pod, Reason::FailedScheduling, &note, Timestamp::now());
            }
            if self.controller.stores.has_work(sizes::is_off) {
                let round = self.rounds.next(Timestamp::now());
                let span = tracing::info_span!("round", id = round);
                self.round(&round).instrument(span).await;
            }
        }
    }

    /// Returns when a batch of events is complete, or the period is over.
    async fn gather(&self, wakes: &mut mpsc::UnboundedReceiver<Wake>) {
        let settings = &self.controller.settings;
        let tick = Instant::now() + settings.period;
        let mut batch = Batch::default();
        loop {
            let until = batch.closes(settings.window).unwrap_or(tick);
            match timeout_at(until.into(), wakes.recv()).await {
                Ok(Some(wake)) => batch.note(wake, Instant::now()),
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// One round: snapshot, plan, check, act.
    async fn round(&mut self, round: &str) {
        let start = Timestamp::now();
        let controller = &self.controller;
        let refused = controller.refusals.list(start);
        let Some(snapshot) = controller.stores.snapshot(start, refused) else { return };
        let pools = controller.stores.pools();
        if pools.is_empty() {
            tracing::debug!("there is no NodePool, so there is nothing to buy for");
            return;
        }
        controller.metrics.begin(controller.stores.unbound());
        let planned = work::plan(
            round.to_owned(),
            snapshot,
            pools,
            controller.settings.clone(),
            controller.catalog.clone(),
            self.stop.clone(),
        );
        match planned.await {
            Ok(planned) => {
                controller.metrics.planned(&planned.summary);
                controller.metrics.dropped(planned.dropped);
                let span = tracing::info_span!("act", claims = planned.orders.claims.len());
                self.act(planned).instrument(span).await;
            }
            Err(error) => {
                tracing::error!(%error, "planning has panicked; please report the round");
                controller.metrics.ended("failed");
            }
        }
    }

    async fn act(&mut self, planned: Planned) {
        let Planned { orders, fixed, surplus, snapshot, unplaced, summary, .. } = planned;
        let metrics = &self.controller.metrics;
        let idle = orders.claims.is_empty() && fixed.is_empty() && surplus.is_empty();
        let placed = !orders.appends.is_empty() || !orders.nominations.is_empty();
        metrics.ended(match (idle, placed) {
            (false, _) => "launched",
            (true, true) => "placed",
            (true, false) => "nothing",
        });
        let (claims, pods): (Vec<_>, Vec<_>) = orders.claims.into_iter().unzip();
        for (claim, pods) in claims.iter().zip(&pods) {
            let name: Arc<str> = claim.metadata.name.as_deref().unwrap_or_default().into();
            for &pod in pods {
                self.controller.stores.await_pod(&snapshot.pods[pod as usize].uid, &name);
            }
        }
        let (launches, fixed_count) = (claims.len(), fixed.len());
        let started = Instant::now();
        let created = self.actor.create(claims.into_iter().chain(fixed).collect()).await;
        work::count(metrics, &created, launches);
        let appended = orders.appends.len();
        self.actor.append(orders.appends).await;
        for (node, pods) in &orders.nominations {
            self.controller.stores.await_pods(node, pods);
        }
        let nominated = orders.nominations.len();
        self.actor.nominate(orders.nominations).await;
        let deleted = surplus.len();
        self.actor.delete(surplus).await;
        let now = Timestamp::now();
        work::tell(&mut self.events, &snapshot, &created, &pods, &unplaced, now);
        tracing::info!(
            pods = summary.pods,
            unplaced = summary.unplaced,
            launches,
            fixed = fixed_count,
            appended,
            nominated,
            deleted,
            hourly_micro_dollars = summary.hourly,
            plan_seconds = summary.seconds,
            act_seconds = started.elapsed().as_secs_f64(),
            "round done"
        );
    }
}
