//! The short form: launches of one kind in one line, workloads instead of pods.

use std::collections::BTreeMap;

use solver::solution::Status;

use super::{
    Report,
    money::{at_most, hourly, monthly, signed},
    names::{reason_phrase, skip_phrase, workload, workloads},
    style::{ADD, BAD, BOLD, CHANGE, DIM, count, paint},
};
use crate::{
    plan::{Launch, PodIndex, Totals},
    why_cost::{Effect, WhyCost},
};

/// How many workloads a line names before it says "more".
const NAMED: usize = 4;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut text = headline(report);
    text.push_str(&launches(report));
    text.push_str(&existing(report));
    text.push_str(&totals(report));
    text.push_str(&unplaced(report));
    text.push_str(&warnings(report));
    text.push_str(&skipped_counts(report));
    text.push_str(&why_cost(report));
    text.push_str(&explanations(report));
    text
}

/// `Plan: 3 nodes to launch, 1 existing node used, 34 of 36 pods placed.`
pub(super) fn headline(report: &Report<'_>) -> String {
    let plan = report.plan;
    let placed = if plan.totals.pods == 0 {
        "no pods to place".to_owned()
    } else {
        format!("{} of {} placed", plan.totals.placed, count(plan.totals.pods, "pod"))
    };
    let line = format!(
        "{} to launch, {} used, {placed}.",
        count(plan.launches.len(), "node"),
        count(plan.existing.len(), "existing node"),
    );
    format!("{} {line}\n", paint(BOLD, "Plan:"))
}

/// One line per pool, size, zone, capacity type and price.
fn launches(report: &Report<'_>) -> String {
    let groups = grouped(&report.plan.launches);
    if groups.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|(first, copies, pods)| {
            vec![
                format!("{copies} ×"),
                first.instance_type.to_string(),
                first.zone.to_string(),
                first.capacity_type.to_owned(),
                format!("{}/h", hourly(first.price)),
                first.node_pool.to_string(),
                count(pods.len(), "pod"),
                workloads(report.snapshot, pods, NAMED),
            ]
        })
        .collect();
    let mut text = String::from("\n");
    for line in aligned(&rows, &[0, 4, 6]) {
        text.push_str(&format!("  {} {line}\n", paint(ADD, "+")));
    }
    text
}

/// Launches that only differ in their names and pods, in the order of their first.
fn grouped(launches: &[Launch]) -> Vec<(&Launch, usize, Vec<PodIndex>)> {
    let mut groups: Vec<(&Launch, usize, Vec<PodIndex>)> = Vec::new();
    let mut seen = BTreeMap::new();
    for launch in launches {
        let key = (
            &launch.node_pool,
            &launch.instance_type,
            &launch.zone,
            launch.capacity_type,
            launch.price,
        );
        let at = *seen.entry(key).or_insert_with(|| {
            groups.push((launch, 0, Vec::new()));
            groups.len() - 1
        });
        groups[at].1 += 1;
        groups[at].2.extend(&launch.pods);
    }
    groups
}

fn existing(report: &Report<'_>) -> String {
    if report.plan.existing.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = report
        .plan
        .existing
        .iter()
        .map(|node| {
            let suffix = if node.in_flight { " (on its way)" } else { "" };
            vec![
                format!("{}{suffix}", node.node),
                count(node.pods.len(), "pod"),
                workloads(report.snapshot, &node.pods, NAMED),
            ]
        })
        .collect();
    let mut text = String::from("\n");
    for line in aligned(&rows, &[1]) {
        text.push_str(&format!("  {} {line}\n", paint(CHANGE, "~")));
    }
    text
}

