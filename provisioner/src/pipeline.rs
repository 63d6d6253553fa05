//! The street from end to end: formulate, solve, check, put into words, check again.

use std::time::Instant;

use catalog::azure::{ManagedDiskPrice, NetworkPlugin};
use serde::{Deserialize, Serialize};
use solver::Solution;

use crate::{
    formulate::{self, Formulation, formulate},
    plan::{self, Plan},
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
    /// How long it took.
    pub seconds: f64,
}

/// Makes a plan and checks it twice: as the solver's problem, and pod by pod over the objects.
pub fn plan(
    snapshot: &Snapshot,
    catalog: &Catalog,
    settings: &Settings,
    threads: usize,
) -> Outcome {
    let start = Instant::now();
    let formulation = formulate(snapshot, catalog, &settings.formulate_options());
    let solution = solver::solve(
        &formulation.problem,
        &solver::Options { threads, ..solver::Options::default() },
    );
    let mut violations: Vec<String> = solver::check(&formulation.problem, &solution)
        .iter()
        .map(|violation| format!("{violation:?}"))
        .collect();
    let plan = plan::assemble(snapshot, &formulation, &solution);
    violations.extend(
        plan::check::check(snapshot, &formulation.node_pools, &plan)
            .iter()
            .map(ToString::to_string),
    );
    let seconds = start.elapsed().as_secs_f64();
    Outcome { formulation, solution, plan, violations, seconds }
}

impl Settings {
    fn formulate_options(&self) -> formulate::Options {
        formulate::Options {
            kubernetes_version: self.kubernetes_version,
            network_plugin: self.network_plugin,
            max_pods: self.max_pods,
            managed_disk_price: self.os_disk_price.map(ManagedDiskPrice::flat),
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
