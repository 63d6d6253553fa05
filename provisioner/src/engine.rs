//! All controllers of a cluster together: planning, the lifecycle of claims, the pools' status.

use std::{
    future::{Future, pending},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::{Client, Config};
use prometheus::Registry;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    cloud::Cloud,
    control::{self, Controller},
    lifecycle::{self, Lifecycle},
    pools::Pools,
    refusals::Refusals,
    source::Catalog,
};

/// How often it is looked whether the caches are synced, until they are.
const LOOK: Duration = Duration::from_millis(50);

/// A client as the controllers need it: one that does not repeat requests by itself. An eviction
/// that a disruption budget refuses is answered with 429, which kube's own client takes for an
/// overloaded server and asks again for minutes; meanwhile a drain could miss its deadline. Whoever
/// makes a request here tries again in its own time.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(mut config: Config) -> Result<Client, kube::Error> {
    config.default_retry = false;
    Client::try_from(config)
}

/// Everything that the controllers share.
pub struct Engine {
    /// The cluster.
    pub client: Client,
    /// What can be bought.
    pub catalog: Catalog,
    /// How rounds are made.
    pub control: control::Settings,
    /// How claims are carried through their life.
    pub lifecycle: lifecycle::Settings,
    /// Where the metrics go.
    pub registry: Registry,
    /// What the time is.
    pub clock: Clock,
    /// Becomes true when all that must be known has been read.
    pub synced: Arc<AtomicBool>,
}

impl Engine {
    /// The controllers, made but not running: nothing is read or written before the future is
    /// polled, and dropping it ends them all. It ends when `stop` becomes true.
    ///
    /// # Errors
    /// When the registry has metrics of the same names already.
    pub fn start<C: Cloud>(
        self,
        cloud: Arc<C>,
        stop: watch::Receiver<bool>,
    ) -> Result<impl Future<Output = ()> + Send + use<C>, prometheus::Error> {
        let (_, lead) = watch::channel(true);
        self.start_when(cloud, lead, stop)
    }

    /// The same, but before `lead` becomes true they only read.
    ///
    /// # Errors
    /// When the registry has metrics of the same names already.
    pub fn start_when<C: Cloud>(
        self,
        cloud: Arc<C>,
        lead: watch::Receiver<bool>,
        stop: watch::Receiver<bool>,
    ) -> Result<impl Future<Output = ()> + Send + use<C>, prometheus::Error> {
        let (catalog, refusals) = (Arc::new(self.catalog), Arc::new(Refusals::default()));
        let control = Controller::new(
            self.client.clone(),
            self.control,
            Arc::clone(&catalog),
            Arc::clone(&refusals),
            &self.registry,
        )?;
        let mut lifecycle = Lifecycle::new(
            self.client.clone(),
            cloud,
            catalog,
            refusals,
            self.lifecycle,
            self.clock,
            &self.registry,
        )?;
        let control = control.heard_by(lifecycle.listener());
        let (stores, world, synced) = (control.stores(), lifecycle.world(), self.synced);
        let report = async move {
            while !(stores.synced() && world.is_ready()) {
                tokio::time::sleep(LOOK).await;
            }
            synced.store(true, Ordering::Relaxed);
            tracing::info!("the caches are synced");
            pending::<()>().await;
        };
        let pools = Pools::new(self.client, lifecycle.world());
        Ok(async move {
            let all = async {
                tokio::join!(
                    control.run_when(became(lead.clone()), stopped(stop.clone())),
                    lifecycle.run_when(became(lead.clone()), stopped(stop.clone())),
                    async {
                        tokio::select! {
                            () = became(lead) => pools.run(stopped(stop)).await,
                            () = stopped(stop.clone()) => {}
                        }
                    },
                )
            };
            tokio::select! {
                _ = all => {}
                () = report => {}
            }
        })
    }
}

/// Ends when `flag` becomes true; never when nobody is left who could set it.
async fn became(mut flag: watch::Receiver<bool>) {
    if flag.wait_for(|it| *it).await.is_err() {
        pending::<()>().await;
    }
}

/// Ends when `stop` becomes true, or nobody is left who could say so.
pub async fn stopped(mut stop: watch::Receiver<bool>) {
    // A closed channel is an end too.
    let _ = stop.wait_for(|stop| *stop).await;
}
