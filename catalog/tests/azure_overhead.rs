//! Capacity and reservations of AKS nodes against published and measured numbers.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use catalog::{
    azure::{
        NetworkPlugin, NodeSettings, Os, Region, Sku,
        overhead::{capacity, overhead},
        sku::Arch,
    },
    resources::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS},
};

const MIB: i64 = 1 << 20;

fn size(vcpus: u32, gib: u64) -> Sku {
    Sku::new("Standard_Test", "standardTestFamily", vcpus, gib * 1024, Arch::Amd64)
}

fn settings(minor: u32, max_pods: u32) -> NodeSettings {
    NodeSettings {
        kubernetes_version: (1, minor),
        max_pods: Some(max_pods),
        ..NodeSettings::default()
    }
}

#[test]
fn reserved_cpu_is_the_published_table() {
    for (vcpus, reserved) in
        [(1, 60), (2, 100), (4, 140), (8, 180), (16, 260), (32, 420), (64, 740)]
    {
        let kept = overhead(&size(vcpus, 64), &settings(34, 30)).kube_reserved.get(CPU);
        assert_eq!(kept, reserved, "{vcpus} vCPUs");
    }
}

#[test]
fn reserved_memory_from_1_29_on() {
    // Memory GiB, pods, reserved MiB. The third is the kubelet flag of a real node with 110 pods.
    for (gib, pods, mib) in
        [(8, 30, 650), (4, 70, 1024), (32, 110, 2250), (16, 110, 2250), (16, 250, 4096)]
    {
        let kept = overhead(&size(4, gib), &settings(29, pods));
        assert_eq!(kept.kube_reserved.get(MEMORY), mib * MIB, "{gib} GiB, {pods} pods");
        assert_eq!(kept.eviction_threshold.get(MEMORY), 100 * MIB);
        assert_eq!(kept.system_reserved.get(MEMORY), 0);
    }
}

#[test]
fn reserved_memory_before_1_29() {
    // Memory GiB, hundredths of a GiB reserved: 25% of 4, 20% to 8, 10% to 16, 6% to 128, then 2%.
    for (gib, hundredths) in [(4, 100), (8, 180), (16, 260), (128, 932), (256, 1188)] {
        let kept = overhead(&size(4, gib), &settings(28, 110));
        assert_eq!(kept.kube_reserved.get(MEMORY), (hundredths << 30) / 100, "{gib} GiB");
        assert_eq!(kept.eviction_threshold.get(MEMORY), 750 * MIB);
    }
}

#[test]
fn an_old_node_reports_what_was_measured() {
    // Standard_F2s_v2 on AKS 1.25: capacity 4025836Ki (4% below nominal), allocatable 2209260Ki;
    // cpu 1900m; the file system's tenth that eviction guards is not allocatable.
    let f2 = Region::load("eastus").unwrap().sku("Standard_F2s_v2").unwrap().clone();
    let nominal = 4 << 30;
    let lost = NodeSettings { vm_memory_overhead_permille: 0, ..settings(25, 110) };
    let mut left = capacity(&f2, &lost);
    assert_eq!(left.get(MEMORY), nominal);
    let kept = overhead(&f2, &lost);
    left.subtract(&kept.kube_reserved);
    left.subtract(&kept.eviction_threshold);
    assert_eq!(nominal - left.get(MEMORY), (4_025_836 - 2_209_260) * 1024);
    assert_eq!(left.get(CPU), 1900);
    assert_eq!(left.get(EPHEMERAL_STORAGE) * 10, capacity(&f2, &lost).get(EPHEMERAL_STORAGE) * 9);
}

#[test]
fn memory_that_the_machine_never_shows() {
    let d4 = size(4, 16);
    assert_eq!(capacity(&d4, &settings(34, 110)).get(MEMORY), (16 << 30) * 925 / 1000);
    let none = NodeSettings { vm_memory_overhead_permille: 5000, ..settings(34, 110) };
    assert_eq!(capacity(&d4, &none).get(MEMORY), 0, "more than all of it is all of it");
    let fraction = Sku { memory_mib: 3584, ..size(1, 3) };
    let full = NodeSettings { vm_memory_overhead_permille: 0, ..settings(34, 110) };
    assert_eq!(capacity(&fraction, &full).get(MEMORY), 3584 * MIB, "3.5 GiB are 3.5 GiB");
}

#[test]
fn windows_keeps_two_more_gib() {
    let windows = NodeSettings { os: Os::Windows, ..settings(34, 30) };
    let kept = overhead(&size(4, 16), &windows);
    assert_eq!(kept.system_reserved.get(MEMORY), 2 << 30);
    assert_eq!(kept.kube_reserved.get(MEMORY), 650 * MIB);
}

#[test]
fn pods_by_network_plugin() {
    for (network_plugin, pods) in [
        (NetworkPlugin::AzureOverlay, 250),
        (NetworkPlugin::AzureNodeSubnet, 30),
        (NetworkPlugin::None, 250),
        (NetworkPlugin::Kubenet, 110),
    ] {
        let settings = NodeSettings { network_plugin, ..NodeSettings::default() };
        assert_eq!(capacity(&size(4, 16), &settings).get(PODS), pods, "{network_plugin:?}");
    }
}

#[test]
fn allocatable_is_never_negative_and_grows_with_the_version() {
    for name in ["eastus", "westeurope"] {
        let region = Region::load(name).unwrap();
        let old = region.instance_types(&settings(28, 30));
        let new = region.instance_types(&settings(29, 30));
        assert_eq!(old.len(), new.len());
        for (old, new) in old.iter().zip(&new) {
            let (before, after) = (old.allocatable(), new.allocatable());
            assert!(
                before.get(MEMORY) > 0 && before.get(MEMORY) < after.get(MEMORY),
                "{}",
                old.name
            );
            assert!(after.get(CPU) > 1800, "{}", old.name);
        }
    }
}
