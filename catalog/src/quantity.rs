//! Kubernetes quantities (`100m`, `1.5Gi`, `2e3`) in exact integer arithmetic.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Quantities are kept in billionths, the finest unit that Kubernetes knows.
const NANOS: i128 = 1_000_000_000;
const NANOS_PER_MILLI: i128 = 1_000_000;
/// The largest amount has 28 digits in billionths; this many still fit an `i128`.
const MOST_DIGITS: usize = 30;
/// The largest amount is that of an `i64`, as in Kubernetes.
const LARGEST: i128 = i64::MAX as i128 * NANOS;

/// An amount, exact to a billionth; anything finer is rounded away from zero, as Kubernetes does.
/// Order and equality are those of the amount, not of the way it was written.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// How the amount was written, which decides how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `Ki`, `Mi` …
    Binary,
    /// `m`, none, `k`, `M` …
    Decimal,
    /// `e3`, `E-6` …
    Exponent,
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not the form at all.
    #[error(
        "{0:?} is not a quantity: write a number and one of n, u, m, k, M, G, T, P, E, Ki, Mi, \
         Gi, Ti, Pi, Ei, for example 500m or 2Gi"
    )]
    Malformed(String),
    /// Above 2^63 − 1 units.
    #[error("{0:?} is too large: the largest quantity is 9223372036854775807")]
    TooLarge(String),
    /// More digits than any amount needs.
    #[error("{0:?} has too many digits: round it")]
    TooPrecise(String),
}

/// Reads a quantity.
///
/// # Errors
/// When the text has not the form of a Kubernetes quantity, is beyond ±(2^63 − 1) or has more
/// digits than arithmetic in 128 bits can hold (30, fewer with a binary suffix).
pub fn parse(text: &str) -> Result<Quantity, QuantityError> {
    text.parse()
}

/// The amount that a pod asks for, rounded up: milli-cores for `cpu`, base units otherwise.
///
/// # Errors
/// As [`parse`]; and when the result does not fit.
pub fn request(resource: &str, text: &str) -> Result<i64, QuantityError> {
    in_unit(resource, text, Quantity::milli_ceil, Quantity::base_ceil)
}

/// The amount that a machine has, rounded down: milli-cores for `cpu`, base units otherwise.
///
/// # Errors
/// As [`parse`]; and when the result does not fit.
pub fn capacity(resource: &str, text: &str) -> Result<i64, QuantityError> {
    in_unit(resource, text, Quantity::milli_floor, Quantity::base_floor)
}

fn in_unit(
    resource: &str,
    text: &str,
    milli: fn(Quantity) -> i64,
    base: fn(Quantity) -> i64,
) -> Result<i64, QuantityError> {
    let quantity = parse(text)?;
    if resource != crate::resources::CPU {
        return Ok(base(quantity));
    }
    if quantity.nanos.abs() / NANOS_PER_MILLI > i64::MAX.into() {
        return Err(QuantityError::TooLarge(shorten(text)));
    }
    Ok(milli(quantity))
}

impl Quantity {
    /// An amount of whole units, shown with binary suffixes (`2Gi`) where they fit.
    pub fn binary(units: i64) -> Self {
        Self { nanos: i128::from(units) * NANOS, format: Format::Binary }
    }

    /// An amount of thousandths, shown with decimal suffixes (`1500m`, `2`).
    pub fn from_milli(milli: i64) -> Self {
        Self { nanos: i128::from(milli) * NANOS_PER_MILLI, format: Format::Decimal }
    }

    /// Thousandths, rounded up; saturates.
    pub fn milli_ceil(self) -> i64 {
        saturate(-(-self.nanos).div_euclid(NANOS_PER_MILLI))
    }

    /// Thousandths, rounded down; saturates.
    pub fn milli_floor(self) -> i64 {
        saturate(self.nanos.div_euclid(NANOS_PER_MILLI))
    }

    /// Whole units, rounded up.
    pub fn base_ceil(self) -> i64 {
        saturate(-(-self.nanos).div_euclid(NANOS))
    }

    /// Whole units, rounded down.
    pub fn base_floor(self) -> i64 {
        saturate(self.nanos.div_euclid(NANOS))
    }

