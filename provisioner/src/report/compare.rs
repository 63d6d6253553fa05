//! Variants of one input side by side.

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use solver::solution::Status;

use super::{
    Format, Report,
    json::{self, Document},
    money::{at_most, hourly, monthly, percent, signed, usd},
    style::{BOLD, paint},
    table, wide,
};
use crate::plan::Plan;

/// One column of the comparison; the first is what the others are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    /// `input`, or the file whose node pools were used.
    pub name: &'a str,
    /// Its plan.
    pub report: Report<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    version: &'static str,
    variants: Vec<VariantDocument>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VariantDocument {
    name: String,
    difference: Difference,
    plan: Document,
}

/// This variant less the first one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    hourly_usd: f64,
    nodes: i64,
    unplaced: i64,
}

/// All variants in the given format; `wide` adds the plans in full.
pub fn render(variants: &[Variant<'_>], format: Format) -> String {
    match format {
        Format::Table => side_by_side(variants),
        Format::Wide => {
            let mut text = side_by_side(variants);
            for variant in variants {
                text.push_str(&format!("\n{}\n", paint(BOLD, &format!("— {} —", variant.name))));
                text.push_str(&wide::render(&variant.report));
            }
            text
        }
        Format::Json => json::to_json(&document(variants)),
        Format::Yaml => json::to_yaml(&document(variants)),
    }
}

fn document(variants: &[Variant<'_>]) -> Comparison {
    let first = variants.first().map(|variant| variant.report.plan);
    let variants = variants
        .iter()
        .map(|variant| {
            let plan = variant.report.plan;
            let base = first.unwrap_or(plan);
            VariantDocument {
                name: variant.name.to_owned(),
                difference: Difference {
                    hourly_usd: usd(plan.totals.hourly.saturating_sub(base.totals.hourly)),
                    nodes: difference(plan.launches.len(), base.launches.len()),
                    unplaced: difference(plan.unplaced.len(), base.unplaced.len()),
                },
                plan: json::document(&variant.report),
            }
        })
        .collect();
    Comparison { version: "tenon.sh/comparison/v1", variants }
}

fn difference(mine: usize, theirs: usize) -> i64 {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    number(mine).saturating_sub(number(theirs))
}

fn side_by_side(variants: &[Variant<'_>]) -> String {
    let Some(first) = variants.first().map(|variant| variant.report.plan) else {
        return String::new();
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let names = variants.iter().map(|variant| variant.name.to_owned());
    table.set_header(std::iter::once("Compared".to_owned()).chain(names).collect::<Vec<_>>());
    for (head, cell) in rows() {
        let mut row = vec![head.to_owned()];
        row.extend(variants.iter().map(|variant| cell(variant.report.plan, first)));
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text.push_str(&fewer_placed(variants, first));
    for variant in variants.iter().filter(|variant| !variant.report.explanations.is_empty()) {
        text.push_str(&format!("\n{}\n", paint(BOLD, &format!("— {} —", variant.name))));
        text.push_str(&table::explanations(&variant.report));
    }
    text
}

type Cell = fn(&Plan, &Plan) -> String;

fn rows() -> [(&'static str, Cell); 11] {
    [
        ("per hour", |plan, _| hourly(plan.totals.hourly)),
        ("per month", |plan, _| monthly(plan.totals.hourly)),
        ("  difference per month", |plan, first| {
            let more = plan.totals.hourly.saturating_sub(first.totals.hourly);
            if std::ptr::eq(plan, first) { String::new() } else { signed(monthly(more)) }
        }),
        ("  difference", |plan, first| {
            let more = plan.totals.hourly.saturating_sub(first.totals.hourly);
            if std::ptr::eq(plan, first) || first.totals.hourly <= 0 {
                return String::new();
            }
            let sign = if more < 0 { "-" } else { "+" };
            format!("{sign}{}", percent(more.saturating_abs(), first.totals.hourly))
        }),
        ("lower bound per hour", |plan, _| hourly(plan.totals.lower_bound)),
        ("proven to be", |plan, _| match plan.totals.status {
            Status::Optimal => "optimal".to_owned(),
            _ => {
                let bound = plan.totals.lower_bound.clamp(0, plan.totals.hourly.max(0));
                format!("within {}", at_most(plan.totals.hourly - bound, plan.totals.hourly))
            }
        }),
        ("nodes to launch", |plan, first| with_change(plan, first, |plan| plan.launches.len())),
        ("existing nodes used", |plan, first| with_change(plan, first, |plan| plan.existing.len())),
        ("pods placed", |plan, first| with_change(plan, first, |plan| plan.totals.placed)),
        ("pods without a place", |plan, first| {
            with_change(plan, first, |plan| plan.unplaced.len())
        }),
        ("unmet preferences per hour", |plan, _| hourly(plan.totals.penalty)),
    ]
}

/// `9 (+2)`.
fn with_change(plan: &Plan, first: &Plan, of: fn(&Plan) -> usize) -> String {
    let (mine, theirs) = (of(plan), of(first));
    match difference(mine, theirs) {
        0 => mine.to_string(),
        change => format!("{mine} ({change:+})"),
    }
}

/// A cheaper plan that leaves pods behind is no bargain; say so.
fn fewer_placed(variants: &[Variant<'_>], first: &Plan) -> String {
    variants
        .iter()
        .filter(|variant| variant.report.plan.totals.placed != first.totals.placed)
        .map(|variant| {
            format!("\nThe cost of {} is for another number of placed pods.\n", variant.name)
        })
        .collect()
}
