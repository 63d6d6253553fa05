//! Karpenter's requirement algebra (karpenter/pkg/scheduling): a table of cases for each rule, and
//! laws against a brute-force reading of sets over a small universe of values.

use catalog::{Conflict, Operator, Requirement, RequirementError, Requirements, well_known};
use proptest::prelude::*;

use Operator::{DoesNotExist, Exists, Gt, Gte, In, Lt, Lte, NotIn};

fn new(operator: Operator, values: &[&str]) -> Requirement {
    let values: Vec<String> = values.iter().map(ToString::to_string).collect();
    Requirement::new("key", operator, &values, None).expect("well formed")
}

/// `None` for both bounds means none.
fn expect(operator: Operator, values: &[&str], gte: Option<i64>, lte: Option<i64>) -> Requirement {
    Requirement { gte, lte, ..new(operator, values) }
}

#[test]
fn representation() {
    for (given, values, complement, held, gte, lte) in [
        (In, &["a", "b", "a"][..], false, &["a", "b"][..], None, None),
        (NotIn, &["a"], true, &["a"], None, None),
        (NotIn, &[], true, &[], None, None),
        (Exists, &[], true, &[], None, None),
        (Exists, &["dropped"], true, &[], None, None),
        (DoesNotExist, &[], false, &[], None, None),
        (Gt, &["4"], true, &[], Some(5), None),
        (Gte, &["4"], true, &[], Some(4), None),
        (Lt, &["4"], true, &[], None, Some(3)),
        (Lt, &["0"], true, &[], None, Some(-1)),
        (Lte, &["4"], true, &[], None, Some(4)),
        (Lte, &["9223372036854775807"], true, &[], None, Some(i64::MAX)),
    ] {
        let read = new(given, values);
        let listed: Vec<&str> = read.values.iter().map(AsRef::as_ref).collect();
        assert_eq!(
            (read.complement, &listed[..], read.gte, read.lte),
            (complement, held, gte, lte),
            "{given} {values:?}"
        );
    }
    let beta = Requirement::new("beta.kubernetes.io/arch", Exists, &[], None).unwrap();
    assert_eq!(&*beta.key, well_known::ARCH);
}

#[test]
fn refusals() {
    let read = |key: &str, operator, values: &[&str], min_values| {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        Requirement::new(key, operator, &values, min_values)
    };
    for operator in [Gt, Lt, Gte, Lte] {
        for values in [
            &[][..],
            &["1", "2"],
            &["a"],
            &[""],
            &["-1"],
            &["+1"],
            &["1.5"],
            &["9223372036854775808"],
        ] {
            let error = read("key", operator, values, None).unwrap_err();
            assert!(matches!(error, RequirementError::Bound { .. }), "{operator} {values:?}");
        }
    }
    // Nothing is greater than the largest integer.
    assert!(read("key", Gt, &["9223372036854775807"], None).is_err());
    assert_eq!(read("k", In, &[], None), Err(RequirementError::NoValues { key: "k".into() }));
    assert!(matches!(read("a b", Exists, &[], None), Err(RequirementError::Key { .. })));
    assert!(matches!(read("", Exists, &[], None), Err(RequirementError::Key { .. })));
    assert!(matches!(read("k", In, &["a b"], None), Err(RequirementError::Value { .. })));
    for (values, min, good) in [
        (&["a", "b"][..], 2, true),
        (&["a", "b"], 3, false),
        (&["a", "b"], 0, false),
        (&["a", "b"], 51, false),
    ] {
        assert_eq!(read("k", In, values, Some(min)).is_ok(), good, "{min}");
    }
    assert!(read("k", Exists, &[], Some(50)).is_ok());
    assert!(read("k", NotIn, &["a"], Some(5)).is_ok());
    let message = read("k", Gt, &["x", "y"], None).unwrap_err().to_string();
    assert_eq!(
        message,
        "k: operator Gt needs exactly one non-negative integer below 2^63, has [x, y]"
    );
}

