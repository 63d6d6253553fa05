//! Scenarios as files: pools, workloads and steps in YAML, with the report of what became of them
//! beside it.
//!
//! ```yaml
//! about: One sentence.
//! pools: [{name: general}]
//! workloads: [{name: web, cpu: 900m, memory: 1Gi}]
//! steps:
//!   - scale: {web: 20}
//!   - expect: {running: {web: 20}}
//!   - report: at noon
//! ```
//!
//! A scenario sees a [`Cluster`] and nothing else, so it runs wherever one is. Everything a report
//! says is the same each time: names, times and addresses do not come into it.

mod objects;
mod report;
mod run;

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::{report::continues, run::run};
use crate::cluster;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// What it is about, in a sentence.
    pub about: String,
    /// Why it cannot be played on a real cluster, if it cannot.
    #[serde(default)]
    pub embedded_only: Option<String>,
    /// What goes wrong in the cloud.
    #[serde(default)]
    pub cloud: Cloud,
    /// How long a machine may take to become a node, instead of a quarter of an hour.
    #[serde(default)]
    pub registration_timeout: Option<String>,
    /// Node pools.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// Deployments, without pods at first.
    #[serde(default)]
    pub workloads: Vec<Workload>,
    /// Other objects, as a YAML text of any number of documents. They come into the namespace of the
    /// pods where they name none.
    #[serde(default)]
    pub objects: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Rules for faults, as the flags of `tenon run` take them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloud {
    /// `--kwok-refuse`.
    #[serde(default)]
    pub refuse: Vec<String>,
    /// `--kwok-slow`.
    #[serde(default)]
    pub slow: Vec<String>,
}

/// A node pool of regular amd64 machines whose empty nodes leave at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its annotations.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Requirements besides the usual ones.
    #[serde(default)]
    pub requirements: Vec<Value>,
    /// Merged over the usual spec.
    #[serde(default)]
    pub spec: Map<String, Value>,
}

/// A Deployment with the label `app`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Its name, and the value of the label.
    pub name: String,
    /// What a pod asks for.
    pub cpu: String,
    /// What a pod asks for.
    pub memory: String,
    /// Annotations of the pods.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Merged over the pods' spec.
    #[serde(default)]
    pub pod: Map<String, Value>,
}

/// One step.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Workloads by name, and how many pods they are to have.
    Scale(BTreeMap<String, usize>),
    /// Makes objects, or changes them.
    Apply(String),
    /// Deletes an object: `Kind/name`.
    Delete(String),
    /// Asks for the end of a node: its claim is deleted. Which: that many before it in the order of
    /// pool, type, zone and pods.
    Drain(usize),
    /// Keeps new pods off a node.
    Cordon(usize),
    /// Waits until all of it holds.
    Expect(Expect),
    /// Writes down what became of it all, under this title.
    Report(String),
}

/// What is waited for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Workloads, and how many of their pods run.
    #[serde(default)]
    pub running: BTreeMap<String, usize>,
    /// Workloads, and how many of their pods have no node.
    #[serde(default)]
    pub waiting: BTreeMap<String, usize>,
    /// How many nodes there are.
    #[serde(default)]
    pub nodes: Option<usize>,
    /// Reasons, and how many objects had such an event at least.
    #[serde(default)]
    pub events: BTreeMap<String, usize>,
    /// `Kind/name`s and conditions, as `type=status`.
    #[serde(default)]
    pub conditions: BTreeMap<String, String>,
}

/// Why a scenario does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("{path}: {problem}")]
    File {
        /// Where it is.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something in it.
    #[error("{what}: {problem}")]
    Content {
        /// The step or the field.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The cluster.
    #[error("{step}: {source}")]
    Cluster {
        /// The step.
        step: String,
        /// What happened.
        #[source]
        source: cluster::Error,
    },
}

/// Reads a scenario.
///
/// # Errors
/// When the file is none.
pub fn read(path: &Path) -> Result<Scenario, Error> {
    let failed = |problem: String| Error::File { path: path.display().to_string(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_saphyr::from_str(&text).map_err(|error| failed(error.to_string()))
}
