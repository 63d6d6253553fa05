//! The long form: every node with its pods, every skipped object.

use catalog::{Resources, resources};

use super::{
    Report,
    money::{hourly, percent},
    names::{amount, pod_name, skip_phrase},
    style::{ADD, BOLD, CHANGE, count, paint, wrap},
    table,
};
use crate::plan::{Launch, PodIndex};

/// Pod lists are broken at this many characters, on a terminal or not, so that output is stable.
const WIDTH: usize = 100;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = table::headline(report);
    for launch in &report.plan.launches {
        text.push_str(&node(report, launch));
    }
    for node in &report.plan.existing {
        let suffix = if node.in_flight { "  (on its way)" } else { "" };
        text.push_str(&format!("\n  {} {}{suffix}\n", paint(CHANGE, "~"), node.node));
        text.push_str(&pods(report, &node.pods));
    }
    text.push_str(&table::totals(report));
    text.push_str(&table::unplaced(report));
    text.push_str(&table::warnings(report));
    text.push_str(&skipped(report));
    text.push_str(&table::why_cost(report));
    text.push_str(&table::explanations(report));
    text
}

fn node(report: &Report<'_>, launch: &Launch) -> String {
    let mut text = format!(
        "\n  {} {}  {}  {}  {}  {}/h\n",
        paint(ADD, "+"),
        paint(BOLD, &launch.name),
        launch.instance_type,
        launch.zone,
        launch.capacity_type,
        hourly(launch.price),
    );
    text.push_str(&format!("      used: {}\n", utilisation(launch)));
    if !launch.os_disk.is_empty() {
        text.push_str(&format!("      OS disk: {}\n", launch.os_disk));
    }
    for taint in &launch.taints {
        let value = taint.value.as_deref().map(|value| format!("={value}")).unwrap_or_default();
        text.push_str(&format!("      taint: {}{value}:{}\n", taint.key, taint.effect));
    }
    text.push_str(&alternatives(launch));
    text.push_str(&pods(report, &launch.pods));
    text
}

/// `cpu 3.2 of 3.86 (82.9 %), memory …`, for the resources that pods or daemons ask for.
fn utilisation(launch: &Launch) -> String {
    let mut used: Resources = launch.requests.clone();
    used.add(&launch.daemon_requests);
    let mut names: Vec<&str> = used.0.keys().map(AsRef::as_ref).collect();
    // CPU and memory are what people look for first.
    names.sort_by_key(|&name| match name {
        resources::CPU => 0,
        resources::MEMORY => 1,
        _ => 2,
    });
    let parts: Vec<String> = names
        .into_iter()
        .filter(|&name| used.get(name) > 0)
        .map(|name| {
            let (part, whole) = (used.get(name), launch.allocatable.get(name));
            let (some, all) = (amount(name, part), amount(name, whole));
            format!("{name} {some} of {all} ({})", percent(part, whole))
        })
        .collect();
    parts.join(", ")
}

fn alternatives(launch: &Launch) -> String {
    let Some(next) = launch.alternatives.first() else {
        return "      no alternative offering holds the same pods\n".to_owned();
    };
    format!(
        "      {}, next {} {} {} {}/h\n",
        count(launch.alternatives.len(), "alternative"),
        next.instance_type,
        next.zone,
        next.capacity_type,
        hourly(next.price),
    )
}

fn pods(report: &Report<'_>, pods: &[PodIndex]) -> String {
    let names: Vec<String> = pods.iter().map(|&pod| pod_name(report.snapshot, pod)).collect();
    wrap(&names, " ", "      ", WIDTH)
}

fn skipped(report: &Report<'_>) -> String {
    let skipped = &report.plan.skipped;
    if skipped.is_empty() {
        return String::new();
    }
    let head = format!("Skipped: {}", count(skipped.len(), "object"));
    let mut text = format!("\n{}\n", paint(BOLD, &head));
    for entry in skipped {
        let why = if entry.detail.is_empty() { skip_phrase(entry.reason) } else { &entry.detail };
        text.push_str(&format!("  {}: {why}\n", entry.object));
    }
    text
}
