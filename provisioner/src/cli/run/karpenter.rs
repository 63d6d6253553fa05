//! Karpenter's flags that do less here than there, or nothing: what is asked for and not there is
//! refused, and what changes nothing says so when the process starts.

use clap::{ArgAction, Args, ValueEnum};

use super::super::exit::Failure;
use crate::{
    config::FeatureGates,
    pipeline::{MinValuesPolicy, Policies, PreferencePolicy},
};

/// `--preference-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum PreferenceArg {
    /// Preferences weigh in the cost.
    #[default]
    Respect,
    /// Preferences are not looked at.
    Ignore,
}

/// `--min-values-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(crate) enum MinValuesArg {
    /// A pod that cannot have them gets no place.
    #[default]
    Strict,
    /// They are lowered as far as a pod needs.
    BestEffort,
}

#[derive(Debug, Args)]
pub(super) struct KarpenterArgs {
    /// What becomes of preferred affinities, soft spreads and taints that only prefer.
    #[arg(long, env = "PREFERENCE_POLICY", value_enum, default_value_t)]
    preference_policy: PreferenceArg,
    /// What becomes of a pool's minValues that a pod cannot have.
    #[arg(long, env = "MIN_VALUES_POLICY", value_enum, default_value_t)]
    min_values_policy: MinValuesArg,
    /// Optional features: Name=true or Name=false, separated by commas.
    #[arg(long, env = "FEATURE_GATES", value_name = "GATES", default_value_t)]
    pub(super) feature_gates: FeatureGates,
    /// Leave pods with resourceClaims alone; nothing else is there yet.
    #[arg(long, env = "IGNORE_DRA_REQUESTS", default_value_t = true)]
    #[arg(action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    ignore_dra_requests: bool,
    /// Must be empty: kube-scheduler's own defaults are the only ones that are known.
    #[arg(long, env = "SCHEDULER_CONFIG", value_name = "YAML", default_value = "")]
    scheduler_config: String,
    /// Read the cluster only when leading; `false` keeps the replica that waits up to date.
    #[arg(long, env = "DISABLE_CONTROLLER_WARMUP", default_value_t = true)]
    #[arg(action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    pub(super) disable_controller_warmup: bool,
    /// Millicores that the container asks for; decides the threads where --threads does not.
    #[arg(long, env = "CPU_REQUESTS", value_name = "MILLI")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    cpu_requests: Option<u32>,
    #[command(flatten)]
    idle: IdleArgs,
}

/// What means nothing here; taken so that deployments need not change.
#[derive(Debug, Args)]
struct IdleArgs {
    /// Changes nothing: there is no webhook.
    #[arg(long, env = "KARPENTER_SERVICE", default_value = "", hide = true)]
    karpenter_service: String,
    /// Changes nothing: requests are limited by number at a time.
    #[arg(long, env = "KUBE_CLIENT_QPS", default_value_t = 200, hide = true)]
    kube_client_qps: u32,
    /// Changes nothing: requests are limited by number at a time.
    #[arg(long, env = "KUBE_CLIENT_BURST", default_value_t = 300, hide = true)]
    kube_client_burst: u32,
    /// Changes nothing: the process can be profiled from outside at any time.
    #[arg(long, env = "ENABLE_PROFILING", default_value_t = false, hide = true)]
    #[arg(action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    enable_profiling: bool,
    /// Changes nothing: there is no garbage collector.
    #[arg(long, env = "MEMORY_LIMIT", default_value_t = -1, hide = true)]
    #[arg(allow_negative_numbers = true)]
    memory_limit: i64,
    /// Changes nothing: there are no metrics per pod or node.
    #[arg(long, env = "DISABLE_CLUSTER_STATE_OBSERVABILITY", default_value_t = false, hide = true)]
    #[arg(action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    disable_cluster_state_observability: bool,
}

impl KarpenterArgs {
    /// What is asked for and not there. A switch that does nothing would be a promise broken in
    /// silence.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let gates = self.feature_gates;
        let absent = [
            ("NodeRepair", gates.node_repair),
            ("SpotToSpotConsolidation", gates.spot_to_spot_consolidation),
            ("NodeOverlay", gates.node_overlay),
            ("CapacityBuffer", gates.capacity_buffer),
        ];
        if let Some((name, _)) = absent.iter().find(|(_, on)| *on) {
            let message = format!("--feature-gates: {name} is not there yet; set {name}=false");
            return Err(Failure::usage(message));
        }
        if !gates.reserved_capacity {
            return Err(Failure::usage(
                "--feature-gates: reserved capacity cannot be switched off; set \
                 ReservedCapacity=true, and keep it out of pools by their requirements",
            ));
        }
        if !self.ignore_dra_requests {
            return Err(Failure::usage(
                "--ignore-dra-requests=false: dynamic resources are not there yet; leave it true",
            ));
        }
        if !self.scheduler_config.trim().is_empty() {
            return Err(Failure::usage(
                "--scheduler-config: only kube-scheduler's own defaults are known; leave it empty \
                 and write topologySpreadConstraints into the pods",
            ));
        }
        Ok(())
    }

    pub(super) fn policies(&self) -> Policies {
        Policies {
            preferences: match self.preference_policy {
                PreferenceArg::Respect => PreferencePolicy::Respect,
                PreferenceArg::Ignore => PreferencePolicy::Ignore,
            },
            min_values: match self.min_values_policy {
                MinValuesArg::Strict => MinValuesPolicy::Strict,
                MinValuesArg::BestEffort => MinValuesPolicy::BestEffort,
            },
        }
    }

    /// Threads for what the container asks for, as Karpenter counts them: a core that is begun is a
    /// thread.
    pub(super) fn threads(&self) -> Option<usize> {
        self.cpu_requests.map(|milli| milli.div_ceil(1000) as usize)
    }

    /// Flags that were set and change nothing, and why.
    pub(super) fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let idle = &self.idle;
        let gates = self.feature_gates;
        let flags = [
            ("--karpenter-service", !idle.karpenter_service.is_empty(), "there is no webhook"),
            ("--kube-client-qps", idle.kube_client_qps != 200, BY_NUMBER),
            ("--kube-client-burst", idle.kube_client_burst != 300, BY_NUMBER),
            (
                "--enable-profiling",
                idle.enable_profiling,
                "nothing is served; `perf record -g -p` profiles the process, which has line tables",
            ),
            ("--memory-limit", idle.memory_limit != -1, "there is no garbage collector to steer"),
            (
                "--disable-cluster-state-observability",
                idle.disable_cluster_state_observability,
                "there are no metrics per pod or node to leave out",
            ),
            (
                "--feature-gates StaticCapacity",
                gates.static_capacity,
                "pools with replicas are kept at their size with and without it",
            ),
        ];
        flags.into_iter().filter(|(_, set, _)| *set).map(|(flag, _, why)| (flag, why)).collect()
    }
}

const BY_NUMBER: &str = "requests are limited by number at a time, and the server's own priority \
                         and fairness does the rest";
