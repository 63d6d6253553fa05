//! Where the OS disk of a size goes, and what it costs there.
//!
//! An ephemeral OS disk lives on a local disk of the host and costs nothing; it must fit. Sizes
//! are compared in GiB, the unit of Azure's `diskSizeGB`. Placement takes the least valuable disk
//! first: cache, then temporary disk (which loses only the OS disk's size), then NVMe (which
//! loses whole disks). The rules are those of Microsoft's ephemeral OS disk pages.

use std::{fmt, sync::Arc};

use crate::instance_type::OsDisk;

use super::{
    settings::{NodeSettings, OsDiskType},
    sku::{Nvme, Placement, Sku},
};

/// Azure's limit for ephemeral OS disks.
pub const MAX_EPHEMERAL_GIB: u32 = 2048;

/// Hours in the month by which Azure quotes disk prices.
const HOURS_PER_MONTH: i64 = 730;

/// Managed disk prices by size: (up to GiB, micro-dollars per hour), ascending. A disk is billed
/// at the first tier that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedDiskPrice {
    /// For sizes that can attach premium disks.
    pub premium: Vec<(u32, i64)>,
    /// For the others.
    pub standard: Vec<(u32, i64)>,
}

/// Premium SSD, locally redundant, East US: tier size in GiB, US cents per month (P4 to P80).
/// Public list prices; other regions differ by some percent, so this is an estimate there.
const PREMIUM_SSD: [(u32, i64); 11] = [
    (32, 528),
    (64, 1021),
    (128, 1971),
    (256, 3802),
    (512, 7322),
    (1024, 13517),
    (2048, 25905),
    (4096, 49557),
    (8192, 94608),
    (16384, 180_206),
    (32767, 360_411),
];

/// Standard SSD, as above (E4 to E80), without the charge per transaction.
const STANDARD_SSD: [(u32, i64); 11] = [
    (32, 240),
    (64, 480),
    (128, 960),
    (256, 1920),
    (512, 3840),
    (1024, 7680),
    (2048, 15360),
    (4096, 30720),
    (8192, 61440),
    (16384, 122_880),
    (32767, 245_760),
];

impl Default for ManagedDiskPrice {
    fn default() -> Self {
        let hourly = |(gib, cents): (u32, i64)| {
            // Rounded up, so that a managed disk never looks cheaper than it is.
            (gib, (cents * 10_000 + HOURS_PER_MONTH - 1) / HOURS_PER_MONTH)
        };
        Self {
            premium: PREMIUM_SSD.map(hourly).to_vec(),
            standard: STANDARD_SSD.map(hourly).to_vec(),
        }
    }
}

impl ManagedDiskPrice {
    /// One price for every disk, micro-dollars per hour.
    pub fn flat(per_hour: i64) -> Self {
        Self { premium: vec![(u32::MAX, per_hour)], standard: vec![(u32::MAX, per_hour)] }
    }

    /// The price of a disk of `gib` GiB, micro-dollars per hour; a disk larger than the largest
    /// tier pays for that tier.
    pub fn of(&self, gib: u32, premium: bool) -> i64 {
        let tiers = if premium { &self.premium } else { &self.standard };
        let tier = tiers.iter().find(|(up_to, _)| gib <= *up_to).or(tiers.last());
        tier.map_or(0, |(_, price)| *price)
    }
}

/// Why one placement is not possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The size's API data exclude the placement.
    NotAllowed,
    /// The disk's size is not known, and unknown is not assumed to be enough.
    Unknown,
    /// The disk is missing (0) or too small; GiB, rounded down.
    TooSmall(u64),
}

/// An ephemeral OS disk was asked for, and the size cannot have it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(self))]
pub struct NoEphemeralDisk {
    /// The size.
    pub sku: Arc<str>,
    /// The OS disk that was asked for, GiB.
    pub gib: u32,
    /// Why no placement works; empty when the size as a whole does not support ephemeral disks,
    /// or when the disk is larger than Azure allows.
    pub obstacles: Vec<(Placement, Obstacle)>,
    /// Azure's flag for the size.
    pub supported: Option<bool>,
}

fn describe(error: &NoEphemeralDisk) -> String {
    let NoEphemeralDisk { sku, gib, obstacles, supported } = error;
    let head = format!("{sku} cannot hold an ephemeral OS disk of {gib} GiB");
    match supported {
        Some(false) => format!("{head}: Azure offers no ephemeral OS disks for this size"),
        None => format!("{head}: it is not known whether Azure offers ephemeral OS disks for it"),
        Some(true) if obstacles.is_empty() => {
            format!("{head}: Azure's limit is {MAX_EPHEMERAL_GIB} GiB")
        }
        Some(true) => {
            let reasons: Vec<_> =
                obstacles.iter().map(|(place, why)| format!("{} {why}", place.as_str())).collect();
            format!(
                "{head}: {}; ask for a smaller OS disk, a managed one or another size",
                reasons.join(", ")
            )
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed => f.write_str("is not a placement of this size"),
            Self::Unknown => f.write_str("has an unknown capacity"),
            Self::TooSmall(0) => f.write_str("does not exist"),
            Self::TooSmall(gib) => write!(f, "has only {gib} GiB"),
        }
    }
}

