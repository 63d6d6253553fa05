//! The street from end to end: formulate, solve, check, put into words, check again.

mod policy;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use catalog::azure::{ManagedDiskPrice, NetworkPlugin};
use serde::{Deserialize, Serialize};
use solver::{
    Engine, Solution,
    solution::{Reason, Status},
};

pub use self::policy::{MinValuesPolicy, Policies, PreferencePolicy};
use crate::{
    formulate::{self, Formulation, formulate},
    plan::{self, Plan, PodIndex, check::Violation},
    snapshot::Snapshot,
    source::Catalog,
};

/// What a plan depends on besides snapshot and catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Major and minor version of Kubernetes.
    pub kubernetes_version: (u32, u32),
    /// Decides how many pods a node may have.
    #[serde(with = "plugin")]
    pub network_plugin: NetworkPlugin,
    /// Pods per node, instead of the network plugin's default.
    pub max_pods: Option<u32>,
    /// Micro-dollars per hour of a managed OS disk, instead of the list price.
    pub os_disk_price: Option<i64>,
    /// How the plan is searched for. Files that were saved without it are of the time when there
    /// was only the greedy engine.
    #[serde(default = "Search::greedy")]
    pub search: Search,
    /// How strictly wishes are taken.
    #[serde(default)]
    pub policies: Policies,
}

/// How the solver looks for a plan, in counts of work: it ends in the same place on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// Which engines may work.
    #[serde(with = "engine")]
    pub engine: Engine,
    /// Good enough: parts per million of the cost that may be left to save.
    pub gap_ppm: u32,
    /// Units of work at most; 0 is the engine's own choice.
    pub effort: u64,
    /// Where random choices start.
    pub seed: u64,
}

impl Default for Search {
    /// The engine's choice, to half a per cent.
    fn default() -> Self {
        Self { engine: Engine::Auto, gap_ppm: 5_000, effort: 0, seed: 0 }
    }
}

impl Search {
    /// The greedy engine alone.
    pub fn greedy() -> Self {
        Self { engine: Engine::Greedy, gap_ppm: 0, effort: 0, seed: 0 }
    }

    fn options(self, means: &Means) -> solver::Options {
        solver::Options {
            threads: means.threads,
            engine: self.engine,
            gap_ppm: self.gap_ppm,
            effort: self.effort,
            patient: self.effort > 0,
            seed: self.seed,
            stop: means.stop.clone(),
        }
    }
}

