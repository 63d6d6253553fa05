//! What we have written and not seen yet.
//!
//! A plan that is made before our own claims show up would launch everything twice. Instead of
//! waiting for the watch, a claim that we have written stands in for what the watch last showed,
//! one by one, until the watch shows the same or something newer. Nothing else waits for it, and
//! one that never shows up is given up after a time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::api::node_pool::NodeClaim;

/// How long a write may take to show up. A watch that lags further is broken and starts over.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Claims that we have written, by name.
#[derive(Debug, Default)]
pub struct Expectations {
    claims: BTreeMap<String, Expected>,
}

#[derive(Debug)]
struct Expected {
    claim: Arc<NodeClaim>,
    /// resourceVersion of the answer; empty when only the name is known.
    version: String,
    until: Timestamp,
}

impl Expectations {
    /// Expects the watch to show `claim`, at this version or a newer one.
    pub fn expect(&mut self, claim: NodeClaim, version: &str, until: Timestamp) {
        let expected = Expected { version: version.to_owned(), until, claim: Arc::new(claim) };
        self.claims.insert(expected.claim.name.clone(), expected);
    }

    /// The watch has shown a claim at a version.
    pub fn seen(&mut self, name: &str, version: &str) {
        if self.claims.get(name).is_some_and(|expected| expected.is_met_by(version)) {
            self.claims.remove(name);
        }
    }

    /// The watch has shown the end of a claim.
    pub fn gone(&mut self, name: &str) {
        self.claims.remove(name);
    }

    /// Puts what is expected in the place of what the watch has shown. Returns the names of claims
    /// whose time is over; they are as the watch shows them.
    pub fn overlay(
        &mut self,
        shown: &mut BTreeMap<String, Arc<NodeClaim>>,
        now: Timestamp,
    ) -> Vec<String> {
        let late = self.claims.iter().filter(|(_, expected)| expected.until <= now);
        let late: Vec<String> = late.map(|(name, _)| name.clone()).collect();
        self.claims.retain(|_, expected| now < expected.until);
        for (name, expected) in &self.claims {
            shown.insert(name.clone(), expected.claim.clone());
        }
        late
    }
}

impl Expected {
    /// Resource versions are numbers that grow (KEP-5504); where they are not, only the very
    /// version that we were given will do.
    fn is_met_by(&self, version: &str) -> bool {
        match (version.parse::<u128>(), self.version.parse::<u128>()) {
            (Ok(shown), Ok(expected)) => shown >= expected,
            _ => self.version.is_empty() || self.version == version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(name: &str, node: Option<&str>) -> NodeClaim {
        let node_name = node.map(str::to_owned);
        NodeClaim { name: name.to_owned(), node_name, ..NodeClaim::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small number")
    }

    #[test]
    fn an_older_version_does_not_hide_what_was_written() {
        let mut expectations = Expectations::default();
        expectations.expect(claim("a", Some("new")), "12", at(30));
        let mut shown = BTreeMap::from([("a".to_owned(), claim("a", None).into())]);
        expectations.seen("a", "9");
        assert!(expectations.overlay(&mut shown, at(1)).is_empty());
        assert_eq!(shown["a"].node_name.as_deref(), Some("new"));
        expectations.seen("a", "100");
        let mut shown = BTreeMap::from([("a".to_owned(), claim("a", None).into())]);
        expectations.overlay(&mut shown, at(2));
        assert_eq!(shown["a"].node_name, None, "the watch has caught up");
    }

    #[test]
    fn a_stuck_claim_is_given_up_and_holds_up_nobody() {
        let mut expectations = Expectations::default();
        expectations.expect(claim("stuck", None), "5", at(30));
        expectations.expect(claim("other", None), "6", at(40));
        let mut shown = BTreeMap::new();
        assert!(expectations.overlay(&mut shown, at(29)).is_empty());
        assert_eq!(shown.len(), 2, "both stand in for what the watch will show");
        let mut shown = BTreeMap::new();
        assert_eq!(expectations.overlay(&mut shown, at(30)), ["stuck"]);
        assert_eq!(shown.keys().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn without_a_version_the_name_will_do() {
        let mut expectations = Expectations::default();
        expectations.expect(claim("a", None), "", at(30));
        expectations.seen("a", "7");
        let mut shown = BTreeMap::new();
        expectations.overlay(&mut shown, at(1));
        assert!(shown.is_empty());
    }

    #[test]
    fn a_claim_that_came_and_went_does_not_linger() {
        let mut expectations = Expectations::default();
        expectations.expect(claim("a", None), "5", at(30));
        expectations.gone("a");
        let mut shown = BTreeMap::new();
        expectations.overlay(&mut shown, at(1));
        assert!(shown.is_empty());
    }
}
