//! `tenon run`: the controllers of a cluster, until they are told to stop.

mod args;
mod karpenter;

use std::{
    collections::hash_map::RandomState,
    future::Future,
    hash::{BuildHasher, Hasher},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::http::{HeaderValue, header::USER_AGENT};
use jiff::SignedDuration;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config};
use prometheus::{IntGaugeVec, Opts, Registry};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

pub(super) use self::args::RunArgs;
use super::exit::{Exit, Failure};
use crate::{
    clock::Clock,
    cloud::kwok::{self, Kwok},
    control,
    engine::{self, Engine, stopped},
    leader::{Candidate, End, Timing},
    lifecycle, serve,
    source::Catalog,
    telemetry::Spans,
};

/// What the API server's audit log calls us.
const AGENT: &str = concat!("tenon/", env!("CARGO_PKG_VERSION"));

/// Runs until SIGTERM or SIGINT, or until the leadership is lost.
pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let catalog = args.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Io, error.to_string()))?;
    let spans = args.otel_endpoint.as_ref();
    let spans = spans.map(|endpoint| Spans::open(endpoint, runtime.handle().clone())).transpose();
    let spans = spans.map_err(|error| Failure::usage(format!("--otel-endpoint: {error:?}")))?;
    args.start_log(spans.as_ref())?;
    let end = runtime.block_on(operate(args, catalog));
    if let Some(spans) = spans {
        spans.close();
    }
    end
}

async fn operate(args: &RunArgs, catalog: Catalog) -> Result<Exit, Failure> {
    let stop = stop_on_signal()?;
    let ports = Ports::open(args).await?;
    let client = connect().await?;
    let registry = registry().map_err(broken)?;
    let synced = Arc::new(AtomicBool::new(false));
    let leading = Arc::new(AtomicBool::new(false));
    let (led, read) = (Arc::clone(&leading), Arc::clone(&synced));
    // A replica that waits for the lease does its duty; if it were not ready, a rolling update
    // would never get past it.
    let ready = move || !led.load(Ordering::Relaxed) || read.load(Ordering::Relaxed);
    let probes = serve::probes(ready);
    tokio::spawn(serve::serve(ports.health, probes, stopped(stop.clone())));
    let metrics = serve::metrics(registry.clone());
    tokio::spawn(serve::serve(ports.metrics, metrics, stopped(stop.clone())));
    let clock = Clock::system();
    let settings = kwok::Settings {
        node_registration_delay: SignedDuration::ZERO,
        faults: args.faults.read(),
    };
    let cloud = Kwok::new(client.clone(), &catalog, settings, clock.clone());
    let (threads, solve_time) = args.effort();
    let usual = control::Settings::new(args.plan_settings());
    let control = control::Settings {
        threads,
        solve_time: solve_time.unwrap_or(usual.solve_time),
        window: args.window(),
        recording: args.recording(),
        ..usual
    };
    let lifecycle = lifecycle::Settings::default();
    let engine =
        Engine { client: client.clone(), catalog, control, lifecycle, registry, clock, synced };
    let (lead, leads) = watch::channel(false);
    let work = engine.start_when(Arc::new(cloud), leads, stop.clone()).map_err(broken)?;
    let office = Office { leading, lead };
    elect(args, client, work, &office, stop).await
}

/// Whom to tell that this replica leads.
struct Office {
    /// The readiness probe.
    leading: Arc<AtomicBool>,
    /// The controllers, which write nothing before.
    lead: watch::Sender<bool>,
}

impl Office {
    fn take(&self) {
        self.leading.store(true, Ordering::Relaxed);
        // Controllers that have ended need not know.
        let _ = self.lead.send(true);
    }
}

