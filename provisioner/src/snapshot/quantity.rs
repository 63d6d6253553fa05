//! Quantities of Kubernetes objects as [`Resources`], and the refusal of those that are none.

use std::{collections::BTreeMap, sync::Arc};

use catalog::{Resources, quantity};
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

/// One amount, in the unit of `name`; negative ones are refused.
pub fn amount(name: &str, quantity: &Quantity, round: Round) -> Result<i64, Fault> {
    let amount = match round {
        Round::Up => quantity::request(name, &quantity.0),
        Round::Down => quantity::capacity(name, &quantity.0),
    };
    let amount = amount.map_err(|error| Fault::new(name, error.to_string(), ""))?;
    // A small negative amount may round to nothing, so it is the exact one that is looked at.
    let negative = quantity.0.starts_with('-')
        && quantity::parse(&quantity.0).is_ok_and(quantity::Quantity::is_negative);
    if negative {
        let problem = format!("{:?} is negative", quantity.0);
        return Err(Fault::new(name, problem, "give an amount of 0 or more"));
    }
    Ok(amount)
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
