//! `tenon catalog import`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use catalog::azure::{self, import};
use clap::Args;
use jiff::{Timestamp, tz::TimeZone};

use super::super::{exit::Failure, input, saved};

/// `az vm list-skus` for all regions is about 200 MB.
const MAX_PAYLOAD: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// Output of `az vm list-skus --location REGION -o json`.
    #[arg(long, value_name = "FILE")]
    skus: PathBuf,
    /// Pages of https://prices.azure.com/api/retail/prices.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    prices: Vec<PathBuf>,
    /// The region to take.
    #[arg(long, short, value_name = "REGION")]
    region: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(args: &ImportArgs) -> Result<String, Failure> {
    let name = azure::normalise(&args.region);
    let skus = read(&args.skus, import::skus)?;
    let region = |list: &import::SkuList| list.regions.keys().any(|region| **region == *name);
    if !region(&skus) {
        let found: Vec<&str> = skus.regions.keys().map(AsRef::as_ref).collect();
        return Err(Failure::data(format!(
            "{}: no sizes of {name}; it has those of {}",
            args.skus.display(),
            found.join(", ")
        )));
    }
    let mut prices = import::PriceList::default();
    for path in &args.prices {
        add(&mut prices, read(path, import::prices)?);
    }
    let day = day_of(&args.skus);
    let regions = import::merge(Some(&skus), Some(&prices), &day);
    let Some(region) = regions.into_iter().find(|region| *region.name == *name) else {
        return Err(Failure::data(format!("{name}: nothing to import")));
    };
    saved::write_whole(&args.output, region.to_json().as_bytes())?;
    let (sizes, skipped) = (region.skus.len(), skus.skipped.len());
    let mut text = format!("{}: {sizes} sizes of {name}\n", args.output.display());
    if skipped > 0 {
        text.push_str(&format!("{skipped} entries of the size list were skipped:\n"));
        text.extend(skus.skipped.iter().map(|skipped| format!("  {skipped}\n")));
    }
    Ok(text)
}

fn read<T>(path: &Path, parse: fn(&[u8]) -> Result<T, import::ImportError>) -> Result<T, Failure> {
    let bytes = input::file(path, MAX_PAYLOAD)?;
    parse(&bytes).map_err(|error| Failure::data(format!("{}: {error}", path.display())))
}

/// Pages do not overlap; where they do, the later one counts.
fn add(all: &mut import::PriceList, page: import::PriceList) {
    for (region, sizes) in page.regions {
        let known = all.regions.entry(region).or_default();
        for (size, (linux, windows)) in sizes {
            let old = known.entry(size).or_default();
            for (old, new) in [(&mut old.0, linux), (&mut old.1, windows)] {
                old.regular = new.regular.or(old.regular.take());
                old.spot = new.spot.or(old.spot.take());
            }
        }
    }
}

/// The day the list was written, by the file's time stamp.
fn day_of(path: &Path) -> String {
    let changed = fs::metadata(path).and_then(|facts| facts.modified());
    let time = Timestamp::try_from(changed.unwrap_or(SystemTime::UNIX_EPOCH));
    time.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC).date().to_string()
}
