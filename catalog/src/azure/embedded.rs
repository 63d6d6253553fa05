//! Reads the embedded data file. Its form is described in `catalog/data/build.py`, which writes
//! it; every section is compressed by itself, so that one region costs one region.

use std::{collections::BTreeMap, sync::Arc, sync::OnceLock};

use super::{
    Region,
    sku::{Arch, Generations, Nvme, Placement, Presence, Prices, Sku, Sourced},
};

static FILE: &[u8] = include_bytes!("../../data/azure.bin");
const MAGIC: &[u8] = b"TENAZ\x00\x00\x01";

/// What is wrong with a data file. The embedded one is read whole by a test, so this is never
/// seen outside of development.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("azure.bin is damaged: {0}; build it anew with catalog/data/build.py")]
pub struct Damaged(&'static str);

/// A cursor over bytes: varints and slices, with an error instead of a panic at the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (head, tail) = self.0.split_at_checked(length).ok_or(Damaged("too short"))?;
        self.0 = tail;
        Ok(head)
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged("a number is too long"))
    }

    fn size(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| Damaged("a number is too large"))
    }

    fn text(&mut self) -> Result<&'a str, Damaged> {
        let length = self.size()?;
        utf8(self.take(length)?)
    }

    /// `count` ascending numbers, stored as steps.
    fn running(&mut self, count: usize) -> Result<Vec<usize>, Damaged> {
        let mut last = 0_usize;
        let mut step = || {
            last = last.checked_add(self.size()?).ok_or(Damaged("a number is too large"))?;
            Ok(last)
        };
        (0..count).map(|_| step()).collect()
    }

    /// `count` prices; 0 stands for unknown.
    fn prices(&mut self, count: usize) -> Result<Vec<Option<i64>>, Damaged> {
        let price = |reader: &mut Self| {
            let stored = i64::try_from(reader.number()?).map_err(|_| Damaged("a price"))?;
            Ok((stored > 0).then_some(stored - 1))
        };
        (0..count).map(|_| price(self)).collect()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Damaged> {
    std::str::from_utf8(bytes).map_err(|_| Damaged("text is not UTF-8"))
}

struct Section {
    body: &'static [u8],
    raw_length: usize,
}

impl Section {
    fn inflate(&self) -> Result<Vec<u8>, Damaged> {
        miniz_oxide::inflate::decompress_to_vec_with_limit(self.body, self.raw_length)
            .map_err(|_| Damaged("a section does not decompress"))
    }
}

/// What all regions share, decoded at most once per process.
struct Common {
    sections: BTreeMap<&'static str, Section>,
    /// By name.
    sizes: BTreeMap<Arc<str>, Sku>,
    names: Vec<Arc<str>>,
    /// Code 0 is "no source".
    sources: Vec<Arc<str>>,
    sizes_as_of: Arc<str>,
}

fn common() -> &'static Common {
    static COMMON: OnceLock<Common> = OnceLock::new();
    // The file is part of the program and a test decodes it whole: it cannot be damaged here.
    COMMON.get_or_init(|| read_common(FILE).expect("the embedded file is valid"))
}

fn directory(file: &'static [u8]) -> Result<BTreeMap<&'static str, Section>, Damaged> {
    let mut reader = Reader(file);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Damaged("not an Azure data file of this version"));
    }
    let count = reader.size()?;
    let entries: Vec<_> = (0..count)
        .map(|_| Ok((reader.text()?, reader.size()?, reader.size()?)))
        .collect::<Result<_, Damaged>>()?;
    entries
        .into_iter()
        .map(|(name, raw_length, length)| {
            Ok((name, Section { body: reader.take(length)?, raw_length }))
        })
        .collect()
}

fn read_common(file: &'static [u8]) -> Result<Common, Damaged> {
    let sections = directory(file)?;
    let inflate = |name: &str| {
        sections.get(name).ok_or(Damaged("a section is missing")).and_then(Section::inflate)
    };
    let meta = inflate("meta")?;
    let meta: BTreeMap<&str, &str> =
        utf8(&meta)?.lines().filter_map(|line| line.split_once('\t')).collect();
    let value = |key| meta.get(key).copied().ok_or(Damaged("meta data are missing"));
    let sources = std::iter::once("").chain(value("sources")?.split(' ')).map(Arc::from).collect();
    let sizes_as_of = Arc::from(value("sizes_as_of")?);
    let names = utf8(&inflate("names")?)?.lines().map(Arc::from).collect();
    let sizes = read_sizes(utf8(&inflate("sizes")?)?)?;
    Ok(Common { sections, sizes, names, sources, sizes_as_of })
}

