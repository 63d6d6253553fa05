//! Stand-ins for the controllers of kube-controller-manager that concern pods and nodes.
//!
//! Each controller is a function from the [`World`] to the [`Action`]s that bring it nearer to what
//! is asked for; [`run`] keeps the world up to date and carries the actions out. What was just
//! written is put into the world at once, so that no controller acts twice on old news.

mod budgets;
mod daemon_sets;
mod deployments;
mod driver;
mod garbage;
mod replica_sets;
mod world;

use std::time::Duration;

use k8s_openapi::api::{apps::v1::ReplicaSet, core::v1::Pod};
use serde_json::Value;

pub use self::{driver::run, world::World};

/// Which controllers are at work; where the API server does such a job itself, leave it out here.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of pods' names.
    pub seed: u64,
    /// Deployments, ReplicaSets and DaemonSets.
    pub workloads: bool,
    /// Status of disruption budgets.
    pub budgets: bool,
    /// Pods and ReplicaSets whose owners are gone.
    pub orphans: bool,
    /// Pods whose node is gone.
    pub lost_pods: bool,
    /// How often everything is looked at although nothing changed.
    pub resync: Duration,
}

impl Default for Options {
    /// All of them.
    fn default() -> Self {
        Self {
            seed: 0,
            workloads: true,
            budgets: true,
            orphans: true,
            lost_pods: true,
            resync: Duration::from_secs(30),
        }
    }
}

/// Kinds of objects that controllers write the status of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 ReplicaSet.
    ReplicaSet,
    /// apps/v1 DaemonSet.
    DaemonSet,
    /// policy/v1 PodDisruptionBudget.
    Budget,
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Makes a pod; its `generateName` is completed when it is written.
    CreatePod(Box<Pod>),
    /// Deletes a pod, at once or with its grace.
    DeletePod {
        /// Which.
        pod: Box<Pod>,
        /// Without its grace.
        force: bool,
    },
    /// Makes a ReplicaSet.
    CreateReplicaSet(Box<ReplicaSet>),
    /// Deletes a ReplicaSet.
    DeleteReplicaSet(Box<ReplicaSet>),
    /// Sets the number of a ReplicaSet's replicas.
    Scale {
        /// `namespace/name`.
        replica_set: String,
        /// The new number.
        replicas: i32,
    },
    /// Writes a status.
    Status {
        /// Of what.
        kind: Kind,
        /// `namespace/name`.
        object: String,
        /// A merge patch of the whole object.
        patch: Value,
    },
}

/// Everything that is to be done now.
pub fn actions(world: &World, options: &Options) -> Vec<Action> {
    let mut actions = Vec::new();
    if options.workloads {
        actions.extend(deployments::actions(world));
        actions.extend(replica_sets::actions(world));
        actions.extend(daemon_sets::actions(world));
    }
    if options.budgets {
        actions.extend(budgets::actions(world));
    }
    if options.orphans {
        actions.extend(garbage::orphans(world));
    }
    if options.lost_pods {
        actions.extend(garbage::lost_pods(world));
    }
    actions
}
