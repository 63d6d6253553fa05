//! Quantities: the forms Kubernetes takes, rounding, refusals, and a slow exact re-implementation.

use catalog::{Quantity, QuantityError, quantity};
use proptest::prelude::*;

#[test]
fn forms_and_rounding() {
    const GIB: i64 = 1 << 30;
    // text, thousandths up, units up, units down, canonical form
    for (text, milli, up, down, shown) in [
        ("0", 0, 0, 0, "0"),
        ("-0", 0, 0, 0, "0"),
        ("0Ki", 0, 0, 0, "0"),
        ("1", 1000, 1, 1, "1"),
        ("+1", 1000, 1, 1, "1"),
        ("1.", 1000, 1, 1, "1"),
        (".5", 500, 1, 0, "500m"),
        ("0.1", 100, 1, 0, "100m"),
        ("100m", 100, 1, 0, "100m"),
        ("1500m", 1500, 2, 1, "1500m"),
        ("2000m", 2000, 2, 2, "2"),
        ("-1500m", -1500, -1, -2, "-1500m"),
        ("1u", 1, 1, 0, "1u"),
        ("1n", 1, 1, 0, "1n"),
        ("0.1n", 1, 1, 0, "1n"),
        ("-0.1n", 0, 0, -1, "-1n"),
        ("1e-100", 1, 1, 0, "1e-9"),
        ("1k", 1_000_000, 1000, 1000, "1k"),
        ("1500", 1_500_000, 1500, 1500, "1500"),
        ("1Ki", 1_024_000, 1024, 1024, "1Ki"),
        ("1.5Ki", 1_536_000, 1536, 1536, "1536"),
        ("0.5Mi", 524_288_000, 524_288, 524_288, "512Ki"),
        ("2Gi", 2 * GIB * 1000, 2 * GIB, 2 * GIB, "2Gi"),
        ("1024Gi", 1024 * GIB * 1000, 1024 * GIB, 1024 * GIB, "1Ti"),
        ("2147483648", 2 * GIB * 1000, 2 * GIB, 2 * GIB, "2147483648"),
        ("100Ki", 102_400_000, 102_400, 102_400, "100Ki"),
        ("0.0001Ki", 103, 1, 0, "102400u"),
        ("2e3", 2_000_000, 2000, 2000, "2e3"),
        ("2E3", 2_000_000, 2000, 2000, "2e3"),
        ("25e-1", 2500, 3, 2, "2500e-3"),
        ("1e+2", 100_000, 100, 100, "100"),
        ("1E", i64::MAX, 10_i64.pow(18), 10_i64.pow(18), "1E"),
        ("7Ei", i64::MAX, 7 << 60, 7 << 60, "7Ei"),
        ("9223372036854775807", i64::MAX, i64::MAX, i64::MAX, "9223372036854775807"),
        ("-9223372036854775807", i64::MIN, -i64::MAX, -i64::MAX, "-9223372036854775807"),
        ("000000000000000000000000000001", 1000, 1, 1, "1"),
        ("1.00000000000000000000000000000", 1000, 1, 1, "1"),
        ("0e999999999", 0, 0, 0, "0"),
    ] {
        let read = quantity::parse(text).expect(text);
        let got = (read.milli_ceil(), read.base_ceil(), read.base_floor());
        assert_eq!(got, (milli, up, down), "{text}");
        assert_eq!(read.to_string(), shown, "{text}");
    }
}

#[test]
fn refusals() {
    for text in [
        "",
        "+",
        "-",
        ".",
        "-.",
        "1..2",
        "1.2.3",
        "Ki",
        "m",
        "1K",
        "1ki",
        "1KI",
        "1mi",
        "1 Gi",
        " 1",
        "1 ",
        "1e",
        "1E+",
        "1e1.5",
        "1e3Ki",
        "1Kim",
        "--1",
        "+-1",
        "0x10",
        "1_000",
        "1,5",
        "١",
        "1é",
        "NaN",
        "inf",
        "1e99999999999",
    ] {
        let error = quantity::parse(text).expect_err(text);
        assert!(matches!(error, QuantityError::Malformed(_)), "{text}: {error}");
    }
    for text in
        ["8Ei", "9223372036854775808", "-9223372036854775808", "10E", "1e19", "1e999999999", "1e40"]
    {
        let error = quantity::parse(text).expect_err(text);
        assert!(matches!(error, QuantityError::TooLarge(_)), "{text}: {error}");
    }
    for text in ["1.234567890123456789012345678901", "1.2345678901234567891234Ei"] {
        let error = quantity::parse(text).expect_err(text);
        assert!(matches!(error, QuantityError::TooPrecise(_)), "{text}: {error}");
    }
    let long = "9".repeat(1_000_000);
    let message = quantity::parse(&long).expect_err("long").to_string();
    assert!(message.len() < 200, "{message}");
}

