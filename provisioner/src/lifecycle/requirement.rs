//! The requirements of a claim, as the catalog understands them.

use std::collections::BTreeMap;

use catalog::{Operator, Requirements, well_known};
use serde::{
    Deserialize,
    de::{IntoDeserializer, value::Error as WordError},
};

use crate::{api::v1::Requirement, cloud::CloudError};

/// Reads `spec.requirements`.
///
/// # Errors
///
/// [`CloudError::Rejected`] naming the entry that has not the form.
pub fn read(raw: &[Requirement]) -> Result<Requirements, CloudError> {
    let one = |(position, raw): (usize, &Requirement)| {
        let rejected = |message: String| CloudError::Rejected {
            reason: "InvalidRequirement".to_owned(),
            message: format!("spec.requirements[{position}]: {message}"),
        };
        let word: Result<Operator, WordError> =
            Operator::deserialize(raw.operator.as_str().into_deserializer());
        let operator = word.map_err(|error| rejected(error.to_string()))?;
        catalog::Requirement::new(&raw.key, operator, &raw.values, raw.min_values)
            .map_err(|error| rejected(error.to_string()))
    };
    raw.iter().enumerate().map(one).collect()
}

/// Labels that follow from requirements which leave one value. Well-known labels follow from what
/// is bought instead.
pub fn labels(requirements: &Requirements) -> BTreeMap<String, String> {
    let single = requirements.0.values().filter(|one| !one.complement && one.values.len() == 1);
    let own = single.filter(|one| {
        !well_known::is_well_known(&one.key) && well_known::restricted(&one.key).is_none()
    });
    let pairs =
        own.flat_map(|one| one.values.iter().map(|value| (one.key.to_string(), value.to_string())));
    pairs.collect()
}
