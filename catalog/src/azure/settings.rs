//! The node configuration that turns a VM size into an instance type.

use super::os_disk::ManagedDiskPrice;

/// Operating system of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Os {
    /// Linux.
    #[default]
    Linux,
    /// Windows Server.
    Windows,
}

impl Os {
    /// The value of `kubernetes.io/os`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
        }
    }
}

/// The cluster's network plugin, which decides how many pods a node may have by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NetworkPlugin {
    /// Azure CNI, overlay mode.
    #[default]
    AzureOverlay,
    /// Azure CNI, pods in the node's subnet.
    AzureNodeSubnet,
    /// Bring your own.
    None,
    /// kubenet.
    Kubenet,
}

/// What is asked of the OS disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OsDiskType {
    /// Ephemeral where it fits, else managed.
    #[default]
    Auto,
    /// Ephemeral only: sizes where it does not fit are not offered.
    Ephemeral,
    /// Managed only.
    Managed,
}

/// One configuration of nodes: what an AKSNodeClass and the cluster decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Operating system.
    pub os: Os,
    /// Major and minor version of Kubernetes.
    pub kubernetes_version: (u32, u32),
    /// Pods per node; `None` takes the network plugin's default.
    pub max_pods: Option<u32>,
    /// See [`NetworkPlugin`].
    pub network_plugin: NetworkPlugin,
    /// Size of the OS disk in GiB.
    pub os_disk_gib: u32,
    /// See [`OsDiskType`].
    pub os_disk: OsDiskType,
    /// Price of a managed OS disk; `None` takes the embedded table.
    pub managed_disk_price: Option<ManagedDiskPrice>,
    /// Only sizes with encryption at host.
    pub encryption_at_host: bool,
    /// Only sizes that support Trusted Launch.
    pub trusted_launch: bool,
    /// FIPS images: recorded as a label; the images exist for amd64 only.
    pub fips: bool,
    /// Artifact streaming: not on arm64.
    pub artifact_streaming: bool,
    /// No managed GPU driver: opens GPU sizes for which AKS has none.
    pub gpu_driver_none: bool,
    /// `Ubuntu`, `Ubuntu2204`, `Ubuntu2404` or `AzureLinux`.
    pub image_family: Option<String>,
    /// How much of the nominal memory the node never sees (firmware, hypervisor, kernel), in
    /// thousandths. An estimate: 75 is what Karpenter's Azure provider assumes for all sizes;
    /// nodes seen in the field lose 40 (4 GiB) to 22 (16 GiB), so 75 is on the safe side.
    pub vm_memory_overhead_permille: u32,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            os: Os::Linux,
            kubernetes_version: (1, 34),
            max_pods: None,
            network_plugin: NetworkPlugin::default(),
            os_disk_gib: 128,
            os_disk: OsDiskType::Auto,
            managed_disk_price: None,
            encryption_at_host: false,
            trusted_launch: false,
            fips: false,
            artifact_streaming: false,
            gpu_driver_none: false,
            image_family: None,
            vm_memory_overhead_permille: 75,
        }
    }
}

impl NodeSettings {
    /// Pods per node: as set, else 30 for pods in the node's subnet, 110 for kubenet and 250
    /// otherwise (AKS defaults as Karpenter's Azure provider applies them).
    pub fn effective_max_pods(&self) -> u32 {
        let default = match self.network_plugin {
            NetworkPlugin::AzureNodeSubnet => 30,
            NetworkPlugin::Kubenet => 110,
            NetworkPlugin::AzureOverlay | NetworkPlugin::None => 250,
        };
        self.max_pods.unwrap_or(default)
    }
}
