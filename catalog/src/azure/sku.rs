//! Everything known about one VM size in one region.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::settings::Os;

/// A figure and where it comes from (`api`, `doc`, `rule`, `inferred`, `import`, …; see
/// `catalog/data/PROVENANCE.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The figure.
    pub value: T,
    /// Its origin.
    pub source: Arc<str>,
}

impl<T> Sourced<T> {
    /// A figure with its origin.
    pub fn new(value: T, source: &str) -> Self {
        Self { value, source: Arc::from(source) }
    }
}

/// Processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Arch {
    /// The value of `kubernetes.io/arch`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Which Hyper-V generations can boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// BIOS machines.
    pub v1: bool,
    /// UEFI machines.
    pub v2: bool,
}

/// A local disk that can hold an ephemeral OS disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The host's cache for the size (`CacheDisk`).
    Cache,
    /// The temporary disk (`ResourceDisk`).
    Temp,
    /// Local NVMe disks (`NvmeDisk`).
    Nvme,
}

impl Placement {
    /// `cache`, `temp` or `nvme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Temp => "temp",
            Self::Nvme => "nvme",
        }
    }

    /// Reads Azure's own name, `None` for a placement not known here.
    pub fn from_azure(name: &str) -> Option<Self> {
        match name.trim() {
            "CacheDisk" => Some(Self::Cache),
            "ResourceDisk" => Some(Self::Temp),
            "NvmeDisk" => Some(Self::Nvme),
            _ => None,
        }
    }
}

/// Local NVMe disks of a size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nvme {
    /// All disks together, MiB; 0 means the size is known to have none.
    pub total_mib: u64,
    /// How many disks, `None` when unknown.
    pub disks: Option<u32>,
    /// One disk, MiB, `None` when unknown.
    pub disk_mib: Option<u64>,
}

/// What one operating system costs, micro-dollars per hour; `None` is unknown, never 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Pay as you go.
    pub regular: Option<Sourced<i64>>,
    /// Spot.
    pub spot: Option<Sourced<i64>>,
}

/// How a size is sold in the region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Logical zones, ascending; empty when the size is sold without zones only.
    pub zones: Vec<u8>,
    /// Whether the size is offered as spot.
    pub spot_capable: bool,
    /// The subscription that was asked may not use the size here. Embedded data report another
    /// subscription's view, so this is a fact for display there; for imports it is one's own.
    pub restricted: bool,
}

/// A VM size: facts from Azure's resource-SKU list, and its prices in one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// E.g. `Standard_D4s_v5`.
    pub name: Arc<str>,
    /// The quota family, e.g. `standardDSv5Family`.
    pub family: Arc<str>,
    /// Series version, 1 when the name has none.
    pub version: u32,
    /// vCPUs that are paid for.
    pub vcpus: u32,
    /// vCPUs that the guest sees; fewer than `vcpus` for constrained sizes.
    pub vcpus_available: u32,
    /// Nominal memory in MiB.
    pub memory_mib: u64,
    /// Processor architecture.
    pub arch: Arch,
    /// Hyper-V generations.
    pub generations: Option<Generations>,
    /// Accelerated networking.
    pub accelerated_networking: Option<bool>,
    /// Network interfaces at most.
    pub max_nics: Option<u32>,
    /// Data disks at most.
    pub max_data_disks: Option<u32>,
    /// Premium SSD can be attached.
    pub premium_io: Option<bool>,
    /// Encryption at host.
    pub encryption_at_host: Option<bool>,
    /// Azure's flag that the OS disk may be ephemeral.
    pub ephemeral_os_disk: Option<bool>,
    /// Cache, MiB.
    pub cache_mib: Option<Sourced<u64>>,
    /// Temporary disk, MiB.
    pub temp_mib: Option<Sourced<u64>>,
    /// NVMe disks.
    pub nvme: Option<Sourced<Nvme>>,
    /// Allowed ephemeral placements; a known empty list means none.
    pub placements: Option<Sourced<Vec<Placement>>>,
    /// GPUs (or other accelerators) of the size.
    pub gpus: Option<Sourced<u32>>,
    /// E.g. `A100`.
    pub gpu_model: Option<Arc<str>>,
    /// `nvidia` or `amd` for GPU sizes that AKS supports.
    pub gpu_vendor: Option<Arc<str>>,
    /// Confidential computing type: `SNP`, `TDX`, or SGX enclaves.
    pub confidential: Option<Arc<str>>,
    /// Azure's flag that Trusted Launch does not work; `None` when not stated.
    pub trusted_launch_disabled: Option<bool>,
    /// Ultra disks can be attached.
    pub ultra_ssd: Option<bool>,
    /// Azure compute units per core.
    pub acus: Option<u32>,
    /// Hardware threads per core.
    pub vcpus_per_core: Option<u32>,
    /// AKS refuses the size for node pools.
    pub aks_restricted: bool,
    /// The day since when Karpenter's Azure provider lists the size.
    pub known_since: Option<Arc<str>>,
    /// How it is sold here, `None` when no size list is known for the region.
    pub presence: Option<Presence>,
    /// Linux prices.
    pub linux: Prices,
    /// Windows prices.
    pub windows: Prices,
}

impl Sku {
    /// A size of which only the defining facts are known.
    pub fn new(name: &str, family: &str, vcpus: u32, memory_mib: u64, arch: Arch) -> Self {
        Self {
            name: Arc::from(name),
            family: Arc::from(family),
            version: 1,
            vcpus,
            vcpus_available: vcpus,
            memory_mib,
            arch,
            generations: None,
            accelerated_networking: None,
            max_nics: None,
            max_data_disks: None,
            premium_io: None,
            encryption_at_host: None,
            ephemeral_os_disk: None,
            cache_mib: None,
            temp_mib: None,
            nvme: None,
            placements: None,
            gpus: None,
            gpu_model: None,
            gpu_vendor: None,
            confidential: None,
            trusted_launch_disabled: None,
            ultra_ssd: None,
            acus: None,
            vcpus_per_core: None,
            aks_restricted: false,
            known_since: None,
            presence: None,
            linux: Prices::default(),
            windows: Prices::default(),
        }
    }

    /// What this size costs with `os`.
    pub fn prices(&self, os: Os) -> &Prices {
        match os {
            Os::Linux => &self.linux,
            Os::Windows => &self.windows,
        }
    }

    /// The name without its tier: `D4s_v5` for `Standard_D4s_v5`.
    pub fn short_name(&self) -> &str {
        self.name.split_once('_').map_or(&*self.name, |(_, rest)| rest)
    }

    /// True for sizes whose guest sees fewer vCPUs than are paid for.
    pub fn is_constrained(&self) -> bool {
        self.vcpus_available < self.vcpus
    }

    /// True for the confidential series: names that start with DC or EC, and every size of which
    /// Azure reports SEV-SNP or TDX.
    pub fn is_confidential(&self) -> bool {
        let name = self.short_name();
        name.starts_with("DC")
            || name.starts_with("EC")
            || name.starts_with("NCC")
            || self.confidential.as_deref().is_some_and(|kind| kind == "SNP" || kind == "TDX")
    }
}
