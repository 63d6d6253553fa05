//! `tenon plan`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{
    args::{Nodes, Output, Source, size},
    console::Console,
    exit::{Exit, Failure},
    explain, input,
    saved::{self, Saved},
    search::SearchArgs,
    why_cost,
};
use crate::{
    pipeline::{self, Means, Outcome, Search, Settings},
    report::{self, Report, Variant},
    snapshot::{Snapshot, read::ReadOptions},
    source::Catalog,
    timer::Timer,
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
    #[arg(long, value_name = "FILE", conflicts_with = "why_cost")]
    compare: Vec<PathBuf>,
    #[command(flatten)]
    search: SearchArgs,
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
        policies: pipeline::Policies::default(),
        search: args.search.or(Search::default()),
    };
    let work = Work {
        catalog: &catalog,
        settings: &settings,
        time: args.search.time,
        threads: args.output.threads,
        console,
    };
    if args.compare.is_empty() {
        let outcome = work.solve(&snapshot)?;
        let text = rendered(&snapshot, &outcome, &args.output, &work)?;
        save(args, &work, &snapshot)?;
        console.print(&text)?;
        return Ok(exit(&args.output, [&outcome]));
    }
    compare(args, snapshot, &work)
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

fn save(args: &PlanArgs, work: &Work<'_>, snapshot: &Snapshot) -> Result<(), Failure> {
    let (settings, catalog) = (work.settings, work.catalog);
    match &args.save {
        Some(path) => saved::write(path, &Saved { settings, catalog, snapshot }),
        None => Ok(()),
    }
}

/// What plans of one command have in common.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) settings: &'a Settings,
    /// For each plan.
    pub(super) time: Option<Duration>,
    pub(super) threads: usize,
    pub(super) console: &'a Console,
}

impl Work<'_> {
    /// Solves, and refuses to hand over a plan that fails a check.
    pub(super) fn solve(&self, snapshot: &Snapshot) -> Result<Outcome, Failure> {
        let pods = snapshot.pods.len();
        let long = pods >= LONG || self.time.is_some();
        let progress = self.console.progress(long, format!("planning {pods} pods"));
        let outcome = self.solve_silently(snapshot);
        drop(progress);
        outcome
    }

    /// The same where something else tells that it goes on.
    pub(super) fn solve_silently(&self, snapshot: &Snapshot) -> Result<Outcome, Failure> {
        let timer = self.time.map(Timer::start);
        let means = Means { threads: self.threads, stop: timer.as_ref().map(Timer::flag) };
        let outcome = pipeline::plan(snapshot, self.catalog, self.settings, &means);
        sound(outcome)
    }
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
    work: &Work<'_>,
) -> Result<String, Failure> {
    let explanations = explain::answers(snapshot, outcome, &output.explain)?;
    let why_cost = match output.why_cost {
        true => Some(why_cost::answer(snapshot, outcome, work)?),
        false => None,
    };
    let report =
        Report { why_cost: why_cost.as_ref(), ..report_of(snapshot, outcome, &explanations) };
    Ok(report::render(&report, output.output))
}

fn report_of<'a>(
    snapshot: &'a Snapshot,
    outcome: &'a Outcome,
    explanations: &'a [report::Explained],
) -> Report<'a> {
    Report { snapshot, plan: &outcome.plan, seconds: outcome.seconds, explanations, why_cost: None }
}

pub(super) fn exit<'a>(output: &Output, outcomes: impl IntoIterator<Item = &'a Outcome>) -> Exit {
    let unplaced = outcomes.into_iter().any(|outcome| !outcome.plan.unplaced.is_empty());
    if output.strict && unplaced { Exit::Unplaced } else { Exit::Done }
}

/// Plans the input as it is and with the node pools of every variant.
fn compare(args: &PlanArgs, snapshot: Snapshot, work: &Work<'_>) -> Result<Exit, Failure> {
    let mut names = vec!["input".to_owned()];
    let mut snapshots = vec![snapshot];
    for path in &args.compare {
        names.push(path.display().to_string());
        let variant = variant(&snapshots[0], path, args.read_options())?;
        snapshots.push(variant);
    }
    let mut outcomes = Vec::with_capacity(snapshots.len());
    for snapshot in &snapshots {
        outcomes.push(work.solve(snapshot)?);
    }
    let text = compared(&names, &snapshots, &outcomes, &args.output)?;
    save(args, work, &snapshots[0])?;
    work.console.print(&text)?;
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
            offences: vec![],
            seconds: 0.0,
        };
        let failure = sound(outcome(&["NodePorts: p on n", "NodeName: q on n"])).unwrap_err();
        assert_eq!(failure.exit, Exit::Internal);
        let text = failure.to_string();
        assert!(text.contains("please report") && text.contains("NodePorts: p on n (1 more)"));
        assert!(sound(outcome(&[])).is_ok());
    }
}
