//! What the loop tells Prometheus: Karpenter's names where both know the thing, `tenon_` otherwise.

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, exponential_buckets,
};

use crate::watch::Landing;

/// The value of the label `controller`.
const CONTROLLER: &str = "provisioner";

/// All metrics of the loop.
#[derive(Clone, Debug)]
pub struct Metrics {
    scheduling_duration: HistogramVec,
    queue_depth: IntGaugeVec,
    unschedulable: IntGaugeVec,
    ignored: IntGauge,
    claims_created: IntCounterVec,
    rounds: IntCounterVec,
    solve: Histogram,
    gap: Gauge,
    groups: IntGauge,
    hourly: Gauge,
    landed: IntCounterVec,
    dropped: IntCounter,
}

/// What one round comes to, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Seconds from snapshot to what is to be written.
    pub seconds: f64,
    /// Of these, seconds of formulating, solving and checking.
    pub solve_seconds: f64,
    /// Pods that were to be planned.
    pub pods: usize,
    /// Of these, without a place.
    pub unplaced: usize,
    /// Objects that play no part.
    pub skipped: usize,
    /// Distinct groups.
    pub groups: usize,
    /// Micro-dollars per hour of the launches.
    pub hourly: i64,
    /// Micro-dollars per hour that no plan can beat.
    pub lower_bound: i64,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    ///
    /// When one of the names is taken already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = exponential_buckets(0.001, 2.0, 16)?;
        let duration = HistogramOpts::new(
            "karpenter_scheduler_scheduling_duration_seconds",
            "Seconds from a snapshot to a checked plan",
        );
        let solve = HistogramOpts::new(
            "tenon_solve_seconds",
            "Seconds of formulating, solving and checking",
        );
        let by_controller = &["controller"];
        let metrics = Self {
            scheduling_duration: HistogramVec::new(
                duration.buckets(seconds.clone()),
                by_controller,
            )?,
            queue_depth: IntGaugeVec::new(
                Opts::new("karpenter_scheduler_queue_depth", "Pods in the round at work"),
                by_controller,
            )?,
            unschedulable: IntGaugeVec::new(
                Opts::new(
                    "karpenter_scheduler_unschedulable_pods_count",
                    "Pods that the last round found no place for",
                ),
                by_controller,
            )?,
            ignored: IntGauge::new(
                "karpenter_scheduler_ignored_pods_count",
                "Objects that played no part in the last round",
            )?,
            claims_created: IntCounterVec::new(
                Opts::new("karpenter_nodeclaims_created_total", "NodeClaims created"),
                &["reason", "nodepool", "min_values_relaxed"],
            )?,
            rounds: IntCounterVec::new(
                Opts::new("tenon_rounds_total", "Rounds by what came of them"),
                &["outcome"],
            )?,
            solve: Histogram::with_opts(solve.buckets(seconds))?,
            gap: Gauge::new(
                "tenon_plan_gap_ratio",
                "Part of the last plan's cost that might be saved at most",
            )?,
            groups: IntGauge::new(
                "tenon_plan_groups",
                "Distinct groups of pods in the last round",
            )?,
            hourly: Gauge::new(
                "tenon_plan_cost_dollars_per_hour",
                "Hourly cost of what the last round launched",
            )?,
            landed: IntCounterVec::new(
                Opts::new("tenon_pods_landed_total", "Planned pods by where they were bound"),
                &["where"],
            )?,
            dropped: IntCounter::new(
                "tenon_dropped_launches_total",
                "Planned nodes that the check of the plan took back",
            )?,
        };
        metrics.register(registry)?;
        Ok(metrics)
    }

    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.scheduling_duration.clone()))?;
        registry.register(Box::new(self.queue_depth.clone()))?;
        registry.register(Box::new(self.unschedulable.clone()))?;
        registry.register(Box::new(self.ignored.clone()))?;
        registry.register(Box::new(self.claims_created.clone()))?;
        registry.register(Box::new(self.rounds.clone()))?;
        registry.register(Box::new(self.solve.clone()))?;
        registry.register(Box::new(self.gap.clone()))?;
        registry.register(Box::new(self.groups.clone()))?;
        registry.register(Box::new(self.hourly.clone()))?;
        registry.register(Box::new(self.landed.clone()))?;
        registry.register(Box::new(self.dropped.clone()))
    }

    /// A round begins with this many pods.
    pub fn begin(&self, pods: usize) {
        self.queue_depth.with_label_values(&[CONTROLLER]).set(pods as i64);
    }

    /// A round has a plan.
    pub fn planned(&self, summary: &Summary) {
        self.scheduling_duration.with_label_values(&[CONTROLLER]).observe(summary.seconds);
        self.solve.observe(summary.solve_seconds);
        self.queue_depth.with_label_values(&[CONTROLLER]).set(0);
        self.unschedulable.with_label_values(&[CONTROLLER]).set(summary.unplaced as i64);
        self.ignored.set(summary.skipped as i64);
        self.groups.set(summary.groups as i64);
        self.hourly.set(summary.hourly as f64 / 1e6);
        let saved = (summary.hourly - summary.lower_bound).max(0);
        self.gap.set(if summary.hourly > 0 { saved as f64 / summary.hourly as f64 } else { 0.0 });
    }

    /// A round is over: `launched`, `placed`, `nothing`, `failed`.
    pub fn ended(&self, outcome: &str) {
        self.rounds.with_label_values(&[outcome]).inc();
    }

    /// A claim was created.
    pub fn created(&self, reason: &str, pool: &str, relaxed: bool) {
        let relaxed = if relaxed { "true" } else { "false" };
        self.claims_created.with_label_values(&[reason, pool, relaxed]).inc();
    }

    /// The check has taken back planned nodes.
    pub fn dropped(&self, nodes: usize) {
        self.dropped.inc_by(nodes as u64);
    }

    /// A planned pod was bound.
    pub fn landed(&self, landing: Landing) {
        let place = match landing {
            Landing::Planned => "planned",
            Landing::Elsewhere => "elsewhere",
        };
        self.landed.with_label_values(&[place]).inc();
    }
}
