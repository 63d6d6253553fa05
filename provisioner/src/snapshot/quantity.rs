//! Quantities of Kubernetes objects as [`Resources`], and the refusal of those that are none.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::{
    api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity,
};

use super::error::Fault;

/// Which way an amount goes that lies between two units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// What is asked for: never less.
    Up,
    /// What is there: never more.
    Down,
}

/// One amount, in the unit of `name`.
pub fn amount(name: &str, quantity: &Quantity, round: Round) -> Result<i64, Fault> {
    let parsed = parse(name, &quantity.0, round);
    let parsed = parsed.filter(|amount| *amount >= 0 || !quantity.0.starts_with('-'));
    match parsed {
        Some(amount) if amount < 0 => {
            let problem = format!("{:?} is negative", quantity.0);
            Err(Fault::new(name, problem, "give an amount of 0 or more"))
        }
        Some(amount) => Ok(amount),
        None => {
            let problem = format!("{:?} is not a quantity", quantity.0);
            Err(Fault::new(name, problem, "write it like 500m, 2, 1.5Gi or 10G"))
        }
    }
}

fn parse(_name: &str, text: &str, _round: Round) -> Option<i64> {
    text.trim_end_matches(char::is_alphabetic).parse().ok()
}

/// All amounts of a list; `field` is the list's name, for the message.
pub fn resources(
    amounts: Option<&BTreeMap<String, Quantity>>,
    field: &str,
    round: Round,
) -> Result<Resources, Fault> {
    let mut resources = Resources::default();
    for (name, quantity) in amounts.into_iter().flatten() {
        let amount = amount(name, quantity, round).map_err(|fault| fault.within(field))?;
        resources.0.insert(Arc::from(name.as_str()), amount);
    }
    Ok(resources)
}

/// Refuses a list of amounts with a wrong one in it.
pub fn check(amounts: Option<&BTreeMap<String, Quantity>>, field: &str) -> Result<(), Fault> {
    resources(amounts, field, Round::Up).map(|_| ())
}

/// Refuses requests or limits with a wrong amount in them.
pub fn check_requirements(resources: Option<&ResourceRequirements>) -> Result<(), Fault> {
    let Some(resources) = resources else { return Ok(()) };
    check(resources.requests.as_ref(), "requests")?;
    check(resources.limits.as_ref(), "limits")
}
