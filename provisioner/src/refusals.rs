//! Offerings that a cloud has refused of late. Nobody plans with one until its time is over.
//!
//! The lifecycle writes here when a launch fails; every snapshot takes a copy, so that a saved round
//! knows what was refused.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{api::v1::OfferingRef, cloud::CloudError};

/// How long Karpenter's providers leave an offering alone after insufficient capacity.
pub const DEFAULT_TTL: Duration = Duration::from_secs(3 * 60);

/// Why a cloud refuses an offering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusalReason {
    /// Sold out for now.
    InsufficientCapacity,
    /// The subscription's quota does not allow it.
    Quota,
    /// Not sold here, or not to this subscription.
    NotAvailable,
}

impl RefusalReason {
    /// The reason, when the error is a refusal ([`CloudError::is_refusal`]).
    pub fn of(error: &CloudError) -> Option<Self> {
        match error {
            CloudError::InsufficientCapacity { .. } => Some(Self::InsufficientCapacity),
            CloudError::Quota { .. } => Some(Self::Quota),
            CloudError::NotAvailable { .. } => Some(Self::NotAvailable),
            _ => None,
        }
    }
}

/// An offering that is refused, whichever pool asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Which.
    pub offering: OfferingRef,
    /// From when on it may be asked for again.
    pub until: Timestamp,
    /// Why.
    pub reason: RefusalReason,
}

/// The memory of refusals; shared between lifecycle and control.
#[derive(Debug)]
pub struct Refusals {
    ttl: Duration,
    known: Mutex<BTreeMap<OfferingRef, (Timestamp, RefusalReason)>>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self::new(DEFAULT_TTL)
    }
}

impl Refusals {
    /// An empty memory that keeps a refusal for `ttl` ([`Self::until`]).
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, known: Mutex::default() }
    }

    /// When a refusal that comes in at `now` is over.
    pub fn until(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.ttl).unwrap_or(Timestamp::MAX)
    }

    /// Notes a refusal. It never shortens one that is known.
    pub fn refuse(&self, offering: OfferingRef, until: Timestamp, reason: RefusalReason) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(offering).or_insert((until, reason));
        if entry.0 < until {
            *entry = (until, reason);
        }
    }

    /// Whether an offering is refused at `now`.
    pub fn is_refused(&self, offering: &OfferingRef, now: Timestamp) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(offering).is_some_and(|(until, _)| now < *until)
    }

    /// All refusals in force at `now`, in order of the offering; forgets those that are over.
    pub fn list(&self, now: Timestamp) -> Vec<Refused> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (until, _)| now < *until);
        let refused = known.iter().map(|(offering, &(until, reason))| Refused {
            offering: offering.clone(),
            until,
            reason,
        });
        refused.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(zone: &str) -> OfferingRef {
        OfferingRef {
            instance_type: "Standard_D4s_v5".to_owned(),
            zone: zone.to_owned(),
            capacity_type: "spot".to_owned(),
        }
    }

    #[test]
    fn a_refusal_holds_until_its_time_is_over() {
        let refusals = Refusals::default();
        let now = Timestamp::UNIX_EPOCH;
        let until = refusals.until(now);
        assert_eq!(until.as_second(), 180);
        refusals.refuse(offering("eastus-1"), until, RefusalReason::InsufficientCapacity);
        refusals.refuse(offering("eastus-1"), now, RefusalReason::Quota);
        assert!(refusals.is_refused(&offering("eastus-1"), now));
        assert!(!refusals.is_refused(&offering("eastus-2"), now));
        assert!(!refusals.is_refused(&offering("eastus-1"), until));
        let known = refusals.list(now);
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].reason, RefusalReason::InsufficientCapacity);
        assert_eq!(refusals.list(until), []);
        assert!(!refusals.is_refused(&offering("eastus-1"), now), "what is over is forgotten");
    }
}
