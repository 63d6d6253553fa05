//! The embedded data: every region decodes, and figures are those of the sources.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use catalog::azure::{
    Region, Sku,
    sku::{Arch, Placement},
};

fn sku(region: &str, name: &str) -> Sku {
    Region::load(region).unwrap().sku(name).unwrap().clone()
}

#[test]
fn every_region_decodes_and_the_totals_are_those_of_the_sources() {
    let (mut sold, mut regular, mut spot, mut listed) = (0, 0, 0, 0);
    for name in catalog::azure::regions() {
        let region = Region::load(name).unwrap();
        assert_eq!(&*region.name, name);
        assert!(region.skus.is_sorted_by_key(|sku| sku.name.clone()), "{name}");
        listed += usize::from(region.size_list_as_of.is_some());
        sold += region.skus.iter().filter(|sku| sku.presence.is_some()).count();
        let both = region.skus.iter().map(|sku| (&sku.linux, &sku.windows));
        for (linux, windows) in both.chain(region.priced_only.values().map(|(l, w)| (l, w))) {
            for prices in [linux, windows] {
                regular += usize::from(prices.regular.is_some());
                spot += usize::from(prices.spot.is_some());
                assert!(prices.regular.as_ref().is_none_or(|price| price.value > 0), "{name}");
            }
        }
    }
    assert_eq!(catalog::azure::regions().len(), 59);
    assert_eq!((listed, sold, regular, spot), (45, 44_607, 107_041, 48_824));
}

#[test]
fn figures_of_a_size() {
    let d8 = sku("westeurope", "Standard_D8s_v3");
    assert_eq!((d8.vcpus, d8.vcpus_available, d8.memory_mib), (8, 8, 32 * 1024));
    assert_eq!((d8.arch, d8.version, &*d8.family), (Arch::Amd64, 3, "standardDSv3Family"));
    assert_eq!(d8.max_data_disks, Some(16));
    let cache = d8.cache_mib.unwrap();
    assert_eq!((cache.value, &*cache.source), (200 * 1024, "doc"));
    assert_eq!(d8.temp_mib.unwrap().value, 65_536);
    assert_eq!(d8.nvme, None, "unknown stays unknown");
    assert_eq!(d8.placements.unwrap().value, [Placement::Temp, Placement::Cache]);
}

#[test]
fn fractions_of_memory_and_disks_are_kept() {
    assert_eq!(sku("eastus", "Standard_DS1_v2").memory_mib, 3584);
    let nvme = sku("eastus", "Standard_NC24ads_A100_v4").nvme.unwrap().value;
    assert_eq!((nvme.disks, nvme.disk_mib), (Some(1), Some(915_528)));
    let d16 = sku("eastus", "D16ads_v6").nvme.unwrap().value;
    assert_eq!((d16.disks, d16.disk_mib, d16.total_mib), (Some(2), Some(440 * 1024), 880 * 1024));
}

#[test]
fn unknown_cache_is_not_zero() {
    let confidential = sku("westeurope", "Standard_DC2as_v5");
    assert_eq!(confidential.cache_mib, None);
    assert_eq!(confidential.confidential.as_deref(), Some("SNP"));
    assert_eq!(sku("eastus", "Standard_A2_v2").cache_mib.unwrap().value, 0);
}

#[test]
fn zones_and_prices_per_region() {
    let d4 = sku("eastus", "Standard_D4s_v5");
    let presence = d4.presence.unwrap();
    assert_eq!((presence.zones.as_slice(), presence.spot_capable), ([1, 2, 3].as_slice(), true));
    assert_eq!(d4.linux.regular.unwrap().value, 192_000);
    assert_eq!(d4.windows.regular.unwrap().value, 376_000);
    assert!(d4.linux.spot.unwrap().value < 192_000);
}

#[test]
fn a_region_without_a_size_list_has_prices_only() {
    let region = Region::load("norwaywest").unwrap();
    assert_eq!(region.size_list_as_of, None);
    assert!(region.skus.iter().all(|sku| sku.presence.is_none()));
    assert!(region.skus.len() > 100);
}

#[test]
fn region_names() {
    assert_eq!(&*Region::load("East US 2").unwrap().name, "eastus2");
    assert_eq!(&*Region::load("WestEurope").unwrap().name, "westeurope");
    let cases = [
        ("westeuorpe", "westeurope"),
        ("estus", "eastus"),
        ("europe", "northeurope"),
        ("swedencentrall", "swedencentral"),
    ];
    for (asked, meant) in cases {
        let error = Region::load(asked).unwrap_err();
        assert!(error.near.iter().any(|near| near == meant), "{asked}: {error}");
        assert!(error.to_string().contains(asked) && error.to_string().contains(meant));
    }
    let error = Region::load("narnia-17").unwrap_err();
    assert!(error.to_string().contains("use a name like"), "{error}");
    assert!(Region::load("").is_err());
}
