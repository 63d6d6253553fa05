//! `tenon plan`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    args::{Nodes, Output, Source, size},
    console::Console,
    exit::{Exit, Failure},
    explain, input,
    saved::{self, Saved},
};
use crate::{
    pipeline::{self, Outcome, Settings},
    report::{self, Report, Variant},
    snapshot::{Snapshot, read::ReadOptions},
    source::Catalog,
};

/// From this many pods on, work is long enough to show that it goes on.
const LONG: usize = 10_000;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Manifests or `kubectl get -o json` output: a file, a folder, or - for standard input; may
    /// be repeated.
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    nodes: Nodes,
    /// Plan CronJobs as if one job of each ran now.
    #[arg(long)]
    cron_jobs: bool,
    /// The largest input that is read, e.g. 512Mi.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max_input: Option<u64>,
    /// Write everything the plan depends on to a file for `tenon replay`; with --compare, the input
    /// without the variants.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Plan again with the node pools of this file instead, and compare; may be repeated.
    #[arg(long, value_name = "FILE")]
    compare: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &PlanArgs, console: &Console) -> Result<Exit, Failure> {
    let snapshot = input::snapshot(&args.files, args.read_options())?;
    let catalog = input::catalog(&args.source)?;
    let settings = Settings {
        kubernetes_version: args.nodes.kubernetes_version,
        network_plugin: args.nodes.network_plugin.into(),
        max_pods: args.nodes.max_pods,
        os_disk_price: args.nodes.os_disk_price,
    };
    if args.compare.is_empty() {
        let outcome = solve(&snapshot, &catalog, &settings, &args.output, console)?;
        let text = rendered(&snapshot, &outcome, &args.output)?;
        save(args, &settings, &catalog, &snapshot)?;
        console.print(&text)?;
        return Ok(exit(&args.output, [&outcome]));
    }
    compare(args, snapshot, &catalog, &settings, console)
}

impl PlanArgs {
    fn read_options(&self) -> ReadOptions {
        let default = ReadOptions::default();
        ReadOptions {
            cron_jobs: self.cron_jobs,
            max_input: self.max_input.unwrap_or(default.max_input),
        }
    }
}

fn save(
    args: &PlanArgs,
    settings: &Settings,
    catalog: &Catalog,
    snapshot: &Snapshot,
) -> Result<(), Failure> {
    match &args.save {
        Some(path) => saved::write(path, &Saved { settings, catalog, snapshot }),
        None => Ok(()),
    }
}

/// Solves, and refuses to hand over a plan that fails a check.
pub(super) fn solve(
    snapshot: &Snapshot,
    catalog: &Catalog,
    settings: &Settings,
    output: &Output,
    console: &Console,
) -> Result<Outcome, Failure> {
    let pods = snapshot.pods.len();
    let progress = console.progress(pods >= LONG, format!("planning {pods} pods"));
    let outcome = pipeline::plan(snapshot, catalog, settings, output.threads);
    drop(progress);
    sound(outcome)
}

/// An outcome that both checks accept.
fn sound(outcome: Outcome) -> Result<Outcome, Failure> {
    match outcome.violations.as_slice() {
        [] => Ok(outcome),
        [first, rest @ ..] => Err(Failure::new(
            Exit::Internal,
            format!(
                "the plan failed its own check, please report this with the input: {first} ({} \
                 more)",
                rest.len()
            ),
        )),
    }
}

/// The report of one plan.
pub(super) fn rendered(
    snapshot: &Snapshot,
    outcome: &Outcome,
    output: &Output,
) -> Result<String, Failure> {
    let explanations = explain::answers(snapshot, outcome, &output.explain)?;
    Ok(report::render(&report_of(snapshot, outcome, &explanations), output.output))
}

fn report_of<'a>(
    snapshot: &'a Snapshot,
    outcome: &'a Outcome,
    explanations: &'a [report::Explained],
) -> Report<'a> {
    Report { snapshot, plan: &outcome.plan, seconds: outcome.seconds, explanations }
}

pub(super) fn exit<'a>(output: &Output, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Exit {
    let unplaced = outcomes.into_iter().any(|outcome| !outcome.plan.unplaced.is_empty());
    if output.strict && unplaced { Exit::Unplaced } else { Exit::Done }
}

/// Plans the input as it is and with the node pools of every variant.
fn compare(
    args: &PlanArgs,
    snapshot: Snapshot,
    catalog: &Catalog,
    settings: &Settings,
    console: &Console,
) -> Result<Exit, Failure> {
    let mut names = vec!["input".to_owned()];
    let mut snapshots = vec![snapshot];
    for path in &args.compare {
        names.push(path.display().to_string());
        let variant = variant(&snapshots[0], path, args.read_options())?;
        snapshots.push(variant);
    }
    let mut outcomes = Vec::with_capacity(snapshots.len());
    for snapshot in &snapshots {
        outcomes.push(solve(snapshot, catalog, settings, &args.output, console)?);
    }
    let text = compared(&names, &snapshots, &outcomes, &args.output)?;
    save(args, settings, catalog, &snapshots[0])?;
    console.print(&text)?;
    Ok(exit(&args.output, &outcomes))
}

fn compared(
    names: &[String],
    snapshots: &[Snapshot],
    outcomes: &[Outcome],
    output: &Output,
) -> Result<String, Failure> {
    let explanations: Vec<Vec<report::Explained>> = snapshots
        .iter()
        .zip(outcomes)
        .map(|(snapshot, outcome)| explain::answers(snapshot, outcome, &output.explain))
        .collect::<Result<_, _>>()?;
    let variants: Vec<Variant<'_>> = names
        .iter()
        .zip(snapshots)
        .zip(outcomes.iter().zip(&explanations))
        .map(|((name, snapshot), (outcome, explanations))| Variant {
            name,
            report: report_of(snapshot, outcome, explanations),
        })
        .collect();
    Ok(report::compare::render(&variants, output.output))
}

/// The input with the node pools of another file; its node classes are added to the input's.
fn variant(base: &Snapshot, path: &Path, options: ReadOptions) -> Result<Snapshot, Failure> {
    let other = input::snapshot(&[path.to_owned()], options)?;
    if other.node_pools.is_empty() {
        return Err(Failure::data(format!(
            "{}: --compare needs a file with NodePools, this has none",
            path.display()
        )));
    }
    let mut variant = base.clone();
    variant.node_pools = other.node_pools;
    let kept = variant.node_classes.into_iter();
    let mut classes: Vec<_> =
        kept.filter(|class| other.node_classes.iter().all(|new| new.name != class.name)).collect();
    classes.extend(other.node_classes);
    classes.sort_by(|a, b| a.name.cmp(&b.name));
    variant.node_classes = classes;
    Ok(variant)
}

#[cfg(test)]
mod tests {
    use crate::{formulate::Formulation, plan::Plan};

    use super::*;

    /// No input is known that makes a plan fail its check, so the check's word is made up.
    #[test]
    fn a_plan_that_fails_its_check_is_not_handed_over() {
        let outcome = |violations: &[&str]| Outcome {
            formulation: Formulation::default(),
            solution: solver::Solution::default(),
            plan: Plan::default(),
            violations: violations.iter().map(|&violation| violation.to_owned()).collect(),
            seconds: 0.0,
        };
        let failure = sound(outcome(&["NodePorts: p on n", "NodeName: q on n"])).unwrap_err();
        assert_eq!(failure.exit, Exit::Internal);
        let text = failure.to_string();
        assert!(text.contains("please report") && text.contains("NodePorts: p on n (1 more)"));
        assert!(sound(outcome(&[])).is_ok());
    }
}
