//! What an AKS node keeps for itself: kube-reserved, system-reserved and eviction thresholds, by
//! Kubernetes version ("Resource reservations" in the AKS documents).

use crate::{
    Overhead, Resources,
    resources::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS},
};

use super::{
    settings::{NodeSettings, Os},
    sku::Sku,
};

const MIB: i64 = 1 << 20;
const GIB: i64 = 1 << 30;

/// The first version with reservations by pod count instead of memory tiers.
const RESERVED_BY_PODS: (u32, u32) = (1, 29);

/// What the machine reports as capacity: the vCPUs that the guest sees, nominal memory less the
/// estimated VM overhead, the OS disk, pods, and GPUs where their number is known.
///
/// The OS disk counts as `os_disk_gib` decimal gigabytes, as Karpenter's Azure provider does; the
/// 7% between GB and GiB stand for the boot partitions and the file system's own structures.
pub fn capacity(sku: &Sku, settings: &NodeSettings) -> Resources {
    let kept = 1000_u64.saturating_sub(u64::from(settings.vm_memory_overhead_permille));
    let memory = i128::from(nominal_memory(sku)) * i128::from(kept) / 1000;
    let mut capacity = Resources::from([
        (CPU, i64::from(sku.vcpus_available) * 1000),
        (MEMORY, i64::try_from(memory).unwrap_or(i64::MAX)),
        (EPHEMERAL_STORAGE, i64::from(settings.os_disk_gib) * 1_000_000_000),
        (PODS, i64::from(settings.effective_max_pods())),
    ]);
    if let Some((name, count)) = gpu_resource(sku) {
        capacity.set(name, i64::from(count));
    }
    capacity
}

/// The extended resource of the size's GPUs; `None` without GPUs that AKS supports or with an
/// unknown number of them.
pub fn gpu_resource(sku: &Sku) -> Option<(&'static str, u32)> {
    let count = sku.gpus.as_ref().map(|gpus| gpus.value).filter(|count| *count > 0)?;
    match sku.gpu_vendor.as_deref()? {
        "nvidia" => Some(("nvidia.com/gpu", count)),
        "amd" => Some(("amd.com/gpu", count)),
        _ => None,
    }
}

/// What the node takes from its capacity before pods get their share.
pub fn overhead(sku: &Sku, settings: &NodeSettings) -> Overhead {
    let by_pods = settings.kubernetes_version >= RESERVED_BY_PODS;
    let memory = nominal_memory(sku);
    let kube_memory = if by_pods {
        by_pod_count(memory, settings.effective_max_pods())
    } else {
        by_memory_tiers(memory)
    };
    let windows_memory = match settings.os {
        Os::Linux => 0,
        // AKS keeps 2 GB more on Windows nodes for system processes.
        Os::Windows => 2 * GIB,
    };
    let eviction_memory = if by_pods { 100 * MIB } else { 750 * MIB };
    // nodefs.available < 10% is part of the kubelet's hard eviction thresholds on AKS, and the
    // kubelet takes it from allocatable.
    let eviction_disk = i64::from(settings.os_disk_gib) * 100_000_000;
    Overhead {
        kube_reserved: Resources::from([
            (CPU, reserved_cpu(sku.vcpus_available)),
            (MEMORY, kube_memory),
        ]),
        system_reserved: Resources::from([(MEMORY, windows_memory)]),
        eviction_threshold: Resources::from([
            (MEMORY, eviction_memory),
            (EPHEMERAL_STORAGE, eviction_disk),
        ]),
    }
}

/// Nominal memory in bytes, saturating.
fn nominal_memory(sku: &Sku) -> i64 {
    i64::try_from(sku.memory_mib).unwrap_or(i64::MAX).saturating_mul(MIB)
}

/// AKS 1.29 and later: 20 MB for every pod that may run plus 50 MB, at most a quarter of the
/// memory. The documents' MB are MiB: a kubelet of an AKS node with 110 pods is started with
/// `--kube-reserved=memory=2250Mi`.
fn by_pod_count(memory: i64, max_pods: u32) -> i64 {
    ((20 * i64::from(max_pods) + 50) * MIB).min(memory / 4)
}

/// AKS before 1.29: regressive shares of the memory.
fn by_memory_tiers(memory: i64) -> i64 {
    let tiers = [(4, 25), (8, 20), (16, 10), (128, 6)];
    let mut reserved = 0_i128;
    let mut below = 0;
    for (up_to, percent) in tiers {
        let part = memory.min(up_to * GIB) - below;
        if part <= 0 {
            break;
        }
        reserved += i128::from(part) * percent;
        below = up_to * GIB;
    }
    let rest = (memory - 128 * GIB).max(0);
    reserved += i128::from(rest) * 2;
    i64::try_from(reserved / 100).unwrap_or(i64::MAX)
}

/// 6% of the first core, 4% of the second, 2% of the third and fourth, 1% of the others;
/// milli-cores.
fn reserved_cpu(vcpus: u32) -> i64 {
    let vcpus = i64::from(vcpus);
    let cores = |from: i64, to: i64| (vcpus.min(to) - from).max(0);
    60 * cores(0, 1) + 40 * cores(1, 2) + 20 * cores(2, 4) + 10 * cores(4, i64::MAX)
}
