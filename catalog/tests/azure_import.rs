//! Payloads of Azure's APIs, with every trap known in them.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use catalog::azure::{
    Excluded, NodeSettings, Region,
    import::{ImportError, merge, prices, skus},
    sku::{Arch, Generations, Placement},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn capabilities(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

/// One entry as `az vm list-skus -o json` prints it.
fn entry(name: &str, pairs: &[(&str, &str)]) -> Value {
    json!({
        "apiVersions": null, "capacity": null, "costs": null, "kind": null,
        "capabilities": capabilities(pairs),
        "family": "standardTestFamily",
        "locationInfo": [{
            "location": "eastus",
            "zoneDetails": [{
                "name": ["2"],
                "capabilities": [{"name": "UltraSSDAvailable", "value": "True"}],
            }],
            "zones": ["3", "1", "2"],
        }],
        "locations": ["EastUS"],
        "name": name,
        "resourceType": "virtualMachines",
        "restrictions": [],
        "size": "whatever",
        "tier": "Standard",
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

const FULL: [(&str, &str); 16] = [
    ("vCPUs", "8"),
    ("vCPUsAvailable", "4"),
    ("MemoryGB", "3.5"),
    ("CpuArchitectureType", "Arm64"),
    ("HyperVGenerations", "V2"),
    ("CachedDiskBytes", "107374182400"),
    ("MaxResourceVolumeMB", "153600"),
    ("NvmeDiskSizeInMiB", "901120"),
    ("SupportedEphemeralOSDiskPlacements", "NvmeDisk,ResourceDisk"),
    ("EphemeralOSDiskSupported", "True"),
    ("MaxDataDiskCount", "12"),
    ("GPUs", "2"),
    ("LowPriorityCapable", "True"),
    ("EncryptionAtHostSupported", "False"),
    ("AcceleratedNetworkingEnabled", "True"),
    ("ConfidentialComputingType", "SNP"),
];

#[test]
fn every_capability_of_an_unknown_size() {
    let list = skus(&bytes(&json!([entry("Standard_X8-4nds_v9", &FULL)]))).unwrap();
    let sku = &list.regions["eastus"]["Standard_X8-4nds_v9"];
    assert_eq!((sku.vcpus, sku.vcpus_available, sku.memory_mib), (8, 4, 3584));
    assert_eq!((sku.arch, sku.version, &*sku.family), (Arch::Arm64, 9, "standardTestFamily"));
    assert_eq!(sku.generations, Some(Generations { v1: false, v2: true }));
    assert_eq!(sku.cache_mib.as_ref().unwrap().value, 100 * 1024);
    assert_eq!(sku.temp_mib.as_ref().unwrap().value, 150 * 1024, "the MB are MiB");
    let nvme = &sku.nvme.as_ref().unwrap().value;
    assert_eq!((nvme.total_mib, nvme.disks), (880 * 1024, None), "the split is not stated");
    assert_eq!(sku.placements.as_ref().unwrap().value, [Placement::Nvme, Placement::Temp]);
    assert_eq!(sku.ephemeral_os_disk, Some(true));
    assert_eq!((sku.max_data_disks, sku.gpus.as_ref().unwrap().value), (Some(12), 2));
    assert_eq!(sku.encryption_at_host, Some(false));
    assert_eq!(sku.premium_io, None, "not stated, not known");
    assert_eq!((sku.confidential.as_deref(), sku.ultra_ssd), (Some("SNP"), Some(true)));
    let presence = sku.presence.as_ref().unwrap();
    assert_eq!((presence.zones.as_slice(), presence.spot_capable), ([1, 2, 3].as_slice(), true));
}

#[test]
fn a_known_size_keeps_what_the_payload_lacks() {
    let pairs = [("vCPUs", "16"), ("MemoryGB", "64"), ("NvmeDiskSizeInMiB", "901120")];
    let list = skus(&bytes(&json!([entry("Standard_D16ads_v6", &pairs)]))).unwrap();
    let sku = &list.regions["eastus"]["Standard_D16ads_v6"];
    assert_eq!(sku.nvme.as_ref().unwrap().value.disks, Some(2));
    assert_eq!(&*sku.nvme.as_ref().unwrap().source, "import");
    assert_eq!(&*sku.placements.as_ref().unwrap().source, "inferred");
    assert_eq!(sku.generations, Some(Generations { v1: false, v2: true }));
    assert_eq!(sku.version, 6);
}

#[test]
fn restrictions_of_the_subscription() {
    let pairs = [("vCPUs", "4"), ("MemoryGB", "16"), ("LowPriorityCapable", "True")];
    let restricted = |name: &str, kind: &str, place: &str| {
        let mut one = entry(name, &pairs);
        one["restrictions"] = json!([{
            "reasonCode": "NotAvailableForSubscription",
            "restrictionInfo": {"locations": [place], "zones": ["1", "3"]},
            "type": kind,
            "values": [place],
        }]);
        one
    };
    let payload = json!([
        restricted("Standard_D4s_v5", "Zone", "eastus"),
        restricted("Standard_D4s_v4", "Location", "East US"),
        restricted("Standard_D4s_v3", "Location", "westus"),
    ]);
    let list = skus(&bytes(&payload)).unwrap();
    let regions = merge(Some(&list), None, "2026-11-20");
    let [region] = regions.as_slice() else { panic!("one region") };
    let zones = |name: &str| region.sku(name).unwrap().presence.clone().unwrap().zones;
    assert_eq!(zones("Standard_D4s_v5"), [2]);
    assert_eq!(zones("Standard_D4s_v3"), [1, 2, 3], "a restriction elsewhere");
    let settings = NodeSettings::default();
    let why = |name: &str| region.instance_type(region.sku(name).unwrap(), &settings).err();
    assert_eq!(why("Standard_D4s_v4"), Some(Excluded::Restricted));
    assert_eq!(why("Standard_D2s_v5"), Some(Excluded::NotInRegion), "not in the new list");
    let names: Vec<_> = region.instance_types(&settings).into_iter().map(|one| one.name).collect();
    assert_eq!(
        names.iter().map(|name| &**name).collect::<Vec<_>>(),
        ["Standard_D4s_v3", "Standard_D4s_v5"]
    );
    assert_eq!(region.sku("D4s_v5").unwrap().linux.regular.as_ref().unwrap().value, 192_000);
}

#[test]
fn other_resources_bad_entries_and_edge_zones_are_passed_over() {
    let good = entry("Standard_D4s_v5", &[("vCPUs", "4"), ("MemoryGB", "16")]);
    let mut disk = good.clone();
    disk["resourceType"] = json!("disks");
    let mut edge = good.clone();
    edge["name"] = json!("Standard_D8s_v5");
    edge["locationInfo"][0]["type"] = json!("EdgeZone");
    let payload = json!({"value": [
        disk, edge, good,
        entry("Standard_Mystery", &[("vCPUs", "many"), ("MemoryGB", "16")]),
        entry("Standard_Huge", &[("vCPUs", "4"), ("MemoryGB", "1e300")]),
        {"name": 7}, 42, null,
    ]});
    let list = skus(&bytes(&payload)).unwrap();
    assert_eq!(list.regions.len(), 1);
    assert_eq!(list.regions["eastus"].len(), 1);
    let skipped: Vec<_> = list.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped.len(), 5, "{skipped:?}");
    assert!(skipped[0].starts_with("Standard_Mystery: no capability vCPUs"), "{skipped:?}");
    assert!(skipped[1].starts_with("Standard_Huge: no capability MemoryGB"), "{skipped:?}");
}

/// One item of the retail price API.
fn item(changes: &Value) -> Value {
    let mut item = json!({
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": 0.2, "unitPrice": 0.2,
        "armRegionName": "eastus", "location": "US East",
        "effectiveStartDate": "2021-11-01T00:00:00Z",
        "meterName": "D4s v5", "productName": "Virtual Machines Dsv5 Series",
        "skuName": "D4s v5", "serviceName": "Virtual Machines", "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour", "type": "Consumption", "isPrimaryMeterRegion": true,
        "armSkuName": "Standard_D4s_v5",
    });
    for (key, value) in changes.as_object().unwrap() {
        item[key] = value.clone();
    }
    item
}

fn page(items: Vec<Value>) -> Value {
    json!({"BillingCurrency": "USD", "Items": items, "NextPageLink": null, "Count": items.len()})
}

#[test]
fn traps_of_the_price_list() {
    let traps = [
        json!({"productName": "Dsv5 Series Cloud Services", "retailPrice": 0.01}),
        json!({"productName": "Dsv5 Series CloudServices", "retailPrice": 0.01}),
        json!({"productName": "Dsv5 Series Dedicated Host", "retailPrice": 0.01}),
        json!({"skuName": "D4s v5 Low Priority", "retailPrice": 0.01}),
        json!({"meterName": "D4s v5 Low Priority", "retailPrice": 0.01}),
        json!({"meterName": "D4s v5 - Expired", "retailPrice": 0.01}),
        json!({"type": "Reservation", "retailPrice": 0.01}),
        json!({"type": "DevTestConsumption", "retailPrice": 0.01}),
        json!({"serviceName": "Azure Kubernetes Service", "retailPrice": 0.01}),
        json!({"unitOfMeasure": "1/Month", "retailPrice": 0.01}),
        json!({"currencyCode": "EUR", "retailPrice": 0.01}),
        json!({"retailPrice": 0.0}),
        json!({"retailPrice": -1.0}),
        json!({"armSkuName": ""}),
        json!({"armRegionName": ""}),
        json!({"tierMinimumUnits": 100.0, "retailPrice": 0.01}),
        json!({"retailPrice": "cheap"}),
    ];
    let good = [
        json!({"retailPrice": 0.192}),
        json!({"retailPrice": 0.040531, "skuName": "D4s v5 Spot", "meterName": "D4s v5 Spot"}),
        json!({"retailPrice": 0.376, "productName": "Virtual Machines Dsv5 Series Windows"}),
        json!({
            "retailPrice": 0.075, "productName": "Virtual Machines Dsv5 Series Windows",
            "skuName": "D4s v5 Spot",
        }),
        json!({"retailPrice": 0.23, "armRegionName": "westeurope"}),
    ];
    let all: Vec<Value> = traps.iter().chain(&good).map(item).collect();
    let list = prices(&bytes(&page(all))).unwrap();
    let (linux, windows) = &list.regions["eastus"]["Standard_D4s_v5"];
    let found = [&linux.regular, &linux.spot, &windows.regular, &windows.spot]
        .map(|price| price.as_ref().unwrap().value);
    assert_eq!(found, [192_000, 40_531, 376_000, 75_000]);
    assert_eq!(list.skipped.values().sum::<usize>(), traps.len());
    assert_eq!(list.regions.len(), 2);
    assert_eq!(list.regions["westeurope"]["Standard_D4s_v5"].0.spot, None);
}

#[test]
fn pages_in_every_wrapping_and_order_give_the_same() {
    let a = item(&json!({"retailPrice": 0.5, "effectiveStartDate": "2020-01-01T00:00:00Z"}));
    let b = item(&json!({"retailPrice": 0.192, "effectiveStartDate": "2026-01-01T00:00:00Z"}));
    let c = item(&json!({"retailPrice": 0.1, "isPrimaryMeterRegion": false,
        "effectiveStartDate": "2026-06-01T00:00:00Z"}));
    let forms = [
        bytes(&page(vec![a.clone(), b.clone(), c.clone()])),
        bytes(&json!([page(vec![c.clone()]), page(vec![b.clone(), a.clone()])])),
        bytes(&json!([b, c, a])),
        [bytes(&page(vec![a.clone(), c.clone()])), b"\n".to_vec(), bytes(&page(vec![b.clone()]))]
            .concat(),
        [b"\xef\xbb\xbf".to_vec(), bytes(&json!([a, b, c]))].concat(),
    ];
    for form in forms {
        let list = prices(&form).unwrap();
        let price = list.regions["eastus"]["Standard_D4s_v5"].0.regular.as_ref().unwrap().value;
        assert_eq!(price, 192_000, "the newest price of the region's primary meter");
    }
}

#[test]
fn prices_are_laid_over_the_embedded_ones() {
    let items = [
        json!({"retailPrice": 0.111}),
        json!({"retailPrice": 1.5, "armSkuName": "Standard_Brand_new_v9"}),
        json!({"retailPrice": 0.3, "armRegionName": "mars-1"}),
    ];
    let list = prices(&bytes(&page(items.iter().map(item).collect()))).unwrap();
    let regions = merge(None, Some(&list), "2026-11-20");
    let names: Vec<_> = regions.iter().map(|region| &*region.name).collect();
    assert_eq!(names, ["eastus", "mars1"]);
    let old = Region::load("eastus").unwrap();
    let d4 = regions[0].sku("Standard_D4s_v5").unwrap();
    assert_eq!(d4.linux.regular.as_ref().unwrap().value, 111_000);
    assert_eq!(d4.linux.spot, old.sku("Standard_D4s_v5").unwrap().linux.spot);
    assert_eq!(d4.presence, old.sku("Standard_D4s_v5").unwrap().presence);
    assert!(regions[0].imported && regions[0].priced_only.contains_key("Standard_Brand_new_v9"));
    assert_eq!(regions[0].skus.len(), old.skus.len());

    let new = [entry("Standard_Brand_new_v9", &[("vCPUs", "4"), ("MemoryGB", "16")])];
    let sizes = skus(&bytes(&json!(new))).unwrap();
    let both = merge(Some(&sizes), Some(&list), "2026-11-20");
    let sku = both[0].sku("Standard_Brand_new_v9").unwrap();
    assert_eq!(sku.linux.regular.as_ref().unwrap().value, 1_500_000);
    assert!(both[0].instance_types(&NodeSettings::default()).len() == 1);
}

#[test]
fn what_is_no_payload_is_refused_with_a_hint() {
    for (payload, part) in [
        (&b""[..], "empty"),
        (b"  \n", "empty"),
        (b"{}", "without a list named"),
        (b"7", "neither a list nor an object"),
        (br#"{"Items": 3}"#, "without a list named"),
    ] {
        let text = prices(payload).unwrap_err().to_string();
        assert!(text.contains(part) && text.contains("retail price"), "{text}");
        let text = skus(payload).unwrap_err().to_string();
        assert!(text.contains("az vm list-skus"), "{text}");
    }
    assert!(matches!(skus(b"[{"), Err(ImportError::Json(_))));
    assert!(matches!(skus(b"[]"), Err(ImportError::Empty { entries: 0, .. })));
    let error = prices(&bytes(&json!([item(&json!({"type": "Reservation"}))]))).unwrap_err();
    assert!(error.to_string().contains("not a pay-as-you-go price"), "{error}");
}

#[test]
fn our_own_file_holds_everything() {
    let region = Region::load("westeurope").unwrap();
    let file = region.to_json();
    assert_eq!(Region::from_json(file.as_bytes()).unwrap(), region);
    assert_eq!(Region::from_import(file.as_bytes()).unwrap(), region);
    for (from, to) in [("\"version\":1", "\"version\":2"), ("tenon-azure-catalog", "other")] {
        let text = Region::from_json(file.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(matches!(text, ImportError::Shape { .. }), "{text}");
    }
    assert!(Region::from_json(&file.as_bytes()[..file.len() / 2]).is_err());
    let negative = file.replacen("{\"value\":230000,", "{\"value\":-230000,", 1);
    assert_ne!(negative, file);
    let error = Region::from_json(negative.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("a negative price of Standard_"), "{error}");
}

#[test]
fn a_raw_size_list_of_one_region_is_a_catalog_too() {
    let one = entry("Standard_D4s_v5", &[("vCPUs", "4"), ("MemoryGB", "16")]);
    let region = Region::from_import(&bytes(&json!([one]))).unwrap();
    assert_eq!(region.instance_types(&NodeSettings::default()).len(), 1);
    let mut two = one.clone();
    two["locationInfo"][0]["location"] = json!("westus");
    let error = Region::from_import(&bytes(&json!([one, two]))).unwrap_err();
    assert!(error.to_string().contains("2 regions"), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = skus(&payload);
        let _ = prices(&payload);
        let _ = Region::from_import(&payload);
    }

    #[test]
    fn any_capability_value_is_read_without_panic(
        name in proptest::sample::select(FULL.map(|(name, _)| name).to_vec()),
        value in "[-+]?[0-9]{0,25}(\\.[0-9]{0,3})?|[a-z,A-Z]{0,12}|NaN|inf|1e400",
    ) {
        let pairs = [("vCPUs", "4"), ("MemoryGB", "16"), (name, &*value)];
        if let Ok(list) = skus(&bytes(&json!([entry("Standard_N4nds_v9", &pairs)]))) {
            let region = merge(Some(&list), None, "today").remove(0);
            for one in region.instance_types(&NodeSettings::default()) {
                prop_assert!(one.allocatable().0.values().all(|amount| *amount >= 0));
            }
        }
    }
}
