//! Flags of `tenon run`, with Karpenter's names, environment variables and defaults.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use jiff::SignedDuration;

use super::super::{
    args::{Nodes, Source},
    exit::{Exit, Failure},
    input,
    search::SearchArgs,
};
use crate::{
    api::duration,
    cloud::kwok::{Faults, Lose, Refuse, Slow},
    config::FeatureGates,
    control::{Recording, Window},
    pipeline::{Search, Settings},
    source::Catalog,
};

/// `--cloud`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudArg {
    /// Pretended machines: Node objects that kwok or another controller keeps alive.
    #[default]
    Kwok,
}

/// `--log-level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What is wrong or may be.
    Warn,
    /// What is wrong.
    Error,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One object per line.
    #[default]
    Json,
    /// For people.
    Text,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Where the machines come from.
    #[arg(long, env = "CLOUD", value_enum, default_value_t)]
    cloud: CloudArg,
    /// Types in the form of Karpenter's kwok provider, instead of its own catalog.
    #[arg(long, env = "INSTANCE_TYPES_FILE_PATH", value_name = "FILE", conflicts_with = "region")]
    instance_types_file_path: Option<PathBuf>,
    /// Sell the sizes of an Azure region, e.g. westeurope.
    #[arg(long, env = "REGION", value_name = "REGION")]
    region: Option<String>,
    #[command(flatten)]
    nodes: Nodes,
    #[command(flatten)]
    search: SearchArgs,
    /// Threads that solve; 0 takes one per core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Record every round in this folder, for `tenon replay`.
    #[arg(long, env = "ROUNDS_DIR", value_name = "DIR")]
    rounds_dir: Option<PathBuf>,
    /// Rounds to keep there.
    #[arg(long, env = "ROUNDS_KEEP", value_name = "N", default_value_t = 100)]
    rounds_keep: usize,
    #[command(flatten)]
    pub(super) faults: FaultArgs,

    /// Longest time to gather pods for one round.
    #[arg(long, env = "BATCH_MAX_DURATION", value_name = "TIME", default_value = "10s")]
    #[arg(value_parser = time)]
    batch_max_duration: Duration,
    /// A round begins when no pod has come for so long.
    #[arg(long, env = "BATCH_IDLE_DURATION", value_name = "TIME", default_value = "1s")]
    #[arg(value_parser = time)]
    batch_idle_duration: Duration,
    /// Optional features: Name=true or Name=false, separated by commas.
    #[arg(long, env = "FEATURE_GATES", value_name = "GATES", default_value_t)]
    feature_gates: FeatureGates,

    /// Port of /metrics.
    #[arg(long, env = "METRICS_PORT", value_name = "PORT", default_value_t = 8080)]
    pub(super) metrics_port: u16,
    /// Port of /healthz and /readyz.
    #[arg(long, env = "HEALTH_PROBE_PORT", value_name = "PORT", default_value_t = 8081)]
    pub(super) health_probe_port: u16,
    /// Act without being the leader; only one process may run then.
    #[arg(long, env = "DISABLE_LEADER_ELECTION", default_value_t = false)]
    #[arg(action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    pub(super) disable_leader_election: bool,
    /// Name of the Lease; Karpenter's, so that both never act at once.
    #[arg(long, env = "LEADER_ELECTION_NAME", value_name = "NAME")]
    #[arg(default_value = "karpenter-leader-election")]
    pub(super) leader_election_name: String,
    /// Its namespace; the one we run in when empty.
    #[arg(long, env = "LEADER_ELECTION_NAMESPACE", value_name = "NAME", default_value = "")]
    pub(super) leader_election_namespace: String,
    /// How much is logged.
    #[arg(long, env = "LOG_LEVEL", value_enum, default_value_t)]
    log_level: LogLevel,
    /// How the log is written, to standard output.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(flatten)]
    accepted: Accepted,
}

/// Karpenter's flags that mean nothing here; taken so that deployments need not change.
#[derive(Debug, Args)]
struct Accepted {
    /// Accepted and not used: there is no webhook.
    #[arg(long, env = "KARPENTER_SERVICE", default_value = "", hide = true)]
    karpenter_service: String,
    /// Accepted and not used: requests are limited by number at a time.
    #[arg(long, env = "KUBE_CLIENT_QPS", default_value_t = 200, hide = true)]
    kube_client_qps: u32,
    /// Accepted and not used.
    #[arg(long, env = "KUBE_CLIENT_BURST", default_value_t = 300, hide = true)]
    kube_client_burst: u32,
    /// Accepted and not used: threads follow the cores that the container may use.
    #[arg(long, env = "CPU_REQUESTS", default_value_t = 1000, hide = true)]
    cpu_requests: i64,
    /// Accepted and not used: there is no garbage collector.
    #[arg(long, env = "MEMORY_LIMIT", default_value_t = -1, hide = true)]
    #[arg(allow_negative_numbers = true)]
    memory_limit: i64,
}