/// Does the work, as the leader unless that is switched off.
async fn elect(
    args: &RunArgs,
    client: Client,
    work: impl Future<Output = ()>,
    office: &Office,
    stop: watch::Receiver<bool>,
) -> Result<Exit, Failure> {
    if args.disable_leader_election {
        office.take();
        work.await;
        return Ok(Exit::Done);
    }
    let namespace = match args.leader_election_namespace.as_str() {
        "" => client.default_namespace().to_owned(),
        given => given.to_owned(),
    };
    let api = Api::<Lease>::namespaced(client, &namespace);
    let name = args.leader_election_name.clone();
    let mut candidate = Candidate::new(api, name, identity(), Timing::default());
    tracing::info!(namespace, lease = args.leader_election_name, "waiting for the lease");
    let warm = !args.karpenter.disable_controller_warmup;
    let mut work = pin!(work);
    tokio::select! {
        () = candidate.acquire() => {}
        () = stopped(stop) => return Ok(Exit::Done),
        // Controllers that may not write only read; they end when they are stopped.
        () = &mut work, if warm => return Ok(Exit::Done),
    }
    office.take();
    tracing::info!("leading");
    match candidate.lead(work).await {
        End::Done => Ok(Exit::Done),
        End::Lost => {
            let message = "the leadership is lost; stopped, start again to stand for it";
            Err(Failure::new(Exit::Lost, message))
        }
    }
}

/// Host name and a random number, since two processes may run on one host.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "tenon".to_owned());
    format!("{host}_{:016x}", RandomState::new().build_hasher().finish())
}

struct Ports {
    health: TcpListener,
    metrics: TcpListener,
}

impl Ports {
    async fn open(args: &RunArgs) -> Result<Self, Failure> {
        Ok(Self {
            health: port("--health-probe-port", args.health_probe_port).await?,
            metrics: port("--metrics-port", args.metrics_port).await?,
        })
    }
}

async fn port(flag: &str, port: u16) -> Result<TcpListener, Failure> {
    let taken = |error| Failure::new(Exit::Io, format!("{flag} {port}: {error}; give a free port"));
    serve::listen(port).await.map_err(taken)
}

/// A client for the cluster of KUBECONFIG, or the one around us, that has answered once.
async fn connect() -> Result<Client, Failure> {
    let help = "set KUBECONFIG, or run in a cluster with a service account";
    let mut config = Config::infer().await.map_err(|error| {
        Failure::new(Exit::NoInput, format!("there is no cluster to talk to: {error}; {help}"))
    })?;
    config.headers.push((USER_AGENT, HeaderValue::from_static(AGENT)));
    let url = config.cluster_url.to_string();
    let unreachable = |error: kube::Error| {
        Failure::new(Exit::NoInput, format!("the API server {url} does not answer: {error}"))
    };
    let client = engine::client(config).map_err(unreachable)?;
    let version = client.apiserver_version().await.map_err(unreachable)?;
    tracing::info!(version = version.git_version, "connected to the API server");
    Ok(client)
}

/// An own registry, with the metric that tells what runs.
fn registry() -> Result<Registry, prometheus::Error> {
    let registry = Registry::new();
    let help = "A metric with a constant '1' value, labeled by version";
    let info = IntGaugeVec::new(Opts::new("karpenter_build_info", help), &["version", "engine"])?;
    info.with_label_values(&[env!("CARGO_PKG_VERSION"), "tenon"]).set(1);
    registry.register(Box::new(info))?;
    Ok(registry)
}

fn broken(error: prometheus::Error) -> Failure {
    Failure::new(Exit::Internal, format!("metrics: {error}"))
}

/// Becomes true on SIGTERM or SIGINT.
fn stop_on_signal() -> Result<watch::Receiver<bool>, Failure> {
    let on = |kind| signal(kind).map_err(|error| Failure::new(Exit::Io, error.to_string()));
    let (mut terminate, mut interrupt) =
        (on(SignalKind::terminate())?, on(SignalKind::interrupt())?);
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        // Nobody listens any more when everything has ended already.
        let _ = stop.send(true);
        std::future::pending::<()>().await;
    });
    Ok(stopping)
}
