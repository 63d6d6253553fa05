//! `karpenter.sh/v1` NodePool and NodeClaim, `karpenter.azure.com/v1beta1` AKSNodeClass.

use std::{collections::BTreeMap, sync::Arc};

use catalog::{Requirements, Resources};
use k8s_openapi::api::core::v1::Taint;
use serde::{Deserialize, Serialize};

use super::v1::PodRef;

mod claim;
mod class;
mod pool;
mod rules;

/// A NodePool, validated. Everything a plan needs, with defaults filled in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodePool {
    /// metadata.name.
    pub name: String,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    /// Taints that something takes off after start; ignored when pods are planned.
    pub startup_taints: Vec<Taint>,
    /// spec.template.spec.requirements, intersected per key.
    pub requirements: Requirements,
    /// spec.limits without `nodes`.
    pub limits: Resources,
    /// spec.limits.nodes, or the annotation `tenon.sh/max-nodes` if that is less.
    pub node_limit: Option<i64>,
    /// Nodes to keep at least: the annotation `tenon.sh/min-nodes`, 1 for AKS system pools.
    #[serde(default)]
    pub min_nodes: i64,
    /// Of how many sizes its nodes may be at most: the annotation `tenon.sh/max-instance-types`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_instance_types: Option<u32>,
    /// Of how many families its nodes may be at most: the annotation `tenon.sh/max-families`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_families: Option<u32>,
    /// 1–100; 0 when not given.
    pub weight: u32,
    /// Static pool: number of nodes.
    pub replicas: Option<i64>,
    /// The node class it refers to.
    pub node_class: NodeClassRef,
    /// Whether tenon made it up because no pool was given.
    pub default: bool,
    /// Why nothing may be bought for it now: it is being deleted, or not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// spec.template.spec.nodeClassRef.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeClassRef {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// The parts of an AKSNodeClass that decide which sizes fit and what they hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AksNodeClass {
    /// metadata.name.
    pub name: String,
    /// spec.osDiskSizeGB.
    pub os_disk_gib: Option<u32>,
    /// Annotation `tenon.sh/os-disk-type`: `Ephemeral`, `Managed`, or none (ephemeral when it fits).
    pub os_disk_type: Option<String>,
    /// spec.imageFamily.
    pub image_family: Option<String>,
    /// spec.maxPods.
    pub max_pods: Option<u32>,
    /// spec.security.encryptionAtHost.
    pub encryption_at_host: bool,
    /// spec.security.trustedLaunch: vtpm or secureBoot.
    pub trusted_launch: bool,
    /// spec.fipsMode == FIPS.
    pub fips: bool,
    /// spec.artifactStreaming.enabled.
    pub artifact_streaming: bool,
    /// spec.gpu.mode == None: any GPU size, no driver.
    pub gpu_driver_none: bool,
}

/// A NodeClaim: a node that exists or is on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeClaim {
    /// metadata.name.
    pub name: String,
    /// metadata.labels; before the launch also zone, size and capacity type of the offering that is
    /// to be tried first.
    pub labels: Arc<BTreeMap<String, String>>,
    /// spec.taints.
    pub taints: Vec<Taint>,
    /// spec.startupTaints.
    pub startup_taints: Vec<Taint>,
    /// spec.requirements, those that leave one value: a claim's list of sizes is long and says
    /// nothing about its node.
    pub requirements: Requirements,
    /// status.nodeName.
    pub node_name: Option<String>,
    /// status.providerID.
    pub provider_id: Option<String>,
    /// status.capacity, or what the plan promised while there is none.
    pub capacity: Resources,
    /// status.allocatable, or what the plan promised while there is none.
    pub allocatable: Resources,
    /// Condition Initialized is True.
    pub initialized: bool,
    /// metadata.deletionTimestamp is set.
    pub deleting: bool,
    /// spec.resources.requests.
    pub requests: Resources,
    /// metadata.creationTimestamp, seconds since 1970, 0 when absent.
    #[serde(default)]
    pub created: i64,
    /// When condition Initialized became True, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initialized_at: Option<i64>,
    /// The pods it was made for, from the annotation `tenon.sh/planned-pods`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planned_pods: Vec<PodRef>,
    /// Whether nobody may disrupt it, from the annotation `karpenter.sh/do-not-disrupt`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub do_not_disrupt: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}
