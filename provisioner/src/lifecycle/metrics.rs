//! Karpenter's metrics of claims, nodes and evictions (karpenter.md, section 1.5).

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// All of them.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// By nodepool, capacity_type, zone.
    pub claims_terminated: IntCounterVec,
    /// By reason, nodepool, capacity_type, consolidation_policy, termination_mode.
    pub claims_disrupted: IntCounterVec,
    /// By nodepool; from the call of the cloud to its word that the machine is gone.
    pub instance_termination: HistogramVec,
    /// By nodepool; from deletion to the end of the claim.
    pub claim_termination: HistogramVec,
    /// By nodepool.
    pub nodes_created: IntCounterVec,
    /// By nodepool, zone.
    pub nodes_terminated: IntCounterVec,
    /// By nodepool.
    pub nodes_drained: IntCounterVec,
    /// By nodepool; from deletion to the end of the node.
    pub node_termination: HistogramVec,
    /// By nodepool; from creation to the end of the node.
    pub node_lifetime: HistogramVec,
    /// By HTTP code.
    pub evictions: IntCounterVec,
    /// By nodepool; from the claim to the condition Initialized, in seconds. Tenon's own.
    pub claim_startup: HistogramVec,
    /// By reason. Tenon's own: offerings that the cloud refused.
    pub refusals: IntCounterVec,
}

/// Seconds of what takes from a moment to an hour.
const TERMINATION_BUCKETS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Seconds of what takes from a minute to months.
const LIFETIME_BUCKETS: [f64; 10] = [
    60.0,
    600.0,
    3600.0,
    14_400.0,
    43_200.0,
    86_400.0,
    259_200.0,
    604_800.0,
    2_592_000.0,
    7_776_000.0,
];

impl Metrics {
    /// Metrics in `registry`.
    ///
    /// # Errors
    ///
    /// When the registry has metrics of these names.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let count = |name: &str, help: &str, labels: &[&str]| {
            let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let time = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let metric = HistogramVec::new(options, &["nodepool"])?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        Ok(Self {
            claims_terminated: count(
                "karpenter_nodeclaims_terminated_total",
                "Node claims that have ended.",
                &["nodepool", "capacity_type", "zone"],
            )?,
            claims_disrupted: count(
                "karpenter_nodeclaims_disrupted_total",
                "Node claims whose end tenon asked for.",
                &[
                    "reason",
                    "nodepool",
                    "capacity_type",
                    "consolidation_policy",
                    "termination_mode",
                ],
            )?,
            instance_termination: time(
                "karpenter_nodeclaims_instance_termination_duration_seconds",
                "From the call of the cloud to the end of the machine.",
                &TERMINATION_BUCKETS,
            )?,
            claim_termination: time(
                "karpenter_nodeclaims_termination_duration_seconds",
                "From the deletion of a node claim to its end.",
                &TERMINATION_BUCKETS,
            )?,
            nodes_created: count(
                "karpenter_nodes_created_total",
                "Nodes that have registered.",
                &["nodepool"],
            )?,
            nodes_terminated: count(
                "karpenter_nodes_terminated_total",
                "Nodes that have ended.",
                &["nodepool", "zone"],
            )?,
            nodes_drained: count(
                "karpenter_nodes_drained_total",
                "Nodes that have been drained.",
                &["nodepool"],
            )?,
            node_termination: time(
                "karpenter_nodes_termination_duration_seconds",
                "From the deletion of a node to its end.",
                &TERMINATION_BUCKETS,
            )?,
            node_lifetime: time(
                "karpenter_nodes_lifetime_duration_seconds",
                "From the creation of a node to its end.",
                &LIFETIME_BUCKETS,
            )?,
            evictions: count(
                "karpenter_pods_eviction_requests_total",
                "Calls of the eviction API.",
                &["code"],
            )?,
            claim_startup: time(
                "tenon_nodeclaims_startup_duration_seconds",
                "From the creation of a node claim to the condition Initialized.",
                &TERMINATION_BUCKETS,
            )?,
            refusals: count(
                "tenon_cloud_refusals_total",
                "Offerings that the cloud refused.",
                &["reason"],
            )?,
        })
    }
}
