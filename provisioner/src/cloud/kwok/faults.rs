//! Faults to rehearse: sold-out offerings, slow launches, machines that get lost.
//!
//! Each is a rule `PATTERN[=VALUE]`. A pattern is `type/zone/capacity-type`; `*` stands for any
//! text within a part, parts left out at the end stand for anything. Whether a rule with a rate
//! strikes follows from the seed, the claim's name and the offering, so that a run can be
//! repeated.
//!
//! | rule | example | meaning |
//! |---|---|---|
//! | refuse | `m-*/test-zone-a/spot=0.5` | half of these launches are refused; all when no rate is given |
//! | slow | `*=30s` | these launches take 30 s |
//! | lose | `*/*/spot=0.1@10m` | a tenth of these machines is lost when they are 10 min old |

use std::{
    hash::{Hash, Hasher},
    str::FromStr,
};

use jiff::SignedDuration;

use crate::api::{duration, v1::OfferingRef};

/// All faults of a cloud.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Decides where rates apply.
    pub seed: u64,
    /// Offerings that are refused.
    pub refuse: Vec<Refuse>,
    /// Launches that take long; the first rule that matches holds.
    pub slow: Vec<Slow>,
    /// Machines that get lost.
    pub lose: Vec<Lose>,
}

/// `PATTERN[=RATE]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Refuse {
    pattern: Pattern,
    rate: f64,
}

/// `PATTERN=DURATION`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slow {
    pattern: Pattern,
    by: SignedDuration,
}

/// `PATTERN=RATE@AGE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lose {
    pattern: Pattern,
    rate: f64,
    age: SignedDuration,
}

/// Why a rule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule:?} is no rule: {problem}")]
pub struct FaultError {
    rule: String,
    problem: &'static str,
}

impl Faults {
    /// Whether the launch of a claim from an offering is refused.
    pub fn refuses(&self, claim: &str, offering: &OfferingRef) -> bool {
        self.refuse.iter().any(|rule| {
            rule.pattern.matches(offering) && self.draw("refuse", claim, offering) < rule.rate
        })
    }

    /// How long a launch takes.
    pub fn delay(&self, offering: &OfferingRef) -> SignedDuration {
        let rule = self.slow.iter().find(|rule| rule.pattern.matches(offering));
        rule.map_or(SignedDuration::ZERO, |rule| rule.by)
    }

    /// The age at which a machine gets lost.
    pub fn lost_at(&self, claim: &str, offering: &OfferingRef) -> Option<SignedDuration> {
        let rules = self.lose.iter().filter(|rule| {
            rule.pattern.matches(offering) && self.draw("lose", claim, offering) < rule.rate
        });
        rules.map(|rule| rule.age).min()
    }

    /// A number from 0 to 1, the same for the same question.
    fn draw(&self, what: &str, claim: &str, offering: &OfferingRef) -> f64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (self.seed, what, claim, offering).hash(&mut hasher);
        // The upper 53 bits fill a float's mantissa, so the result is below 1.
        (mix(hasher.finish()) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Spreads every bit over all others (the finaliser of splitmix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl FromStr for Refuse {
    type Err = FaultError;

    fn from_str(rule: &str) -> Result<Self, FaultError> {
        let (pattern, rate) = rule.split_once('=').unwrap_or((rule, "1"));
        Ok(Self { pattern: Pattern::read(rule, pattern)?, rate: read_rate(rule, rate)? })
    }
}

impl FromStr for Slow {
    type Err = FaultError;

    fn from_str(rule: &str) -> Result<Self, FaultError> {
        let (pattern, by) =
            rule.split_once('=').ok_or_else(|| fault(rule, "write PATTERN=DURATION"))?;
        Ok(Self { pattern: Pattern::read(rule, pattern)?, by: read_duration(rule, by)? })
    }
}

impl FromStr for Lose {
    type Err = FaultError;

    fn from_str(rule: &str) -> Result<Self, FaultError> {
        let parts = rule.split_once('=').and_then(|(pattern, value)| {
            let (rate, age) = value.split_once('@')?;
            Some((pattern, rate, age))
        });
        let (pattern, rate, age) = parts.ok_or_else(|| fault(rule, "write PATTERN=RATE@AGE"))?;
        Ok(Self {
            pattern: Pattern::read(rule, pattern)?,
            rate: read_rate(rule, rate)?,
            age: read_duration(rule, age)?,
        })
    }
}

fn fault(rule: &str, problem: &'static str) -> FaultError {
    FaultError { rule: rule.to_owned(), problem }
}

fn read_rate(rule: &str, text: &str) -> Result<f64, FaultError> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    rate.ok_or_else(|| fault(rule, "a rate is a number from 0 to 1"))
}

fn read_duration(rule: &str, text: &str) -> Result<SignedDuration, FaultError> {
    duration::parse(text).ok_or_else(|| fault(rule, "a duration looks like 30s or 1h30m"))
}

/// `type/zone/capacity-type` with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern([String; 3]);

impl Pattern {
    fn read(rule: &str, text: &str) -> Result<Self, FaultError> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
            return Err(fault(rule, "a pattern is type, type/zone or type/zone/capacity-type"));
        }
        let part = |index: usize| parts.get(index).map_or("*", |part| *part).to_owned();
        Ok(Self([part(0), part(1), part(2)]))
    }

