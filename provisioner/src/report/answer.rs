//! What `tenon solve` says.

use std::collections::BTreeMap;

use serde::Serialize;
use solver::solution::Launch;

use super::{
    json::EffortDocument,
    money::{hourly, percent},
    names::{reason_name, reason_phrase, status_name},
    style::{ADD, BAD, BOLD, CHANGE, count, paint},
    table::aligned,
};
use crate::instance::{Answer, Instance, Unit};

/// How many groups a line names before it says "more".
const NAMED: usize = 4;
/// How many lines of launches there are before the rest is summed up.
const LINES: usize = 40;

/// An answer with what is needed to put it into words.
#[derive(Clone, Copy, Debug)]
pub struct Solved<'a> {
    /// What was asked.
    pub instance: &'a Instance,
    /// What came of it.
    pub answer: &'a Answer,
    /// How long that took.
    pub seconds: f64,
}

/// For people: what to buy, what has no place, cost and bound.
pub fn table(solved: &Solved<'_>) -> String {
    let mut text = headline(solved);
    text.push_str(&launches(solved));
    text.push_str(&placements(solved));
    text.push_str(&totals(solved));
    text.push_str(&unplaced(solved));
    text
}

fn headline(solved: &Solved<'_>) -> String {
    let pods = solved.instance.problem_of(solved.answer).pods();
    let placed = pods - solved.answer.unplaced();
    let nodes = counted(solved.answer.nodes(), bought(solved.instance.unit));
    let what = counted(pods, held_by(solved.instance.unit));
    format!("{} {nodes}, {placed} of {what} placed.\n", paint(BOLD, "Solution:"))
}

fn bought(unit: Unit) -> &'static str {
    if unit == Unit::Bins { "bin" } else { "node" }
}

fn held_by(unit: Unit) -> &'static str {
    if unit == Unit::Bins { "item" } else { "pod" }
}

fn counted(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}

