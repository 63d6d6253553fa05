//! `az vm list-skus -o json`, or the REST answer with the list under `value`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::azure::{
    embedded, normalise,
    sku::{Arch, Generations, Nvme, Placement, Presence, Sku, Sourced},
};

use super::{ImportError, Skipped, SkuList, entries};

/// The source word of imported figures.
const IMPORT: &str = "import";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default)]
    resource_type: String,
    name: String,
    family: Option<String>,
    #[serde(default)]
    locations: Vec<String>,
    location_info: Option<Vec<LocationInfo>>,
    capabilities: Option<Vec<Capability>>,
    restrictions: Option<Vec<Restriction>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocationInfo {
    location: String,
    /// Capabilities that only some zones have.
    #[serde(default)]
    zone_details: Option<Vec<ZoneDetails>>,
    #[serde(default)]
    zones: Option<Vec<String>>,
    /// `EdgeZone` for places that are no regions.
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct ZoneDetails {
    capabilities: Option<Vec<Capability>>,
}

#[derive(Deserialize)]
struct Capability {
    name: String,
    /// A string in every known answer; numbers and booleans are read as well.
    value: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Restriction {
    #[serde(rename = "type")]
    kind: Option<String>,
    restriction_info: Option<RestrictionInfo>,
    values: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RestrictionInfo {
    locations: Option<Vec<String>>,
    zones: Option<Vec<String>>,
}

/// Reads a resource-SKU list.
///
/// # Errors
///
/// When the payload is not such a list, or has no readable VM size.
pub fn skus(payload: &[u8]) -> Result<SkuList, ImportError> {
    let entries = entries(
        payload,
        "value",
        "the list that `az vm list-skus -o json` prints, or an object with such a list as `value`",
    )?;
    let count = entries.len();
    let mut list = SkuList::default();
    for value in entries {
        if let Err(skipped) = read_entry(value, &mut list) {
            list.skipped.push(skipped);
        }
    }
    if list.regions.is_empty() {
        return Err(ImportError::Empty { what: "VM sizes", entries: count, skipped: list.skipped });
    }
    Ok(list)
}

fn read_entry(value: Value, list: &mut SkuList) -> Result<(), Skipped> {
    let name = value.get("name").and_then(Value::as_str).unwrap_or("entry without name").to_owned();
    let skip = |why: String| Skipped { what: name.clone(), why };
    let entry: Entry = serde_json::from_value(value).map_err(|error| skip(error.to_string()))?;
    if !entry.resource_type.is_empty() && entry.resource_type != "virtualMachines" {
        return Ok(());
    }
    let capabilities = Capabilities::new(entry.capabilities.as_deref().unwrap_or_default());
    let sku = read_sku(&entry, &capabilities).map_err(|why| skip(why.to_owned()))?;
    for (region, zones) in places(&entry) {
        let presence = Some(presence(&entry, &capabilities, &region, &zones));
        let sizes = list.regions.entry(Arc::from(region)).or_default();
        sizes.insert(sku.name.clone(), Sku { presence, ..sku.clone() });
    }
    Ok(())
}

/// Region names and the zones there.
fn places(entry: &Entry) -> Vec<(String, Vec<u8>)> {
    match entry.location_info.as_deref() {
        None | Some([]) => {
            entry.locations.iter().map(|location| (normalise(location), Vec::new())).collect()
        }
        Some(places) => places
            .iter()
            .filter(|place| place.kind.as_deref() != Some("EdgeZone"))
            .map(|place| (normalise(&place.location), numbers(place.zones.as_deref())))
            .collect(),
    }
}

/// Zone numbers, sorted; names that are no numbers are not zones of a region.
fn numbers(zones: Option<&[String]>) -> Vec<u8> {
    let mut numbers: Vec<u8> =
        zones.unwrap_or_default().iter().filter_map(|zone| zone.trim().parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// A restriction of the location bars the size, one of zones takes those zones away.
fn presence(
    entry: &Entry,
    capabilities: &Capabilities<'_>,
    region: &str,
    zones: &[u8],
) -> Presence {
    let mut presence = Presence {
        zones: zones.to_vec(),
        spot_capable: capabilities.flag("LowPriorityCapable").unwrap_or(false),
        restricted: false,
    };
    for restriction in entry.restrictions.as_deref().unwrap_or_default() {
        let info = restriction.restriction_info.as_ref();
        let named = info.and_then(|info| info.locations.as_ref()).or(restriction.values.as_ref());
        if !named.is_some_and(|names| names.iter().any(|name| normalise(name) == region)) {
            continue;
        }
        match restriction.kind.as_deref() {
            Some("Zone") => {
                let barred = numbers(info.and_then(|info| info.zones.as_deref()));
                presence.zones.retain(|zone| !barred.contains(zone));
            }
            _ => presence.restricted = true,
        }
    }
    presence
}

/// Capability values by name.
struct Capabilities<'a>(BTreeMap<&'a str, &'a Value>);

impl<'a> Capabilities<'a> {
    fn new(list: &'a [Capability]) -> Self {
        Self(list.iter().map(|one| (one.name.as_str(), &one.value)).collect())
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.text(name).map(|text| text.eq_ignore_ascii_case("true"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(self.text(name)?.split(',').map(|part| part.trim().to_owned()).collect())
    }

    /// Memory, which Azure calls GB and means as GiB, in MiB.
    fn memory_mib(&self) -> Option<u64> {
        let gib: f64 = self.number("MemoryGB")?;
        (gib > 0.0 && gib < 1e9).then(|| (gib * 1024.0).round() as u64)
    }
}

fn sourced<T>(value: T) -> Sourced<T> {
    Sourced::new(value, IMPORT)
}

/// The size with every fact of the payload; what it lacks is taken from the embedded size.
fn read_sku(entry: &Entry, capabilities: &Capabilities<'_>) -> Result<Sku, &'static str> {
    let known = embedded::size(&entry.name);
    let vcpus = capabilities.number("vCPUs").or(known.map(|sku| sku.vcpus));
    let memory = capabilities.memory_mib().or(known.map(|sku| sku.memory_mib));
    let arch = match capabilities.text("CpuArchitectureType").as_deref() {
        Some("Arm64") => Arch::Arm64,
        Some(_) => Arch::Amd64,
        None => known.map_or(Arch::Amd64, |sku| sku.arch),
    };
    let vcpus = vcpus.ok_or("no capability vCPUs, and the size is not known")?;
    let memory = memory.ok_or("no capability MemoryGB, and the size is not known")?;
    let family = entry.family.as_deref().or(known.map(|sku| &*sku.family)).unwrap_or_default();
    let new = || Sku::new(&entry.name, family, vcpus, memory, arch);
    let mut sku = known.cloned().unwrap_or_else(new);
    sku.family = Arc::from(family);
    sku.vcpus = vcpus;
    sku.vcpus_available = capabilities.number("vCPUsAvailable").unwrap_or(if known.is_some() {
        sku.vcpus_available.min(vcpus)
    } else {
        vcpus
    });
    sku.memory_mib = memory;
    sku.arch = arch;
    if known.is_none() {
        sku.version = version_in(sku.short_name());
    }
    lay_flags(&mut sku, capabilities);
    lay_disks(&mut sku, capabilities);
    if ultra_ssd_in_a_zone(entry) {
        sku.ultra_ssd = Some(true);
    }
    Ok(sku)
}

/// Ultra disks are listed zone by zone.
fn ultra_ssd_in_a_zone(entry: &Entry) -> bool {
    let places = entry.location_info.iter().flatten();
    places
        .flat_map(|place| place.zone_details.iter().flatten())
        .filter_map(|zones| zones.capabilities.as_deref())
        .any(|list| Capabilities::new(list).flag("UltraSSDAvailable") == Some(true))
}

/// Series version by the name, 1 when it has none.
fn version_in(short_name: &str) -> u32 {
    let version = crate::azure::labels::NameParts::of(short_name).version;
    version.and_then(|text| text[1..].parse().ok()).unwrap_or(1)
}

/// Overwrites `fact` when the payload states it.
fn lay<T>(fact: &mut Option<T>, found: Option<T>) {
    if found.is_some() {
        *fact = found;
    }
}

fn lay_flags(sku: &mut Sku, capabilities: &Capabilities<'_>) {
    let generations = capabilities.list("HyperVGenerations").map(|list| Generations {
        v1: list.iter().any(|one| one == "V1"),
        v2: list.iter().any(|one| one == "V2"),
    });
    lay(&mut sku.generations, generations);
    lay(&mut sku.accelerated_networking, capabilities.flag("AcceleratedNetworkingEnabled"));
    lay(&mut sku.max_nics, capabilities.number("MaxNetworkInterfaces"));
    lay(&mut sku.max_data_disks, capabilities.number("MaxDataDiskCount"));
    lay(&mut sku.premium_io, capabilities.flag("PremiumIO"));
    lay(&mut sku.encryption_at_host, capabilities.flag("EncryptionAtHostSupported"));
    lay(&mut sku.ephemeral_os_disk, capabilities.flag("EphemeralOSDiskSupported"));
    lay(&mut sku.trusted_launch_disabled, capabilities.flag("TrustedLaunchDisabled"));
    lay(&mut sku.ultra_ssd, capabilities.flag("UltraSSDAvailable"));
    lay(&mut sku.acus, capabilities.number("ACUs"));
    lay(&mut sku.vcpus_per_core, capabilities.number("vCPUsPerCore"));
    lay(&mut sku.gpus, capabilities.number("GPUs").map(sourced));
    let confidential = capabilities.text("ConfidentialComputingType").map(Arc::from);
    lay(&mut sku.confidential, confidential);
}

fn lay_disks(sku: &mut Sku, capabilities: &Capabilities<'_>) {
    let cache = capabilities.number::<u64>("CachedDiskBytes").map(|bytes| bytes >> 20);
    lay(&mut sku.cache_mib, cache.map(sourced));
    // The capability's name says MB; its value is MiB.
    lay(&mut sku.temp_mib, capabilities.number("MaxResourceVolumeMB").map(sourced));
    if let Some(total_mib) = capabilities.number("NvmeDiskSizeInMiB") {
        // The payload states the total; how it is split is known from elsewhere or not at all.
        let known = sku.nvme.take().filter(|nvme| nvme.value.total_mib.abs_diff(total_mib) <= 1);
        let each = capabilities.number::<u64>("NvmeSizePerDiskInMiB").filter(|each| *each > 0);
        let (disks, disk_mib) = match (each, known) {
            (Some(each), _) => (u32::try_from(total_mib / each).ok(), Some(each)),
            (None, Some(known)) => (known.value.disks, known.value.disk_mib),
            (None, None) => (None, None),
        };
        sku.nvme = Some(sourced(Nvme { total_mib, disks, disk_mib }));
    }
    let placements = capabilities.list("SupportedEphemeralOSDiskPlacements").map(|names| {
        names.iter().filter_map(|name| Placement::from_azure(name)).collect::<Vec<_>>()
    });
    lay(&mut sku.placements, placements.map(sourced));
}