#[test]
fn units_of_resources() {
    assert_eq!(quantity::request("cpu", "0.0001"), Ok(1));
    assert_eq!(quantity::capacity("cpu", "0.0019"), Ok(1));
    assert_eq!(quantity::request("memory", "1.5"), Ok(2));
    assert_eq!(quantity::capacity("memory", "1.5"), Ok(1));
    assert_eq!(quantity::request("nvidia.com/gpu", "2"), Ok(2));
    assert_eq!(quantity::request("cpu", "9223372036854775807m"), Ok(i64::MAX));
    assert!(quantity::request("cpu", "9223372036854776").is_err());
    assert!(quantity::request("memory", "9223372036854776").is_ok());
}

#[test]
fn compares_by_amount() {
    let read = |text: &str| quantity::parse(text).unwrap();
    assert_eq!(read("1024"), read("1Ki"));
    assert_eq!(read("1000m"), read("1"));
    assert!(read("1G") < read("1Gi") && read("-1") < read("1n"));
}

/// Decimal digits, an exponent of ten and one of two, multiplied out the long way.
fn oracle(whole: u32, fraction: &str, suffix: &str) -> i128 {
    let power = |base: i128, times: u32| (0..times).fold(1_i128, |product, _| product * base);
    let mut numerator = i128::from(whole) * power(10, fraction.len() as u32);
    numerator += fraction.parse::<i128>().unwrap_or(0);
    numerator *= 1_000_000_000;
    let mut denominator = power(10, fraction.len() as u32);
    match suffix {
        "n" => denominator *= power(10, 9),
        "u" => denominator *= power(10, 6),
        "m" | "e-3" => denominator *= power(10, 3),
        "k" | "e3" | "E+3" => numerator *= power(10, 3),
        "M" => numerator *= power(10, 6),
        "G" => numerator *= power(10, 9),
        "Ki" => numerator *= power(2, 10),
        "Mi" => numerator *= power(2, 20),
        "Gi" => numerator *= power(2, 30),
        _ => {}
    }
    (numerator + denominator - 1) / denominator
}

proptest! {
    #[test]
    fn agrees_with_the_oracle(
        negative in any::<bool>(),
        whole in 0_u32..1_000_000,
        fraction in "[0-9]{0,6}",
        suffix in prop::sample::select(vec![
            "", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "e-3", "E+3",
        ]),
    ) {
        let text = format!("{}{whole}.{fraction}{suffix}", if negative { "-" } else { "" });
        let read = quantity::parse(&text).unwrap();
        let sign = if negative { -1 } else { 1 };
        prop_assert_eq!(read.nanos(), sign * oracle(whole, &fraction, suffix), "{}", text);
        let nanos = read.nanos();
        prop_assert!(i128::from(read.base_floor()) * 1_000_000_000 <= nanos);
        prop_assert!(i128::from(read.base_ceil()) * 1_000_000_000 >= nanos);
        prop_assert!(read.base_ceil() - read.base_floor() <= 1);
        prop_assert!(read.milli_ceil() - read.milli_floor() <= 1);
        // What is shown reads back as the same amount.
        prop_assert_eq!(read.to_string().parse::<Quantity>().unwrap(), read);
    }

    #[test]
    fn large_amounts_never_wrap(
        digits in "[0-9]{1,25}",
        suffix in prop::sample::select(vec!["", "k", "T", "E", "Ti", "Ei", "e9", "e30", "m", "n"]),
    ) {
        if let Ok(read) = quantity::parse(&format!("{digits}{suffix}")) {
            prop_assert!(read.nanos() >= 0);
            prop_assert!(read.nanos() <= i128::from(i64::MAX) * 1_000_000_000);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = quantity::parse(&text);
    }

    #[test]
    fn text_near_the_grammar_is_read_or_refused(text in "[+-]?[0-9.]{0,30}[numkKMGTPEei]{0,2}[+-]?[0-9]{0,12}") {
        if let Ok(read) = quantity::parse(&text) {
            prop_assert_eq!(read.to_string().parse::<Quantity>().unwrap(), read);
        }
    }
}
