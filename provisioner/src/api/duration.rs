//! Durations as Go writes them (`720h`, `1h30m`, `0s`), and Karpenter's `Never`.

use jiff::SignedDuration;

/// A duration of a node pool or a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lasting {
    /// That long.
    For(SignedDuration),
    /// Without end.
    Never,
}

impl Lasting {
    /// The duration, where there is an end.
    pub fn finite(self) -> Option<SignedDuration> {
        match self {
            Self::For(duration) => Some(duration),
            Self::Never => None,
        }
    }
}

/// Reads `Never` or what [`parse`] reads.
pub fn lasting(text: &str) -> Option<Lasting> {
    if text == "Never" { Some(Lasting::Never) } else { parse(text).map(Lasting::For) }
}

/// Reads a duration that is not negative; `None` when it has not the form.
pub fn parse(text: &str) -> Option<SignedDuration> {
    if text == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut total = SignedDuration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|sign: char| !sign.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        total = total.checked_add(part(number, unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn part(number: &str, unit: &str) -> Option<SignedDuration> {
    let nanos: i64 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<i64>() {
        let nanos = i128::from(whole) * i128::from(nanos);
        return SignedDuration::try_from_nanos_i128(nanos);
    }
    let number: f64 = number.parse().ok()?;
    SignedDuration::try_from_secs_f64(number * nanos as f64 / 1e9).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes() {
        let seconds = |text| parse(text).map(|it| it.as_millis());
        for (text, millis) in [
            ("0s", Some(0)),
            ("0", Some(0)),
            ("720h", Some(720 * 3_600_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("250ms", Some(250)),
            ("720h0m0s", Some(720 * 3_600_000)),
            ("", None),
            ("5", None),
            ("h", None),
            ("-5s", None),
            ("5 s", None),
            ("5d", None),
            ("99999999999999999h", None),
        ] {
            assert_eq!(seconds(text), millis, "{text:?}");
        }
        assert_eq!(lasting("Never"), Some(Lasting::Never));
        assert_eq!(lasting("never"), None);
    }
}