    fn matches(&self, offering: &OfferingRef) -> bool {
        let texts = [&offering.instance_type, &offering.zone, &offering.capacity_type];
        self.0.iter().zip(texts).all(|(pattern, text)| glob(pattern, text))
    }
}

/// Whether a text is of the form of a pattern, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| glob(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(text: &str) -> OfferingRef {
        let words: Vec<&str> = text.split('/').collect();
        OfferingRef {
            instance_type: words[0].to_owned(),
            zone: words[1].to_owned(),
            capacity_type: words[2].to_owned(),
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, matches) in [
            ("*", "c-4x/a/spot", true),
            ("c-4x", "c-4x/a/spot", true),
            ("c-4x", "c-48x/a/spot", false),
            ("c-4*", "c-48x/a/spot", true),
            ("*-4x-*linux", "c-4x-amd64-linux/a/spot", true),
            ("*/a", "c-4x/b/spot", false),
            ("*/*/spot", "c-4x/b/spot", true),
            ("*/*/spot", "c-4x/b/on-demand", false),
        ] {
            let faults =
                Faults { refuse: vec![pattern.parse().expect(pattern)], ..Faults::default() };
            assert_eq!(faults.refuses("x", &offering(text)), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rate_strikes_that_often_and_the_same_each_time() {
        let faults =
            Faults { seed: 7, refuse: vec!["*=0.25".parse().expect("rule")], ..Faults::default() };
        let one = offering("c-4x/a/spot");
        let struck = |faults: &Faults| {
            (0..4000).filter(|n| faults.refuses(&format!("claim-{n}"), &one)).collect::<Vec<_>>()
        };
        let first = struck(&faults);
        assert!((900..1100).contains(&first.len()), "{}", first.len());
        assert_eq!(first, struck(&faults));
        assert_ne!(first, struck(&Faults { seed: 8, ..faults }));
    }

    #[test]
    fn other_rules_and_what_is_none() {
        let slow: Slow = "c-*=30s".parse().expect("rule");
        let lose: Lose = "*/*/spot=1@10m".parse().expect("rule");
        let faults = Faults { slow: vec![slow], lose: vec![lose], ..Faults::default() };
        let (spot, regular) = (offering("c-4x/a/spot"), offering("m-4x/a/on-demand"));
        assert_eq!(faults.delay(&spot).as_secs(), 30);
        assert_eq!(faults.delay(&regular), SignedDuration::ZERO);
        assert_eq!(faults.lost_at("x", &spot), Some(SignedDuration::from_mins(10)));
        assert_eq!(faults.lost_at("x", &regular), None);
        assert!("a/b/c/d".parse::<Refuse>().is_err());
        assert!("*=2".parse::<Refuse>().is_err());
        assert!("*".parse::<Slow>().is_err());
        assert!("*=0.5".parse::<Lose>().is_err());
    }
}
