//! Azure: VM sizes, regions and prices, and what they become as AKS nodes.
//!
//! [`Region::load`] reads embedded data (`catalog/data/PROVENANCE.md` says where they come from and
//! how sure each figure is); [`import`] reads fresh payloads of Azure's own APIs.
//! [`Region::instance_types`] turns sizes into [`crate::InstanceType`]s for one node configuration.

mod embedded;
pub mod import;
pub mod instance_types;
pub mod labels;
pub mod os_disk;
pub mod overhead;
mod region_name;
pub mod settings;
pub mod sku;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub use instance_types::Excluded;
pub use os_disk::ManagedDiskPrice;
pub use region_name::{UnknownRegion, normalise};
pub use settings::{NetworkPlugin, NodeSettings, Os, OsDiskType};
pub use sku::{Prices, Sku, Sourced};

/// The sizes on sale in one region, with their prices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Azure's short name, e.g. `westeurope`.
    pub name: Arc<str>,
    /// The day of the size list, `None` when no list of the sizes sold here is known and only
    /// prices are: then every priced size is taken to be sold, as a regional VM.
    pub size_list_as_of: Option<Arc<str>>,
    /// True when sizes or prices come from an import rather than from the embedded data.
    pub imported: bool,
    /// Sizes by name, ascending. A size without [`Sku::presence`] has a price here but is not in
    /// the region's size list.
    pub skus: Vec<Sku>,
    /// Linux and Windows prices of sizes about which nothing else is known (retired ones, mostly).
    pub priced_only: BTreeMap<Arc<str>, (Prices, Prices)>,
}

/// Every region with embedded data, sorted.
pub fn regions() -> Vec<&'static str> {
    embedded::regions()
}

impl Region {
    /// A region of which nothing is known yet.
    pub fn empty(name: &str) -> Self {
        Self {
            name: Arc::from(name),
            size_list_as_of: None,
            imported: false,
            skus: Vec::new(),
            priced_only: BTreeMap::new(),
        }
    }

    /// Reads the embedded data of a region. Display names work too: `West Europe`.
    ///
    /// # Errors
    ///
    /// When there is no such region; the error names the nearest ones.
    pub fn load(name: &str) -> Result<Self, UnknownRegion> {
        let short = normalise(name);
        embedded::region(&short).ok_or_else(|| UnknownRegion::new(name, &regions()))
    }

    /// The size of that name, in any case, with or without `Standard_`.
    pub fn sku(&self, name: &str) -> Option<&Sku> {
        self.skus.iter().find(|sku| {
            sku.name.eq_ignore_ascii_case(name) || sku.short_name().eq_ignore_ascii_case(name)
        })
    }
}
