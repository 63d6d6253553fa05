//! Names of rounds.

use jiff::Timestamp;

/// Digits in order of their character codes, so that names sort as numbers do.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Hands out the names of rounds: nine characters, later ones after earlier ones.
#[derive(Debug, Default)]
pub struct Rounds {
    last: u64,
}

impl Rounds {
    /// The name of a round that starts at `now`: its milliseconds since 1970 in base 32, at least
    /// one more than those of the round before.
    pub fn next(&mut self, now: Timestamp) -> String {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        self.last = millis.max(self.last + 1);
        let digit = |place: u32| DIGITS[(self.last >> (5 * place)) as usize % DIGITS.len()];
        (0..9).rev().map(|place| char::from(digit(place))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_rounds_sort_after_earlier_ones() {
        let mut rounds = Rounds::default();
        let at = |millis| Timestamp::from_millisecond(millis).expect("a small number");
        let names: Vec<String> = [1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_031, 5]
            .map(|millis| rounds.next(at(millis)))
            .into();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(names, sorted);
        assert!(names.iter().all(|name| name.len() == 9));
    }
}