#[test]
fn has() {
    for (requirement, yes, no) in [
        (new(In, &["a", "1"]), &["a", "1"][..], &["b", "", "01"][..]),
        (new(NotIn, &["a"]), &["b", "", "1"], &["a"]),
        (new(Exists, &[]), &["a", "", "1"], &[]),
        (new(DoesNotExist, &[]), &[], &["a", "", "1"]),
        // Under a bound, only integers count.
        (new(Gt, &["4"]), &["5", "05", "99"], &["4", "a", "", "5.5", "5a", "9223372036854775808"]),
        (new(Gte, &["4"]), &["4", "5"], &["3", "a"]),
        (new(Lt, &["4"]), &["3", "0"], &["4", "a", ""]),
        (new(Lte, &["4"]), &["4", "3"], &["5", "a"]),
        (new(Lt, &["0"]), &[], &["0", "1", "a"]),
    ] {
        for value in yes {
            assert!(requirement.has(value), "{requirement} has {value:?}");
        }
        for value in no {
            assert!(!requirement.has(value), "{requirement} has no {value:?}");
        }
    }
}

#[test]
fn operator_of_a_result() {
    for (requirement, want) in [
        (new(In, &["a"]), In),
        (new(NotIn, &["a"]), NotIn),
        (new(NotIn, &[]), Exists),
        (new(Exists, &[]), Exists),
        (new(DoesNotExist, &[]), DoesNotExist),
        (new(Gt, &["4"]), Exists),
        (new(Lte, &["4"]), Exists),
        (new(In, &["a"]).intersection(&new(In, &["b"])), DoesNotExist),
        (new(Gt, &["4"]).intersection(&new(NotIn, &["7"])), NotIn),
        (new(Gt, &["4"]).intersection(&new(NotIn, &["a"])), Exists),
    ] {
        assert_eq!(requirement.operator(), want, "{requirement}");
        assert_eq!(requirement.is_empty(), want == DoesNotExist);
        assert_eq!(requirement.is_negative(), matches!(want, NotIn | DoesNotExist));
    }
}

#[test]
fn intersection_of_each_pair_of_complements() {
    let (none, some) = (None, Some);
    for (a, b, want) in [
        // both finite
        (new(In, &["a", "b"]), new(In, &["b", "c"]), new(In, &["b"])),
        (new(In, &["a"]), new(In, &["b"]), new(DoesNotExist, &[])),
        (new(In, &["a"]), new(DoesNotExist, &[]), new(DoesNotExist, &[])),
        (new(DoesNotExist, &[]), new(DoesNotExist, &[]), new(DoesNotExist, &[])),
        // one complement
        (new(In, &["a", "b"]), new(NotIn, &["b", "c"]), new(In, &["a"])),
        (new(In, &["a"]), new(NotIn, &["a"]), new(DoesNotExist, &[])),
        (new(In, &["a"]), new(Exists, &[]), new(In, &["a"])),
        (new(DoesNotExist, &[]), new(Exists, &[]), new(DoesNotExist, &[])),
        (new(DoesNotExist, &[]), new(NotIn, &["a"]), new(DoesNotExist, &[])),
        // both complements
        (new(NotIn, &["a"]), new(NotIn, &["b"]), new(NotIn, &["a", "b"])),
        (new(NotIn, &["a"]), new(Exists, &[]), new(NotIn, &["a"])),
        (new(Exists, &[]), new(Exists, &[]), new(Exists, &[])),
        // bounds filter finite sets and are dropped
        (new(In, &["1", "5", "9", "x"]), new(Gt, &["4"]), new(In, &["5", "9"])),
        (new(In, &["1", "5", "9", "x"]), new(Lt, &["5"]), new(In, &["1"])),
        (new(In, &["x"]), new(Gte, &["0"]), new(DoesNotExist, &[])),
        (new(DoesNotExist, &[]), new(Gt, &["4"]), new(DoesNotExist, &[])),
        // the tighter bounds stay with complements
        (new(Gt, &["4"]), new(Gte, &["7"]), expect(Exists, &[], some(7), none)),
        (new(Lt, &["4"]), new(Lte, &["7"]), expect(Exists, &[], none, some(3))),
        (new(Gt, &["4"]), new(Lt, &["9"]), expect(Exists, &[], some(5), some(8))),
        (new(Gte, &["4"]), new(Lte, &["4"]), expect(Exists, &[], some(4), some(4))),
        // bounds that cross leave nothing
        (new(Gt, &["4"]), new(Lt, &["5"]), new(DoesNotExist, &[])),
        (new(Gte, &["5"]), new(Lte, &["4"]), new(DoesNotExist, &[])),
        // excluded values outside the bounds are forgotten
        (new(NotIn, &["3", "6", "x"]), new(Gt, &["4"]), expect(NotIn, &["6"], some(5), none)),
        // Karpenter does not count the integers left between bounds
        (
            new(NotIn, &["5"]),
            expect(Exists, &[], some(5), some(5)),
            expect(NotIn, &["5"], some(5), some(5)),
        ),
    ] {
        assert_eq!(a.intersection(&b), want, "{a} with {b}");
        assert_eq!(b.intersection(&a), want, "{b} with {a}");
    }
}

