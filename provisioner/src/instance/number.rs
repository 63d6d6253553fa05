//! Numbers in texts of other people.

use solver::validate::LARGEST_AMOUNT;

use super::Fault;

/// An amount of a resource: whole, from 0 to 2^60.
pub(super) fn amount(field: &str, text: &str) -> Result<i64, Fault> {
    let value = text.parse::<i64>().ok();
    value
        .filter(|value| (0..=LARGEST_AMOUNT).contains(value))
        .ok_or_else(|| wrong(field, text, "a whole number from 0 to 2^60"))
}

/// How many there are of something.
pub(super) fn count(field: &str, text: &str) -> Result<u32, Fault> {
    text.parse().map_err(|_| wrong(field, text, "a whole number from 0 to 4294967295"))
}

/// Decimals times `scale`, rounded half up, without a float on the way: a price in dollars with a
/// scale of a million is in micro-dollars.
pub(super) fn scaled(field: &str, text: &str, scale: i64) -> Result<i64, Fault> {
    let fault = || wrong(field, text, "a number such as 0.192, not negative");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 18 || !digits(whole) || !digits(fraction) {
        return Err(fault());
    }
    let whole: i64 = whole.parse().map_err(|_| fault())?;
    let tenths = 10_i128.pow(fraction.len() as u32);
    let fraction: i128 =
        if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| fault())? };
    let product = (i128::from(whole) * tenths + fraction) * i128::from(scale);
    let rounded = (2 * product + tenths) / (2 * tenths);
    i64::try_from(rounded).ok().filter(|&value| value <= LARGEST_AMOUNT).ok_or_else(fault)
}

pub(super) fn wrong(field: &str, found: &str, expected: &'static str) -> Fault {
    /// Enough to recognise it by.
    const SHOWN: usize = 40;
    let mut shown: String = found.chars().take(SHOWN).collect();
    if shown.len() < found.len() {
        shown.push('…');
    }
    Fault::Value { field: field.to_owned(), found: shown, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_scaled_exactly() {
        for (text, micro) in [
            ("0.0255", Some(25_500)),
            ("3", Some(3_000_000)),
            ("0.0000005", Some(1)),
            ("0.0000004", Some(0)),
            ("12.", Some(12_000_000)),
            ("9223372036854775807", None),
            ("1152921504606", Some(1_152_921_504_606_000_000)),
            ("1152921504607", None),
            ("NaN", None),
            ("inf", None),
            ("-1", None),
            ("1e3", None),
            (".5", None),
            ("", None),
        ] {
            assert_eq!(scaled("price", text, 1_000_000).ok(), micro, "{text}");
        }
    }

    #[test]
    fn amounts_have_a_range() {
        assert_eq!(amount("cpu", "1152921504606846976"), Ok(1 << 60));
        for text in ["1152921504606846977", "9223372036854775808", "-1", "1.5", "", "x"] {
            assert!(amount("cpu", text).is_err(), "{text}");
        }
    }
}