/// What goes wrong in the pretended cloud.
#[derive(Debug, Args)]
pub(super) struct FaultArgs {
    /// Launches that the kwok cloud refuses: TYPE/ZONE/CAPACITY-TYPE[=RATE], * for any; may be
    /// repeated.
    #[arg(long, value_name = "RULE")]
    kwok_refuse: Vec<Refuse>,
    /// Launches that take long: PATTERN=TIME; may be repeated.
    #[arg(long, value_name = "RULE")]
    kwok_slow: Vec<Slow>,
    /// Machines that get lost: PATTERN=RATE@AGE; may be repeated.
    #[arg(long, value_name = "RULE")]
    kwok_lose: Vec<Lose>,
    /// Where the faults' random choices start.
    #[arg(long, value_name = "N", default_value_t = 0)]
    kwok_seed: u64,
}

impl FaultArgs {
    /// All rules.
    pub(super) fn read(&self) -> Faults {
        Faults {
            seed: self.kwok_seed,
            refuse: self.kwok_refuse.clone(),
            slow: self.kwok_slow.clone(),
            lose: self.kwok_lose.clone(),
        }
    }
}

impl RunArgs {
    /// Everything a user can get wrong, before anything is started.
    pub(super) fn check(&self) -> Result<Catalog, Failure> {
        let CloudArg::Kwok = self.cloud;
        if self.batch_idle_duration > self.batch_max_duration {
            return Err(Failure::usage(
                "--batch-idle-duration is longer than --batch-max-duration",
            ));
        }
        if self.metrics_port == self.health_probe_port && self.metrics_port != 0 {
            return Err(Failure::usage("--metrics-port and --health-probe-port are the same"));
        }
        if self.leader_election_name.is_empty() {
            return Err(Failure::usage("--leader-election-name is empty"));
        }
        if self.rounds_dir.is_some() && self.rounds_keep == 0 {
            return Err(Failure::usage("--rounds-keep is 0; leave --rounds-dir out instead"));
        }
        if let Some(folder) = &self.rounds_dir {
            std::fs::create_dir_all(folder).map_err(|error| {
                let path = folder.display();
                Failure::new(Exit::CannotCreate, format!("--rounds-dir {path}: {error}"))
            })?;
        }
        self.refuse_gates()?;
        let kwok = self.instance_types_file_path.clone().unwrap_or_else(|| "kwok".into());
        let catalog = self.region.is_none().then_some(kwok);
        input::catalog(&Source { region: self.region.clone(), catalog })
    }

    /// A gate that is on and does nothing would be a promise broken in silence.
    fn refuse_gates(&self) -> Result<(), Failure> {
        let gates = self.feature_gates;
        let absent = [
            ("NodeRepair", gates.node_repair),
            ("SpotToSpotConsolidation", gates.spot_to_spot_consolidation),
            ("NodeOverlay", gates.node_overlay),
            ("CapacityBuffer", gates.capacity_buffer),
        ];
        match absent.iter().find(|(_, on)| *on) {
            Some((name, _)) => {
                let message = format!("--feature-gates: {name} is not there yet; set {name}=false");
                Err(Failure::usage(message))
            }
            None => Ok(()),
        }
    }

    /// Starts the log; it stays for the life of the process.
    pub(super) fn start_log(&self) -> Result<(), Failure> {
        let level = match self.log_level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        let others = if level == "debug" { "info" } else { "warn" };
        let filter = format!("{others},provisioner={level},tenon={level}");
        let log = tracing_subscriber::fmt().with_env_filter(filter);
        let started = match self.log_format {
            LogFormat::Json => log.json().flatten_event(true).try_init(),
            LogFormat::Text => log.try_init(),
        };
        started.map_err(|error| Failure::new(Exit::Internal, error.to_string()))
    }

    /// Threads that solve, and for how long, when that is said.
    pub(super) fn effort(&self) -> (usize, Option<Duration>) {
        (self.threads, self.search.time)
    }

    pub(super) fn window(&self) -> Window {
        Window { idle: self.batch_idle_duration, most: self.batch_max_duration }
    }

    pub(super) fn recording(&self) -> Option<Recording> {
        let folder = self.rounds_dir.clone()?;
        Some(Recording { folder, keep: self.rounds_keep })
    }

    /// How plans are made.
    pub(super) fn plan_settings(&self) -> Settings {
        Settings {
            kubernetes_version: self.nodes.kubernetes_version,
            network_plugin: self.nodes.network_plugin.into(),
            max_pods: self.nodes.max_pods,
            os_disk_price: self.nodes.os_disk_price,
            search: self.search.or(Search::default()),
        }
    }
}

/// A duration as Go writes it, longer than nothing.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 10s or 1m30s".to_owned();
    let time = duration::parse(text).filter(|time| *time > SignedDuration::ZERO);
    Duration::try_from(time.ok_or_else(wrong)?).map_err(|_| wrong())
}
