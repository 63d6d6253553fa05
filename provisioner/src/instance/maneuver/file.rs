//! The files as they stand.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use solver::validate::LARGEST_AMOUNT;

use crate::instance::{Fault, Place, ReadError, number::wrong};

/// Micro-dollars in a thousandth of a dollar.
const MICRO_PER_MILLI: i64 = 1_000;

/// An application.
#[derive(Debug, Deserialize)]
pub(super) struct Application {
    pub components: Vec<Component>,
    #[serde(default)]
    pub restrictions: Vec<Restriction>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Component {
    #[serde(rename = "id")]
    pub id: u32,
    #[serde(rename = "name")]
    pub name: String,
    #[serde(default)]
    pub compute: Compute,
    #[serde(default)]
    pub storage: Storage,
    #[serde(rename = "operatingSystem", default)]
    pub operating_system: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Compute {
    #[serde(rename = "CPU")]
    pub cpu: i64,
    #[serde(rename = "GPU")]
    pub gpu: Value,
    #[serde(rename = "Memory")]
    pub memory: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Storage {
    #[serde(rename = "StorageSize")]
    pub size: i64,
}

/// A restriction of any type; which fields it has depends on the type.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Restriction {
    #[serde(rename = "type")]
    pub kind: String,
    pub alpha_comp_id: Option<u32>,
    pub beta_comp_id: Option<u32>,
    pub comps_id_list: Option<Vec<u32>>,
    pub bound: Option<i64>,
    pub lower_bound: Option<i64>,
    pub upper_bound: Option<i64>,
    pub number: Option<i64>,
    pub sign: Option<String>,
    pub alpha_comp_id_instances: Option<i64>,
    pub beta_comp_id_instances: Option<i64>,
}

/// A machine that can be bought.
#[derive(Debug)]
pub(super) struct Offer {
    pub name: String,
    /// Cores, MB, GB.
    pub capacity: [i64; 3],
    pub system: String,
    /// Micro-dollars per hour.
    pub price: i64,
}

#[derive(Deserialize)]
struct OfferFile {
    cpu: i64,
    memory: i64,
    storage: i64,
    #[serde(rename = "operatingSystem", default)]
    operating_system: String,
    price: i64,
}

/// Whether a text is a list of offers rather than another catalog in JSON.
pub fn is_offers(text: &str) -> bool {
    let offers: Result<Map<String, Value>, _> = serde_json::from_str(text);
    let first = offers.ok().and_then(|offers| offers.into_iter().next());
    first.is_some_and(|(_, offer)| offer.get("cpu").is_some() && offer.get("price").is_some())
}

pub(super) fn application(text: &str) -> Result<Application, ReadError> {
    let application: Application = parse(text)?;
    for component in &application.components {
        let name = &component.name;
        let amounts = [
            ("CPU", component.compute.cpu),
            ("Memory", component.compute.memory),
            ("StorageSize", component.storage.size),
        ];
        for (field, value) in amounts {
            in_range(&format!("component {name}"), field, value)?;
        }
        let gpu = &component.compute.gpu;
        let none = gpu.is_null() || gpu == &Value::Bool(false) || gpu == "false";
        if !none {
            let what = format!("component {name}: a GPU");
            let why = "offers have none";
            return Err(ReadError::text(Fault::Unsupported { what, why }));
        }
    }
    Ok(application)
}

pub(super) fn offers(text: &str) -> Result<Vec<Offer>, ReadError> {
    let offers: Map<String, Value> = parse(text)?;
    let offers = offers.into_iter().map(|(name, value)| {
        let offer: OfferFile = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = format!("offer {name}: {}", error.path());
            ReadError::path(path, Fault::Json(error.inner().to_string()))
        })?;
        let place = format!("offer {name}");
        in_range(&place, "cpu", offer.cpu)?;
        in_range(&place, "memory", offer.memory)?;
        in_range(&place, "storage", offer.storage)?;
        in_range(&place, "price", offer.price)?;
        Ok(Offer {
            capacity: [offer.cpu, offer.memory, offer.storage],
            system: offer.operating_system,
            price: offer.price.saturating_mul(MICRO_PER_MILLI),
            name,
        })
    });
    let offers: Vec<Offer> = offers.collect::<Result<_, _>>()?;
    if offers.is_empty() {
        let hint = "give the offers of MANeUveR with --catalog";
        return Err(ReadError::text(Fault::Nothing { what: "offers", hint }));
    }
    Ok(offers)
}

fn in_range(place: &str, field: &str, value: i64) -> Result<(), ReadError> {
    if (0..=LARGEST_AMOUNT).contains(&value) {
        return Ok(());
    }
    let expected = "a whole number from 0 to 2^60";
    Err(ReadError::path(place, wrong(field, &value.to_string(), expected)))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let fault = Fault::Json(error.inner().to_string());
        match error.path().to_string() {
            path if path == "." => ReadError { place: Place::Text, fault },
            path => ReadError::path(path, fault),
        }
    })?;
    deserializer.end().map_err(|error| ReadError::text(Fault::Json(error.to_string())))?;
    Ok(value)
}
