//! From VM sizes to instance types: which sizes a node configuration admits, and their offerings.

use std::sync::Arc;

use crate::{CapacityType, InstanceType, Offering, instance_type::OsDisk};

use super::{
    Region, labels, os_disk,
    os_disk::NoEphemeralDisk,
    overhead,
    settings::{NodeSettings, Os},
    sku::{Arch, Presence, Sku},
};

/// AKS asks this of every node.
const MIN_VCPUS: u32 = 2;
const MIN_MEMORY_MIB: u64 = 3584;

/// Why a size is no instance type under a node configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excluded {
    /// The region's size list does not have it.
    #[error("not sold in this region")]
    NotInRegion,
    /// The imported size list says that the subscription may not use it.
    #[error("not available to the subscription")]
    Restricted,
    /// Fewer than 2 vCPUs or less than 3.5 GiB.
    #[error("AKS nodes need at least 2 vCPUs and 3.5 GiB of memory")]
    TooSmall,
    /// On AKS's list of sizes that node pools may not have.
    #[error("AKS does not accept this size for nodes")]
    RefusedByAks,
    /// Windows needs amd64.
    #[error("Windows nodes need an amd64 size")]
    WindowsOnArm,
    /// Encryption at host was asked for and is missing or unknown.
    #[error("no encryption at host")]
    NoEncryptionAtHost,
    /// Trusted Launch was asked for; it needs amd64, generation 2 and no flag against it.
    #[error("no Trusted Launch")]
    NoTrustedLaunch,
    /// Artifact streaming needs amd64.
    #[error("artifact streaming needs an amd64 size")]
    NoArtifactStreaming,
    /// FIPS images are for amd64.
    #[error("FIPS images need an amd64 size")]
    NoFipsImage,
    /// AKS cannot install a driver for its GPU or accelerator.
    #[error("AKS installs no driver for its accelerator; set the GPU driver to none to use it")]
    NoGpuDriver,
    /// An ephemeral OS disk was demanded and does not fit.
    #[error(transparent)]
    NoEphemeralDisk(#[from] NoEphemeralDisk),
}

impl Region {
    /// The instance types of this region for nodes configured like `settings`, by name.
    ///
    /// Every zone of a size gives one offering per capacity type, and there is one more for a
    /// regional VM (zone `0`). Prices hold the OS disk. Constrained-vCPU sizes are kept with the
    /// vCPUs the guest sees; confidential sizes come as `only_if_asked`.
    pub fn instance_types(&self, settings: &NodeSettings) -> Vec<InstanceType> {
        self.skus.iter().filter_map(|sku| self.instance_type(sku, settings).ok()).collect()
    }

    /// The sizes that `settings` exclude, by name, with the reason.
    pub fn excluded(&self, settings: &NodeSettings) -> Vec<(Arc<str>, Excluded)> {
        self.skus
            .iter()
            .filter_map(|sku| Some((sku.name.clone(), self.admit(sku, settings).err()?)))
            .collect()
    }

    /// One size as an instance type.
    ///
    /// # Errors
    ///
    /// When the size cannot be a node of this configuration.
    pub fn instance_type(
        &self,
        sku: &Sku,
        settings: &NodeSettings,
    ) -> Result<InstanceType, Excluded> {
        let os_disk = self.admit(sku, settings)?;
        Ok(InstanceType {
            name: sku.name.clone(),
            requirements: labels::of_size(self, sku, settings),
            capacity: overhead::capacity(sku, settings),
            overhead: overhead::overhead(sku, settings),
            offerings: self.offerings(sku, settings.os, &os_disk),
            max_data_disks: sku.max_data_disks,
            only_if_asked: sku.is_confidential(),
            os_disk: Some(os_disk),
        })
    }

    /// Applies the filters that AKS and the node configuration set, and decides the OS disk.
    fn admit(&self, sku: &Sku, settings: &NodeSettings) -> Result<OsDisk, Excluded> {
        match &sku.presence {
            None if self.size_list_as_of.is_some() => return Err(Excluded::NotInRegion),
            Some(presence) if self.imported && presence.restricted => {
                return Err(Excluded::Restricted);
            }
            _ => {}
        }
        if sku.vcpus_available < MIN_VCPUS || sku.memory_mib < MIN_MEMORY_MIB {
            return Err(Excluded::TooSmall);
        }
        if sku.aks_restricted || sku.name.starts_with("Basic_") {
            return Err(Excluded::RefusedByAks);
        }
        match configuration_obstacle(sku, settings) {
            Some(obstacle) => Err(obstacle),
            None => Ok(os_disk::decide(sku, settings)?),
        }
    }

    fn offerings(&self, sku: &Sku, os: Os, disk: &OsDisk) -> Vec<Offering> {
        let no_list = Presence { spot_capable: true, ..Presence::default() };
        let presence = sku.presence.as_ref().unwrap_or(&no_list);
        let prices = sku.prices(os);
        let regular = prices.regular.as_ref().map(|price| price.value);
        let spot = prices.spot.as_ref().map(|price| price.value);
        // Spot that costs more than the regular price is never worth its risk.
        let spot_sold =
            presence.spot_capable && !matches!((spot, regular), (Some(s), Some(r)) if s > r);
        let mut places: Vec<_> =
            presence.zones.iter().map(|zone| (format!("{}-{zone}", self.name), true)).collect();
        places.push(("0".to_owned(), false));
        let mut offerings = Vec::new();
        for (capacity_type, price) in
            [(CapacityType::Spot, spot.filter(|_| spot_sold)), (CapacityType::OnDemand, regular)]
        {
            if capacity_type == CapacityType::Spot && !spot_sold {
                continue;
            }
            offerings.extend(places.iter().map(|(zone, zonal)| Offering {
                zone: Arc::from(zone.as_str()),
                capacity_type,
                price: price.map(|price| price.saturating_add(disk.price)),
                available: true,
                requirements: labels::of_offering(zone, *zonal, capacity_type),
            }));
        }
        offerings
    }
}

/// The first setting that rules the size out.
fn configuration_obstacle(sku: &Sku, settings: &NodeSettings) -> Option<Excluded> {
    let arm = sku.arch == Arch::Arm64;
    let trusted_launch = !arm
        && sku.generations.is_some_and(|can| can.v2)
        && sku.trusted_launch_disabled != Some(true)
        && !sku.is_confidential();
    let rules = [
        (settings.os == Os::Windows && arm, Excluded::WindowsOnArm),
        (
            settings.encryption_at_host && sku.encryption_at_host != Some(true),
            Excluded::NoEncryptionAtHost,
        ),
        (settings.trusted_launch && !trusted_launch, Excluded::NoTrustedLaunch),
        (settings.artifact_streaming && arm, Excluded::NoArtifactStreaming),
        (settings.fips && arm, Excluded::NoFipsImage),
        (!settings.gpu_driver_none && lacks_driver(sku), Excluded::NoGpuDriver),
    ];
    rules.into_iter().find_map(|(broken, why)| broken.then_some(why))
}

/// Sizes with an accelerator (the N families) for which AKS has no driver: everything but the
/// NVIDIA GPUs it lists.
fn lacks_driver(sku: &Sku) -> bool {
    let accelerated =
        sku.short_name().starts_with('N') || sku.gpus.as_ref().is_some_and(|gpus| gpus.value > 0);
    accelerated && sku.gpu_vendor.as_deref() != Some("nvidia")
}
