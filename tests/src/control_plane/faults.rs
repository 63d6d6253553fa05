//! Misbehaviour on purpose, the same for the same seed and order of requests.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::generate::Rng;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The answer takes this much longer.
    Latency(Duration),
    /// Writes are refused with 409 Conflict.
    Conflict,
    /// Requests are refused with 429 and this many seconds in Retry-After.
    TooManyRequests(u32),
    /// Requests are refused with 500.
    InternalError,
    /// The connection is closed without an answer. Whether a write happened before is left open:
    /// it did not.
    DropBefore,
    /// The request is carried out, then the connection is closed without an answer.
    DropAfter,
    /// A watch is cut off after this long.
    CutWatch(Duration),
    /// Lists and gets of resourceVersion 0 answer as of this many revisions ago.
    StaleRead(u64),
}

/// A fault, whom it hits and how often.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Only requests whose `User-Agent` begins so.
    pub user_agent: String,
    /// Only these verbs, as in [`super::Record`]; empty for all.
    pub verbs: Vec<&'static str>,
    /// Only this resource, by plural name; empty for all.
    pub resource: String,
    /// In how many of a hundred requests.
    pub percent: usize,
    /// What goes wrong.
    pub fault: Fault,
}

/// The faults in force.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<(Rng, Vec<Rule>)>,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: Mutex::new((Rng::new(seed), Vec::new())) }
    }

    /// Puts rules in force, in the place of those before.
    pub fn set(&self, rules: Vec<Rule>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = rules;
    }

    /// What goes wrong with a request.
    pub(super) fn strike(&self, user_agent: &str, verb: &str, resource: &str) -> Vec<Fault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (rng, rules) = &mut *state;
        let mut struck = Vec::new();
        for rule in rules.iter() {
            let meant = user_agent.starts_with(&rule.user_agent)
                && (rule.verbs.is_empty() || rule.verbs.contains(&verb))
                && (rule.resource.is_empty() || rule.resource == resource);
            if meant && rng.chance(rule.percent) {
                struck.push(rule.fault.clone());
            }
        }
        struck
    }
}
