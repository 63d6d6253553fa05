//! `tenon catalog ls`.

use std::{collections::BTreeSet, sync::Arc};

use catalog::{
    CapacityType, InstanceType, Offering, Operator, Requirement, Requirements, resources, select,
    well_known::{ARCH, CAPACITY_TYPE, ZONE},
};
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{
    super::{args::Source, exit::Failure, input},
    Configuration, Form,
};
use crate::report::{self, amount, hourly, usd};

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    #[command(flatten)]
    source: Source,
    /// Requirements that a size must meet, e.g. 'karpenter.azure.com/sku-family in (D,E),
    /// karpenter.azure.com/sku-cpu > 7'; may be repeated.
    #[arg(long = "where", value_name = "REQUIREMENTS")]
    filters: Vec<String>,
    #[command(flatten)]
    configuration: Configuration,
    /// What comes first.
    #[arg(long, value_enum, default_value_t)]
    sort: Sort,
    /// At most this many sizes.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
}

/// `--sort`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// Cheapest first; unknown prices last.
    #[default]
    Price,
    /// Fewest cores first.
    Cpu,
    /// Least memory first.
    Memory,
    /// By name.
    Name,
}

/// One size with what is left of its offerings.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: Arc<str>,
    arch: Vec<Arc<str>>,
    cpu_milli: i64,
    memory_bytes: i64,
    pods: i64,
    allocatable: catalog::Resources,
    zones: BTreeSet<Arc<str>>,
    on_demand_hourly_usd: Option<f64>,
    spot_hourly_usd: Option<f64>,
    os_disk: Option<String>,
    #[serde(skip)]
    on_demand: Option<i64>,
    #[serde(skip)]
    spot: Option<i64>,
}

pub(super) fn run(args: &LsArgs) -> Result<String, Failure> {
    let filter = filter(&args.filters)?;
    let catalog = input::catalog(&args.source)?;
    let mut rows: Vec<Row> = catalog
        .instance_types(&args.configuration.settings())
        .iter()
        .filter_map(|size| row(size.clone(), &filter))
        .collect();
    sort(&mut rows, args.sort);
    rows.truncate(args.limit.unwrap_or(usize::MAX));
    Ok(match args.output {
        Form::Table => table(&rows),
        Form::Json => report::json::to_json(&rows),
    })
}

fn filter(expressions: &[String]) -> Result<Requirements, Failure> {
    let mut filter = Requirements::default();
    for expression in expressions {
        let wrong = |error: String| Failure::usage(format!("--where '{expression}': {error}"));
        let parsed = select::parse(expression).map_err(|error| wrong(error.to_string()))?;
        for requirement in parsed.0.into_values() {
            filter.add(requirement);
        }
    }
    Ok(filter)
}

/// The size with the offerings that meet the filter; `None` when none does.
fn row(size: Arc<InstanceType>, filter: &Requirements) -> Option<Row> {
    let offerings: Vec<&Offering> = size
        .offerings
        .iter()
        .filter(|offering| labels(&size, offering).compatible(filter, &|_| false).is_ok())
        .collect();
    if offerings.is_empty() {
        return None;
    }
    let cheapest = |capacity_type| {
        let matching = offerings.iter().filter(|it| it.capacity_type == capacity_type);
        matching.filter(|it| it.available).filter_map(|it| it.price).min()
    };
    let (on_demand, spot) = (cheapest(CapacityType::OnDemand), cheapest(CapacityType::Spot));
    let arch = size.requirements.get(ARCH);
    Some(Row {
        name: size.name.clone(),
        arch: arch.map(|arch| arch.values.iter().cloned().collect()).unwrap_or_default(),
        cpu_milli: size.capacity.get(resources::CPU),
        memory_bytes: size.capacity.get(resources::MEMORY),
        pods: size.capacity.get(resources::PODS),
        allocatable: size.allocatable(),
        zones: offerings.iter().map(|offering| offering.zone.clone()).collect(),
        on_demand_hourly_usd: on_demand.map(usd),
        spot_hourly_usd: spot.map(usd),
        os_disk: size.os_disk.as_ref().map(|disk| disk.placement.to_string()),
        on_demand,
        spot,
    })
}

/// Everything a node bought this way is labelled with.
fn labels(size: &InstanceType, offering: &Offering) -> Requirements {
    let mut labels = size.requirements.clone();
    let own = [(ZONE, offering.zone.as_ref()), (CAPACITY_TYPE, offering.capacity_type.as_str())];
    for (key, value) in own {
        // A single value is always a valid requirement.
        if let Ok(requirement) = Requirement::new(key, Operator::In, &[value.to_owned()], None) {
            labels.add(requirement);
        }
    }
    for requirement in offering.requirements.0.values() {
        labels.add(requirement.clone());
    }
    labels
}

fn sort(rows: &mut [Row], by: Sort) {
    // The name decides between equals, so that the order is the same on every run.
    rows.sort_by(|a, b| {
        let price = |row: &Row| row.on_demand.or(row.spot).unwrap_or(i64::MAX);
        let first = match by {
            Sort::Price => price(a).cmp(&price(b)),
            Sort::Cpu => a.cpu_milli.cmp(&b.cpu_milli),
            Sort::Memory => a.memory_bytes.cmp(&b.memory_bytes),
            Sort::Name => std::cmp::Ordering::Equal,
        };
        first.then_with(|| a.name.cmp(&b.name))
    });
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "No size meets the requirements.\n".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(vec![
        "size",
        "vCPU",
        "memory",
        "for pods",
        "GPU",
        "arch",
        "zones",
        "on-demand/h",
        "spot/h",
        "OS disk",
    ]);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in [1, 2, 3, 4, 7, 8] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let unknown = || "?".to_owned();
    let room = &row.allocatable;
    let gpus = room.0.iter().find(|(name, _)| name.ends_with("/gpu"));
    vec![
        row.name.to_string(),
        amount(resources::CPU, row.cpu_milli),
        amount(resources::MEMORY, row.memory_bytes),
        format!(
            "{} / {}",
            amount(resources::CPU, room.get(resources::CPU)),
            amount(resources::MEMORY, room.get(resources::MEMORY))
        ),
        gpus.map(|(_, number)| number.to_string()).unwrap_or_default(),
        row.arch.join(","),
        zones(&row.zones),
        row.on_demand.map_or_else(unknown, hourly),
        row.spot.map_or_else(unknown, hourly),
        row.os_disk.clone().unwrap_or_default(),
    ]
}

/// `eastus-1,2,3`: the common stem is written once; the regional "zone" 0 is left out.
fn zones(zones: &BTreeSet<Arc<str>>) -> String {
    let mut text = String::new();
    let mut last = "";
    for zone in zones.iter().filter(|zone| ***zone != *"0") {
        let stem = zone.rsplit_once('-').map_or("", |(stem, _)| stem);
        if text.is_empty() || stem.is_empty() || stem != last {
            text.push_str(if text.is_empty() { "" } else { "," });
            text.push_str(zone);
        } else {
            text.push(',');
            text.push_str(&zone[stem.len() + 1..]);
        }
        last = stem;
    }
    if text.is_empty() { "regional".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_share_their_stem() {
        for (given, text) in [
            (vec!["0", "eastus-1", "eastus-3"], "eastus-1,3"),
            (vec!["0"], "regional"),
            (vec!["a", "b-1"], "a,b-1"),
        ] {
            assert_eq!(zones(&given.into_iter().map(Arc::from).collect()), text);
        }
    }
}