/// One line of the size table, by column name.
struct Row<'a> {
    columns: &'a BTreeMap<&'a str, usize>,
    cells: Vec<&'a str>,
}

impl<'a> Row<'a> {
    /// The cell, `None` when empty.
    fn text(&self, column: &str) -> Option<&'a str> {
        let cell = self.columns.get(column).and_then(|at| self.cells.get(*at))?;
        (!cell.is_empty()).then_some(*cell)
    }

    fn number(&self, column: &str) -> Option<u32> {
        self.text(column)?.parse().ok()
    }

    fn flag(&self, column: &str) -> Option<bool> {
        match self.text(column)? {
            "1" | "True" => Some(true),
            _ => Some(false),
        }
    }

    /// A decimal number of GiB as MiB, rounded to the nearest: 894.07 GiB is how the table
    /// writes a disk of 915,527 MiB.
    fn gib(&self, column: &str) -> Option<u64> {
        let gib: f64 = self.text(column)?.parse().ok()?;
        Some((gib * 1024.0).round() as u64)
    }

    fn sourced<T>(&self, value: Option<T>, column: &str) -> Option<Sourced<T>> {
        Some(Sourced::new(value?, self.text(column).unwrap_or_default()))
    }
}

fn read_sizes(table: &str) -> Result<BTreeMap<Arc<str>, Sku>, Damaged> {
    let mut lines = table.lines();
    let header = lines.next().ok_or(Damaged("the size table is empty"))?;
    let columns = header.split('\t').enumerate().map(|(at, name)| (name, at)).collect();
    lines
        .map(|line| {
            let row = Row { columns: &columns, cells: line.split('\t').collect() };
            let sku = read_size(&row).ok_or(Damaged("a size has no vCPU, memory or arch"))?;
            Ok((sku.name.clone(), sku))
        })
        .collect()
}

fn read_size(row: &Row<'_>) -> Option<Sku> {
    let arch = match row.text("arch")? {
        "arm64" => Arch::Arm64,
        _ => Arch::Amd64,
    };
    let vcpus = row.number("vcpus")?;
    let memory = row.gib("memory_gib")?;
    let arc = |column| row.text(column).map(Arc::from);
    Some(Sku {
        version: row.number("series_version").unwrap_or(1),
        vcpus_available: row.number("vcpus_available").unwrap_or(vcpus),
        generations: row
            .text("hyperv_generations")
            .map(|text| Generations { v1: text.contains("V1"), v2: text.contains("V2") }),
        accelerated_networking: row.flag("accelerated_networking"),
        max_nics: row.number("max_nics"),
        max_data_disks: row.number("max_data_disks"),
        premium_io: row.flag("premium_io"),
        encryption_at_host: row.flag("encryption_at_host"),
        ephemeral_os_disk: row.flag("ephemeral_os_disk"),
        cache_mib: row.sourced(row.gib("cached_disk_gib"), "cached_disk_src"),
        temp_mib: row
            .sourced(row.text("temp_disk_mib").and_then(|mib| mib.parse().ok()), "temp_disk_src"),
        nvme: row.sourced(read_nvme(row), "nvme_src"),
        placements: row.sourced(read_placements(row), "placements_src"),
        gpus: row.sourced(row.number("gpus"), "gpus_src"),
        gpu_model: arc("gpu_model"),
        gpu_vendor: arc("gpu_vendor_aks"),
        confidential: arc("confidential"),
        trusted_launch_disabled: row.flag("trusted_launch_disabled"),
        ultra_ssd: row.flag("ultra_ssd_exact"),
        acus: row.number("acus"),
        vcpus_per_core: row.number("vcpus_per_core"),
        aks_restricted: row.flag("aks_restricted").unwrap_or(false),
        known_since: arc("karpenter_known_since"),
        ..Sku::new(row.text("name")?, row.text("family")?, vcpus, memory, arch)
    })
}

