//! `tenon solve`.

mod input;

use std::{path::PathBuf, time::Instant};

use ::catalog::CapacityType;
use clap::{Args, ValueEnum};
use solver::{Options, text};

use super::{
    args::Nodes,
    console::Console,
    exit::{Exit, Failure},
    saved::write_whole,
    search::{self, EngineArg},
};
use crate::{
    instance::{Answer, Format, Instance},
    report::answer::{self, Solved},
    timer::{self, Timer},
};

#[derive(Debug, Args)]
pub(super) struct SolveArgs {
    /// The problem, or the pods: a file (gzip is unpacked), or - for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What the file holds, where its first line does not tell.
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    #[command(flatten)]
    market: MarketArgs,
    #[command(flatten)]
    budget: Budget,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
    /// Write the solution as `tenon-solution` text.
    #[arg(long, value_name = "FILE")]
    solution: Option<PathBuf>,
    /// Write the problem that was solved as `tenon-problem` text.
    #[arg(long, value_name = "FILE")]
    problem: Option<PathBuf>,
    /// Exit with 2 when pods have no place.
    #[arg(long)]
    strict: bool,
}

/// What can be bought, for files that hold only pods.
#[derive(Debug, Args)]
struct MarketArgs {
    /// An Azure region, e.g. westeurope.
    #[arg(long, short, value_name = "REGION", conflicts_with = "catalog")]
    region: Option<String>,
    /// `kwok`, an instance-types file, a region of `tenon catalog import`, a price list or a node
    /// list as CSV, or the offers of a MANeUveR application.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// The flavours of a VM stream: `vCPU,GiB letter` a line.
    #[arg(long, value_name = "FILE")]
    flavours: Option<PathBuf>,
    /// Buy spot nodes too.
    #[arg(long, conflicts_with = "capacity_type")]
    spot: bool,
    /// Buy nodes of this capacity type; may be repeated.
    #[arg(long, value_enum, value_name = "TYPE", default_values_t = [Capacity::OnDemand])]
    capacity_type: Vec<Capacity>,
    #[command(flatten)]
    nodes: Nodes,
}

/// How long and how hard to look.
#[derive(Debug, Args)]
struct Budget {
    /// Who is to solve it.
    #[arg(long, value_enum, default_value_t)]
    engine: EngineArg,
    /// Come back with the best plan after this time, e.g. 500ms or 2s.
    #[arg(long, value_name = "TIME", value_parser = search::time)]
    time: Option<std::time::Duration>,
    /// Stop when the plan is this near to the bound, e.g. 0.5%.
    #[arg(long, value_name = "SHARE", value_parser = search::parts_per_million, default_value = "0")]
    gap: u32,
    /// Number of threads; 0 takes one per core. The plan does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u16).range(..=1024))]
    threads: u16,
    /// Where random choices start.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How much work may be done, in the engine's units of about a microsecond; 0 takes what
    /// --time is worth, or leaves it to the engine.
    #[arg(long, value_name = "N", default_value_t = 0)]
    effort: u64,
}

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// The solver's own text, `tenon-problem 1`.
    Text,
    /// Vector bin packing, as VPSolver reads it.
    Vbp,
    /// An application of MANeUveR (JSON).
    Maneuver,
    /// A table of pods (CSV with cpu_milli and memory_mib).
    Pods,
    /// A stream of virtual machines.
    VmStream,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Text => Self::Text,
            FormatArg::Vbp => Self::Vbp,
            FormatArg::Maneuver => Self::Maneuver,
            FormatArg::Pods => Self::Pods,
            FormatArg::VmStream => Self::VmStream,
        }
    }
}

/// `--capacity-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Capacity {
    /// The regular price.
    OnDemand,
    /// May be taken away at short notice.
    Spot,
    /// Paid for beforehand.
    Reserved,
}

impl From<Capacity> for CapacityType {
    fn from(capacity: Capacity) -> Self {
        match capacity {
            Capacity::OnDemand => Self::OnDemand,
            Capacity::Spot => Self::Spot,
            Capacity::Reserved => Self::Reserved,
        }
    }
}

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

pub(super) fn run(args: &SolveArgs, console: &Console) -> Result<Exit, Failure> {
    let instance = input::instance(args)?;
    let progress = console.progress(args.budget.time.is_some(), "solving".to_owned());
    let start = Instant::now();
    let answer = args.budget.solve(&instance);
    let seconds = start.elapsed().as_secs_f64();
    drop(progress);
    checked(&instance, &answer)?;
    let solved = Solved { instance: &instance, answer: &answer, seconds };
    let report = match args.output {
        Form::Table => answer::table(&solved),
        Form::Json => answer::json(&solved),
    };
    if let Some(path) = &args.problem {
        write_whole(path, text::write_problem(instance.problem_of(&answer)).as_bytes())?;
    }
    if let Some(path) = &args.solution {
        write_whole(path, text::write_solution(&answer.solution).as_bytes())?;
    }
    console.print(&report)?;
    Ok(if args.strict && answer.unplaced() > 0 { Exit::Unplaced } else { Exit::Done })
}

impl Budget {
    fn solve(&self, instance: &Instance) -> Answer {
        let timer = self.time.map(Timer::start);
        let worth = self.time.map_or(0, timer::effort);
        let effort = if self.effort == 0 { worth } else { self.effort };
        instance.solve(&Options {
            threads: usize::from(self.threads),
            engine: self.engine.into(),
            gap_ppm: self.gap,
            effort,
            // Whoever says how much wants the best that is to be had for it.
            patient: effort > 0,
            seed: self.seed,
            stop: timer.as_ref().map(Timer::flag),
        })
    }
}

/// Nothing is handed over that fails the independent check.
fn checked(instance: &Instance, answer: &Answer) -> Result<(), Failure> {
    match instance.check(answer).as_slice() {
        [] => Ok(()),
        [first, rest @ ..] => Err(Failure::new(
            Exit::Internal,
            format!(
                "the solution failed its own check, please report this with the input: {first} \
                 ({} more)",
                rest.len()
            ),
        )),
    }
}
