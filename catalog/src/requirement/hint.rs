//! Guesses which label key was meant by a misspelt one.

use crate::well_known;

/// The known label key nearest to `key`, if one is near enough: the same name under another
/// prefix, or few letters apart. `others` are keys known beyond the well-known ones.
pub(super) fn nearest<'a>(key: &str, others: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let candidates = well_known::all()
        .map(|known| -> &'a str { known })
        .chain(others)
        .filter(|candidate| *candidate != key);
    candidates
        .filter_map(|candidate| Some((distance(key, candidate)?, candidate)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// How far a candidate is from what was written; `None` when it is not worth a hint.
fn distance(key: &str, candidate: &str) -> Option<usize> {
    let name = |key: &str| key.rsplit_once('/').map_or(key.to_owned(), |(_, name)| name.to_owned());
    // Keys are short; a longer one is no misspelling of a known label.
    const LONGEST: usize = 100;
    if key.len() > LONGEST {
        return None;
    }
    if name(key) == name(candidate) {
        return Some(1);
    }
    // One letter in five may be wrong.
    let edits = edit_distance(key.as_bytes(), candidate.as_bytes());
    (edits <= candidate.len() / 5).then_some(edits)
}

/// Levenshtein's distance, one row at a time.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, want) in
            [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("zone", "znoe", 2)]
        {
            assert_eq!(edit_distance(a.as_bytes(), b.as_bytes()), want, "{a} {b}");
        }
    }

    #[test]
    fn hints() {
        for (key, want) in [
            ("zone", Some("topology.kubernetes.io/zone")),
            ("topology.kubernetse.io/zone", Some("topology.kubernetes.io/zone")),
            ("karpenter.sh/capacity-typ", Some("karpenter.sh/capacity-type")),
            ("karpenter.azure.com/sku-famly", Some("karpenter.azure.com/sku-family")),
            ("example.com/tea", Some("example.com/team")),
            ("example.org/unrelated", None),
        ] {
            assert_eq!(nearest(key, ["example.com/team"].into_iter()), want, "{key}");
        }
        assert_eq!(nearest(&"a".repeat(1_000_000), std::iter::empty()), None);
    }
}