fn read_nvme(row: &Row<'_>) -> Option<Nvme> {
    Some(Nvme {
        total_mib: row.gib("nvme_total_gib")?,
        disks: row.number("nvme_disks"),
        disk_mib: row.gib("nvme_gib_each"),
    })
}

/// An empty cell is a known "none" only where its source says so.
fn read_placements(row: &Row<'_>) -> Option<Vec<Placement>> {
    match (row.text("ephemeral_placements"), row.text("placements_src")?) {
        (Some(names), _) => Some(names.split(' ').filter_map(Placement::from_azure).collect()),
        (None, "flag-false" | "api") => Some(Vec::new()),
        (None, _) => None,
    }
}

/// Every region with embedded data, sorted.
pub(super) fn regions() -> Vec<&'static str> {
    common().sections.keys().filter_map(|name| name.strip_prefix("region/")).collect()
}

/// The facts of a size that do not depend on the region.
pub(super) fn size(name: &str) -> Option<&'static Sku> {
    common().sizes.get(name)
}

/// Decodes one region; `None` when there is none of that name.
pub(super) fn region(name: &str) -> Option<Region> {
    let common = common();
    let section = common.sections.get(format!("region/{name}").as_str())?;
    // Same proof as for `common`.
    let raw = section.inflate().expect("the embedded file is valid");
    Some(read_region(name, &raw, common).expect("the embedded file is valid"))
}

fn read_region(name: &str, raw: &[u8], common: &Common) -> Result<Region, Damaged> {
    let mut reader = Reader(raw);
    let count = reader.size()?;
    let picked = reader.running(count)?;
    let mut presence = BTreeMap::new();
    for (index, flags) in picked.iter().zip(reader.take(count)?) {
        presence.insert(*index, read_presence(*flags));
    }
    let mut prices = read_prices(&mut reader, common)?;
    let size_list_as_of = (!presence.is_empty()).then(|| common.sizes_as_of.clone());
    let mut region = Region { size_list_as_of, ..Region::empty(name) };
    for (index, name) in common.names.iter().enumerate() {
        let (linux, windows) = prices.remove(&index).unwrap_or_default();
        let presence = presence.remove(&index);
        let priced = linux != Prices::default() || windows != Prices::default();
        if !priced && presence.is_none() {
            continue;
        }
        match common.sizes.get(name) {
            Some(sku) => region.skus.push(Sku { presence, linux, windows, ..sku.clone() }),
            None => {
                region.priced_only.insert(name.clone(), (linux, windows));
            }
        }
    }
    Ok(region)
}

fn read_presence(flags: u8) -> Presence {
    Presence {
        zones: (1..=3).filter(|zone| flags & (1 << (zone - 1)) != 0).collect(),
        spot_capable: flags & 8 != 0,
        restricted: flags & 16 != 0,
    }
}

/// Linux and Windows prices by the size's position in `Common::names`.
fn read_prices(
    reader: &mut Reader<'_>,
    common: &Common,
) -> Result<BTreeMap<usize, (Prices, Prices)>, Damaged> {
    let count = reader.size()?;
    let keys = reader.running(count)?;
    let regular = reader.prices(count)?;
    let spot = reader.prices(count)?;
    let regular_sources = reader.take(count)?;
    let spot_sources = reader.take(count)?;
    let sourced = |price: Option<i64>, code: u8| {
        let source = common.sources.get(usize::from(code)).ok_or(Damaged("unknown source"))?;
        Ok(price.map(|value| Sourced { value, source: source.clone() }))
    };
    let mut prices: BTreeMap<usize, (Prices, Prices)> = BTreeMap::new();
    for (row, key) in keys.iter().enumerate() {
        let found = Prices {
            regular: sourced(regular[row], regular_sources[row])?,
            spot: sourced(spot[row], spot_sources[row])?,
        };
        let both = prices.entry(key / 2).or_default();
        *(if key % 2 == 1 { &mut both.1 } else { &mut both.0 }) = found;
    }
    Ok(prices)
}
