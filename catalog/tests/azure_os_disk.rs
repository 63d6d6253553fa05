//! Where the OS disk goes: Microsoft's examples, every placement, and what is not known.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use catalog::azure::{
    Excluded, ManagedDiskPrice, NodeSettings, OsDiskType, Region, Sku, Sourced,
    os_disk::{Obstacle, decide, ephemeral, max_ephemeral_gib, nvme_disks_taken},
    sku::{Nvme, Placement},
};
use proptest::prelude::*;

fn sku(name: &str) -> Sku {
    Region::load("eastus").unwrap().sku(name).unwrap().clone()
}

fn asking(os_disk: OsDiskType, os_disk_gib: u32) -> NodeSettings {
    NodeSettings { os_disk, os_disk_gib, ..NodeSettings::default() }
}

#[test]
fn placements() {
    // Size, OS disk GiB, placement by default. DS2_v2 has 86 GiB of cache, D8s_v3 200, D4ds_v5
    // 100 and a temporary disk of 150, D16ads_v6 two NVMe disks of 440.
    for (name, gib, placement) in [
        ("Standard_DS2_v2", 60, "cache"),
        ("Standard_DS2_v2", 86, "cache"),
        ("Standard_DS2_v2", 87, "managed"),
        ("Standard_DS2_v2", 100, "managed"),
        ("Standard_D8s_v3", 100, "cache"),
        ("Standard_D8s_v3", 200, "cache"),
        ("Standard_D8s_v3", 201, "managed"),
        ("Standard_D4ds_v5", 100, "cache"),
        ("Standard_D4ds_v5", 128, "temp"),
        ("Standard_D4ds_v5", 151, "managed"),
        ("Standard_D16ads_v6", 128, "nvme"),
        ("Standard_D16ads_v6", 880, "nvme"),
        ("Standard_D16ads_v6", 881, "managed"),
        ("Standard_D2ads_v6", 110, "nvme"),
        ("Standard_D2ads_v6", 111, "managed"),
        ("Standard_A2_v2", 30, "managed"),
    ] {
        let disk = decide(&sku(name), &asking(OsDiskType::Auto, gib)).unwrap();
        assert_eq!(&*disk.placement, placement, "{name} with {gib} GiB");
        assert_eq!(disk.price == 0, placement != "managed", "ephemeral is free, managed is not");
        let forced = decide(&sku(name), &asking(OsDiskType::Ephemeral, gib));
        assert_eq!(forced.is_ok(), placement != "managed", "{name} with {gib} GiB");
        let managed = decide(&sku(name), &asking(OsDiskType::Managed, gib)).unwrap();
        assert_eq!(&*managed.placement, "managed");
    }
}

#[test]
fn an_ephemeral_disk_that_does_not_fit_is_an_error_with_the_numbers() {
    let settings = asking(OsDiskType::Ephemeral, 100);
    let error = decide(&sku("Standard_DS2_v2"), &settings).unwrap_err();
    assert_eq!(error.obstacles[0], (Placement::Cache, Obstacle::TooSmall(86)));
    let text = error.to_string();
    for part in ["Standard_DS2_v2", "100 GiB", "cache has only 86 GiB", "temp has only 14 GiB"] {
        assert!(text.contains(part), "{text}");
    }
    let region = Region::load("eastus").unwrap();
    assert!(region.instance_types(&settings).iter().all(|one| &*one.name != "Standard_DS2_v2"));
    let why = region.excluded(&settings);
    assert!(why.iter().any(|(name, why)| {
        &**name == "Standard_DS2_v2" && *why == Excluded::NoEphemeralDisk(error.clone())
    }));
}

#[test]
fn other_reasons_against_ephemeral() {
    let flag = ephemeral(&sku("Standard_A2_v2"), 30).unwrap_err().to_string();
    assert!(flag.contains("no ephemeral OS disks for this size"), "{flag}");
    let limit = ephemeral(&sku("Standard_L80as_v3"), 2049).unwrap_err().to_string();
    assert!(limit.contains("limit is 2048 GiB"), "{limit}");
    let unknown = Sku { ephemeral_os_disk: None, ..sku("Standard_D8s_v3") };
    assert!(ephemeral(&unknown, 30).unwrap_err().to_string().contains("not known"));
}

#[test]
fn an_unknown_cache_holds_nothing_but_is_not_called_zero() {
    let unknown = Sku { cache_mib: None, temp_mib: None, ..sku("Standard_D8s_v3") };
    let error = ephemeral(&unknown, 30).unwrap_err();
    assert_eq!(error.obstacles[0], (Placement::Cache, Obstacle::Unknown));
    assert!(error.to_string().contains("cache has an unknown capacity"), "{error}");
    assert_eq!(max_ephemeral_gib(&unknown), None);
}

#[test]
fn nvme_needs_to_be_listed_and_goes_by_whole_disks() {
    let d16 = sku("Standard_D16ads_v6");
    let unlisted = Sku { placements: None, ..d16.clone() };
    assert!(ephemeral(&unlisted, 60).is_err());
    let nvme = d16.nvme.unwrap().value;
    for (gib, disks) in [(1, Some(1)), (440, Some(1)), (441, Some(2)), (880, Some(2)), (881, None)]
    {
        assert_eq!(nvme_disks_taken(&nvme, gib), disks, "{gib} GiB");
    }
    let unknown = Nvme { disks: None, ..nvme };
    assert_eq!(nvme_disks_taken(&unknown, 1), None);
}

#[test]
fn managed_disks_are_billed_by_tier() {
    let prices = ManagedDiskPrice::default();
    // 19.71 $ a month for P10 is 0.027 $ an hour; E10 is 9.60 $.
    for (gib, premium, price) in [
        (128, true, 27_000),
        (65, true, 27_000),
        (129, true, 52_083),
        (30, true, 7_233),
        (128, false, 13_151),
        (u32::MAX, true, 4_937_137),
    ] {
        assert_eq!(prices.of(gib, premium), price, "{gib} GiB");
    }
    let mine = NodeSettings {
        managed_disk_price: Some(ManagedDiskPrice::flat(5)),
        ..asking(OsDiskType::Managed, 2048)
    };
    assert_eq!(decide(&sku("Standard_D8s_v3"), &mine).unwrap().price, 5);
    let standard = decide(&sku("Standard_A2_v2"), &asking(OsDiskType::Auto, 128)).unwrap();
    assert_eq!(standard.price, 13_151, "no premium disks on this size");
}

proptest! {
    /// What fits, fits up to the advertised maximum and not beyond.
    #[test]
    fn the_maximum_is_the_edge(
        cache in proptest::option::of(0_u64..4096),
        temp in proptest::option::of(0_u64..4096),
        disks in 1_u32..7,
        each in 1_u64..2000,
        gib in 1_u32..4000,
    ) {
        let mib = |gib: u64| Sourced::new(gib * 1024, "test");
        let nvme = Nvme {
            total_mib: each * 1024 * u64::from(disks),
            disks: Some(disks),
            disk_mib: Some(each * 1024),
        };
        let all = vec![Placement::Nvme, Placement::Temp, Placement::Cache];
        let size = Sku {
            cache_mib: cache.map(mib),
            temp_mib: temp.map(mib),
            nvme: Some(Sourced::new(nvme, "test")),
            placements: Some(Sourced::new(all, "test")),
            ephemeral_os_disk: Some(true),
            ..sku("Standard_D8s_v3")
        };
        let largest = max_ephemeral_gib(&size).unwrap_or(0);
        prop_assert_eq!(ephemeral(&size, gib).is_ok(), gib <= largest);
    }
}
