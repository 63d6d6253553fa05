//! `tenon crds`.

use std::{fs, path::PathBuf};

use clap::Args;

use super::{
    console::Console,
    exit::{Exit, Failure},
};
use crate::api::crd;

#[derive(Debug, Args)]
pub(super) struct CrdsArgs {
    /// Write one file for each definition into this folder.
    #[arg(long = "output-dir", short = 'o', value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(args: &CrdsArgs, console: &Console) -> Result<Exit, Failure> {
    let files = crd::all();
    let Some(folder) = &args.folder else {
        let text: String = files.iter().map(|(_, definition)| crd::to_yaml(definition)).collect();
        console.print(&text)?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder).map_err(|error| {
        Failure::new(Exit::CannotCreate, format!("{}: {error}", folder.display()))
    })?;
    for (name, definition) in files {
        let path = folder.join(name);
        fs::write(&path, crd::to_yaml(&definition)).map_err(|error| {
            Failure::new(Exit::CannotCreate, format!("{}: {error}", path.display()))
        })?;
    }
    Ok(Exit::Done)
}
