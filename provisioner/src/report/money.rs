//! Micro-dollars in writing, without a float on the way.

/// Hours that a month is billed for.
const HOURS_PER_MONTH: i128 = 730;

/// `$0.192`, `$12.3456`: exact, at least three decimals.
pub fn hourly(micro: i64) -> String {
    let (sign, whole, fraction) = split(micro);
    let digits = format!("{fraction:06}");
    let kept = digits.trim_end_matches('0').len().max(3);
    format!("{sign}${}.{}", grouped(whole), &digits[..kept])
}

/// What a price per hour comes to in a month of 730 hours: `$1,401.60`.
pub fn monthly(micro: i64) -> String {
    let micro = i128::from(micro) * HOURS_PER_MONTH;
    let sign = if micro < 0 { "-" } else { "" };
    let cents = (micro.unsigned_abs() + 5_000) / 10_000;
    format!("{sign}${}.{:02}", grouped(cents / 100), cents % 100)
}

/// Dollars as a number: exact to the micro-dollar when printed with six decimals.
pub fn usd(micro: i64) -> f64 {
    micro as f64 / 1e6
}

/// The same for a month; beyond the range of money anyone has, the nearest float.
pub(super) fn monthly_usd(micro: i64) -> f64 {
    (i128::from(micro) * HOURS_PER_MONTH) as f64 / 1e6
}

/// With the sign written out, for differences.
pub(super) fn signed(text: String) -> String {
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// A share in per cent with one decimal, rounded half up.
pub(super) fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "0.0 %".to_owned();
    }
    let tenths = (i128::from(part) * 2_000 + i128::from(whole)) / (i128::from(whole) * 2);
    format!("{}.{} %", tenths / 10, (tenths % 10).abs())
}

/// A share in per cent with two decimals, rounded up: nothing is claimed that is not so.
pub(super) fn at_most(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "0.00 %".to_owned();
    }
    let (part, whole) = (i128::from(part.max(0)), i128::from(whole));
    let hundredths = (part * 10_000 + whole - 1) / whole;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn split(micro: i64) -> (&'static str, u128, u64) {
    let size = micro.unsigned_abs();
    (if micro < 0 { "-" } else { "" }, u128::from(size / 1_000_000), size % 1_000_000)
}

fn grouped(whole: u128) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_and_not_longer_than_needed() {
        for (micro, text) in [
            (0, "$0.000"),
            (192_000, "$0.192"),
            (40_531, "$0.040531"),
            (-1, "-$0.000001"),
            (1_234_567_890, "$1,234.56789"),
            (i64::MIN, "-$9,223,372,036,854.775808"),
        ] {
            assert_eq!(hourly(micro), text);
        }
    }

    #[test]
    fn a_month_is_rounded_to_the_cent() {
        assert_eq!(monthly(192_000), "$140.16");
        assert_eq!(monthly(7), "$0.01");
        assert_eq!(monthly(6), "$0.00");
        assert_eq!(monthly(-1_920_000), "-$1,401.60");
    }

    #[test]
    fn what_is_at_most_is_rounded_up() {
        assert_eq!(at_most(1, 8), "12.50 %");
        assert_eq!(at_most(1, 3), "33.34 %");
        assert_eq!(at_most(1, i64::MAX), "0.01 %");
        assert_eq!(at_most(0, 3), "0.00 %");
        assert_eq!(at_most(1, 0), "0.00 %");
        assert_eq!(at_most(i64::MAX, i64::MAX), "100.00 %");
    }

    #[test]
    fn shares_round_half_up_and_survive_an_empty_whole() {
        assert_eq!(percent(1, 8), "12.5 %");
        assert_eq!(percent(2, 3), "66.7 %");
        assert_eq!(percent(1, 0), "0.0 %");
        assert_eq!(percent(i64::MAX, i64::MAX), "100.0 %");
    }
}