/// Before and after, per hour and month, and how far from the lower bound.
pub(super) fn totals(report: &Report<'_>) -> String {
    let totals = &report.plan.totals;
    let after = totals.existing_hourly.saturating_add(totals.hourly);
    let nodes = report.snapshot.nodes.len();
    let launched = report.plan.launches.len();
    let column = |text: &str, value: fn(i64) -> String| {
        vec![
            text.to_owned(),
            value(totals.existing_hourly),
            signed(value(totals.hourly)),
            value(after),
        ]
    };
    let rows = vec![
        ["Totals", "before", "change", "after"].map(str::to_owned).to_vec(),
        vec![
            "  nodes".to_owned(),
            nodes.to_string(),
            format!("+{launched}"),
            (nodes + launched).to_string(),
        ],
        column("  per hour", hourly),
        column("  per month", monthly),
    ];
    let mut text = String::from("\n");
    for (at, line) in aligned(&rows, &[1, 2, 3]).into_iter().enumerate() {
        text.push_str(&if at == 0 { paint(BOLD, &line) } else { line });
        text.push('\n');
    }
    text.push_str(&notes(report));
    text
}

fn notes(report: &Report<'_>) -> String {
    let totals = &report.plan.totals;
    let mut text = String::new();
    if totals.hourly > 0 {
        text.push_str(&format!("  {}\n", certainty(totals)));
    }
    if totals.existing_unpriced > 0 {
        let nodes = count(totals.existing_unpriced, "existing node");
        text.push_str(&format!("  Without {nodes} of unknown price.\n"));
    }
    if totals.penalty > 0 {
        text.push_str(&format!(
            "  Preferences that are not met weigh {}/h (nobody pays this).\n",
            hourly(totals.penalty)
        ));
    }
    text
}

/// How sure it is that there is nothing cheaper, with the bound and the gap.
fn certainty(totals: &Totals) -> String {
    let bound = totals.lower_bound.clamp(0, totals.hourly);
    let gap = at_most(totals.hourly - bound, totals.hourly);
    let saved = format!(
        "no plan for the same pods costs less than {}/h; at most {gap} could be saved.",
        hourly(bound)
    );
    match totals.status {
        Status::Optimal if bound == totals.hourly => {
            "Optimal: no plan for the same pods costs less.".to_owned()
        }
        // What is proven then takes weights and preferences into account; the bound does not.
        Status::Optimal => format!(
            "Optimal with the pools' weights and the pods' preferences; without them {saved}"
        ),
        Status::Within => format!(
            "Within {gap} of the least possible: no plan for the same pods costs less than {}/h.",
            hourly(bound)
        ),
        Status::Stopped if totals.out_of_time => format!("Stopped by --time: {saved}"),
        Status::Stopped => format!("Stopped when its effort was spent: {saved}"),
        Status::Feasible => format!("Not proven to be the cheapest: {saved}"),
    }
}

/// Pods without a place, by reason and workload, with the detail where it differs.
pub(super) fn unplaced(report: &Report<'_>) -> String {
    let unplaced = &report.plan.unplaced;
    if unplaced.is_empty() {
        return String::new();
    }
    let mut groups: BTreeMap<_, BTreeMap<(String, &str), usize>> = BTreeMap::new();
    for entry in unplaced {
        let name = report
            .snapshot
            .pods
            .get(entry.pod as usize)
            .map(|pod| workload(pod))
            .unwrap_or_default();
        let workloads = groups.entry(entry.reason).or_default();
        *workloads.entry((name, entry.detail.as_ref())).or_default() += 1;
    }
    let head = format!("Without a place: {}", count(unplaced.len(), "pod"));
    let mut text = format!("\n{}\n", paint(BOLD, &head));
    for (reason, workloads) in groups {
        text.push_str(&format!("  {} {}\n", paint(BAD, "✗"), reason_phrase(reason)));
        for ((name, detail), pods) in workloads {
            let times = if pods == 1 { String::new() } else { format!(" ×{pods}") };
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            text.push_str(&format!("      {name}{times}{detail}\n"));
        }
    }
    text
}

