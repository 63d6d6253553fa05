//! The least numbers of instances that restrictions allow.

use std::collections::BTreeSet;

use crate::instance::Fault;

/// More instances of one part than any application has.
pub(super) const MOST_INSTANCES: i64 = 1_000;
/// How many vectors of numbers are looked at before giving up.
const MOST_VECTORS: usize = 100_000;
/// How many pairs of alternatives there may be: each doubles the cases.
const MOST_ALTERNATIVES: usize = 12;
/// How many minimal vectors are solved for.
const MOST_MINIMAL: usize = 256;

/// The sum of factor × number over some parts is at least `least`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Linear {
    /// (part, factor).
    pub terms: Vec<(usize, i64)>,
    /// The right-hand side.
    pub least: i64,
}

impl Linear {
    fn holds(&self, counts: &[u32]) -> bool {
        let terms = self.terms.iter();
        terms.map(|&(part, factor)| factor * i64::from(counts[part])).sum::<i64>() >= self.least
    }
}

/// The vectors of numbers, one entry per part, that satisfy everything and of which no entry can
/// be lowered without breaking something even if others are lowered too.
///
/// Every part has at least one instance; of a pair of alternatives exactly one has any.
pub(super) fn minimal(
    parts: usize,
    constraints: &[Linear],
    alternatives: &[(usize, usize)],
) -> Result<Vec<Vec<u32>>, Fault> {
    if alternatives.len() > MOST_ALTERNATIVES {
        let limit = MOST_ALTERNATIVES as u64;
        return Err(Fault::TooMany { what: "AlternativeComponents", limit });
    }
    let mut found = BTreeSet::new();
    for absent in absences(parts, alternatives) {
        climb(&absent, constraints, &mut found)?;
    }
    let found: Vec<Vec<u32>> = found.into_iter().collect();
    let below = |a: &[u32], b: &[u32]| a != b && a.iter().zip(b).all(|(a, b)| a <= b);
    let least = found.iter().filter(|one| !found.iter().any(|other| below(other, one)));
    let least: Vec<Vec<u32>> = least.cloned().collect();
    match least.len() {
        0 => {
            Err(Fault::Contradiction("the restrictions on numbers of instances exclude each other"))
        }
        1..=MOST_MINIMAL => Ok(least),
        _ => Err(Fault::TooMany { what: "ways to count instances", limit: MOST_MINIMAL as u64 }),
    }
}

/// Which parts are left out, for every way to choose one of each pair.
fn absences(parts: usize, alternatives: &[(usize, usize)]) -> BTreeSet<Vec<bool>> {
    let choices = 0_u32..1 << alternatives.len();
    let absent = choices.map(|choice| {
        let mut absent = vec![false; parts];
        for (bit, &(alpha, beta)) in alternatives.iter().enumerate() {
            absent[if choice >> bit & 1 == 0 { beta } else { alpha }] = true;
        }
        absent
    });
    absent.filter(|absent| alternatives.iter().all(|&(a, b)| absent[a] != absent[b])).collect()
}

/// Starts from one instance each and raises, for a constraint that does not hold, each number that
/// can help. Every vector that satisfies all is above one that is found.
fn climb(
    absent: &[bool],
    constraints: &[Linear],
    found: &mut BTreeSet<Vec<u32>>,
) -> Result<(), Fault> {
    let start: Vec<u32> = absent.iter().map(|&absent| u32::from(!absent)).collect();
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(counts) = open.pop() {
        let Some(broken) = constraints.iter().find(|one| !one.holds(&counts)) else {
            found.insert(counts);
            continue;
        };
        for &(part, factor) in &broken.terms {
            if factor <= 0 || absent[part] || i64::from(counts[part]) >= MOST_INSTANCES {
                continue;
            }
            let mut raised = counts.clone();
            raised[part] += 1;
            if seen.len() >= MOST_VECTORS {
                let limit = MOST_VECTORS as u64;
                return Err(Fault::TooMany { what: "ways to count instances", limit });
            }
            if seen.insert(raised.clone()) {
                open.push(raised);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(terms: &[(usize, i64)], least: i64) -> Linear {
        Linear { terms: terms.to_vec(), least }
    }

    #[test]
    fn a_bound_on_a_sum_leaves_the_split_open() {
        let at_least_three = linear(&[(0, 1), (1, 1)], 4);
        let found = minimal(2, &[at_least_three], &[]).unwrap();
        assert_eq!(found, [vec![1, 3], vec![2, 2], vec![3, 1]]);
    }

    #[test]
    fn needs_pull_providers_up() {
        // Two of part 1 for every three of part 0, of which there are four.
        let constraints = [linear(&[(0, 1)], 4), linear(&[(0, -2), (1, 3)], 0)];
        assert_eq!(minimal(2, &constraints, &[]), Ok(vec![vec![4, 3]]));
    }

    #[test]
    fn one_of_two_alternatives_is_there() {
        assert_eq!(minimal(2, &[], &[(0, 1)]), Ok(vec![vec![0, 1], vec![1, 0]]));
        let needs_second = linear(&[(1, 1)], 2);
        assert_eq!(minimal(2, &[needs_second], &[(0, 1)]), Ok(vec![vec![0, 2]]));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let contradiction = [linear(&[(0, 1)], 3), linear(&[(0, -1)], -2)];
        assert!(matches!(minimal(1, &contradiction, &[]), Err(Fault::Contradiction(_))));
        let endless = [linear(&[(0, 1), (1, 1), (2, 1), (3, 1)], 900)];
        assert!(matches!(minimal(4, &endless, &[]), Err(Fault::TooMany { .. })));
        let pairs = vec![(0, 1); 13];
        assert!(matches!(minimal(2, &[], &pairs), Err(Fault::TooMany { .. })));
    }
}
