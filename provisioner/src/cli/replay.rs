//! `tenon replay`.

use std::path::PathBuf;

use clap::Args;

use super::{
    args::Output,
    console::Console,
    exit::{Exit, Failure},
    plan, saved,
};

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A file written by `tenon plan --save`.
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &ReplayArgs, console: &Console) -> Result<Exit, Failure> {
    let loaded = saved::read(&args.file)?;
    let outcome =
        plan::solve(&loaded.snapshot, &loaded.catalog, &loaded.settings, &args.output, console)?;
    console.print(&plan::rendered(&loaded.snapshot, &outcome, &args.output)?)?;
    Ok(plan::exit(&args.output, [&outcome]))
}
