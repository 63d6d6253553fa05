//! Files of `--save`: everything that a plan depends on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use super::{
    exit::{Exit, Failure},
    input,
};
pub(super) use crate::saved::{Loaded, Saved};

/// The largest file that is read.
const MAX_SAVED: u64 = 4 << 30;

/// Writes all or nothing: into a file beside `path` that takes its name when it is whole.
pub(super) fn write(path: &Path, saved: &Saved<'_>) -> Result<(), Failure> {
    let bytes = crate::saved::to_bytes(saved)
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    write_whole(path, &bytes)
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

/// Reads a file of [`write`], or a recorded round.
pub(super) fn read(path: &Path) -> Result<Loaded, Failure> {
    let name = path.display().to_string();
    let wrong = |problem: String| {
        Failure::data(format!("{name}: {problem}; give a file written by `tenon plan --save`"))
    };
    let bytes = input::file(path, MAX_SAVED)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8".to_owned()))?;
    crate::saved::from_text(&text).map_err(|error| wrong(error.to_string()))
}
