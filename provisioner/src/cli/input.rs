//! From arguments to a snapshot and a catalog.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use catalog::{azure::Region, kwok, types_file};

use super::{
    args::Source,
    exit::{Exit, Failure},
};
use crate::{
    snapshot::{
        Snapshot,
        error::InputError,
        read::{ReadOptions, Reader},
    },
    source::Catalog,
};

/// Types files and imported regions are a few megabytes; anything far larger is a mistake.
const MAX_CATALOG: u64 = 256 << 20;

/// Reads all inputs; `-` is standard input.
pub(super) fn snapshot(paths: &[PathBuf], options: ReadOptions) -> Result<Snapshot, Failure> {
    if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
        return Err(Failure::usage("standard input (-f -) can be read only once"));
    }
    let mut reader = Reader::new(options);
    for path in paths {
        if is_stdin(path) {
            reader.add_stdin().map_err(|error| wrong(&error))?;
            continue;
        }
        fs::metadata(path)
            .map_err(|error| Failure::unreadable(&path.display().to_string(), &error))?;
        reader.add_path(path).map_err(|error| wrong(&error))?;
    }
    Ok(reader.finish())
}

fn wrong(error: &InputError) -> Failure {
    Failure::data(error.to_string())
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The sizes that the arguments name.
pub(super) fn catalog(source: &Source) -> Result<Catalog, Failure> {
    if let Some(region) = &source.region {
        let region = Region::load(region).map_err(|error| Failure::data(error.to_string()))?;
        return Ok(Catalog::azure(region));
    }
    let Some(path) = &source.catalog else {
        return Err(Failure::usage("--region or --catalog is needed"));
    };
    if path.as_os_str() == "kwok" {
        let types = kwok::instance_types().into_iter().map(Arc::new).collect();
        return Ok(Catalog::Types { name: "kwok".to_owned(), types });
    }
    catalog_file(&path.display().to_string(), &file(path, MAX_CATALOG)?)
}

/// Karpenter's types are a list, an imported region is a map.
fn catalog_file(name: &str, bytes: &[u8]) -> Result<Catalog, Failure> {
    let wrong = |error: String| Failure::data(format!("{name}: {error}"));
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let region = Region::from_import(bytes).map_err(|error| wrong(error.to_string()))?;
        return Ok(Catalog::azure(region));
    }
    let types = types_file::parse(bytes).map_err(|error| wrong(error.to_string()))?;
    let types = types.into_iter().map(Arc::new).collect();
    Ok(Catalog::Types { name: name.to_owned(), types })
}

/// A whole file of at most `most` bytes.
pub(super) fn file(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let unreadable = |error: std::io::Error| Failure::unreadable(&name, &error);
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(Failure::new(Exit::Data, format!("{name}: larger than {most} bytes")));
    }
    Ok(bytes)
}