#[test]
fn min_values_is_the_larger_of_both() {
    let with =
        |operator, values: &[&str], min_values| Requirement { min_values, ..new(operator, values) };
    for (a, b, want) in [(None, None, None), (Some(2), None, Some(2)), (Some(2), Some(3), Some(3))]
    {
        for (left, right) in [
            (with(In, &["a", "b"], a), with(Exists, &[], b)),
            (with(In, &["a"], a), with(In, &["b"], b)),
            (with(Gt, &["4"], a), with(Lt, &["2"], b)),
        ] {
            assert_eq!(left.intersection(&right).min_values, want);
            assert_eq!(right.intersection(&left).min_values, want);
        }
    }
}

#[test]
fn intersects_by_value_or_by_both_being_negative() {
    for (a, b, want) in [
        (new(In, &["a", "b"]), new(In, &["b"]), true),
        (new(In, &["a"]), new(In, &["b"]), false),
        (new(In, &["a"]), new(NotIn, &["a"]), false),
        (new(In, &["a"]), new(DoesNotExist, &[]), false),
        (new(Exists, &[]), new(DoesNotExist, &[]), false),
        (new(Gt, &["4"]), new(DoesNotExist, &[]), false),
        // the four pairs of negative operators
        (new(NotIn, &["a"]), new(NotIn, &["b"]), true),
        (new(NotIn, &["a"]), new(DoesNotExist, &[]), true),
        (new(DoesNotExist, &[]), new(DoesNotExist, &[]), true),
        // bounds
        (new(Gt, &["4"]), new(Lt, &["5"]), false),
        (new(Gt, &["4"]), new(Lt, &["6"]), true),
        (new(In, &["x"]), new(Gt, &["4"]), false),
        (new(In, &["4", "5"]), new(Gt, &["4"]), true),
        (new(NotIn, &["x"]), new(Gt, &["4"]), true),
    ] {
        assert_eq!(a.intersects(&b), want, "{a} with {b}");
        assert_eq!(b.intersects(&a), want, "{b} with {a}");
    }
}

fn requirements(parts: &[(&str, Operator, &[&str])]) -> Requirements {
    parts
        .iter()
        .map(|(key, operator, values)| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            Requirement::new(key, *operator, &values, None).expect("well formed")
        })
        .collect()
}

#[test]
fn compatible_for_defined_and_undefined_keys() {
    let zone = well_known::ZONE;
    let none = &[][..];
    // what nodes have, what is asked, compatible strictly, and with well-known keys allowed
    for (had, asked, strict, lenient) in [
        (&[][..], &[][..], true, true),
        // undefined custom keys
        (&[], &[("team", In, &["a"][..])], false, false),
        (&[], &[("team", Exists, none)], false, false),
        (&[], &[("team", Gt, &["1"])], false, false),
        (&[], &[("team", NotIn, &["a"])], true, true),
        (&[], &[("team", DoesNotExist, none)], true, true),
        // undefined well-known keys
        (&[], &[(zone, In, &["a"])], false, true),
        (&[], &[(zone, Exists, none)], false, true),
        (&[], &[(zone, NotIn, &["a"])], true, true),
        (&[], &[("failure-domain.beta.kubernetes.io/zone", In, &["a"])], false, true),
        // defined keys must intersect, well-known or not
        (&[(zone, In, &["a", "b"][..])], &[(zone, In, &["b"])], true, true),
        (&[(zone, In, &["a"])], &[(zone, In, &["b"])], false, false),
        (&[("team", In, &["a"])], &[("team", NotIn, &["a"])], false, false),
        (&[("team", In, &["a"])], &[("team", DoesNotExist, none)], false, false),
        (&[("team", DoesNotExist, none)], &[("team", NotIn, &["a"])], true, true),
        (&[("team", DoesNotExist, none)], &[("team", DoesNotExist, none)], true, true),
        (&[("team", DoesNotExist, none)], &[("team", Exists, none)], false, false),
        (&[("team", NotIn, &["a"])], &[("team", DoesNotExist, none)], true, true),
        (&[("cpu", In, &["4", "8"])], &[("cpu", Gt, &["4"])], true, true),
        (&[("cpu", In, &["4", "8"])], &[("cpu", Gt, &["8"])], false, false),
        // keys that only the nodes have do not matter
        (&[("team", In, &["a"]), (zone, In, &["a"])], &[(zone, In, &["a"])], true, true),
        // one bad key is enough
        (&[(zone, In, &["a"])], &[(zone, In, &["a"]), ("team", Exists, none)], false, false),
    ] {
        let (had, asked) = (requirements(had), requirements(asked));
        let nothing = |_: &str| false;
        assert_eq!(had.compatible(&asked, &nothing).is_ok(), strict, "{had} / {asked}");
        assert_eq!(had.is_compatible(&asked, &nothing), strict);
        let known = well_known::is_well_known;
        assert_eq!(had.compatible(&asked, &known).is_ok(), lenient, "{had} / {asked}");
        assert_eq!(had.is_compatible(&asked, &known), lenient);
        let overlap = asked.0.keys().all(|key| {
            had.get(key).is_none_or(|had| asked.get(key).is_some_and(|asked| had.intersects(asked)))
        });
        assert_eq!(had.intersects(&asked).is_ok(), overlap, "{had} / {asked}");
    }
}

