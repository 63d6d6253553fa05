//! A constraint, and the input without it.

use std::{fmt, sync::Arc};

use k8s_openapi::api::core::v1::{NodeSelector, PodAffinityTerm, TopologySpreadConstraint};

use super::edit;
use crate::snapshot::Snapshot;

/// Something that narrows what the plan may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    /// The workload that states it, as `Deployment shop/cart`; `None` for a node pool.
    pub workload: Option<String>,
    /// How many planned pods it concerns.
    pub pods: usize,
    /// `node selector disktype=nvme`, `limit on cpu of NodePool general`.
    pub words: String,
    pub(super) part: Part,
}

/// What is taken away.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    /// A limit of a pool, by its place in the snapshot; `None` is the one on nodes.
    Limit(usize, Option<Arc<str>>),
    /// Of how many sizes a pool's nodes may be, and of how many families.
    InstanceTypes(usize),
    Families(usize),
    /// What a pool requires of a label.
    Requirement(usize, Arc<str>),
    /// Something in the pods of the workload.
    Pods(InPods),
}

/// What a pod's spec states.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum InPods {
    Selector(String),
    NodeAffinity(NodeSelector),
    Spread(TopologySpreadConstraint),
    Affinity(PodAffinityTerm),
    AntiAffinity(PodAffinityTerm),
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.workload {
            Some(workload) => write!(f, "{} of {workload}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl Constraint {
    /// The input as if the constraint had not been written, neither for the pods that are to be
    /// planned nor for those of the workload that run.
    pub fn without(&self, snapshot: &Snapshot) -> Snapshot {
        let mut edited = snapshot.clone();
        match (&self.part, &self.workload) {
            (Part::Limit(pool, Some(resource)), _) => {
                edited.node_pools[*pool].limits.0.remove(resource);
            }
            (Part::Limit(pool, None), _) => edited.node_pools[*pool].node_limit = None,
            (Part::InstanceTypes(pool), _) => edited.node_pools[*pool].max_instance_types = None,
            (Part::Families(pool), _) => edited.node_pools[*pool].max_families = None,
            (Part::Requirement(pool, key), _) => {
                edited.node_pools[*pool].requirements.0.remove(key);
            }
            (Part::Pods(part), Some(workload)) => edit::pods(&mut edited.pods, workload, part),
            (Part::Pods(_), None) => {}
        }
        edited
    }
}
