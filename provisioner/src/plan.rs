//! A plan in Kubernetes' words, made from a solver's solution.

pub mod check;
pub mod why;

mod assemble;
mod fill;

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::api::core::v1::Taint;
use solver::solution::{Effort, Status};

pub use self::{assemble::assemble, fill::fill_in_order};
use crate::snapshot::Skipped;

/// What to launch, what goes where, what has no place, at which price.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// New nodes, in the order pool, price (dearest first), instance type, zone.
    pub launches: Vec<Launch>,
    /// Existing nodes that get pods, by name.
    pub existing: Vec<ExistingNode>,
    /// Pods without a place, in order of namespace and name.
    pub unplaced: Vec<Unplaced>,
    /// Objects that play no part in the plan.
    pub skipped: Vec<Skipped>,
    /// Sentences for the reader.
    pub warnings: Vec<String>,
    /// Money and counts.
    pub totals: Totals,
}

/// Position of a pod in `Snapshot::pods`.
pub type PodIndex = u32;

/// A node to launch.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// A name for this plan's purposes: `<pool>-<n>`.
    pub name: String,
    /// Node pool.
    pub node_pool: Arc<str>,
    /// Instance type.
    pub instance_type: Arc<str>,
    /// Value of `topology.kubernetes.io/zone`.
    pub zone: Arc<str>,
    /// `on-demand`, `spot`, `reserved`.
    pub capacity_type: &'static str,
    /// Micro-dollars per hour.
    pub price: i64,
    /// Labels that the node will have, hostname apart.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Taints that stay after start.
    pub taints: Vec<Taint>,
    /// What the machine has, before anything is set aside.
    pub capacity: Resources,
    /// What the kubelet will report.
    pub allocatable: Resources,
    /// Requests of the daemon pods that will run there.
    pub daemon_requests: Resources,
    /// Sum of the pods' requests, without daemons.
    pub requests: Resources,
    /// The pods planned for it, in order.
    pub pods: Vec<PodIndex>,
    /// Its turn when nodes are opened for pods: no pod of a node with a later turn fits here too,
    /// unless a constraint between pods held it back.
    pub turn: u32,
    /// `ephemeral (cache)`, `managed 128 GiB`, …; empty where unknown.
    pub os_disk: String,
    /// Other offerings of the pool that hold the same pods, cheapest first.
    pub alternatives: Vec<Alternative>,
}

/// A fall-back for a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Instance type.
    pub instance_type: Arc<str>,
    /// Zone.
    pub zone: Arc<str>,
    /// Capacity type.
    pub capacity_type: &'static str,
    /// Micro-dollars per hour.
    pub price: i64,
}

/// Pods that go to a node that exists or is on its way.
#[derive(Clone, Debug, Default)]
pub struct ExistingNode {
    /// Node name, or the NodeClaim's name when there is no node yet.
    pub node: Arc<str>,
    /// Whether it is a NodeClaim without a node.
    pub in_flight: bool,
    /// The pods planned for it.
    pub pods: Vec<PodIndex>,
}

/// A pod without a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Which pod.
    pub pod: PodIndex,
    /// The solver's reason.
    pub reason: solver::solution::Reason,
    /// A sentence: how many offerings each reason removed, the nearest relaxation.
    pub detail: Arc<str>,
}

/// Money and counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Micro-dollars per hour of all launches.
    pub hourly: i64,
    /// No plan that places the same pods is cheaper.
    pub lower_bound: i64,
    /// How sure the solver is.
    pub status: Status,
    /// Whether the clock ended the search.
    pub out_of_time: bool,
    /// What the search took.
    pub effort: Effort,
    /// What unmet preferences cost by their weights (not money anyone pays).
    pub penalty: i64,
    /// Micro-dollars per hour of the existing nodes whose price is known.
    pub existing_hourly: i64,
    /// Existing nodes whose price is not known.
    pub existing_unpriced: usize,
    /// Pods that were to be planned.
    pub pods: usize,
    /// Of these, placed.
    pub placed: usize,
    /// Distinct groups that the solver saw.
    pub groups: usize,
    /// Offerings that the solver saw.
    pub offerings: usize,
}
