//! `tenon catalog show`.

use catalog::{CapacityType, InstanceType, Requirement, Resources};
use clap::Args;
use serde::Serialize;

use super::{
    super::{args::Source, exit::Failure, input},
    Configuration, Form,
};
use crate::{
    report::{self, amount, hourly, monthly, usd},
    source::Catalog,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ShowArgs {
    /// The size, e.g. Standard_D4s_v5.
    name: String,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    configuration: Configuration,
    /// Form of the output.
    #[arg(long, short, value_enum, default_value_t)]
    output: Form,
}

pub(super) fn run(args: &ShowArgs) -> Result<String, Failure> {
    let catalog = input::catalog(&args.source)?;
    let size = find(&catalog, args)?;
    Ok(match args.output {
        Form::Table => table(&size),
        Form::Json => report::json::to_json(&document(&size)),
    })
}

fn find(catalog: &Catalog, args: &ShowArgs) -> Result<InstanceType, Failure> {
    let name = &args.name;
    match catalog {
        Catalog::Azure(catalog) => {
            let region = catalog.region();
            let sku = region.sku(name).ok_or_else(|| {
                Failure::data(format!(
                    "{name}: no such size in {}; `tenon catalog ls --sort name` lists them",
                    region.name
                ))
            })?;
            region
                .instance_type(sku, &args.configuration.settings())
                .map_err(|excluded| Failure::data(refusal(&sku.name, &excluded.to_string())))
        }
        Catalog::Types { name: file, types } => types
            .iter()
            .find(|size| size.name.eq_ignore_ascii_case(name))
            .map(|size| (**size).clone())
            .ok_or_else(|| Failure::data(format!("{name}: no such size in {file}"))),
    }
}

/// Some reasons name the size themselves.
fn refusal(name: &str, reason: &str) -> String {
    if reason.starts_with(name) { reason.to_owned() } else { format!("{name}: {reason}") }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    name: &'a str,
    capacity: &'a Resources,
    overhead: &'a catalog::Overhead,
    allocatable: Resources,
    max_data_disks: Option<u32>,
    only_if_asked: bool,
    os_disk: &'a Option<catalog::instance_type::OsDisk>,
    labels: Vec<String>,
    offerings: Vec<OfferingDocument<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfferingDocument<'a> {
    zone: &'a str,
    capacity_type: CapacityType,
    available: bool,
    hourly_usd: Option<f64>,
}

fn document(size: &InstanceType) -> Document<'_> {
    let offerings = size.offerings.iter().map(|offering| OfferingDocument {
        zone: &offering.zone,
        capacity_type: offering.capacity_type,
        available: offering.available,
        hourly_usd: offering.price.map(usd),
    });
    Document {
        name: &size.name,
        capacity: &size.capacity,
        overhead: &size.overhead,
        allocatable: size.allocatable(),
        max_data_disks: size.max_data_disks,
        only_if_asked: size.only_if_asked,
        os_disk: &size.os_disk,
        labels: size.requirements.0.values().map(label).collect(),
        offerings: offerings.collect(),
    }
}

fn table(size: &InstanceType) -> String {
    let mut text = format!("{}\n", size.name);
    text.push_str(&room(size));
    match size.max_data_disks {
        Some(disks) => text.push_str(&format!("  data disks: {disks}\n")),
        None => text.push_str("  data disks: unknown\n"),
    }
    if let Some(disk) = &size.os_disk {
        let cost = if disk.price == 0 {
            "costs nothing".to_owned()
        } else {
            format!("{}/h, part of the prices below", hourly(disk.price))
        };
        text.push_str(&format!("  OS disk: {} GiB {}, {cost}\n", disk.gib, disk.placement));
    }
    if size.only_if_asked {
        text.push_str("  bought only when a node pool or pod names it\n");
    }
    text.push_str("\n  offerings\n");
    for offering in &size.offerings {
        let price = match offering.price {
            Some(price) => format!("{}/h  {}/month", hourly(price), monthly(price)),
            None => "price unknown, never bought".to_owned(),
        };
        let zone = if &*offering.zone == "0" { "regional" } else { &offering.zone };
        let sold = if offering.available { "" } else { "  not available" };
        text.push_str(&format!(
            "    {zone:<16} {:<10} {price}{sold}\n",
            offering.capacity_type.as_str()
        ));
    }
    text.push_str("\n  labels\n");
    for requirement in size.requirements.0.values() {
        text.push_str(&format!("    {}\n", label(requirement)));
    }
    text
}

/// Capacity, what the node keeps, and what is left, resource by resource.
fn room(size: &InstanceType) -> String {
    let allocatable = size.allocatable();
    let mut text = String::new();
    for (name, &capacity) in &size.capacity.0 {
        let left = allocatable.get(name);
        let kept = capacity.saturating_sub(left);
        let (all, left) = (amount(name, capacity), amount(name, left));
        text.push_str(&format!("  {name}: {all}"));
        if kept > 0 {
            let kept = amount(name, kept);
            text.push_str(&format!(", the node keeps {kept}, pods may use {left}"));
        }
        text.push('\n');
    }
    text
}

/// `key=value`, `key in (a,b)`, `key absent`.
fn label(requirement: &Requirement) -> String {
    let key = &requirement.key;
    let values: Vec<&str> = requirement.values.iter().map(AsRef::as_ref).collect();
    match (requirement.complement, values.as_slice()) {
        (false, []) => format!("{key} absent"),
        (false, [value]) => format!("{key}={value}"),
        (false, values) => format!("{key} in ({})", values.join(",")),
        (true, []) => format!("{key} any"),
        (true, values) => format!("{key} not in ({})", values.join(",")),
    }
}
