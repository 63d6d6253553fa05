//! Pages of the retail price API (`prices.azure.com/api/retail/prices`).

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::azure::{
    normalise,
    settings::Os,
    sku::{Prices, Sourced},
};

use super::{ImportError, PriceList, entries};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meter {
    currency_code: String,
    tier_minimum_units: f64,
    retail_price: f64,
    arm_region_name: String,
    effective_start_date: String,
    meter_name: String,
    product_name: String,
    sku_name: String,
    service_name: String,
    unit_of_measure: String,
    /// The filter language of the API calls the same field `priceType`.
    #[serde(rename = "type", alias = "priceType")]
    kind: String,
    is_primary_meter_region: bool,
    arm_sku_name: String,
}

/// Which price of a size a meter is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    region: String,
    size: String,
    windows: bool,
    spot: bool,
}

/// How well a meter serves as the price of its key: the primary meter of the region, then the
/// newer one, then the cheaper one, so that the answer does not depend on the order of pages.
type Rank = (bool, String, std::cmp::Reverse<i64>);

/// Reads pages of the retail price API: one page, several, or their items. Only pay-as-you-go
/// and spot prices of virtual machines in US dollars are taken.
///
/// # Errors
///
/// When the payload is something else, or has no VM price.
pub fn prices(payload: &[u8]) -> Result<PriceList, ImportError> {
    let entries = entries(
        payload,
        "Items",
        "pages of the retail price API: an object with `Items`, or a list of such pages or items",
    )?;
    let count = entries.len();
    let mut list = PriceList::default();
    let mut best: BTreeMap<Key, Rank> = BTreeMap::new();
    for value in entries {
        match read_meter(value) {
            Ok((key, rank)) => {
                let kept = best.entry(key).or_insert_with(|| rank.clone());
                if rank > *kept {
                    *kept = rank;
                }
            }
            Err(why) => *list.skipped.entry(why).or_default() += 1,
        }
    }
    if best.is_empty() {
        let skipped = list
            .skipped
            .keys()
            .map(|why| super::Skipped { what: "meter".to_owned(), why: (*why).to_owned() });
        let skipped = skipped.collect();
        return Err(ImportError::Empty { what: "VM prices", entries: count, skipped });
    }
    for (key, (.., std::cmp::Reverse(price))) in best {
        put(&mut list, key, price);
    }
    Ok(list)
}

fn put(list: &mut PriceList, key: Key, price: i64) {
    let sizes = list.regions.entry(Arc::from(key.region)).or_default();
    let (linux, windows): &mut (Prices, Prices) = sizes.entry(Arc::from(key.size)).or_default();
    let prices = if key.windows { windows } else { linux };
    let place = if key.spot { &mut prices.spot } else { &mut prices.regular };
    *place = Some(Sourced::new(price, "import"));
}

fn read_meter(value: Value) -> Result<(Key, Rank), &'static str> {
    let meter: Meter = serde_json::from_value(value).map_err(|_| "not a price meter")?;
    let (os, spot) = classify(&meter)?;
    let price = micro_dollars(meter.retail_price).ok_or("no positive price")?;
    let key = Key {
        region: normalise(&meter.arm_region_name),
        size: meter.arm_sku_name,
        windows: os == Os::Windows,
        spot,
    };
    if key.region.is_empty() || key.size.is_empty() {
        return Err("no region or size name");
    }
    let rank =
        (meter.is_primary_meter_region, meter.effective_start_date, std::cmp::Reverse(price));
    Ok((key, rank))
}

/// Operating system, and whether it is the spot price; an error for meters that are not the
/// price of a plain virtual machine. Cloud Services and dedicated hosts are sold under the names
/// of VM sizes at other rates, and "Low Priority" is the batch service's spot.
fn classify(meter: &Meter) -> Result<(Os, bool), &'static str> {
    let product = meter.product_name.to_ascii_lowercase();
    let sku = &meter.sku_name;
    let either = |word: &str| sku.contains(word) || meter.meter_name.contains(word);
    let hour = meter.unit_of_measure.is_empty() || meter.unit_of_measure == "1 Hour";
    let dollars = meter.currency_code.is_empty() || meter.currency_code == "USD";
    let machine = meter.service_name.is_empty() || meter.service_name == "Virtual Machines";
    let refusals = [
        (meter.kind != "Consumption", "not a pay-as-you-go price"),
        (!machine, "not a virtual machine"),
        (!dollars, "not in US dollars"),
        (!hour, "not per hour"),
        (product.replace(' ', "").contains("cloudservices"), "Cloud Services"),
        (product.contains("dedicated") || either("Dedicated"), "dedicated host"),
        (either("Low Priority"), "Low Priority"),
        (either("Expired"), "expired"),
        (meter.tier_minimum_units > 0.0, "a volume tier"),
    ];
    if let Some((_, why)) = refusals.into_iter().find(|(applies, _)| *applies) {
        return Err(why);
    }
    let os = if product.trim_end().ends_with("windows") { Os::Windows } else { Os::Linux };
    Ok((os, sku.trim_end().ends_with(" Spot") || meter.meter_name.trim_end().ends_with(" Spot")))
}

/// Rounded to the nearest micro-dollar; `None` for prices that are none.
fn micro_dollars(price: f64) -> Option<i64> {
    let micro = (price * 1e6).round();
    (1.0..1e15).contains(&micro).then_some(micro as i64)
}