/// What the work is done with.
#[derive(Clone, Debug, Default)]
pub struct Means {
    /// Threads to use, 0 for one per core; the plan does not depend on it.
    pub threads: usize,
    /// Ends the search soon after somebody sets it; the plan is the best one found until then.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Means {
    fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// Everything that came out of one run.
#[derive(Debug)]
pub struct Outcome {
    /// The problem and the way back from it.
    pub formulation: Formulation,
    /// The solver's answer.
    pub solution: Solution,
    /// The answer in Kubernetes' words.
    pub plan: Plan,
    /// What the checks found; a plan with any must not be used.
    pub violations: Vec<String>,
    /// Those of them that name pods and nodes; [`without_offenders`] takes these out.
    pub offences: Vec<Violation>,
    /// How long it took.
    pub seconds: f64,
}

/// Makes a plan and checks it twice: as the solver's problem, and pod by pod over the objects.
pub fn plan(snapshot: &Snapshot, catalog: &Catalog, settings: &Settings, means: &Means) -> Outcome {
    let start = Instant::now();
    let mut formulation = formulate(snapshot, catalog, &settings.formulate_options());
    let search = settings.search.options(means);
    let mut solution = solver::solve(&formulation.problem, &search);
    if settings.policies.min_values == MinValuesPolicy::BestEffort
        && let Some(rules) = policy::lowered(&formulation.problem, &solution)
    {
        formulation.problem.flexibilities = rules;
        solution = solver::solve(&formulation.problem, &search);
    }
    let solution = plan::fill_in_order(&formulation, solution);
    let stopped = solution.status == Status::Stopped && means.is_stopped();
    let mut violations: Vec<String> = solver::check(&formulation.problem, &solution)
        .iter()
        .map(|violation| format!("{violation:?}"))
        .collect();
    let mut plan = plan::assemble(snapshot, &formulation, &solution);
    plan.totals.out_of_time = stopped;
    let offences = plan::check::check(snapshot, &formulation.node_pools, &plan);
    violations.extend(offences.iter().map(ToString::to_string));
    let seconds = start.elapsed().as_secs_f64();
    Outcome { formulation, solution, plan, violations, offences, seconds }
}

/// The part of a plan that stands: the nodes that a violation names are taken out, until the check
/// by pods has nothing left to say. What cannot be pinned on a node takes the whole plan with it.
pub fn without_offenders(snapshot: &Snapshot, outcome: Outcome) -> Plan {
    let Outcome { formulation, mut plan, mut offences, violations, .. } = outcome;
    if violations.len() > offences.len() {
        // The solver's own problem is violated; nothing of the answer can be relied on.
        plan.launches.clear();
        plan.existing.clear();
        return plan;
    }
    while !offences.is_empty() {
        let named: BTreeSet<&str> = offences.iter().map(|one| one.node.as_str()).collect();
        let before = plan.launches.len() + plan.existing.len();
        let dropped: i64 = (plan.launches.iter())
            .filter(|launch| named.contains(launch.name.as_str()))
            .map(|launch| launch.price)
            .sum();
        plan.totals.hourly -= dropped;
        let mut homeless: Vec<PodIndex> = vec![];
        plan.launches.retain(|launch| {
            let stays = !named.contains(launch.name.as_str());
            homeless.extend(launch.pods.iter().filter(|_| !stays));
            stays
        });
        plan.existing.retain(|node| {
            let stays = !named.contains(&*node.node);
            homeless.extend(node.pods.iter().filter(|_| !stays));
            stays
        });
        if plan.launches.len() + plan.existing.len() == before {
            plan.launches.clear();
            plan.existing.clear();
            return plan;
        }
        let detail: Arc<str> = Arc::from("its place was taken back by the check of the plan");
        plan.unplaced.extend(homeless.into_iter().map(|pod| plan::Unplaced {
            pod,
            reason: Reason::Combination,
            detail: detail.clone(),
        }));
        offences = plan::check::check(snapshot, &formulation.node_pools, &plan);
    }
    plan
}

impl Settings {
    /// The part that decides what the problem is.
    pub(crate) fn formulate_options(&self) -> formulate::Options {
        formulate::Options {
            kubernetes_version: self.kubernetes_version,
            network_plugin: self.network_plugin,
            max_pods: self.max_pods,
            managed_disk_price: self.os_disk_price.map(ManagedDiskPrice::flat),
            preferences: self.policies.preferences == PreferencePolicy::Respect,
        }
    }
}

/// The network plugin by the name that the command line uses.
mod plugin {
    use catalog::azure::NetworkPlugin;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const NAMES: [(NetworkPlugin, &str); 4] = [
        (NetworkPlugin::AzureOverlay, "azure-overlay"),
        (NetworkPlugin::AzureNodeSubnet, "azure-node-subnet"),
        (NetworkPlugin::Kubenet, "kubenet"),
        (NetworkPlugin::None, "none"),
    ];

    pub(super) fn serialize<S: Serializer>(
        plugin: &NetworkPlugin,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let name = NAMES.iter().find(|(this, _)| this == plugin).map_or("none", |(_, name)| name);
        serializer.serialize_str(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NetworkPlugin, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(_, this)| *this == name);
        found
            .map(|(plugin, _)| *plugin)
            .ok_or_else(|| D::Error::custom(format!("unknown network plugin {name}")))
    }
}

/// The engine by the name that the command line uses.
mod engine {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use solver::Engine;

    const NAMES: [(Engine, &str); 4] = [
        (Engine::Auto, "auto"),
        (Engine::Greedy, "greedy"),
        (Engine::Columns, "cg"),
        (Engine::Exact, "exact"),
    ];

    pub(super) fn serialize<S: Serializer>(
        engine: &Engine,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let name = NAMES.iter().find(|(this, _)| this == engine).map_or("auto", |(_, name)| name);
        serializer.serialize_str(name)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Engine, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = NAMES.iter().find(|(_, this)| *this == name);
        found
            .map(|(engine, _)| *engine)
            .ok_or_else(|| D::Error::custom(format!("unknown engine {name}")))
    }
}
