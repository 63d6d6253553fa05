//! Events with Karpenter's reasons, each told once in a while.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{EventType, Recorder},
};
use rustc_hash::FxHashMap;

use crate::{
    clock::Clock,
    events::{event, recorder},
};

/// The reasons (karpenter.md, section 1.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are Karpenter's reasons")]
pub enum Reason {
    InsufficientCapacityError,
    NodeClassNotReady,
    UnregisteredTaintMissing,
    FailedConsistencyCheck,
    FailedDraining,
    FailedTermination,
    TerminationGracePeriodExpiring,
    AwaitingVolumeDetachment,
    Evicted,
    Disrupted,
    DisruptionTerminating,
    DisruptionBlocked,
}

impl Reason {
    fn kind(self) -> EventType {
        match self {
            Self::Evicted | Self::DisruptionTerminating | Self::DisruptionBlocked => {
                EventType::Normal
            }
            _ => EventType::Warning,
        }
    }
}

/// Writes events.
pub struct Events {
    recorder: Recorder,
    clock: Clock,
    every: SignedDuration,
    told: Mutex<FxHashMap<(String, Reason, String), Timestamp>>,
}

impl Events {
    /// Repeats nothing within `every`.
    pub fn new(client: Client, clock: Clock, every: SignedDuration) -> Self {
        Self { recorder: recorder(client), clock, every, told: Mutex::default() }
    }

    /// Tells of an object. An event that cannot be written is logged; nothing waits for it twice.
    pub async fn tell(&self, about: &ObjectReference, reason: Reason, note: &str) {
        let named = about.uid.clone().or_else(|| about.name.clone()).unwrap_or_default();
        if !self.is_news(named, reason, note) {
            return;
        }
        let word = format!("{reason:?}");
        let event = event(reason.kind(), &word, &word, note);
        tracing::info!(reason = word, kind = about.kind, name = about.name, note);
        if let Err(error) = self.recorder.publish(&event, about).await {
            tracing::debug!(%error, reason = word, "event not written");
        }
    }

    fn is_news(&self, named: String, reason: Reason, note: &str) -> bool {
        let now = self.clock.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, last| now.duration_since(*last) < self.every);
        match told.entry((named, reason, note.to_owned())) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(now);
                true
            }
        }
    }
}
