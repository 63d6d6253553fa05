//! Everything that a plan depends on, as one file: what `tenon plan --save` and recorded rounds
//! write and `tenon replay` reads.

use std::sync::Arc;

use catalog::{InstanceType, azure::Region};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    pipeline::Settings,
    snapshot::{Snapshot, save},
    source::Catalog,
};

/// The version of the form below.
const VERSION: &str = "tenon.sh/saved-plan/v1";

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// Not JSON, or not of this form.
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    /// The snapshot in it.
    #[error("{0}")]
    Snapshot(#[from] save::SaveError),
    /// Written by another version.
    #[error("version {0} instead of {VERSION}")]
    Version(String),
}

/// What is written.
pub struct Saved<'a> {
    /// How the plan was made.
    pub settings: &'a Settings,
    /// What was on sale.
    pub catalog: &'a Catalog,
    /// What the plan was made for.
    pub snapshot: &'a Snapshot,
}

/// What is read back.
pub struct Loaded {
    /// How the plan was made.
    pub settings: Settings,
    /// What was on sale.
    pub catalog: Catalog,
    /// What the plan was made for.
    pub snapshot: Snapshot,
}

#[derive(Serialize)]
struct OutFile<'a> {
    version: &'static str,
    options: &'a Settings,
    catalog: OutCatalog<'a>,
    snapshot: Box<RawValue>,
}

/// Sizes are saved whole, so that a later build with newer data makes the same plan.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum OutCatalog<'a> {
    Azure(&'a Region),
    Types { name: &'a str, types: &'a [Arc<InstanceType>] },
}

#[derive(Deserialize)]
struct InFile<'a> {
    options: Settings,
    catalog: InCatalog,
    #[serde(borrow)]
    snapshot: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum InCatalog {
    Azure(Box<Region>),
    Types { name: String, types: Vec<Arc<InstanceType>> },
}

/// The first thing looked at, so that a file of another kind gets the right message.
#[derive(Deserialize)]
struct Head {
    version: String,
}

/// The file's content.
///
/// # Errors
/// When something in the snapshot cannot be written as JSON.
pub fn to_bytes(saved: &Saved<'_>) -> Result<Vec<u8>, SavedError> {
    let snapshot = save::to_json(saved.snapshot)?;
    let file = OutFile {
        version: VERSION,
        options: saved.settings,
        catalog: match saved.catalog {
            Catalog::Azure(catalog) => OutCatalog::Azure(catalog.region()),
            Catalog::Types { name, types } => OutCatalog::Types { name, types },
        },
        snapshot: RawValue::from_string(snapshot)?,
    };
    let mut text = serde_json::to_vec(&file)?;
    text.push(b'\n');
    Ok(text)
}

/// Reads what [`to_bytes`] wrote.
///
/// # Errors
/// When the text is of another form or version.
pub fn from_text(text: &str) -> Result<Loaded, SavedError> {
    let head: Head = serde_json::from_str(text)?;
    if head.version != VERSION {
        return Err(SavedError::Version(head.version));
    }
    let file: InFile<'_> = serde_json::from_str(text)?;
    let snapshot = save::from_json(file.snapshot.get())?;
    let catalog = match file.catalog {
        InCatalog::Azure(region) => Catalog::azure(*region),
        InCatalog::Types { name, types } => Catalog::Types { name, types },
    };
    Ok(Loaded { settings: file.options, catalog, snapshot })
}