/// Decides the OS disk of a size.
///
/// # Errors
///
/// When the settings demand an ephemeral disk and it does not fit; the error has the numbers.
pub fn decide(sku: &Sku, settings: &NodeSettings) -> Result<OsDisk, NoEphemeralDisk> {
    if settings.os_disk != OsDiskType::Managed {
        match ephemeral(sku, settings.os_disk_gib) {
            Ok(placement) => return Ok(disk(placement.as_str(), settings.os_disk_gib, 0)),
            Err(error) if settings.os_disk == OsDiskType::Ephemeral => return Err(error),
            Err(_) => {}
        }
    }
    let premium = sku.premium_io.unwrap_or(false);
    let price = match &settings.managed_disk_price {
        Some(prices) => prices.of(settings.os_disk_gib, premium),
        None => ManagedDiskPrice::default().of(settings.os_disk_gib, premium),
    };
    Ok(disk("managed", settings.os_disk_gib, price))
}

fn disk(placement: &str, gib: u32, price: i64) -> OsDisk {
    OsDisk { placement: Arc::from(placement), gib, price }
}

/// The first placement, in the order cache, temp, NVMe, that holds an OS disk of `gib` GiB.
///
/// # Errors
///
/// When there is none, with the reason for every placement.
pub fn ephemeral(sku: &Sku, gib: u32) -> Result<Placement, NoEphemeralDisk> {
    let supported = sku.ephemeral_os_disk;
    let refuse = |obstacles| NoEphemeralDisk { sku: sku.name.clone(), gib, obstacles, supported };
    if supported != Some(true) || gib > MAX_EPHEMERAL_GIB {
        return Err(refuse(Vec::new()));
    }
    let mut obstacles = Vec::new();
    for placement in [Placement::Cache, Placement::Temp, Placement::Nvme] {
        match obstacle(sku, placement, gib) {
            None => return Ok(placement),
            Some(why) => obstacles.push((placement, why)),
        }
    }
    Err(refuse(obstacles))
}

/// The largest OS disk in GiB that can be ephemeral on this size, in any placement; `None` when
/// there is none or nothing is known.
pub fn max_ephemeral_gib(sku: &Sku) -> Option<u32> {
    if sku.ephemeral_os_disk != Some(true) {
        return None;
    }
    let room = [Placement::Cache, Placement::Temp, Placement::Nvme]
        .into_iter()
        .filter(|placement| allowed(sku, *placement))
        .filter_map(|placement| room_gib(sku, placement))
        .max()?;
    let room = u32::try_from(room).unwrap_or(u32::MAX).min(MAX_EPHEMERAL_GIB);
    (room > 0).then_some(room)
}

fn obstacle(sku: &Sku, placement: Placement, gib: u32) -> Option<Obstacle> {
    if !allowed(sku, placement) {
        return Some(Obstacle::NotAllowed);
    }
    match room_gib(sku, placement) {
        None => Some(Obstacle::Unknown),
        Some(room) if room < u64::from(gib) => Some(Obstacle::TooSmall(room)),
        Some(_) => None,
    }
}

/// A size whose placements are not known may use its cache and its temporary disk, the two
/// placements every size with the flag has had; NVMe must be listed.
fn allowed(sku: &Sku, placement: Placement) -> bool {
    match &sku.placements {
        Some(list) => list.value.contains(&placement),
        None => placement != Placement::Nvme,
    }
}

/// Whole GiB that a placement can hold, `None` when unknown.
fn room_gib(sku: &Sku, placement: Placement) -> Option<u64> {
    let mib = match placement {
        Placement::Cache => sku.cache_mib.as_ref()?.value,
        Placement::Temp => sku.temp_mib.as_ref()?.value,
        Placement::Nvme => nvme_room_mib(&sku.nvme.as_ref()?.value),
    };
    Some(mib / 1024)
}

/// NVMe placement takes the smallest number of whole disks that holds the OS disk, so all of
/// them together are the room.
fn nvme_room_mib(nvme: &Nvme) -> u64 {
    match (nvme.disks, nvme.disk_mib) {
        (Some(disks), Some(each)) => each.saturating_mul(u64::from(disks)).min(nvme.total_mib),
        _ => nvme.total_mib,
    }
}

/// How many whole NVMe disks an OS disk of `gib` GiB takes; `None` when the disks are unknown or
/// do not hold it.
pub fn nvme_disks_taken(nvme: &Nvme, gib: u32) -> Option<u32> {
    let each = nvme.disk_mib.filter(|mib| *mib > 0)?;
    let needed = u32::try_from((u64::from(gib) * 1024).div_ceil(each)).ok()?;
    nvme.disks.filter(|disks| needed <= *disks).map(|_| needed)
}
