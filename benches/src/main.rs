//! `tenon-bench`: time, cost, bound and memory over stored and generated workloads.
//!
//! `plan`, also without a command, prints a table of whole plans as Markdown: each row runs in this
//! one process and starts with a catalog that nobody has asked anything yet. Time is measured with
//! the plain allocator; one more run counts the peak of live heap bytes from the moment snapshot
//! and catalog are in memory.
//! `generate` writes an instance as text; `quality` solves every stored and generated instance and
//! compares with what is known of them.

mod cli;
mod clock;
mod memory;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Instant,
};

use clap::{Parser, Subcommand};
use memory::peak_of;
use provisioner::{
    formulate::{self, Formulation, formulate},
    snapshot::Snapshot,
    source::Catalog,
};
use solver::{Engine, Solution};
use tenon_bench::{benchmark_catalog, diverse, eastus, preferences, web};

#[derive(Debug, Parser)]
#[command(name = "tenon-bench", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plan the stored workloads and print a table.
    Plan,
    /// Write a generated instance as `tenon-problem` text.
    Generate(cli::generate::GenerateArgs),
    /// Solve instances within a budget and compare cost, bound and time.
    Quality(cli::quality::QualityArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command.unwrap_or(Command::Plan) {
        Command::Plan => match plans(&mut io::stdout().lock()) {
            // A reader that has gone away (`| head`) has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(|error| format!("standard output: {error}")),
        },
        Command::Generate(args) => cli::generate::run(&args),
        Command::Quality(args) => cli::quality::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plans(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "| workload | pods | groups | offerings | nodes | unplaced | $/h | lower bound $/h | gap | first formulate ms | formulate ms | solve ms | check ms | pods/s | peak MiB |"
    )?;
    writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for pods in [1, 50, 100, 500, 1_000, 1_500, 2_000, 5_000, 10_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row(out, "Karpenter diverse", &snapshot, || Some(benchmark_catalog()))?;
        }
    }
    row(out, "Karpenter preferences", &preferences(), || Some(benchmark_catalog()))?;
    for pods in [1_000, 20_000] {
        if let Some(snapshot) = diverse(pods) {
            row(out, "Karpenter diverse, eastus", &snapshot, eastus)?;
        }
    }
    for pods in [200, 1_000, 10_000, 100_000] {
        row(out, "web, 60 deployments, eastus", &web(pods, 60, 1), eastus)?;
    }
    Ok(())
}

/// A snapshot's way to a checked solution.
struct Run {
    formulation: Formulation,
    solution: Solution,
    /// How long formulating, solving and checking took, in milliseconds.
    stages: [f64; 3],
}

fn run(name: &str, snapshot: &Snapshot, catalog: &Catalog) -> Run {
    let start = Instant::now();
    let formulation = formulate(snapshot, catalog, &formulate::Options::default());
    let formulated = start.elapsed();
    let options = solver::Options { engine: Engine::Greedy, ..solver::Options::default() };
    let solution = solver::solve(&formulation.problem, &options);
    let solved = start.elapsed();
    let violations = solver::check(&formulation.problem, &solution);
    let checked = start.elapsed();
    assert!(violations.is_empty(), "{name}: {:?}", violations.first());
    let stages = [formulated, solved - formulated, checked - solved];
    Run { formulation, solution, stages: stages.map(|stage| stage.as_secs_f64() * 1e3) }
}

/// The first run's formulation, and of each stage the best of all runs.
fn row(
    out: &mut impl Write,
    name: &str,
    snapshot: &Snapshot,
    catalog: impl Fn() -> Option<Catalog>,
) -> io::Result<()> {
    let Some(fresh) = catalog() else { return Ok(()) };
    let Run { formulation, solution, stages: first } = run(name, snapshot, &fresh);
    let mut best = first;
    for _ in 1..RUNS {
        let again = run(name, snapshot, &fresh).stages;
        best = std::array::from_fn(|stage| best[stage].min(again[stage]));
    }
    let Some(fresh) = catalog() else { return Ok(()) };
    let (_, peak) = peak_of(|| run(name, snapshot, &fresh));
    let peak = peak as f64 / f64::from(1 << 20);
    let nodes: u32 = solution.launches.iter().map(|launch| launch.copies).sum();
    let unplaced: u32 = solution.unplaced.iter().map(|group| group.count).sum();
    let usd = |money: i64| money as f64 / 1e6;
    let gap = (solution.cost - solution.bound) as f64 / (solution.cost as f64).max(1.0);
    let total: f64 = best.iter().sum();
    writeln!(
        out,
        "| {name} | {} | {} | {} | {nodes} | {unplaced} | {:.3} | {:.3} | {:.1} % | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {peak:.0} |",
        snapshot.pods.len(),
        formulation.problem.groups.len(),
        formulation.problem.offerings.len(),
        usd(solution.cost),
        usd(solution.bound),
        gap * 100.0,
        first[0],
        best[0],
        best[1],
        best[2],
        snapshot.pods.len() as f64 / total * 1e3,
    )
}

const RUNS: usize = 5;