#[test]
fn reasons_name_keys_values_and_typos() {
    let had = requirements(&[("example.com/team", In, &["a"]), (well_known::OS, In, &["linux"])]);
    let asked = requirements(&[
        ("example.com/taem", In, &["a"]),
        (well_known::OS, In, &["windows"]),
        ("zone", In, &["1"]),
        ("none/like-it", Exists, &[]),
    ]);
    let error = had.compatible(&asked, &well_known::is_well_known).unwrap_err();
    let keys: Vec<&str> = error.0.iter().map(Conflict::key).collect();
    assert_eq!(keys, ["example.com/taem", well_known::OS, "none/like-it", "zone"]);
    assert_eq!(
        error.to_string(),
        "no node has the label example.com/taem (did you mean example.com/team?); \
         asked for kubernetes.io/os in (windows), but kubernetes.io/os in (linux); \
         no node has the label none/like-it; \
         no node has the label zone (did you mean topology.kubernetes.io/zone?)"
    );
}

#[test]
fn collections() {
    let mut all = requirements(&[("k", In, &["1", "5", "9"])]);
    all.add(new(Exists, &[]));
    all.add(Requirement { key: "k".into(), ..new(Gt, &["4"]) });
    assert_eq!(all.get("k"), Some(&Requirement::one_of("k", ["5", "9"])));
    assert_eq!(all.get("absent"), None);
    let labels = [("beta.kubernetes.io/os", "linux"), ("a", ""), (well_known::OS, "linux")];
    let from = Requirements::from_labels(labels);
    assert_eq!(from, requirements(&[(well_known::OS, In, &["linux"]), ("a", In, &[""])]));
    let mut both = all.clone();
    both.add_all(&requirements(&[("k", In, &["9"]), ("a", Exists, &[])]));
    assert_eq!(both, requirements(&[("key", Exists, &[]), ("k", In, &["9"]), ("a", Exists, &[])]));
}

#[test]
fn text() {
    for (requirement, want) in [
        (new(In, &["b", "a"]), "key in (a, b)"),
        (new(In, &["1", "2", "3", "4", "5", "6", "7"]), "key in (1, 2, 3, 4, 5 and 2 more)"),
        (new(NotIn, &["a"]), "key notin (a)"),
        (new(Exists, &[]), "key exists"),
        (new(DoesNotExist, &[]), "key does not exist"),
        (new(Gt, &["4"]), "key >= 5"),
        (expect(Exists, &[], Some(5), Some(8)), "key >= 5 and <= 8"),
        (expect(NotIn, &["6"], Some(5), Some(8)), "key notin (6) and >= 5 and <= 8"),
    ] {
        assert_eq!(requirement.to_string(), want);
    }
}

/// The values that tests draw from, and the whole universe that sets are compared over: integers
/// beyond every bound on both sides, and texts that are none.
const VALUES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "x", "y"];
const UNIVERSE: [&str; 13] =
    ["0", "1", "2", "3", "4", "5", "x", "y", "6", "100", "z", "", "9223372036854775807"];

fn any_requirement() -> impl Strategy<Value = Requirement> {
    let operators = prop::sample::select(vec![In, NotIn, Exists, DoesNotExist, Gt, Lt, Gte, Lte]);
    let values = prop::sample::subsequence(VALUES.to_vec(), 1..VALUES.len());
    (operators, values, 0_u32..6, prop::option::of(1_u32..4)).prop_map(
        |(operator, values, bound, min_values)| {
            let bound = bound.to_string();
            let values = match operator {
                Gt | Lt | Gte | Lte => vec![bound.as_str()],
                _ => values,
            };
            Requirement { min_values, ..new(operator, &values) }
        },
    )
}