pub(super) fn warnings(report: &Report<'_>) -> String {
    if report.plan.warnings.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", paint(BOLD, "Warnings"));
    for warning in &report.plan.warnings {
        text.push_str(&format!("  {} {warning}\n", paint(CHANGE, "!")));
    }
    text
}

fn skipped_counts(report: &Report<'_>) -> String {
    let skipped = &report.plan.skipped;
    if skipped.is_empty() {
        return String::new();
    }
    let mut counts = BTreeMap::new();
    for entry in skipped {
        *counts.entry(entry.reason).or_insert(0_usize) += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(&reason, number)| format!("{number} {}", skip_phrase(reason)))
        .collect();
    let line = format!(
        "Skipped: {}: {} (-o wide lists them).",
        count(skipped.len(), "object"),
        parts.join(", ")
    );
    format!("\n{}\n", paint(DIM, &line))
}

/// The answer to `--why-cost`: a line for each constraint that costs something, or may.
pub(super) fn why_cost(report: &Report<'_>) -> String {
    let Some(why) = report.why_cost else { return String::new() };
    let head = "What constraints cost, each taken away by itself";
    let mut text = format!("\n{}\n", paint(BOLD, head));
    for priced in &why.priced {
        if let Some(words) = cost_in_words(priced.effect) {
            text.push_str(&format!("  {}: {words}\n", priced.constraint));
        }
    }
    text.push_str(&no_cheaper(why));
    if why.priced.is_empty() {
        text.push_str("  There is none to take away.\n");
    }
    if why.left_out > 0 {
        let tried = why.priced.len();
        let all = tried + why.left_out;
        text.push_str(&format!("  {tried} of {all} were tried, those on most pods first.\n"));
    }
    text
}

/// `None` when no cheaper plan came of it.
fn cost_in_words(effect: Effect) -> Option<String> {
    match effect {
        Effect::Places { pods } => {
            Some(format!("without it {} more can be placed", count(pods, "pod")))
        }
        Effect::Costs { hourly: price, .. } => {
            Some(format!("{}/h ({}/month)", hourly(price), monthly(price)))
        }
        Effect::Within { hourly: 1.., at_most } => Some(format!(
            "at most {}/h ({}/month), within the gap",
            hourly(at_most),
            monthly(at_most)
        )),
        Effect::Unknown => Some("not known, the plan without it is for other pods".to_owned()),
        Effect::Within { .. } | Effect::Nothing => None,
    }
}

/// How many constraints came to nothing, for sure or as far as is known.
fn no_cheaper(why: &WhyCost) -> String {
    let effects = || why.priced.iter().map(|priced| priced.effect);
    let open = effects().filter_map(|effect| match effect {
        Effect::Within { hourly: ..1, at_most } => Some(at_most),
        _ => None,
    });
    let mut text = String::new();
    if let Some(most) = open.clone().max() {
        let constraints = count(open.count(), "constraint");
        text.push_str(&format!(
            "  No cheaper plan was found without {constraints}: at most {}/h each, within the \
             gap.\n",
            hourly(most)
        ));
    }
    match effects().filter(|effect| *effect == Effect::Nothing).count() {
        0 => {}
        1 => text.push_str("  1 constraint costs nothing.\n"),
        number => text.push_str(&format!("  {number} constraints cost nothing.\n")),
    }
    text
}

pub(super) fn explanations(report: &Report<'_>) -> String {
    let mut text = String::new();
    for explained in report.explanations {
        text.push_str(&format!("\n{}\n", paint(BOLD, &explained.pod)));
        for line in &explained.lines {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// Rows in columns two blanks apart; the columns named in `right` are set flush right.
pub(super) fn aligned(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let width = |row: &Vec<String>| row.get(column).map_or(0, |cell| cell.chars().count());
            rows.iter().map(width).max().unwrap_or(0)
        })
        .collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let width = widths[column];
                    if right.contains(&column) {
                        format!("{cell:>width$}")
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}
