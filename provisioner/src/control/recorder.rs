//! Rounds on disk: the last few, each a file that `tenon replay` reads.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::saved::{Saved, SavedError, to_bytes};

/// Where rounds are recorded, and how many are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The folder.
    pub folder: PathBuf,
    /// How many rounds are kept; the oldest make room.
    pub keep: usize,
}

/// Why a round was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The round has no written form.
    #[error("the round cannot be written down: {0}")]
    Form(#[from] SavedError),
    /// The disk.
    #[error("{path}: {error}; check that --rounds-dir can be written to")]
    Io {
        /// The file or folder.
        path: String,
        /// What it said.
        error: io::Error,
    },
}

const ENDING: &str = ".json";

impl Recording {
    /// Writes `<round>.json` whole or not at all, then makes room.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn record(&self, round: &str, saved: &Saved<'_>) -> Result<PathBuf, RecordError> {
        let bytes = to_bytes(saved)?;
        let path = self.folder.join(format!("{round}{ENDING}"));
        let half = self.folder.join(format!(".{round}.tmp"));
        fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, error))?;
        fs::write(&half, bytes).map_err(|error| failed(&half, error))?;
        fs::rename(&half, &path).map_err(|error| failed(&path, error))?;
        self.make_room().map_err(|error| failed(&self.folder, error))?;
        Ok(path)
    }

    /// Names of rounds grow with time, so the first in order are the oldest.
    fn make_room(&self) -> io::Result<()> {
        let mut rounds = vec![];
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with(ENDING) && !name.starts_with('.') {
                rounds.push(path);
            }
        }
        rounds.sort();
        let surplus = rounds.len().saturating_sub(self.keep);
        rounds.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

fn failed(path: &Path, error: io::Error) -> RecordError {
    RecordError::Io { path: path.display().to_string(), error }
}