/// What a requirement admits, worked out from its definition alone.
fn admits(operator: Operator, values: &[&str], value: &str) -> bool {
    let compare = |test: fn(i64, i64) -> bool| {
        let bound: i64 = values[0].parse().expect("a number");
        value.parse::<i64>().is_ok_and(|value| test(value, bound))
    };
    match operator {
        In => values.contains(&value),
        NotIn => !values.contains(&value),
        Exists => true,
        DoesNotExist => false,
        Gt => compare(|value, bound| value > bound),
        Lt => compare(|value, bound| value < bound),
        Gte => compare(|value, bound| value >= bound),
        Lte => compare(|value, bound| value <= bound),
    }
}

fn set(requirement: &Requirement) -> Vec<&'static str> {
    UNIVERSE.into_iter().filter(|value| requirement.has(value)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn membership_is_the_operators_meaning(
        operator in prop::sample::select(vec![In, NotIn, Exists, DoesNotExist, Gt, Lt, Gte, Lte]),
        values in prop::sample::subsequence(VALUES.to_vec(), 1..VALUES.len()),
        bound in 0_u32..6,
    ) {
        let bound = bound.to_string();
        let values = match operator {
            Gt | Lt | Gte | Lte => vec![bound.as_str()],
            _ => values,
        };
        let requirement = new(operator, &values);
        for value in UNIVERSE {
            prop_assert_eq!(requirement.has(value), admits(operator, &values, value), "{}", value);
        }
    }

    /// Intersection is that of the sets, in any order and grouping.
    #[test]
    fn intersection_is_that_of_sets(
        a in any_requirement(), b in any_requirement(), c in any_requirement(),
    ) {
        let both = a.intersection(&b);
        let want: Vec<&str> =
            UNIVERSE.into_iter().filter(|value| a.has(value) && b.has(value)).collect();
        prop_assert_eq!(set(&both), want);
        prop_assert_eq!(&both, &b.intersection(&a));
        prop_assert_eq!(both.intersection(&c), a.intersection(&b.intersection(&c)));
        prop_assert_eq!(&both.intersection(&b), &both);
        prop_assert_eq!(both.min_values, a.min_values.max(b.min_values));
    }

    /// `intersects` agrees with the intersection, and with the sets except where Karpenter itself
    /// does not count the integers between two bounds.
    #[test]
    fn intersects_is_a_shared_value_or_two_negatives(
        a in any_requirement(), b in any_requirement(), c in any_requirement(),
    ) {
        let a = a.intersection(&c);
        let shared = !a.intersection(&b).is_empty();
        let negative = |one: &Requirement| matches!(one.operator(), NotIn | DoesNotExist);
        let want = shared || (negative(&a) && negative(&b));
        prop_assert_eq!(a.intersects(&b), want);
        prop_assert_eq!(b.intersects(&a), want);
        let in_universe = UNIVERSE.iter().any(|value| a.has(value) && b.has(value));
        prop_assert!(!in_universe || shared);
        if !(a.complement && b.complement) {
            prop_assert_eq!(shared, in_universe);
        }
    }

    /// A node whose label has one value satisfies exactly what has that value.
    #[test]
    fn compatible_with_one_node(
        asked in any_requirement(), label in prop::option::of(prop::sample::select(VALUES.to_vec())),
    ) {
        let node = Requirements::from_labels(label.map(|value| ("key", value)));
        let want = match label {
            Some(value) => asked.has(value),
            None => asked.is_negative(),
        };
        let asked: Requirements = [asked].into_iter().collect();
        prop_assert_eq!(node.compatible(&asked, &|_| false).is_ok(), want);
        prop_assert_eq!(node.is_compatible(&asked, &|_| false), want);
    }

    /// Narrowing what nodes have never makes them compatible, unless it takes the label away.
    #[test]
    fn narrowing_is_monotone(
        had in any_requirement(), narrower in any_requirement(), asked in any_requirement(),
    ) {
        let narrowed = had.intersection(&narrower);
        if !narrowed.is_empty() && narrowed.intersects(&asked) && !narrowed.is_negative() {
            prop_assert!(had.intersects(&asked), "{} {} {}", had, narrowed, asked);
        }
    }
}
