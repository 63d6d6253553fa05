//! The project's own file of one region, which `tenon catalog import` writes.

use serde::{Deserialize, Serialize};

use crate::azure::Region;

use super::{ImportError, merge, skus};

const FORMAT: &str = "tenon-azure-catalog";
const VERSION: u32 = 1;
const EXPECTED: &str = "a catalog file of one Azure region as `tenon catalog import` writes it";

#[derive(Serialize)]
struct Writing<'a> {
    format: &'a str,
    version: u32,
    region: &'a Region,
}

/// Enough to tell what a file is before its contents are read.
#[derive(Deserialize)]
struct Head {
    format: Option<String>,
    version: Option<u32>,
}

#[derive(Deserialize)]
struct Reading {
    region: Region,
}

impl Region {
    /// The region as a JSON file of this project's own format.
    pub fn to_json(&self) -> String {
        let file = Writing { format: FORMAT, version: VERSION, region: self };
        // Only maps with keys other than strings and failing writers make this fail; there are
        // neither.
        serde_json::to_string(&file).expect("plain data serialise") + "\n"
    }

    /// Reads what [`Region::to_json`] wrote.
    ///
    /// # Errors
    ///
    /// When it is not such a file, is of another version, is damaged or has a negative price.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ImportError> {
        let shape = |found: String| ImportError::Shape { found, expected: EXPECTED };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(ImportError::Json)?;
        let head = Head::deserialize(&value).map_err(|_| shape("another JSON value".to_owned()))?;
        if head.format.as_deref() != Some(FORMAT) {
            return Err(shape(format!("format {:?}", head.format.unwrap_or_default())));
        }
        if head.version != Some(VERSION) {
            return Err(shape(format!("version {:?} of the format", head.version)));
        }
        let file: Reading = serde_json::from_value(value).map_err(ImportError::Json)?;
        let mut region = file.region;
        if let Some(name) = negative_price(&region) {
            return Err(shape(format!("a negative price of {name}")));
        }
        // The order is part of the type's promise, and files may have been edited by hand.
        region.skus.sort_by(|a, b| a.name.cmp(&b.name));
        region.skus.dedup_by(|a, b| a.name == b.name);
        Ok(region)
    }

    /// Reads a catalog file of this project, or a raw resource-SKU list of one region, to which
    /// the embedded prices are added.
    ///
    /// # Errors
    ///
    /// When it is neither, or the list has several regions.
    pub fn from_import(bytes: &[u8]) -> Result<Self, ImportError> {
        match Self::from_json(bytes) {
            Err(ImportError::Shape { .. }) => {}
            read => return read,
        }
        let list = skus(bytes)?;
        let mut regions = merge(Some(&list), None, "import");
        if let (Some(region), true) = (regions.pop(), regions.is_empty()) {
            return Ok(region);
        }
        let found = format!("sizes of {} regions", list.regions.len());
        Err(ImportError::Shape { found, expected: EXPECTED })
    }
}

/// The first size that would pay for being used.
fn negative_price(region: &Region) -> Option<&str> {
    let sizes = region.skus.iter().map(|sku| (&sku.name, [&sku.linux, &sku.windows]));
    let others = region.priced_only.iter().map(|(name, (linux, windows))| (name, [linux, windows]));
    sizes.chain(others).find_map(|(name, systems)| {
        let mut prices = systems.into_iter().flat_map(|os| [&os.regular, &os.spot]).flatten();
        prices.any(|price| price.value < 0).then_some(&**name)
    })
}
