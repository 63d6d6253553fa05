//! `tenon replay`.

use std::path::PathBuf;

use clap::Args;

use super::{
    args::Output,
    console::Console,
    exit::{Exit, Failure},
    plan::{self, Work},
    saved,
    search::SearchArgs,
};
use crate::pipeline::Settings;

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file written by `tenon plan --save`.
    file: PathBuf,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &ReplayArgs, console: &Console) -> Result<Exit, Failure> {
    let loaded = saved::read(&args.file)?;
    let search = args.search.or(loaded.settings.search);
    let work = Work {
        catalog: &loaded.catalog,
        settings: &Settings { search, ..loaded.settings },
        time: args.search.time,
        threads: args.output.threads,
        console,
    };
    let outcome = work.solve(&loaded.snapshot)?;
    console.print(&plan::rendered(&loaded.snapshot, &outcome, &args.output, &work)?)?;
    Ok(plan::exit(&args.output, [&outcome]))
}
