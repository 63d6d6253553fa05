//! Kubernetes quantities, read a second time and in another way: mantissa and two exponents.

use std::collections::BTreeMap;

use catalog::{Resources, resources::CPU};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Where a fraction of the unit goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// What pods ask for.
    Up,
    /// What nodes have.
    Down,
}

/// Quantities as integers. What cannot be read is endless when asked for and 0 when offered, so
/// that it never makes a pod fit.
pub(super) fn amounts(map: &BTreeMap<String, Quantity>, round: Round) -> Resources {
    let mut result = Resources::default();
    for (name, quantity) in map {
        let places = if name == CPU { 3 } else { 0 };
        let unreadable = if round == Round::Up { i64::MAX } else { 0 };
        result.set(name, parse(&quantity.0, places, round).unwrap_or(unreadable).max(0));
    }
    result
}

/// `text` in units of 10^-`places`.
fn parse(text: &str, places: i32, round: Round) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let (ten, two) = exponents(suffix)?;
    let ten = ten + places - i32::try_from(fraction.len()).ok()?;
    let mut value = scale(mantissa, 2, two);
    value = scale(value, 10, ten.max(0));
    if ten < 0 {
        let divisor = scale(1, 10, -ten);
        value = match round {
            Round::Up => -(-value).div_euclid(divisor),
            Round::Down => value.div_euclid(divisor),
        };
    }
    Some(i64::try_from(value).unwrap_or(if value > 0 { i64::MAX } else { i64::MIN }))
}

/// `value` × `base`^`exponent`, saturating.
fn scale(value: i128, base: i128, exponent: i32) -> i128 {
    (0..exponent.min(120)).fold(value, |value, _| value.saturating_mul(base))
}

/// The powers of ten and of two that a suffix stands for.
fn exponents(suffix: &str) -> Option<(i32, i32)> {
    Some(match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_in_units_and_thousandths() {
        for (text, places, round, expected) in [
            ("1", 3, Round::Up, Some(1000)),
            ("100m", 3, Round::Up, Some(100)),
            ("0.0001", 3, Round::Up, Some(1)),
            ("0.0001", 3, Round::Down, Some(0)),
            ("1.5Gi", 0, Round::Up, Some(1_610_612_736)),
            ("100m", 0, Round::Up, Some(1)),
            ("1e3", 0, Round::Up, Some(1000)),
            ("12E", 0, Round::Up, Some(i64::MAX)),
            ("-1", 0, Round::Up, Some(-1)),
            ("1x", 0, Round::Up, None),
            ("", 0, Round::Up, None),
        ] {
            assert_eq!(parse(text, places, round), expected, "{text}");
        }
    }
}
