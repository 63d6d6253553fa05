//! A plan for people and for programs: tables in Terraform's habit, JSON and YAML in a stable form.
//!
//! Nothing is decided here. Colour is written as ANSI sequences into every table; the stream that
//! the caller prints to takes them out again where they do not belong.

pub mod answer;
pub mod compare;
pub mod json;
mod money;
mod names;
mod style;
mod table;
#[cfg(test)]
mod tests;
mod wide;

pub use compare::Variant;
pub use money::{hourly, monthly, usd};
pub use names::{amount, owner, pod_name, reason_name, skip_name, status_name, workload};

use crate::{plan::Plan, snapshot::Snapshot, why_cost::WhyCost};

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Launches grouped, workloads counted.
    #[default]
    Table,
    /// Every node with its pods, every skipped object.
    Wide,
    /// `tenon.sh/plan/v1`.
    Json,
    /// The same as JSON, as YAML.
    Yaml,
}

/// A plan with what is needed to put it into words.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Where the pods' names come from.
    pub snapshot: &'a Snapshot,
    /// What was decided.
    pub plan: &'a Plan,
    /// How long that took.
    pub seconds: f64,
    /// Answers to `--explain`, in the order of the questions.
    pub explanations: &'a [Explained],
    /// Answer to `--why-cost`.
    pub why_cost: Option<&'a WhyCost>,
}

/// Why one pod is where it is, or nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// `namespace/name`.
    pub pod: String,
    /// Sentences.
    pub lines: Vec<String>,
}

/// The plan in the given format, newline at the end.
pub fn render(report: &Report<'_>, format: Format) -> String {
    match format {
        Format::Table => table::render(report),
        Format::Wide => wide::render(report),
        Format::Json => json::to_json(&json::document(report)),
        Format::Yaml => json::to_yaml(&json::document(report)),
    }
}
