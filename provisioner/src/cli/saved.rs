//! Files of `--save`: everything that a plan depends on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use catalog::{InstanceType, azure::Region};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    exit::{Exit, Failure},
    input,
};
use crate::{
    pipeline::Settings,
    snapshot::{Snapshot, save},
    source::Catalog,
};

/// The version of the form below.
const VERSION: &str = "tenon.sh/saved-plan/v1";

/// The largest file that is read.
const MAX_SAVED: u64 = 4 << 30;

/// What is written.
pub(super) struct Saved<'a> {
    pub(super) settings: &'a Settings,
    pub(super) catalog: &'a Catalog,
    pub(super) snapshot: &'a Snapshot,
}

/// What is read back.
pub(super) struct Loaded {
    pub(super) settings: Settings,
    pub(super) catalog: Catalog,
    pub(super) snapshot: Snapshot,
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

/// Writes all or nothing: into a file beside `path` that takes its name when it is whole.
pub(super) fn write(path: &Path, saved: &Saved<'_>) -> Result<(), Failure> {
    let internal = |error: String| Failure::new(Exit::Internal, error);
    let snapshot = save::to_json(saved.snapshot).map_err(|error| internal(error.to_string()))?;
    let file = OutFile {
        version: VERSION,
        options: saved.settings,
        catalog: match saved.catalog {
            Catalog::Azure(catalog) => OutCatalog::Azure(catalog.region()),
            Catalog::Types { name, types } => OutCatalog::Types { name, types },
        },
        snapshot: RawValue::from_string(snapshot).map_err(|error| internal(error.to_string()))?,
    };
    let mut text = serde_json::to_vec(&file).map_err(|error| internal(error.to_string()))?;
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes `bytes` to a temporary neighbour of `path` and renames it; on failure nothing is left.
/// A device or a pipe (`/dev/stdout`) is written to as it is: nothing may take its place.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.display().to_string();
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(Failure::new(Exit::CannotCreate, format!("{name}: is a folder")));
        }
        Ok(there) if !there.is_file() => {
            return fs::write(path, bytes)
                .map_err(|error| Failure::new(Exit::Io, format!("{name}: {error}")));
        }
        _ => {}
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let mut file = fs::File::create_new(&temporary)
        .map_err(|error| Failure::new(Exit::CannotCreate, format!("{name}: {error}")))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        // The message below is what matters; a leftover is at worst untidy.
        let _ = fs::remove_file(&temporary);
        Failure::new(Exit::Io, format!("{name}: {error}"))
    })
}

/// Reads a file of [`write`].
pub(super) fn read(path: &Path) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let wrong = |problem: String| {
        Failure::data(format!("{name}: {problem}; give a file written by `tenon plan --save`"))
    };
    let bytes = input::file(path, MAX_SAVED)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    let head: Head = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if head.version != VERSION {
        return Err(wrong(format!("version {} instead of {VERSION}", head.version)));
    }
    let file: InFile<'_> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let snapshot =
        save::from_json(file.snapshot.get()).map_err(|error| wrong(error.to_string()))?;
    let catalog = match file.catalog {
        InCatalog::Azure(region) => Catalog::azure(*region),
        InCatalog::Types { name, types } => Catalog::Types { name, types },
    };
    Ok(Loaded { settings: file.options, catalog, snapshot })
}
