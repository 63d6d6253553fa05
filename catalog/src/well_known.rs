//! Names of labels that Kubernetes, Karpenter and AKS give a meaning to, and who may set them.

/// Size of the machine.
pub const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// Zone; `<region>-<n>` on Azure, `0` for a regional VM.
pub const ZONE: &str = "topology.kubernetes.io/zone";
/// Region.
pub const REGION: &str = "topology.kubernetes.io/region";
/// `amd64` or `arm64`.
pub const ARCH: &str = "kubernetes.io/arch";
/// `linux` or `windows`.
pub const OS: &str = "kubernetes.io/os";
/// Name of the node.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
/// Build number of Windows.
pub const WINDOWS_BUILD: &str = "node.kubernetes.io/windows-build";
/// `spot`, `on-demand` or `reserved`.
pub const CAPACITY_TYPE: &str = "karpenter.sh/capacity-type";
/// Name of the node pool.
pub const NODE_POOL: &str = "karpenter.sh/nodepool";
/// `zonal` or `regional`.
pub const PLACEMENT_SCOPE: &str = "karpenter.azure.com/placement-scope";
/// Name of the size, `Standard_D4s_v5`.
pub const SKU_NAME: &str = "karpenter.azure.com/sku-name";
/// Family of the size, `D`.
pub const SKU_FAMILY: &str = "karpenter.azure.com/sku-family";
/// Series of the size, `Dpls_v6`.
pub const SKU_SERIES: &str = "karpenter.azure.com/sku-series";
/// Version of the size, `5`.
pub const SKU_VERSION: &str = "karpenter.azure.com/sku-version";
/// vCPUs.
pub const SKU_CPU: &str = "karpenter.azure.com/sku-cpu";
/// Memory in MiB.
pub const SKU_MEMORY: &str = "karpenter.azure.com/sku-memory";
/// `system` or `user`.
pub const AKS_MODE: &str = "kubernetes.azure.com/mode";
/// `spot` or `regular`.
pub const AKS_SCALE_SET_PRIORITY: &str = "kubernetes.azure.com/scalesetpriority";
/// Size of a kwok node: the number of CPUs, or the size in an AWS name.
pub const KWOK_SIZE: &str = "karpenter.kwok.sh/instance-size";
/// Family of a kwok node.
pub const KWOK_FAMILY: &str = "karpenter.kwok.sh/instance-family";
/// CPUs of a kwok node, as a quantity.
pub const KWOK_CPU: &str = "karpenter.kwok.sh/instance-cpu";
/// Memory of a kwok node, as a quantity.
pub const KWOK_MEMORY: &str = "karpenter.kwok.sh/instance-memory";

/// Karpenter's own, which every provider defines.
const CORE: [&str; 8] =
    [NODE_POOL, CAPACITY_TYPE, ZONE, REGION, INSTANCE_TYPE, ARCH, OS, WINDOWS_BUILD];

/// Those that the Azure provider adds.
const AZURE: [&str; 33] = [
    SKU_NAME,
    SKU_FAMILY,
    SKU_SERIES,
    SKU_VERSION,
    SKU_CPU,
    SKU_MEMORY,
    "karpenter.azure.com/sku-gpu-name",
    "karpenter.azure.com/sku-gpu-manufacturer",
    "karpenter.azure.com/sku-gpu-count",
    "karpenter.azure.com/sku-networking-accelerated",
    "karpenter.azure.com/sku-storage-premium-capable",
    "karpenter.azure.com/sku-storage-ephemeralos-maxsize",
    "karpenter.azure.com/sku-storage-ultra-ssd",
    PLACEMENT_SCOPE,
    "kubernetes.azure.com/sku-cpu",
    "kubernetes.azure.com/sku-memory",
    "kubernetes.azure.com/cluster",
    AKS_MODE,
    AKS_SCALE_SET_PRIORITY,
    "kubernetes.azure.com/priority",
    "kubernetes.azure.com/os-sku",
    "kubernetes.azure.com/os-sku-requested",
    "kubernetes.azure.com/os-sku-effective",
    "kubernetes.azure.com/fips_enabled",
    "kubernetes.azure.com/role",
    "kubernetes.azure.com/ebpf-dataplane",
    "kubernetes.azure.com/network-subnet",
    "kubernetes.azure.com/nodenetwork-vnetguid",
    "kubernetes.azure.com/azure-cni-overlay",
    "kubernetes.azure.com/podnetwork-type",
    "kubernetes.azure.com/network-stateless-cni",
    "kubernetes.azure.com/localdns-state",
    "kubernetes.azure.com/artifactstreaming-enabled",
];

/// Those of kwok's catalog.
const KWOK: [&str; 4] = [KWOK_SIZE, KWOK_FAMILY, KWOK_CPU, KWOK_MEMORY];

/// Labels under AKS's own prefix that a node pool may set on its nodes, as the documents for
/// system pools and for Cilium ask people to.
const AZURE_SETTABLE: [&str; 2] = [AKS_MODE, "kubernetes.azure.com/ebpf-dataplane"];