/// One line per offering.
fn launches(solved: &Solved<'_>) -> String {
    let problem = solved.instance.problem_of(solved.answer);
    let mut by_offering: BTreeMap<u32, Vec<&Launch>> = BTreeMap::new();
    for launch in &solved.answer.solution.launches {
        by_offering.entry(launch.offering).or_default().push(launch);
    }
    let mut lines: Vec<(i64, Vec<String>)> = by_offering
        .into_iter()
        .map(|(offering, launches)| {
            let copies: u64 = launches.iter().map(|launch| u64::from(launch.copies)).sum();
            let price = problem.offerings[offering as usize].price;
            let pods = held(&launches);
            let total: u64 = pods.values().sum();
            let row = vec![
                format!("{copies} ×"),
                solved.instance.offerings[offering as usize].clone(),
                each(solved.instance.unit, price),
                counted(total, held_by(solved.instance.unit)),
                named(solved.instance, &pods),
            ];
            (price.saturating_mul(i64::try_from(copies).unwrap_or(i64::MAX)), row)
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    lines.sort_by_key(|(spent, _)| std::cmp::Reverse(*spent));
    let rest = lines.len().saturating_sub(LINES);
    let rows: Vec<Vec<String>> = lines.into_iter().take(LINES).map(|(_, row)| row).collect();
    let mut text = String::from("\n");
    for line in aligned(&rows, &[0, 2, 3]) {
        text.push_str(&format!("  {} {line}\n", paint(ADD, "+")));
    }
    if rest > 0 {
        text.push_str(&format!("    and {} more\n", count(rest, "size")));
    }
    text
}

/// Pods per group over some launches.
fn held(launches: &[&Launch]) -> BTreeMap<u32, u64> {
    let mut pods = BTreeMap::new();
    for launch in launches {
        for &(group, number) in &launch.pods {
            *pods.entry(group).or_insert(0) += u64::from(number) * u64::from(launch.copies);
        }
    }
    pods
}

/// The groups with most pods.
fn named(instance: &Instance, pods: &BTreeMap<u32, u64>) -> String {
    let mut groups: Vec<(u32, u64)> = pods.iter().map(|(&group, &pods)| (group, pods)).collect();
    groups.sort_by_key(|&(group, pods)| (std::cmp::Reverse(pods), group));
    let more = groups.len().saturating_sub(NAMED);
    let mut parts: Vec<String> = groups
        .into_iter()
        .take(NAMED)
        .map(|(group, pods)| format!("{} ×{pods}", instance.groups[group as usize]))
        .collect();
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

fn placements(solved: &Solved<'_>) -> String {
    let placements = &solved.answer.solution.placements;
    if placements.is_empty() {
        return String::new();
    }
    let pods = placements.iter().flat_map(|placement| &placement.pods);
    let pods: u64 = pods.map(|&(_, pods)| u64::from(pods)).sum();
    let nodes = count(placements.len(), "existing node");
    format!("  {} {nodes} with {} more\n", paint(CHANGE, "~"), counted(pods, "pod"))
}

fn totals(solved: &Solved<'_>) -> String {
    let solution = &solved.answer.solution;
    let unit = solved.instance.unit;
    let gap = percent(solution.cost - solution.bound, solution.cost);
    let mut text = format!(
        "\n{}  {}\nBound  {}, at most {gap} could be saved\nStatus {}, {:.3} s\n",
        paint(BOLD, "Cost"),
        paint(BOLD, &cost(unit, solution.cost)),
        cost(unit, solution.bound),
        status_name(solution.status),
        solved.seconds
    );
    if solution.penalty > 0 {
        let penalty = cost(unit, solution.penalty);
        text.push_str(&format!("Preferences that are not met weigh {penalty}.\n"));
    }
    text
}

/// The price of one node; bins and nodes of a fleet all cost 1.
fn each(unit: Unit, price: i64) -> String {
    if unit == Unit::MicroDollars { cost(unit, price) } else { String::new() }
}

fn cost(unit: Unit, cost: i64) -> String {
    match unit {
        Unit::MicroDollars => format!("{}/h", hourly(cost)),
        Unit::Bins => counted(cost.unsigned_abs(), "bin"),
        Unit::Nodes => counted(cost.unsigned_abs(), "node"),
    }
}

fn unplaced(solved: &Solved<'_>) -> String {
    let unplaced = &solved.answer.solution.unplaced;
    if unplaced.is_empty() {
        return String::new();
    }
    let head = format!(
        "Without a place: {}",
        counted(solved.answer.unplaced(), held_by(solved.instance.unit))
    );
    let mut text = format!("\n{}\n", paint(BOLD, &head));
    for entry in unplaced {
        let name = &solved.instance.groups[entry.group as usize];
        let why = reason_phrase(entry.reason);
        text.push_str(&format!("  {} {name} ×{}: {why}\n", paint(BAD, "✗"), entry.count));
    }
    text
}

/// `version` of an answer.
pub const ANSWER_VERSION: &str = "tenon.sh/solution/v1";

/// For programs. Fields are only ever added; costs are whole numbers of `unit`; `seconds` is the
/// only field that two runs without a time limit may differ in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    version: &'static str,
    unit: &'static str,
    status: &'static str,
    cost: i64,
    bound: i64,
    /// (cost − bound) / cost.
    gap: f64,
    penalty: i64,
    /// Nodes bought.
    bins: u64,
    seconds: f64,
    pods: u64,
    groups: usize,
    offerings: usize,
    dimensions: &'a [String],
    effort: EffortDocument,
    launches: Vec<LaunchDocument<'a>>,
    placements: Vec<PlacementDocument<'a>>,
    unplaced: Vec<UnplacedDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct LaunchDocument<'a> {
    offering: u32,
    name: &'a str,
    copies: u32,
    /// For one node.
    price: i64,
    /// On each node.
    pods: Vec<PodsDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct PlacementDocument<'a> {
    node: u32,
    pods: Vec<PodsDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct PodsDocument<'a> {
    group: u32,
    name: &'a str,
    count: u32,
}

#[derive(Debug, Serialize)]
struct UnplacedDocument<'a> {
    group: u32,
    name: &'a str,
    count: u32,
    reason: &'static str,
}

/// `tenon.sh/solution/v1`, newline at the end.
pub fn json(solved: &Solved<'_>) -> String {
    super::json::to_json(&document(solved))
}

fn document<'a>(solved: &Solved<'a>) -> Document<'a> {
    let (instance, answer) = (solved.instance, solved.answer);
    let problem = instance.problem_of(answer);
    let solution = &answer.solution;
    Document {
        version: ANSWER_VERSION,
        unit: instance.unit.name(),
        status: status_name(solution.status),
        cost: solution.cost,
        bound: solution.bound,
        gap: answer.gap(),
        penalty: solution.penalty,
        bins: answer.nodes(),
        seconds: solved.seconds,
        pods: problem.pods(),
        groups: problem.groups.len(),
        offerings: problem.offerings.len(),
        dimensions: &instance.dimensions,
        effort: solution.effort.into(),
        launches: launch_documents(instance, answer),
        placements: placement_documents(instance, answer),
        unplaced: unplaced_documents(instance, answer),
    }
}

fn launch_documents<'a>(instance: &'a Instance, answer: &Answer) -> Vec<LaunchDocument<'a>> {
    let offerings = &instance.problem_of(answer).offerings;
    let launches = answer.solution.launches.iter();
    let documents = launches.map(|launch| LaunchDocument {
        offering: launch.offering,
        name: &instance.offerings[launch.offering as usize],
        copies: launch.copies,
        price: offerings[launch.offering as usize].price,
        pods: pods_documents(instance, &launch.pods),
    });
    documents.collect()
}

fn placement_documents<'a>(instance: &'a Instance, answer: &Answer) -> Vec<PlacementDocument<'a>> {
    let placements = answer.solution.placements.iter();
    let documents = placements.map(|placement| PlacementDocument {
        node: placement.node,
        pods: pods_documents(instance, &placement.pods),
    });
    documents.collect()
}

fn pods_documents<'a>(instance: &'a Instance, pods: &[(u32, u32)]) -> Vec<PodsDocument<'a>> {
    let documents = pods.iter().map(|&(group, count)| PodsDocument {
        group,
        name: &instance.groups[group as usize],
        count,
    });
    documents.collect()
}

fn unplaced_documents<'a>(instance: &'a Instance, answer: &Answer) -> Vec<UnplacedDocument<'a>> {
    let unplaced = answer.solution.unplaced.iter();
    let documents = unplaced.map(|entry| UnplacedDocument {
        group: entry.group,
        name: &instance.groups[entry.group as usize],
        count: entry.count,
        reason: reason_name(entry.reason),
    });
    documents.collect()
}
