//! Instance types of a region: filters, labels and offerings.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::collections::BTreeSet;

use catalog::{
    CapacityType, InstanceType, Requirements,
    azure::{Excluded, NodeSettings, Os, OsDiskType, Region, labels::NameParts},
    resources::{CPU, EPHEMERAL_STORAGE, PODS},
};

fn region() -> Region {
    Region::load("eastus").unwrap()
}

fn find(settings: &NodeSettings, name: &str) -> Option<InstanceType> {
    let region = region();
    let sku = region.sku(name).unwrap();
    region.instance_types(settings).into_iter().find(|one| one.name == sku.name)
}

/// The single value, `""` where the label can have none.
fn label(labels: &Requirements, key: &str) -> String {
    let requirement = labels.0.get(key).unwrap_or_else(|| panic!("{key} is not stated"));
    assert!(!requirement.complement && requirement.values.len() <= 1, "{key}");
    requirement.values.first().map(|value| value.to_string()).unwrap_or_default()
}

fn why(settings: &NodeSettings, name: &str) -> Option<Excluded> {
    let region = region();
    let sku = region.sku(name).unwrap();
    region.instance_type(sku, settings).err()
}

#[test]
fn labels_of_a_size() {
    let d4 = find(&NodeSettings::default(), "Standard_D4ads_v5").unwrap();
    for (key, value) in [
        ("node.kubernetes.io/instance-type", "Standard_D4ads_v5"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/os", "linux"),
        ("topology.kubernetes.io/region", "eastus"),
        ("karpenter.azure.com/sku-name", "Standard_D4ads_v5"),
        ("karpenter.azure.com/sku-family", "D"),
        ("karpenter.azure.com/sku-series", "Dads_v5"),
        ("karpenter.azure.com/sku-version", "5"),
        ("karpenter.azure.com/sku-cpu", "4"),
        ("karpenter.azure.com/sku-memory", "16384"),
        ("kubernetes.azure.com/sku-cpu", "4"),
        ("kubernetes.azure.com/sku-memory", "16384"),
        ("karpenter.azure.com/sku-networking-accelerated", "true"),
        ("karpenter.azure.com/sku-storage-premium-capable", "true"),
        // 150 GiB of temporary disk.
        ("karpenter.azure.com/sku-storage-ephemeralos-maxsize", "161"),
        ("karpenter.azure.com/sku-gpu-name", ""),
        ("karpenter.azure.com/sku-gpu-count", ""),
        ("kubernetes.azure.com/os-sku", "Ubuntu"),
        ("kubernetes.azure.com/fips_enabled", ""),
    ] {
        assert_eq!(label(&d4.requirements, key), value, "{key}");
    }
}

#[test]
fn names_taken_apart() {
    for (name, family, series, version) in [
        ("D4s_v5", "D", "Ds_v5", Some("v5")),
        ("D2pls_v6", "D", "Dpls_v6", Some("v6")),
        ("E16-4ads_v5", "E", "Eads_v5", Some("v5")),
        ("NC24ads_A100_v4", "N", "NCads_v4", Some("v4")),
        ("NC144ds_xl_RTXPRO6000BSE_v6", "N", "NCds_v6", Some("v6")),
        ("NV12ads_V710_v5", "N", "NVads_v5", Some("v5")),
        ("DS2_v2_Promo", "D", "DS_v2", Some("v2")),
        ("DC2as_v5", "D", "DCas_v5", Some("v5")),
        ("B2ms", "B", "Bms", None),
        ("M416s_8_v2", "M", "Ms_v2", Some("v2")),
        ("", "", "", None),
        ("ä_v", "ä", "ä", None),
    ] {
        let parts = NameParts::of(name);
        let found = (parts.family, &*parts.series(), parts.version);
        assert_eq!(found, (family, series, version), "{name}");
    }
}

#[test]
fn every_zone_and_one_regional_offering_per_capacity_type() {
    let d4 = find(&NodeSettings::default(), "Standard_D4s_v5").unwrap();
    let disk = d4.os_disk.clone().unwrap();
    assert_eq!((&*disk.placement, disk.gib, disk.price), ("managed", 128, 27_000));
    let mut seen = BTreeSet::new();
    for offering in &d4.offerings {
        assert!(offering.available);
        let spot = offering.capacity_type == CapacityType::Spot;
        let rate = if spot { 40_531 } else { 192_000 };
        assert_eq!(offering.price, Some(rate + disk.price), "the OS disk is in the price");
        let priority = if spot { "spot" } else { "regular" };
        let zonal = &*offering.zone != "0";
        let scope = if zonal { "zonal" } else { "regional" };
        for (key, value) in [
            ("kubernetes.azure.com/scalesetpriority", priority),
            ("kubernetes.azure.com/priority", priority),
            ("karpenter.azure.com/placement-scope", scope),
        ] {
            assert_eq!(label(&offering.requirements, key), value, "{key}");
        }
        let disk_zone = offering.requirements.get("topology.disk.csi.azure.com/zone");
        assert_eq!(disk_zone.is_some(), zonal);
        assert!(disk_zone.is_none_or(|label| label.has(&offering.zone)));
        seen.insert((offering.zone.to_string(), offering.capacity_type.as_str()));
    }
    let zones = ["eastus-1", "eastus-2", "eastus-3", "0"];
    let expected: BTreeSet<_> = zones
        .iter()
        .flat_map(|zone| ["spot", "on-demand"].map(|kind| ((*zone).to_owned(), kind)))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(d4.offerings.len(), expected.len());
}

#[test]
fn spot_that_is_dearer_or_not_sold_is_not_offered() {
    let mut region = region();
    let settings = NodeSettings::default();
    let at = region.skus.iter().position(|sku| &*sku.name == "Standard_D4s_v5").unwrap();
    let spot_offers = |region: &Region| {
        let one = region.instance_type(&region.skus[at], &settings).unwrap();
        one.offerings.iter().filter(|o| o.capacity_type == CapacityType::Spot).count()
    };
    assert_eq!(spot_offers(&region), 4);
    region.skus[at].linux.spot.as_mut().unwrap().value = 192_000;
    assert_eq!(spot_offers(&region), 4, "as dear as regular is not above regular");
    region.skus[at].linux.spot.as_mut().unwrap().value = 192_001;
    assert_eq!(spot_offers(&region), 0);
    region.skus[at].linux.spot.as_mut().unwrap().value = 1;
    region.skus[at].presence.as_mut().unwrap().spot_capable = false;
    assert_eq!(spot_offers(&region), 0);
    region.skus[at].linux.regular = None;
    let one = region.instance_type(&region.skus[at], &settings).unwrap();
    assert!(!one.offerings.is_empty() && one.offerings.iter().all(|o| o.price.is_none()));
}

#[test]
fn windows_has_its_own_prices_and_no_arm() {
    let windows =
        NodeSettings { os: Os::Windows, os_disk: OsDiskType::Managed, ..NodeSettings::default() };
    let d4 = find(&windows, "Standard_D4s_v5").unwrap();
    assert_eq!(label(&d4.requirements, "kubernetes.io/os"), "windows");
    assert_eq!(label(&d4.requirements, "kubernetes.azure.com/os-sku"), "");
    let prices: Vec<_> = d4
        .offerings
        .iter()
        .map(|o| (o.capacity_type, o.price))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(
        prices,
        [(CapacityType::Spot, None), (CapacityType::OnDemand, Some(376_000 + 27_000))],
        "East US has no Windows spot prices, and unknown is not 0"
    );
    assert_eq!(why(&windows, "Standard_D4ps_v5"), Some(Excluded::WindowsOnArm));
    let arm = find(&NodeSettings::default(), "Standard_D4ps_v5").unwrap();
    assert_eq!(label(&arm.requirements, "kubernetes.io/arch"), "arm64");
}

#[test]
fn filters() {
    let base = NodeSettings::default();
    let hosts = NodeSettings { encryption_at_host: true, ..base.clone() };
    let trusted = NodeSettings { trusted_launch: true, ..base.clone() };
    let streaming = NodeSettings { artifact_streaming: true, ..base.clone() };
    let fips = NodeSettings { fips: true, ..base.clone() };
    let open = NodeSettings { gpu_driver_none: true, ..base.clone() };
    for (settings, name, expected) in [
        (&base, "Standard_D4s_v5", None),
        (&base, "Standard_B2ms", None),
        (&base, "Standard_B1ms", Some(Excluded::TooSmall)),
        (&base, "Standard_DS1_v2", Some(Excluded::TooSmall)),
        (&base, "Standard_E64i_v3", Some(Excluded::NotInRegion)),
        (&hosts, "Standard_D4s_v5", None),
        (&hosts, "Standard_A2_v2", Some(Excluded::NoEncryptionAtHost)),
        (&trusted, "Standard_D4s_v5", None),
        (&trusted, "Standard_A2_v2", Some(Excluded::NoTrustedLaunch)),
        (&trusted, "Standard_D4ps_v5", Some(Excluded::NoTrustedLaunch)),
        (&streaming, "Standard_D4ps_v5", Some(Excluded::NoArtifactStreaming)),
        (&fips, "Standard_D4ps_v5", Some(Excluded::NoFipsImage)),
        (&base, "Standard_NC4as_T4_v3", None),
        (&base, "Standard_NP10s", Some(Excluded::NoGpuDriver)),
        (&base, "Standard_NV4ads_V710_v5", Some(Excluded::NoGpuDriver)),
        (&open, "Standard_NP10s", None),
        (&open, "Standard_NV4ads_V710_v5", None),
    ] {
        assert_eq!(why(settings, name), expected, "{name}");
    }
}

#[test]
fn gpus_are_extended_resources() {
    let open = NodeSettings { gpu_driver_none: true, ..NodeSettings::default() };
    for (name, resource, count) in [
        ("Standard_NC64as_T4_v3", "nvidia.com/gpu", 4),
        ("Standard_NV4ads_V710_v5", "amd.com/gpu", 1),
    ] {
        let gpu = find(&open, name).unwrap();
        assert_eq!(gpu.allocatable().get(resource), count, "{name}");
        assert_eq!(
            label(&gpu.requirements, "karpenter.azure.com/sku-gpu-count"),
            count.to_string()
        );
    }
    let fpga = find(&open, "Standard_NP10s").unwrap();
    assert!(fpga.capacity.0.keys().all(|name| !name.contains("gpu")));
}

#[test]
fn constrained_sizes_show_the_guests_vcpus_and_confidential_ones_wait_to_be_asked() {
    let settings = NodeSettings::default();
    let constrained = find(&settings, "Standard_E16-4ads_v5").unwrap();
    assert_eq!(constrained.capacity.get(CPU), 4000);
    assert!(!constrained.only_if_asked);
    assert!(find(&settings, "Standard_DC2as_v5").unwrap().only_if_asked);
    assert!(!find(&settings, "Standard_D2as_v5").unwrap().only_if_asked);
}

#[test]
fn capacity_follows_the_settings() {
    let settings = NodeSettings { os_disk_gib: 60, max_pods: Some(40), ..NodeSettings::default() };
    let d4 = find(&settings, "Standard_D4s_v5").unwrap();
    assert_eq!(d4.capacity.get(EPHEMERAL_STORAGE), 60_000_000_000);
    assert_eq!(d4.allocatable().get(EPHEMERAL_STORAGE), 54_000_000_000);
    assert_eq!(d4.allocatable().get(PODS), 40);
    assert_eq!(d4.max_data_disks, Some(8));
}

#[test]
fn a_region_without_a_size_list_sells_what_has_a_price_as_regional_vms() {
    let types = Region::load("norwaywest").unwrap().instance_types(&NodeSettings::default());
    assert!(types.len() > 300, "{}", types.len());
    for one in &types {
        assert!(one.offerings.iter().all(|offering| &*offering.zone == "0"), "{}", one.name);
    }
}

#[test]
fn every_region_gives_consistent_instance_types() {
    for name in catalog::azure::regions() {
        let region = Region::load(name).unwrap();
        let settings = NodeSettings::default();
        let types = region.instance_types(&settings);
        assert_eq!(types.len() + region.excluded(&settings).len(), region.skus.len(), "{name}");
        assert!(types.is_sorted_by_key(|one| one.name.clone()));
        for one in &types {
            let regular =
                one.offerings.iter().filter(|o| o.capacity_type == CapacityType::OnDemand);
            let cheapest = regular.filter_map(|offering| offering.price).min();
            for offering in &one.offerings {
                let above = offering.price.zip(cheapest).is_some_and(|(p, c)| p > c);
                assert!(!above, "{name} {}: spot above regular", one.name);
            }
        }
    }
}
