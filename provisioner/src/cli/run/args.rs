//! Flags of `tenon run`, with Karpenter's names, environment variables and defaults.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args, ValueEnum};
use jiff::SignedDuration;

use super::{
    super::{
        args::{Nodes, Source},
        exit::{Exit, Failure},
        input,
        search::SearchArgs,
    },
    karpenter::KarpenterArgs,
};
use crate::{
    api::duration,
    cloud::kwok::{Faults, Lose, Refuse, Slow},
    control::{Recording, Window},
    pipeline::{Search, Settings},
    source::Catalog,
    telemetry::{self, Endpoint, Format, OutputError, Outputs, Spans},
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
    /// Threads that solve; 0 takes those of --cpu-requests, or one per core.
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
    /// How the log is written.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// Where the log goes: stdout, stderr or paths of files, separated by commas.
    #[arg(long, env = "LOG_OUTPUT_PATHS", value_name = "PATHS", default_value = "stdout")]
    log_output_paths: String,
    /// Where faults of the log itself go; nowhere else.
    #[arg(long, env = "LOG_ERROR_OUTPUT_PATHS", value_name = "PATHS", default_value = "stderr")]
    log_error_output_paths: String,
    /// Send spans to this OpenTelemetry collector over HTTP, e.g. http://collector:4318.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub(super) otel_endpoint: Option<Endpoint>,
    #[command(flatten)]
    pub(super) karpenter: KarpenterArgs,
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
        self.karpenter.check()?;
        self.check_log()?;
        let kwok = self.instance_types_file_path.clone().unwrap_or_else(|| "kwok".into());
        let catalog = self.region.is_none().then_some(kwok);
        input::catalog(&Source { region: self.region.clone(), catalog })
    }

    fn check_log(&self) -> Result<(), Failure> {
        if self.log_error_output_paths != "stderr" {
            return Err(Failure::usage(
                "--log-error-output-paths: faults of the log itself can only go to stderr; leave \
                 it out",
            ));
        }
        Ok(())
    }

    fn log_outputs(&self) -> Result<Outputs, Failure> {
        self.log_output_paths.parse().map_err(|error: OutputError| {
            let exit = match error {
                OutputError::None => Exit::Usage,
                OutputError::File { .. } => Exit::CannotCreate,
            };
            Failure::new(exit, format!("--log-output-paths: {error}"))
        })
    }

    /// Starts the log, and the spans where they are asked for; they stay for the life of the
    /// process.
    pub(super) fn start_log(&self, spans: Option<&Spans>) -> Result<(), Failure> {
        let level = match self.log_level {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        };
        let format = match self.log_format {
            LogFormat::Json => Format::Json,
            LogFormat::Text => Format::Text,
        };
        telemetry::start(level, format, self.log_outputs()?, spans)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        for (flag, why) in self.karpenter.without_effect() {
            tracing::info!(flag, why, "a flag is set that changes nothing");
        }
        Ok(())
    }

    /// Threads that solve, and for how long, when that is said.
    pub(super) fn effort(&self) -> (usize, Option<Duration>) {
        let threads = match self.threads {
            0 => self.karpenter.threads().unwrap_or(0),
            threads => threads,
        };
        (threads, self.search.time)
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
            policies: self.karpenter.policies(),
        }
    }
}

/// A duration as Go writes it, longer than nothing.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 10s or 1m30s".to_owned();
    let time = duration::parse(text).filter(|time| *time > SignedDuration::ZERO);
    Duration::try_from(time.ok_or_else(wrong)?).map_err(|_| wrong())
}
