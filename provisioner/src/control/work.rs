//! The work of one round, away from the loop's thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::task::JoinError;

use super::{
    Settings,
    metrics::{Metrics, Summary},
    sizes,
};
use crate::{
    act::{
        Orders, Written, claim,
        events::{Events, Reason},
        free_name, plan_orders,
    },
    api::{
        names,
        v1::{NodeClaim, NodePool, OfferingRef},
    },
    formulate::{self, offers_of},
    pipeline::{self, Means, Outcome},
    plan::{Plan, PodIndex, Unplaced},
    saved::Saved,
    snapshot::Snapshot,
    source::Catalog,
};

/// No claim needs more fall-backs than this.
const MOST_OFFERINGS: usize = 60;

/// A round's plan in writing.
pub struct Planned {
    /// What the plan was made for.
    pub snapshot: Arc<Snapshot>,
    /// What the plan asks for.
    pub orders: Orders,
    /// Claims of pools that keep a number of nodes.
    pub fixed: Vec<NodeClaim>,
    /// Claims to delete, for their pools have too many.
    pub surplus: Vec<String>,
    /// Pods without a place.
    pub unplaced: Vec<Unplaced>,
    /// Nodes that the check took back.
    pub dropped: usize,
    /// For the metrics.
    pub summary: Summary,
}

impl Planned {
    /// Rounds that had nobody to place and nothing to do would push the others out.
    fn is_worth_recording(&self) -> bool {
        self.summary.pods > 0 || !self.fixed.is_empty() || !self.surplus.is_empty()
    }
}

/// Plans on a thread that may block.
///
/// # Errors
/// When planning panics.
pub async fn plan(
    round: String,
    snapshot: Snapshot,
    pools: BTreeMap<String, NodePool>,
    settings: Arc<Settings>,
    catalog: Arc<Catalog>,
    stop: Arc<AtomicBool>,
) -> Result<Planned, JoinError> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let _round = span.enter();
        tracing::info_span!("plan", pods = snapshot.pods.len())
            .in_scope(|| blocking(&round, snapshot, &pools, &settings, &catalog, &stop))
    })
    .await
}

fn blocking(
    round: &str,
    snapshot: Snapshot,
    pools: &BTreeMap<String, NodePool>,
    settings: &Settings,
    catalog: &Catalog,
    stop: &Arc<AtomicBool>,
) -> Planned {
    let snapshot = Arc::new(snapshot);
    let work = || decide(round, &snapshot, pools, settings, catalog, stop);
    // Whatever the panic leaves behind is only read, and only to be written down.
    let decided = panic::catch_unwind(AssertUnwindSafe(work));
    if decided.as_ref().map_or(true, Planned::is_worth_recording) {
        record(round, &snapshot, settings, catalog);
    }
    decided.unwrap_or_else(|panic| panic::resume_unwind(panic))
}

fn decide(
    round: &str,
    snapshot: &Arc<Snapshot>,
    pools: &BTreeMap<String, NodePool>,
    settings: &Settings,
    catalog: &Catalog,
    stop: &Arc<AtomicBool>,
) -> Planned {
    let start = Instant::now();
    let outcome = within(settings.solve_time, stop, |stop| {
        let means = Means { threads: settings.threads, stop: Some(stop) };
        pipeline::plan(snapshot, catalog, &settings.plan, &means)
    });
    for violation in &outcome.violations {
        tracing::error!(violation, "the plan breaks a rule; what is concerned is left out");
    }
    let (before, solve_seconds) = (nodes(&outcome.plan), outcome.seconds);
    let plan = standing_part(snapshot, outcome);
    let orders = plan_orders(snapshot, &plan, pools, round);
    let (fixed, surplus) = resize(round, snapshot, &plan, &orders, pools, settings, catalog);
    let summary = summary(&plan, start.elapsed().as_secs_f64(), solve_seconds);
    Planned {
        snapshot: Arc::clone(snapshot),
        dropped: before - nodes(&plan),
        summary,
        unplaced: plan.unplaced,
        orders,
        fixed,
        surplus,
    }
}

fn standing_part(snapshot: &Snapshot, outcome: Outcome) -> Plan {
    if outcome.violations.is_empty() {
        return outcome.plan;
    }
    pipeline::without_offenders(snapshot, outcome)
}

fn nodes(plan: &Plan) -> usize {
    plan.launches.len() + plan.existing.len()
}

fn summary(plan: &Plan, seconds: f64, solve_seconds: f64) -> Summary {
    Summary {
        seconds,
        solve_seconds,
        pods: plan.totals.pods,
        unplaced: plan.unplaced.len(),
        skipped: plan.skipped.len(),
        groups: plan.totals.groups,
        hourly: plan.totals.hourly,
        lower_bound: plan.totals.lower_bound,
    }
}

