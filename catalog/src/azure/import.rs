//! Fresh data from Azure's own APIs, merged with what is embedded.
//!
//! [`skus`] reads the resource-SKU list (`az vm list-skus -o json`), [`prices`] pages of the
//! retail price API; [`merge`] makes regions of them. A bad entry is skipped and named, a payload
//! that is something else altogether is an error.

mod file;
mod prices;
mod skus;

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::Value;

use super::{Region, Sku, sku::Prices};

pub use prices::prices;
pub use skus::skus;

/// A payload that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not JSON, or cut off.
    #[error("not valid JSON")]
    Json(#[source] serde_json::Error),
    /// JSON of another shape.
    #[error("{found}; expected {expected}")]
    Shape {
        /// What it looks like.
        found: String,
        /// What would be read.
        expected: &'static str,
    },
    /// The right shape, but not one usable entry.
    #[error("no usable {what} among {entries} entries{}", first_reason(.skipped))]
    Empty {
        /// `VM sizes` or `VM prices`.
        what: &'static str,
        /// How many entries there were.
        entries: usize,
        /// Why they were not used.
        skipped: Vec<Skipped>,
    },
}

fn first_reason(skipped: &[Skipped]) -> String {
    skipped.first().map(|first| format!("; the first one: {first}")).unwrap_or_default()
}

/// An entry that was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Size or product.
    pub what: String,
    /// The reason.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Sizes by region, as one subscription may use them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkuList {
    /// Region name → size name → size. Facts that the payload lacks are the embedded ones.
    pub regions: BTreeMap<Arc<str>, BTreeMap<Arc<str>, Sku>>,
    /// VM entries that could not be read. Other resource types are passed over in silence.
    pub skipped: Vec<Skipped>,
}

/// Linux and Windows prices of one size.
pub type SizePrices = (Prices, Prices);

/// Prices by region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// Region name → size name → prices.
    pub regions: BTreeMap<Arc<str>, BTreeMap<Arc<str>, SizePrices>>,
    /// How many meters were left out, by reason.
    pub skipped: BTreeMap<&'static str, usize>,
}

/// Every region that one of the lists names, as the embedded data with the lists laid over them.
///
/// A size list replaces the embedded one of the region: sizes that it lacks are no longer sold
/// there. A price replaces only the price of the same size, system and capacity type.
/// `as_of` is the day of the size list, for display.
pub fn merge(skus: Option<&SkuList>, prices: Option<&PriceList>, as_of: &str) -> Vec<Region> {
    let listed = skus.into_iter().flat_map(|list| list.regions.keys());
    let priced = prices.into_iter().flat_map(|list| list.regions.keys());
    let names: std::collections::BTreeSet<&Arc<str>> = listed.chain(priced).collect();
    names
        .into_iter()
        .map(|name| {
            let mut region = Region::load(name).unwrap_or_else(|_| Region::empty(name));
            region.imported = true;
            if let Some(sizes) = skus.and_then(|list| list.regions.get(name)) {
                lay_sizes(&mut region, sizes, as_of);
            }
            if let Some(found) = prices.and_then(|list| list.regions.get(name)) {
                lay_prices(&mut region, found);
            }
            region
        })
        .collect()
}

fn lay_sizes(region: &mut Region, sizes: &BTreeMap<Arc<str>, Sku>, as_of: &str) {
    region.size_list_as_of = Some(Arc::from(as_of));
    let mut known: BTreeMap<Arc<str>, Sku> = region
        .skus
        .drain(..)
        .map(|sku| (sku.name.clone(), Sku { presence: None, ..sku }))
        .collect();
    for (name, size) in sizes {
        let (linux, windows) = match known.remove(name) {
            Some(old) => (old.linux, old.windows),
            None => region.priced_only.remove(name).unwrap_or_default(),
        };
        known.insert(name.clone(), Sku { linux, windows, ..size.clone() });
    }
    region.skus = known.into_values().collect();
}

fn lay_prices(region: &mut Region, found: &BTreeMap<Arc<str>, SizePrices>) {
    for (name, (linux, windows)) in found {
        let at = region.skus.binary_search_by(|sku| sku.name.cmp(name));
        let (old_linux, old_windows) = match at {
            Ok(at) => {
                let sku = &mut region.skus[at];
                (&mut sku.linux, &mut sku.windows)
            }
            Err(_) => {
                let both = region.priced_only.entry(name.clone()).or_default();
                (&mut both.0, &mut both.1)
            }
        };
        replace(old_linux, linux);
        replace(old_windows, windows);
    }
}

fn replace(old: &mut Prices, new: &Prices) {
    if new.regular.is_some() {
        old.regular.clone_from(&new.regular);
    }
    if new.spot.is_some() {
        old.spot.clone_from(&new.spot);
    }
}

/// All entries of a payload: a list, an object that holds a list under `key`, or several of these
/// one after another or in one list (pages).
fn entries(bytes: &[u8], key: &str, expected: &'static str) -> Result<Vec<Value>, ImportError> {
    // PowerShell writes a byte order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut all = Vec::new();
    let mut documents = 0;
    for document in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        documents += 1;
        flatten(document.map_err(ImportError::Json)?, key, expected, &mut all)?;
    }
    if documents == 0 {
        return Err(ImportError::Shape { found: "the payload is empty".to_owned(), expected });
    }
    Ok(all)
}

fn flatten(
    value: Value,
    key: &str,
    expected: &'static str,
    all: &mut Vec<Value>,
) -> Result<(), ImportError> {
    let found = match value {
        Value::Array(list) => {
            for one in list {
                match one {
                    Value::Object(page) if page.get(key).is_some_and(Value::is_array) => {
                        flatten(Value::Object(page), key, expected, all)?;
                    }
                    entry => all.push(entry),
                }
            }
            return Ok(());
        }
        Value::Object(mut page) => match page.remove(key) {
            Some(Value::Array(list)) => {
                all.extend(list);
                return Ok(());
            }
            _ => format!("an object without a list named {key:?}"),
        },
        _ => "neither a list nor an object".to_owned(),
    };
    Err(ImportError::Shape { found, expected })
}
