//! The command line. Arguments are read here, the work is done elsewhere.

mod args;
mod catalog;
mod console;
mod crds;
mod exit;
mod explain;
mod input;
mod plan;
mod replay;
mod run;
mod saved;
mod search;
mod solve;
mod why_cost;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    args::Colour,
    console::Console,
    exit::{Exit, Failure},
};

/// Plans the nodes of a Kubernetes cluster: which to launch, what they cost, which pods go where.
#[derive(Debug, Parser)]
#[command(name = "tenon", version, after_help = exit::TABLE, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t, env = "TENON_COLOR")]
    #[arg(display_order = 900)]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plan the nodes for the objects in files, folders or standard input.
    #[command(after_help = exit::TABLE)]
    Plan(Box<plan::PlanArgs>),
    /// Make a saved plan again, bit for bit.
    #[command(after_help = exit::TABLE)]
    Replay(Box<replay::ReplayArgs>),
    /// Solve a packing problem by itself: the solver's text, vector bin packing, traces.
    #[command(after_help = exit::TABLE)]
    Solve(Box<solve::SolveArgs>),
    /// Provision the nodes of a cluster: watch its pods, launch and remove nodes.
    #[command(after_help = exit::TABLE)]
    Run(Box<run::RunArgs>),
    /// Print the custom resource definitions, or write them to a folder.
    #[command(after_help = exit::TABLE)]
    Crds(crds::CrdsArgs),
    /// Look at what can be bought.
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// Print the version.
    Version,
}

/// Reads the command line and runs what it says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused(&error).into(),
    };
    let console = Console::new(cli.color);
    match execute(cli.command, &console) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.fail(&failure);
            failure.exit.into()
        }
    }
}

fn execute(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Plan(args) => plan::run(&args, console),
        Command::Replay(args) => replay::run(&args, console),
        Command::Solve(args) => solve::run(&args, console),
        Command::Run(args) => run::run(&args),
        Command::Crds(args) => crds::run(&args, console),
        Command::Catalog(command) => catalog::run(command, console),
        Command::Version => {
            console.print(&format!("tenon {}\n", env!("CARGO_PKG_VERSION")))?;
            Ok(Exit::Done)
        }
    }
}

/// Help and version are answers; everything else is a mistake, told in one line.
fn refused(error: &clap::Error) -> Exit {
    let failure = if error.use_stderr() {
        misuse(error)
    } else {
        match console::written(error.print()) {
            Ok(()) => return Exit::Done,
            Err(failure) => failure,
        }
    };
    Console::new(Colour::default()).fail(&failure);
    failure.exit
}

fn misuse(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let first: Vec<&str> =
        text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = match error.kind() {
        clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            "a command is missing".to_owned()
        }
        _ => first.join(" ").trim_start_matches("error: ").to_owned(),
    };
    Failure::usage(format!("{message} (see `tenon --help`)"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every flag of `tenon run` stands in docs/configuration.md with its variable and its default.
    #[test]
    fn the_flags_of_run_are_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
        let text = std::fs::read_to_string(path).unwrap();
        let quoted = |text: String| if text.is_empty() { text } else { format!("`{text}`") };
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let mut rows = 0;
        for arg in run.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "color")) {
            let Some(long) = arg.get_long() else { continue };
            let env = arg.get_env().map(|env| env.to_string_lossy().into_owned());
            let default: Vec<_> =
                arg.get_default_values().iter().map(|one| one.to_string_lossy()).collect();
            let mut default = quoted(default.join(","));
            if long == "feature-gates" {
                default = "Karpenter's".to_owned();
            }
            let row = format!("| `--{long}` | {} | {default} | ", quoted(env.unwrap_or_default()));
            assert!(text.contains(&row), "docs/configuration.md has no {row}");
            rows += 1;
        }
        let written = text.lines().filter(|line| line.starts_with("| `--")).count();
        assert_eq!(written, rows, "docs/configuration.md has flags that there are not");
    }
}