    /// Billionths, exact.
    pub fn nanos(self) -> i128 {
        self.nanos
    }

    /// Whether it is below zero.
    pub fn is_negative(self) -> bool {
        self.nanos < 0
    }
}

fn saturate(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || QuantityError::Malformed(shorten(text));
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let unit = Unit::parse(suffix).ok_or_else(malformed)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(malformed());
        }
        let (digits, exponent) = significant(whole, fraction);
        let exponent = unit.exponent.saturating_add(exponent);
        let amount = integer(&digits).and_then(|number| number.checked_mul(1 << unit.bits));
        let nanos = match amount {
            Some(amount) => scale(amount, exponent.saturating_add(9)).filter(|&n| n <= LARGEST),
            None if exponent < 0 => return Err(QuantityError::TooPrecise(shorten(text))),
            None => None,
        };
        let nanos = nanos.ok_or_else(|| QuantityError::TooLarge(shorten(text)))?;
        Ok(Self { nanos: if negative { -nanos } else { nanos }, format: unit.format })
    }
}

/// The digits without zeros at either end, and the power of ten that they are multiplied with.
fn significant(whole: &str, fraction: &str) -> (String, i64) {
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let short = digits.trim_end_matches('0');
    let zeros = (digits.len() - short.len()) as i64;
    (short.to_owned(), zeros - fraction.len() as i64)
}

/// The digits as a number, if there are not too many.
fn integer(digits: &str) -> Option<i128> {
    if digits.len() > MOST_DIGITS {
        return None;
    }
    Some(digits.bytes().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')))
}

/// `number` × 10^`exponent`, rounded up; `None` when it does not fit. `number` is not negative.
fn scale(number: i128, exponent: i64) -> Option<i128> {
    if number == 0 {
        return Some(0);
    }
    let power = u32::try_from(exponent.unsigned_abs()).ok().and_then(|e| 10_i128.checked_pow(e));
    match (power, exponent < 0) {
        (Some(power), false) => number.checked_mul(power),
        (None, false) => None,
        (Some(power), true) => Some(-(-number).div_euclid(power)),
        // Below the smallest power that fits, anything that is not zero rounds up to one.
        (None, true) => Some(1),
    }
}

/// Inputs can be long; a message needs only their head.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a suffix multiplies with: 2^`bits` × 10^`exponent`.
struct Unit {
    bits: u32,
    exponent: i64,
    format: Format,
}

const BINARY: [(&str, u32); 6] =
    [("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
const DECIMAL: [(&str, i64); 10] = [
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("", 0),
    ("m", -3),
    ("u", -6),
    ("n", -9),
];

impl Unit {
    fn parse(suffix: &str) -> Option<Self> {
        if let Some(&(_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
            return Some(Self { bits: 0, exponent, format: Format::Decimal });
        }
        if let Some(&(_, bits)) = BINARY.iter().find(|(name, _)| *name == suffix) {
            return Some(Self { bits, exponent: 0, format: Format::Binary });
        }
        let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?;
        Some(Self { bits: 0, exponent: exponent.into(), format: Format::Exponent })
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// Kubernetes' canonical form: no fraction, the largest suffix of the same kind that is exact.
/// Binary amounts that are not whole, or below 1024, are shown as decimal ones.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        if self.format == Format::Binary
            && self.nanos % NANOS == 0
            && self.nanos.abs() >= 1024 * NANOS
        {
            let units = self.nanos / NANOS;
            return match BINARY.iter().find(|(_, bits)| units % (1_i128 << bits) == 0) {
                Some((suffix, bits)) => write!(f, "{}{suffix}", units >> bits),
                None => write!(f, "{units}"),
            };
        }
        // The smallest suffix is one billionth, so one of them always divides.
        let largest = DECIMAL.iter().find(|(_, e)| self.nanos % 10_i128.pow((e + 9) as u32) == 0);
        let (suffix, exponent) = largest.copied().unwrap_or(("n", -9));
        let amount = self.nanos / 10_i128.pow((exponent + 9) as u32);
        match self.format {
            Format::Exponent if exponent != 0 => write!(f, "{amount}e{exponent}"),
            _ => write!(f, "{amount}{suffix}"),
        }
    }
}
