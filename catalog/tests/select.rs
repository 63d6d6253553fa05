//! The `--where` language: what each form means, and where each error is.

use catalog::{Operator, Requirement, Requirements, select};
use proptest::prelude::*;

fn all(parts: &[(&str, Operator, &[&str])]) -> Requirements {
    parts
        .iter()
        .map(|(key, operator, values)| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            Requirement::new(key, *operator, &values, None).expect("well formed")
        })
        .collect()
}

#[test]
fn every_form() {
    use Operator::*;
    let family = "karpenter.azure.com/sku-family";
    for (text, want) in [
        ("", all(&[])),
        ("  ", all(&[])),
        ("key", all(&[("key", Exists, &[])])),
        ("!key", all(&[("key", DoesNotExist, &[])])),
        ("! key ", all(&[("key", DoesNotExist, &[])])),
        ("key=v", all(&[("key", In, &["v"])])),
        ("key == v", all(&[("key", In, &["v"])])),
        ("key != v", all(&[("key", NotIn, &["v"])])),
        ("key>7", all(&[("key", Gt, &["7"])])),
        ("key >= 7", all(&[("key", Gte, &["7"])])),
        ("key <7", all(&[("key", Lt, &["7"])])),
        ("key<= 7", all(&[("key", Lte, &["7"])])),
        ("key in (a)", all(&[("key", In, &["a"])])),
        ("key in(a,b , c)", all(&[("key", In, &["a", "b", "c"])])),
        ("key notin (a,b)", all(&[("key", NotIn, &["a", "b"])])),
        ("in in (in)", all(&[("in", In, &["in"])])),
        ("notin", all(&[("notin", Exists, &[])])),
        (
            "karpenter.azure.com/sku-family in (D,E), karpenter.azure.com/sku-cpu > 7",
            all(&[(family, In, &["D", "E"]), ("karpenter.azure.com/sku-cpu", Gt, &["7"])]),
        ),
        (
            "k > 2, k < 9, k != 5",
            all(&[("k", Gt, &["2"]), ("k", Lt, &["9"]), ("k", NotIn, &["5"])]),
        ),
        ("beta.kubernetes.io/os = linux", all(&[("kubernetes.io/os", In, &["linux"])])),
        ("!k, k notin (a)", all(&[("k", DoesNotExist, &[])])),
        ("k notin (a), !k", all(&[("k", DoesNotExist, &[])])),
    ] {
        assert_eq!(select::parse(text).as_ref(), Ok(&want), "{text}");
    }
}

#[test]
fn errors_name_the_column() {
    for (text, column, part) in [
        (",", 1, "expected a label key, found ','"),
        ("a,", 3, "expected a label key, found the end"),
        ("a,,b", 3, "expected a label key, found ','"),
        ("!", 2, "expected a label key, found the end"),
        ("!!a", 2, "expected a label key, found '!'"),
        ("a b", 3, "expected in, notin"),
        ("a ~ 7", 3, "expected in, notin"),
        ("a in", 5, "expected '(', found the end"),
        ("a in b", 6, "expected '(', found 'b'"),
        ("a in (", 7, "expected a value, found the end"),
        ("a in ()", 7, "expected a value, found ')'"),
        ("a in (b", 8, "expected ')', found the end"),
        ("a in (b c)", 9, "expected ')', found 'c'"),
        ("a in (b) c", 10, "expected a comma or the end, found 'c'"),
        ("!a = b", 4, "expected a comma or the end, found '='"),
        ("a >", 4, "expected a value, found the end"),
        ("a > b", 5, "exactly one non-negative integer"),
        ("a > -1", 5, "exactly one non-negative integer"),
        ("a >= 99999999999999999999", 6, "below 2^63"),
        ("a in (b, -c)", 10, "\"-c\" is not a label value"),
        ("é = b", 1, "not a label key"),
        ("x = é", 5, "not a label value"),
        ("a/b/c", 1, "not a label key"),
        ("x, k = a, k = b", 11, "nothing satisfies this as well as k in (a)"),
        ("k > 7, k < 3", 8, "nothing satisfies this as well as k >= 8"),
        ("k, !k", 4, "nothing satisfies this as well as k exists"),
        ("!k, k", 5, "nothing satisfies this as well as k does not exist"),
    ] {
        let error = select::parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.problem.contains(part), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = select::parse(&text);
    }

    #[test]
    fn never_panics_near_the_grammar(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b/c", "in", "notin", "(", ")", ",", "!", "=", "==", "!=", ">", ">=", "<",
                "<=", " ", "7", "-", "é", "\t",
            ]),
            0..12,
        ),
    ) {
        let text = parts.concat();
        if let Err(error) = select::parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
        }
    }

    /// What a term says is what its sets hold, against a direct reading of the operator.
    #[test]
    fn numbers_compare_as_numbers(
        sign in prop::sample::select(vec!["=", "!=", ">", ">=", "<", "<="]),
        bound in 0_i64..12,
        value in 0_i64..12,
    ) {
        let read = select::parse(&format!("cpu {sign} {bound}")).unwrap();
        let want = match sign {
            "=" => value == bound,
            "!=" => value != bound,
            ">" => value > bound,
            ">=" => value >= bound,
            "<" => value < bound,
            _ => value <= bound,
        };
        prop_assert_eq!(read.get("cpu").unwrap().has(&value.to_string()), want);
    }
}
