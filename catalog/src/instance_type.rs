//! A size that can be bought, in the provider-neutral form that Karpenter's providers use.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Requirements, Resources};

/// A size as a node pool would see it: capacity, overhead and labels for one node configuration
/// (operating system, OS disk, max pods, Kubernetes version).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceType {
    /// `node.kubernetes.io/instance-type`, e.g. `Standard_D4s_v5`.
    pub name: Arc<str>,
    /// What labels a node of this size carries: one value for most keys, several where the node
    /// pool still chooses (kwok's os), `DoesNotExist` where the size never has the label.
    /// Zone and capacity type are not here but in the offerings.
    pub requirements: Requirements,
    /// What the machine has.
    pub capacity: Resources,
    /// What the node keeps for itself.
    pub overhead: Overhead,
    /// Where, how and at which price it can be had.
    pub offerings: Vec<Offering>,
    /// How many CSI data disks can be attached; `None` when unknown. Driver name is the
    /// provider's business (`disk.csi.azure.com` on Azure).
    pub max_data_disks: Option<u32>,
    /// True for sizes that are bought only when a pool or pod names them (confidential VMs).
    pub only_if_asked: bool,
    /// The OS disk decision for this size, in words and in money; `None` outside Azure.
    pub os_disk: Option<OsDisk>,
}

/// What a node keeps for itself, by who asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overhead {
    /// For kubelet and container runtime.
    pub kube_reserved: Resources,
    /// For the operating system.
    pub system_reserved: Resources,
    /// Hard eviction thresholds.
    pub eviction_threshold: Resources,
}

/// Where the OS disk of a size ends up, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsDisk {
    /// `cache`, `temp`, `nvme` or `managed`.
    pub placement: Arc<str>,
    /// Size in GiB.
    pub gib: u32,
    /// Micro-dollars per hour, 0 for an ephemeral disk. Already part of every offering's price.
    pub price: i64,
}

/// `karpenter.sh/capacity-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapacityType {
    /// Paid for beforehand.
    Reserved,
    /// May be taken away at short notice.
    Spot,
    /// The regular price.
    OnDemand,
}

impl CapacityType {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Spot => "spot",
            Self::OnDemand => "on-demand",
        }
    }
}

/// One way to buy a size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offering {
    /// The value of `topology.kubernetes.io/zone`: `<region>-<n>`, or `0` for a regional VM on
    /// Azure.
    pub zone: Arc<str>,
    /// Regular, spot or reserved.
    pub capacity_type: CapacityType,
    /// Micro-dollars per hour, OS disk included; `None` when unknown. Never bought when unknown.
    pub price: Option<i64>,
    /// Whether it can be bought at all.
    pub available: bool,
    /// Labels an offering adds beyond zone and capacity type.
    pub requirements: Requirements,
}

impl InstanceType {
    /// What [`Self::allocatable`] says of one resource.
    pub fn allocatable_of(&self, name: &str) -> i64 {
        let Overhead { kube_reserved, system_reserved, eviction_threshold } = &self.overhead;
        let parts = [kube_reserved, system_reserved, eviction_threshold];
        let left = parts
            .iter()
            .fold(self.capacity.get(name), |left, part| left.saturating_sub(part.get(name)));
        left.max(0)
    }

    /// Capacity less overhead, never below 0: what the kubelet reports as allocatable.
    pub fn allocatable(&self) -> Resources {
        let mut left = self.capacity.clone();
        for part in [
            &self.overhead.kube_reserved,
            &self.overhead.system_reserved,
            &self.overhead.eviction_threshold,
        ] {
            left.subtract(part);
        }
        left.0.values_mut().for_each(|amount| *amount = (*amount).max(0));
        left
    }
}
