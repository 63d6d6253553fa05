//! Would kube-scheduler really put every pod where the plan wants it?
//!
//! This is a second implementation of the scheduler's filters: slow, pod by pod, over plain
//! Kubernetes objects, and without a line in common with `formulate` or the solver. It builds the
//! cluster as it will be when the plan has come true, takes each planned pod out, and asks every
//! filter whether the pod could be added as the last one.

mod accounting;
mod affinity;
mod cluster;
mod node_filters;
mod pod;
mod pools;
mod quantity;
mod selector;
mod spread;
mod volumes;

use std::fmt;

use self::{affinity::Relations, cluster::Cluster, spread::Spreads};
use crate::{api::node_pool::NodePool, plan::Plan, snapshot::Snapshot};

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// `namespace/name`, or empty when no single pod is at fault.
    pub pod: String,
    /// The node, launch or node pool that is concerned; may be empty.
    pub node: String,
    /// Which rule.
    pub filter: Filter,
    /// The particulars, a sentence.
    pub detail: String,
}

/// The rules: kube-scheduler's filter plugins by their names, and what a plan itself must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Filter {
    /// The node is cordoned.
    NodeUnschedulable,
    /// `spec.nodeName` names another node.
    NodeName,
    /// A NoSchedule or NoExecute taint is not tolerated.
    TaintToleration,
    /// Node selector or required node affinity.
    NodeAffinity,
    /// A host port is taken.
    NodePorts,
    /// Too little of a resource is left.
    NodeResourcesFit,
    /// A volume cannot be bound or reached on the node.
    VolumeBinding,
    /// A volume's zone label differs from the node's.
    VolumeZone,
    /// A ReadWriteOncePod claim is used by two pods.
    VolumeRestrictions,
    /// More volumes than the node's CSI driver attaches.
    NodeVolumeLimits,
    /// A DoNotSchedule topology spread constraint.
    PodTopologySpread,
    /// Required pod affinity or anti-affinity, in both directions.
    InterPodAffinity,
    /// Every pod has its affinity met in the end, but no order leads there.
    AffinityOrder,
    /// A launch does not look like a node of its pool.
    NodePool,
    /// A pool's limits are exceeded.
    NodePoolLimits,
    /// A pool has nodes of too many sizes or families.
    NodePoolVariety,
    /// A pod is planned twice, not at all, or should not be planned; or the sums are wrong.
    Accounting,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} on {}: {}", self.filter, self.pod, self.node, self.detail)
    }
}

/// Everything that is wrong with `plan`, sorted; empty when kube-scheduler would accept it all.
///
/// `pools` are the node pools that the plan was made with, those that were made up included.
pub fn check(snapshot: &Snapshot, pools: &[NodePool], plan: &Plan) -> Vec<Violation> {
    let mut found = accounting::check(snapshot, plan);
    found.extend(pools::check(snapshot, pools, plan));
    let (cluster, unknown) = Cluster::after(snapshot, pools, plan);
    found.extend(unknown);
    for number in 0..cluster.kinds.len() {
        check_kind(&cluster, number, &mut found);
    }
    found.extend(affinity::order(&cluster));
    found.sort();
    found
}

/// Runs every filter on every planned pod of a kind.
fn check_kind(cluster: &Cluster<'_>, kind: usize, found: &mut Vec<Violation>) {
    let residents = &cluster.kinds[kind].residents;
    let planned: Vec<usize> =
        residents.iter().copied().filter(|index| cluster.residents[*index].planned).collect();
    if planned.is_empty() {
        return;
    }
    let spreads = Spreads::of(cluster, kind);
    let relations = Relations::of(cluster, kind);
    for index in planned {
        let mut report = |filter, result: Result<(), String>| {
            if let Err(detail) = result {
                let pod = cluster.residents[index].id();
                let node = cluster.node_of(index).name.clone();
                found.push(Violation { pod, node, filter, detail });
            }
        };
        report(Filter::NodeUnschedulable, node_filters::unschedulable(cluster, index));
        report(Filter::NodeName, node_filters::node_name(cluster, index));
        report(Filter::TaintToleration, node_filters::taints(cluster, index));
        report(Filter::NodeAffinity, node_filters::node_affinity(cluster, index));
        report(Filter::NodePorts, node_filters::ports(cluster, index));
        report(Filter::NodeResourcesFit, node_filters::resources(cluster, index));
        report(Filter::VolumeBinding, volumes::binding(cluster, index));
        report(Filter::VolumeZone, volumes::zone(cluster, index));
        report(Filter::VolumeRestrictions, volumes::restrictions(cluster, index));
        report(Filter::NodeVolumeLimits, volumes::limits(cluster, index));
        report(Filter::PodTopologySpread, spreads.check(cluster, index));
        report(Filter::InterPodAffinity, relations.check(cluster, index));
    }
}
