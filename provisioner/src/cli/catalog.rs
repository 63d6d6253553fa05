//! `tenon catalog`.

mod import;
mod ls;
mod show;

use catalog::azure::{self, NodeSettings, Os};
use clap::{Args, Subcommand, ValueEnum};

use super::{
    args::{Disk, Nodes},
    console::Console,
    exit::{Exit, Failure},
};

#[derive(Debug, Subcommand)]
pub(super) enum CatalogCommand {
    /// List sizes, filtered and sorted.
    Ls(ls::LsArgs),
    /// Show one size with everything that is known about it.
    Show(show::ShowArgs),
    /// Make a catalog file from fresh Azure payloads, for --catalog.
    Import(import::ImportArgs),
    /// List the regions that ship with tenon.
    Regions,
}

/// Form of catalog output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

/// The node configuration that capacity, OS disk and prices are for.
#[derive(Debug, Args)]
struct Configuration {
    #[command(flatten)]
    nodes: Nodes,
    /// Operating system, which decides prices.
    #[arg(long, value_enum, default_value_t)]
    os: System,
    /// Size of the OS disk in GiB.
    #[arg(long, value_name = "GIB", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u32).range(30..=2048))]
    os_disk_gib: u32,
    /// Where the OS disk is to be.
    #[arg(long, value_enum, default_value_t)]
    os_disk: Disk,
}

/// `--os`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum System {
    /// Linux.
    #[default]
    Linux,
    /// Windows Server.
    Windows,
}

impl Configuration {
    fn settings(&self) -> NodeSettings {
        NodeSettings {
            os: match self.os {
                System::Linux => Os::Linux,
                System::Windows => Os::Windows,
            },
            os_disk_gib: self.os_disk_gib,
            os_disk: self.os_disk.into(),
            ..self.nodes.settings()
        }
    }
}

pub(super) fn run(command: CatalogCommand, console: &Console) -> Result<Exit, Failure> {
    let text = match command {
        CatalogCommand::Ls(args) => ls::run(&args)?,
        CatalogCommand::Show(args) => show::run(&args)?,
        CatalogCommand::Import(args) => import::run(&args)?,
        CatalogCommand::Regions => {
            azure::regions().iter().map(|region| format!("{region}\n")).collect()
        }
    };
    console.print(&text)?;
    Ok(Exit::Done)
}