fn record(round: &str, snapshot: &Snapshot, settings: &Settings, catalog: &Catalog) {
    let Some(recording) = &settings.recording else { return };
    let saved = Saved { settings: &settings.plan, catalog, snapshot };
    if let Err(error) = recording.record(round, &saved) {
        tracing::warn!(%error, "the round is not recorded");
    }
}

/// Runs `search` with a flag that is raised when the time is over or everything ends.
fn within<T>(
    time: Duration,
    end: &Arc<AtomicBool>,
    search: impl FnOnce(Arc<AtomicBool>) -> T,
) -> T {
    /// How often the end of everything is looked for.
    const GLANCE: Duration = Duration::from_millis(50);
    let flag = Arc::new(AtomicBool::new(false));
    let (done, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let raised = flag.clone();
        scope.spawn(move || {
            let until = Instant::now() + time;
            while Instant::now() < until && !end.load(Ordering::Relaxed) {
                if over.recv_timeout(GLANCE) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
            raised.store(true, Ordering::Relaxed);
        });
        let found = search(flag);
        drop(done);
        found
    })
}

/// The claims that have to come and go for pools to have their sizes.
fn resize(
    round: &str,
    snapshot: &Snapshot,
    plan: &Plan,
    orders: &Orders,
    pools: &BTreeMap<String, NodePool>,
    settings: &Settings,
    catalog: &Catalog,
) -> (Vec<NodeClaim>, Vec<String>) {
    let mut planned: BTreeMap<String, usize> = BTreeMap::new();
    for launch in &plan.launches {
        *planned.entry(launch.node_pool.to_string()).or_insert(0) += 1;
    }
    let existing = snapshot.node_claims.iter().map(|claim| claim.name.clone());
    let ordered = orders.claims.iter().filter_map(|(claim, _)| claim.metadata.name.clone());
    let mut taken: BTreeSet<String> = existing.chain(ordered).collect();
    let (mut fixed, mut surplus) = (vec![], vec![]);
    for resize in sizes::resizes(snapshot, &planned) {
        surplus.extend(resize.surplus);
        let Some(pool) = pools.get(&resize.pool) else { continue };
        let Some(read) = snapshot.node_pools.iter().find(|one| one.name == resize.pool) else {
            continue;
        };
        let offers = offers_of(read, snapshot, catalog, &settings.plan.formulate_options());
        let Some(first) = offers.first() else {
            tracing::warn!(pool = resize.pool, "finds no size on sale for its fixed nodes");
            continue;
        };
        for _ in 0..resize.missing {
            let order = claim::Order {
                pool,
                name: free_name(&resize.pool, &"kept", &mut taken),
                round,
                turn: 0,
                offerings: offers.iter().take(MOST_OFFERINGS).map(offering_ref).collect(),
                pods: vec![],
                labels: words(&first.labels()),
                requests: (*first.daemon_requests).clone(),
                capacity: first.instance_type.capacity.clone(),
                allocatable: first.instance_type.allocatable(),
            };
            fixed.push(claim::node_claim(&order));
        }
    }
    (fixed, surplus)
}

fn words(labels: &formulate::Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn offering_ref(offering: &formulate::OfferingRef) -> OfferingRef {
    let terms = offering.terms();
    OfferingRef {
        instance_type: offering.instance_type.name.to_string(),
        zone: terms.zone.to_string(),
        capacity_type: terms.capacity_type.as_str().to_owned(),
    }
}

/// Counts the claims that were created; the first `launches` of them are for pods.
pub fn count(metrics: &Metrics, created: &[(NodeClaim, Written)], launches: usize) {
    for (at, (claim, written)) in created.iter().enumerate() {
        if *written != Written::Done {
            continue;
        }
        let pool = claim.metadata.labels.as_ref().and_then(|all| all.get(names::NODE_POOL));
        let notes = claim.metadata.annotations.as_ref();
        let relaxed = notes.is_some_and(|notes| notes.contains_key(names::MIN_VALUES_RELAXED));
        let reason = if at < launches { "provisioned" } else { "static" };
        metrics.created(reason, pool.map_or("", String::as_str), relaxed);
    }
}

/// Tells people what has become of their pods. `pods` are those of the first claims, in order.
pub fn tell(
    events: &mut Events,
    snapshot: &Snapshot,
    created: &[(NodeClaim, Written)],
    pods: &[Vec<PodIndex>],
    unplaced: &[Unplaced],
    now: Timestamp,
) {
    for row in unplaced {
        let pod = &snapshot.pods[row.pod as usize];
        events.tell(pod, Reason::FailedScheduling, &row.detail, now);
    }
    for ((claim, written), pods) in created.iter().zip(pods) {
        if matches!(written, Written::Stale | Written::Failed) {
            continue;
        }
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        let note = format!("Pod should schedule on: nodeclaim/{name}");
        for &pod in pods {
            events.tell(&snapshot.pods[pod as usize], Reason::Nominated, &note, now);
        }
    }
}