/// Every well-known label key.
pub fn all() -> impl Iterator<Item = &'static str> {
    CORE.into_iter().chain(AZURE).chain(KWOK)
}

/// Whether a node pool need not define the label for pods to ask for it: the provider does
/// (Karpenter, `WellKnownLabels`).
pub fn is_well_known(key: &str) -> bool {
    all().any(|known| known == key)
}

/// The stable name of a beta label key, and the general name of the Azure disk driver's zone key;
/// any other key as it is.
pub fn normalise(key: &str) -> &str {
    match key {
        "beta.kubernetes.io/arch" => ARCH,
        "beta.kubernetes.io/os" => OS,
        "beta.kubernetes.io/instance-type" => INSTANCE_TYPE,
        "failure-domain.beta.kubernetes.io/zone" | "topology.disk.csi.azure.com/zone" => ZONE,
        "failure-domain.beta.kubernetes.io/region" => REGION,
        _ => key,
    }
}

/// The rule that forbids a node pool to set this label on its nodes, or `None` when it may.
///
/// Stricter than [`restricted`]: what describes a size is chosen by requirements and
/// set by the system, never by hand.
pub fn restricted_label(key: &str) -> Option<&'static str> {
    if prefix(key).is_some_and(|prefix| within(prefix, "karpenter.azure.com")) {
        return Some(
            "labels under karpenter.azure.com are set by the provider; choose sizes with \
             spec.template.spec.requirements",
        );
    }
    if prefix(key) == Some("kubernetes.azure.com") && !AZURE_SETTABLE.contains(&key) {
        return Some("the prefix kubernetes.azure.com/ is reserved for AKS");
    }
    restricted(key)
}

/// The rule that forbids a node pool to require this label, or `None` when it may. Well-known
/// labels are what requirements are for.
pub fn restricted(key: &str) -> Option<&'static str> {
    if key == NODE_POOL {
        return Some("karpenter.sh/nodepool is set to the name of the node pool");
    }
    if key == HOSTNAME {
        return Some("kubernetes.io/hostname is set when the node starts");
    }
    if is_well_known(normalise(key)) {
        return None;
    }
    let prefix = prefix(key)?;
    if within(prefix, "karpenter.sh") {
        return Some(
            "labels under karpenter.sh are set by the system, except karpenter.sh/capacity-type",
        );
    }
    if within(prefix, "karpenter.azure.com") {
        return Some("karpenter.azure.com has no such label for users");
    }
    match prefix {
        "kubernetes.azure.com" => Some("the prefix kubernetes.azure.com/ is reserved for AKS"),
        "kubernetes.io" => Some("the prefix kubernetes.io/ is reserved for Kubernetes"),
        _ => None,
    }
}

fn prefix(key: &str) -> Option<&str> {
    key.split_once('/').map(|(prefix, _)| prefix)
}

/// Whether a domain is `parent` or below it.
fn within(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_set_what() {
        // key, may be required, may be set as a label
        let cases = [
            ("team", true, true),
            ("example.com/team", true, true),
            (CAPACITY_TYPE, true, true),
            (ZONE, true, true),
            ("failure-domain.beta.kubernetes.io/zone", true, true),
            ("beta.kubernetes.io/os", true, true),
            (ARCH, true, true),
            ("node.kubernetes.io/custom", true, true),
            ("node-restriction.kubernetes.io/team", true, true),
            (KWOK_SIZE, true, true),
            (AKS_MODE, true, true),
            ("notkarpenter.sh/x", true, true),
            (SKU_FAMILY, true, false),
            (AKS_SCALE_SET_PRIORITY, true, false),
            (PLACEMENT_SCOPE, true, false),
            (NODE_POOL, false, false),
            (HOSTNAME, false, false),
            ("karpenter.sh/registered", false, false),
            ("compatibility.karpenter.sh/x", false, false),
            ("karpenter.azure.com/sku-hyperv-generation", false, false),
            ("karpenter.azure.com/mine", false, false),
            ("x.karpenter.azure.com/mine", false, false),
            ("kubernetes.azure.com/agentpool", false, false),
            ("kubernetes.io/role", false, false),
        ];
        for (key, required, set) in cases {
            assert_eq!(restricted(key).is_none(), required, "require {key}");
            assert_eq!(restricted_label(key).is_none(), set, "set {key}");
        }
    }

    #[test]
    fn names() {
        assert_eq!(normalise("beta.kubernetes.io/arch"), ARCH);
        assert_eq!(normalise("failure-domain.beta.kubernetes.io/region"), REGION);
        assert_eq!(normalise("example.com/x"), "example.com/x");
        let mut keys: Vec<&str> = all().collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "listed twice");
        assert!(keys.iter().all(|key| crate::label_syntax::key_fault(key).is_none()));
        assert!(is_well_known(SKU_CPU) && !is_well_known(HOSTNAME) && !is_well_known("team"));
    }
}
