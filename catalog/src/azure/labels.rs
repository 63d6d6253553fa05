//! Labels of Azure nodes: what a size of a region promises, and what its offerings add.

use crate::{CapacityType, Requirement, Requirements, well_known};

use super::{
    Region, os_disk,
    overhead::gpu_resource,
    settings::{NodeSettings, Os},
    sku::Sku,
};

/// `karpenter.azure.com/` labels of a size.
const SKU: &str = "karpenter.azure.com/sku-";

/// The Azure disk driver's own zone label.
const DISK_ZONE: &str = "topology.disk.csi.azure.com/zone";

/// The family, sub-family, features and version that a size's name spells out
/// (Microsoft's VM naming conventions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameParts<'a> {
    /// The first letter: `D`, `N`.
    pub family: &'a str,
    /// Family and sub-family letters: `D`, `DC`, `NC`.
    pub letters: &'a str,
    /// Feature letters after the vCPU count: `ads`.
    pub features: &'a str,
    /// `v5`, or `None` for the first version.
    pub version: Option<&'a str>,
}

impl<'a> NameParts<'a> {
    /// Takes a size name without its tier apart, e.g. `E16-4ads_v5` or `NC24ads_A100_v4`.
    pub fn of(short_name: &'a str) -> Self {
        let mut parts = short_name.split('_');
        let head = parts.next().unwrap_or_default();
        let digits = head.find(|c: char| c.is_ascii_digit()).unwrap_or(head.len());
        let (letters, rest) = head.split_at(digits);
        let features = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        // The last such part, with one digit: V710 is an accelerator, not a version.
        let is_version =
            |part: &&str| matches!(part.as_bytes(), [b'v' | b'V', digit] if digit.is_ascii_digit());
        let version = parts.rfind(is_version);
        let family = letters.get(..1).unwrap_or(letters);
        Self { family, letters, features, version }
    }

    /// Karpenter's `sku-series`: `Dads_v5`, `NCads_v4`, `B` features and all.
    pub fn series(&self) -> String {
        let version = self.version.map(|version| format!("_{version}")).unwrap_or_default();
        format!("{}{}{version}", self.letters, self.features)
    }
}

/// What every node of this size and configuration carries.
pub fn of_size(region: &Region, sku: &Sku, settings: &NodeSettings) -> Requirements {
    let mut labels = Requirements::default();
    let name = NameParts::of(sku.short_name());
    let memory = sku.memory_mib.to_string();
    let vcpus = sku.vcpus_available.to_string();
    for (key, value) in [
        (well_known::INSTANCE_TYPE, &*sku.name),
        (well_known::ARCH, sku.arch.as_str()),
        (well_known::OS, settings.os.as_str()),
        (well_known::REGION, &*region.name),
        ("kubernetes.azure.com/role", "agent"),
        ("kubernetes.azure.com/sku-cpu", &vcpus),
        ("kubernetes.azure.com/sku-memory", &memory),
    ] {
        set(&mut labels, key, Some(value));
    }
    for (suffix, value) in [
        ("name", &*sku.name),
        ("family", name.family),
        ("series", &name.series()),
        ("version", &sku.version.to_string()),
        ("cpu", &vcpus),
        ("memory", &memory),
    ] {
        set(&mut labels, &format!("{SKU}{suffix}"), Some(value));
    }
    capabilities(&mut labels, sku);
    image(&mut labels, settings);
    labels
}

/// Labels that a size has only when the fact is known; unknown promises nothing.
fn capabilities(labels: &mut Requirements, sku: &Sku) {
    let flag = |value: Option<bool>| value.map(|yes| if yes { "true" } else { "false" });
    let largest = os_disk::max_ephemeral_gib(sku).map(|gib| decimal_gb(gib).to_string());
    let gpus = gpu_resource(sku);
    let count = gpus.map(|(_, count)| count.to_string());
    let generation = sku.generations.map(|can| if can.v2 { "2" } else { "1" });
    for (suffix, value) in [
        ("networking-accelerated", flag(sku.accelerated_networking)),
        ("storage-premium-capable", flag(sku.premium_io)),
        ("storage-ultra-ssd", flag(sku.ultra_ssd)),
        ("storage-ephemeralos-maxsize", largest.as_deref()),
        ("gpu-name", gpus.and(sku.gpu_model.as_deref())),
        ("gpu-manufacturer", gpus.and(sku.gpu_vendor.as_deref())),
        ("gpu-count", count.as_deref()),
        ("hyperv-generation", generation),
    ] {
        set(labels, &format!("{SKU}{suffix}"), value);
    }
}

/// The label's unit is the decimal gigabyte, as in Karpenter's Azure provider.
fn decimal_gb(gib: u32) -> u64 {
    u64::from(gib) * (1 << 30) / 1_000_000_000
}

fn image(labels: &mut Requirements, settings: &NodeSettings) {
    let os_sku = match (settings.os, settings.image_family.as_deref()) {
        (Os::Windows, _) => None,
        (Os::Linux, Some("AzureLinux")) => Some("AzureLinux"),
        (Os::Linux, _) => Some("Ubuntu"),
    };
    set(labels, "kubernetes.azure.com/os-sku", os_sku);
    let yes = |on: bool| on.then_some("true");
    set(labels, "kubernetes.azure.com/fips_enabled", yes(settings.fips));
    let streaming = yes(settings.artifact_streaming);
    set(labels, "kubernetes.azure.com/artifactstreaming-enabled", streaming);
}

/// What an offering adds to zone and capacity type, which are its fields.
pub fn of_offering(zone: &str, zonal: bool, capacity_type: CapacityType) -> Requirements {
    let mut labels = Requirements::default();
    let scope = if zonal { "zonal" } else { "regional" };
    let priority = match capacity_type {
        CapacityType::Spot => "spot",
        CapacityType::Reserved | CapacityType::OnDemand => "regular",
    };
    set(&mut labels, well_known::PLACEMENT_SCOPE, Some(scope));
    set(&mut labels, well_known::AKS_SCALE_SET_PRIORITY, Some(priority));
    set(&mut labels, "kubernetes.azure.com/priority", Some(priority));
    if zonal {
        // The disk driver's name for the zone. A regional VM has it with no value, which would
        // contradict zone `0` for everyone who takes the two keys for one.
        set(&mut labels, DISK_ZONE, Some(zone));
    }
    labels
}

/// Exactly this value, or `DoesNotExist`.
fn set(labels: &mut Requirements, key: &str, value: Option<&str>) {
    labels.add(Requirement::one_of(key, value));
}
