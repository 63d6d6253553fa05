//! A cluster at one moment, as plain objects. Everything a plan depends on is in here.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::api::{
    core::v1::{Namespace, Node, PersistentVolume, PersistentVolumeClaim, PodSpec},
    node::v1::RuntimeClass,
    policy::v1::PodDisruptionBudget,
    storage::v1::{CSINode, StorageClass},
};

use serde::{Deserialize, Serialize};

use crate::{
    api::node_pool::{AksNodeClass, NodeClaim, NodePool},
    refusals::Refused,
};

pub(crate) mod admission;
mod defaults;
mod document;
pub mod error;
mod expand;
pub(crate) mod intern;
pub(crate) mod nomination;
mod pod;
pub mod quantity;
pub mod read;
pub mod requests;
mod resize;
pub mod save;
pub(crate) mod store;
pub(crate) mod typed;
pub(crate) mod volumes;
mod workload;

/// A cluster at one moment. Pods and nodes are shared with whoever took it, so that the next one
/// copies none of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Pods, in order of namespace and name.
    pub pods: Vec<Arc<Pod>>,
    /// Nodes, in order of name.
    pub nodes: Vec<Arc<Node>>,
    /// Node pools, in order of name.
    pub node_pools: Vec<NodePool>,
    /// Node claims, in order of name.
    pub node_claims: Vec<Arc<NodeClaim>>,
    /// AKS node classes, in order of name.
    pub node_classes: Vec<AksNodeClass>,
    /// Daemon sets: (namespace/name, the pod they would put on a node), in order of name.
    pub daemon_sets: Vec<(String, Arc<PodTemplate>)>,
    /// Namespaces by name.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Claims by (namespace, name).
    pub volume_claims: BTreeMap<(String, String), PersistentVolumeClaim>,
    /// Volumes by name.
    pub volumes: BTreeMap<String, PersistentVolume>,
    /// Storage classes by name.
    pub storage_classes: BTreeMap<String, StorageClass>,
    /// CSI attach limits by node name.
    pub csi_nodes: BTreeMap<String, CSINode>,
    /// Runtime classes by name.
    pub runtime_classes: BTreeMap<String, RuntimeClass>,
    /// Disruption budgets (kept for later stages, in order of namespace and name).
    pub disruption_budgets: Vec<PodDisruptionBudget>,
    /// What could not be read or is not supported.
    pub skipped: Vec<Skipped>,
    /// Offerings that the cloud has refused and that are left alone, in order.
    pub refused: Vec<Refused>,
    /// When it was taken, seconds since 1970; 0 for objects from files.
    pub taken_at: i64,
}

/// An object that plays no part in the plan, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    /// `Kind namespace/name`, or where in the input it stood.
    pub object: String,
    /// Why, from a closed list.
    pub reason: SkipReason,
    /// The particulars, a sentence.
    pub detail: String,
}

/// Why an object plays no part in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SkipReason {
    /// The object does not have the form its kind asks for.
    Malformed,
    /// A kind that has no bearing on a plan (Service, ConfigMap …).
    IrrelevantKind,
    /// A feature that tenon does not model.
    Unsupported,
    /// Finished pods.
    Terminal,
    /// Being deleted.
    Deleting,
    /// `spec.schedulingGates` are not empty.
    SchedulingGated,
    /// Nominated by the scheduler (it is preempting for it); its room is kept.
    Nominated,
    /// Planned for a node that is coming up; its room is kept.
    Planned,
    /// On a node that leaves, and nobody may evict it.
    Held,
    /// Another scheduler's pod (`spec.schedulerName`).
    OtherScheduler,
    /// Owned by a DaemonSet: follows its node.
    DaemonSetPod,
    /// A static (mirror) pod.
    StaticPod,
    /// A volume claim is missing, lost, or cannot be bound.
    Volume,
    /// A ReadWriteOncePod claim is in use by another pod.
    VolumeInUse,
    /// Workload whose pods are in the input already.
    PodsPresent,
    /// Workload with zero replicas, or suspended.
    NotWanted,
    /// The same object stood in the input twice; the last counts.
    Duplicate,
    /// A node pool without usable instance types, being deleted, or static.
    NodePool,
    /// Refers to an object that is not in the input.
    MissingReference,
}

/// A pod. What the scheduler looks at is shared between identical pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// metadata.namespace (`default` when absent).
    pub namespace: Arc<str>,
    /// metadata.name.
    pub name: Arc<str>,
    /// metadata.uid, may be empty.
    pub uid: Box<str>,
    /// Labels, owner kind and spec; one allocation for all pods that agree on them.
    pub template: Arc<PodTemplate>,
    /// spec.nodeName.
    pub node_name: Option<Arc<str>>,
    /// status.nominatedNodeName.
    pub nominated_node: Option<Nomination>,
    /// status.phase is Succeeded or Failed.
    pub terminal: bool,
    /// metadata.deletionTimestamp is set.
    pub deleting: bool,
    /// metadata.creationTimestamp, seconds since 1970, 0 when absent.
    pub created: i64,
    /// Resources of a bound pod during an in-place resize: the larger of what is asked and what is
    /// allocated, per KEP-1287, when it differs from the template's request.
    pub resized: Option<Box<Resources>>,
    /// The workload in the input that this pod was expanded from (`Deployment shop/web`).
    pub expanded_from: Option<Arc<str>>,
}

/// The node that a pod is expected on before it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nomination {
    /// Its name.
    pub node: Arc<str>,
    /// When tenon made the nomination, seconds since 1970; `None` when kube-scheduler did, to
    /// preempt, or when the input does not tell.
    pub planned_at: Option<i64>,
}

/// What the scheduler can see of a pod, apart from its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodTemplate {
    /// metadata.labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations that matter to planning (`karpenter.sh/*`, `tenon.sh/*`,
    /// `kubernetes.io/config.mirror`).
    pub annotations: BTreeMap<String, String>,
    /// Kind of the controlling owner, e.g. `ReplicaSet`.
    pub owner_kind: Option<String>,
    /// The spec without nodeName, env, commands, probes and whatever else no plan depends on.
    pub spec: PodSpec,
}
