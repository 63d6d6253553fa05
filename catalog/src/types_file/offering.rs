//! One offering of a types file, read and written.

use std::sync::Arc;

use super::{Fault, fault, wire};
use crate::{
    CapacityType, Offering, Operator, Requirement, Requirements,
    well_known::{CAPACITY_TYPE, ZONE},
};

/// Above a million dollars an hour, a price is a mistake.
const DEAREST: f64 = 1e6;
const MICROS: f64 = 1e6;

/// Reads an offering. One that names several zones or capacity types is one for each pair.
pub(super) fn read(raw: &wire::Offering) -> Result<Vec<Offering>, Fault> {
    let price = raw.price.map(price).transpose()?;
    let mut rest = requirements(raw)?;
    let zones = take(&mut rest, ZONE)?;
    let mut capacity_types = Vec::new();
    for name in take(&mut rest, CAPACITY_TYPE)? {
        capacity_types.push(capacity_type(&name)?);
    }
    let mut offerings = Vec::with_capacity(zones.len() * capacity_types.len());
    for zone in &zones {
        for &capacity_type in &capacity_types {
            offerings.push(Offering {
                zone: zone.clone(),
                capacity_type,
                price,
                available: raw.available,
                requirements: rest.clone(),
            });
        }
    }
    Ok(offerings)
}

fn price(dollars: f64) -> Result<i64, Fault> {
    if !(0.0..=DEAREST).contains(&dollars) {
        return Err(fault("Price", format!("{dollars} is not a price in dollars per hour")));
    }
    Ok((dollars * MICROS).round() as i64)
}

fn requirements(raw: &wire::Offering) -> Result<Requirements, Fault> {
    let mut all = Requirements::default();
    for (index, entry) in raw.requirements.iter().enumerate() {
        let read = Requirement::new(&entry.key, entry.operator, &entry.values, None);
        let at = format!("Requirements[{index}]");
        all.add(read.map_err(|error| fault(at, error.to_string()))?);
    }
    for (field, key, value) in
        [("Zone", ZONE, &raw.zone), ("CapacityType", CAPACITY_TYPE, &raw.capacity_type)]
    {
        if let Some(value) = value {
            let read = Requirement::new(key, Operator::In, std::slice::from_ref(value), None);
            all.add(read.map_err(|error| fault(field, error.to_string()))?);
        }
    }
    Ok(all)
}

/// Takes a key out and returns the values that it lists.
fn take(all: &mut Requirements, key: &str) -> Result<Vec<Arc<str>>, Fault> {
    match all.0.remove(key) {
        Some(requirement) if requirement.operator() == Operator::In => {
            Ok(requirement.values.into_iter().collect())
        }
        _ => Err(fault("Requirements", format!("must say {key} with operator In"))),
    }
}

fn capacity_type(name: &str) -> Result<CapacityType, Fault> {
    [CapacityType::Reserved, CapacityType::Spot, CapacityType::OnDemand]
        .into_iter()
        .find(|one| one.as_str() == name)
        .ok_or_else(|| {
            let problem = format!("{name:?} is no capacity type; use on-demand, spot or reserved");
            fault("Requirements", problem)
        })
}

/// Writes an offering.
pub(super) fn write(offering: &Offering) -> wire::Offering {
    let one = |key: &str, value: &str| wire::Requirement {
        key: key.to_owned(),
        operator: Operator::In,
        values: vec![value.to_owned()],
    };
    let mut requirements =
        vec![one(CAPACITY_TYPE, offering.capacity_type.as_str()), one(ZONE, &offering.zone)];
    requirements.extend(offering.requirements.0.values().flat_map(write_requirement));
    wire::Offering {
        price: offering.price.map(|micros| micros as f64 / MICROS),
        available: offering.available,
        requirements,
        capacity_type: None,
        zone: None,
    }
}

/// A requirement as the entries that it takes: one for its set, one for each bound.
fn write_requirement(requirement: &Requirement) -> Vec<wire::Requirement> {
    let key = requirement.key.to_string();
    let entry = |operator, values| wire::Requirement { key: key.clone(), operator, values };
    let values = requirement.values.iter().map(ToString::to_string).collect();
    let mut entries = vec![entry(requirement.operator(), values)];
    for (operator, bound) in [(Operator::Gte, requirement.gte), (Operator::Lte, requirement.lte)] {
        entries.extend(bound.map(|bound| entry(operator, vec![bound.to_string()])));
    }
    entries
}
