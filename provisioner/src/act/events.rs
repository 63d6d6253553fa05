//! Events about pods with Karpenter's reasons, each told once in a while.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, runtime::events::EventType};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

use crate::{
    events::{event, recorder},
    snapshot::Pod,
};

/// What is told about a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It has no place.
    FailedScheduling,
    /// It has a place.
    Nominated,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::FailedScheduling => "FailedScheduling",
            Self::Nominated => "Nominated",
        }
    }

    fn kind(self) -> EventType {
        match self {
            Self::FailedScheduling => EventType::Warning,
            Self::Nominated => EventType::Normal,
        }
    }

    /// The same is not told again for so long: Karpenter's times.
    fn every(self) -> Duration {
        match self {
            Self::FailedScheduling => Duration::from_secs(5 * 60),
            Self::Nominated => Duration::from_secs(2 * 60),
        }
    }
}

/// Events that wait for the server; more are dropped.
const MOST_WAITING: usize = 256;
/// Events per second that a server is asked to take, and how many at once: Karpenter's for
/// `Nominated`, taken for both.
const PER_SECOND: i64 = 5;
const AT_ONCE: usize = 10;

/// Decides which events are told.
#[derive(Debug, Default)]
pub struct Sieve {
    told: FxHashMap<(Box<str>, Reason), (Timestamp, Box<str>)>,
    /// When the latest events were told, the oldest first.
    recent: VecDeque<Timestamp>,
}

impl Sieve {
    /// Whether to tell this now: not the same again within its time, and not too much at once.
    pub fn passes(&mut self, uid: &str, reason: Reason, note: &str, now: Timestamp) -> bool {
        self.told.retain(|(_, reason), (when, _)| is_within(*when, reason.every(), now));
        if self.told.get(&(uid.into(), reason)).is_some_and(|(_, told)| **told == *note) {
            return false;
        }
        let window = Duration::from_secs(AT_ONCE as u64 / PER_SECOND as u64);
        while self.recent.front().is_some_and(|when| !is_within(*when, window, now)) {
            self.recent.pop_front();
        }
        if self.recent.len() >= AT_ONCE {
            return false;
        }
        self.recent.push_back(now);
        self.told.insert((uid.into(), reason), (now, note.into()));
        true
    }
}

fn is_within(when: Timestamp, time: Duration, now: Timestamp) -> bool {
    when.checked_add(time).is_ok_and(|end| now < end)
}

/// Tells events, one after the other, while others go on working.
#[derive(Debug)]
pub struct Events {
    sieve: Sieve,
    queue: mpsc::Sender<(ObjectReference, Reason, String)>,
}

impl Events {
    /// Starts the task that writes them.
    pub fn start(client: Client) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(ObjectReference, Reason, String)>(MOST_WAITING);
        let recorder = recorder(client);
        tokio::spawn(async move {
            while let Some((about, reason, note)) = waiting.recv().await {
                let event = event(reason.kind(), reason.name(), "Scheduling", &note);
                if let Err(error) = recorder.publish(&event, &about).await {
                    tracing::debug!(%error, "an event was not taken");
                }
            }
        });
        Self { sieve: Sieve::default(), queue }
    }

    /// Tells of a pod, unless it has been told, or too much has.
    pub fn tell(&mut self, pod: &Pod, reason: Reason, note: &str, now: Timestamp) {
        let about = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Pod".to_owned()),
            namespace: Some(pod.namespace.to_string()),
            name: Some(pod.name.to_string()),
            uid: Some(pod.uid.to_string()),
            ..ObjectReference::default()
        };
        self.tell_about(about, reason, note, now);
    }

    /// The same for a pod of which no more than the name is known.
    pub fn tell_about(
        &mut self,
        about: ObjectReference,
        reason: Reason,
        note: &str,
        now: Timestamp,
    ) {
        let uid = about.uid.as_deref().unwrap_or_default();
        if !self.sieve.passes(uid, reason, note, now) {
            return;
        }
        // A full queue means that the server is slow; nobody waits for events.
        let _ = self.queue.try_send((about, reason, note.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_not_told_twice_and_bursts_are_cut() {
        let at = |second| Timestamp::from_second(second).expect("a small number");
        let mut sieve = Sieve::default();
        assert!(sieve.passes("a", Reason::FailedScheduling, "too large", at(0)));
        assert!(!sieve.passes("a", Reason::FailedScheduling, "too large", at(299)));
        assert!(sieve.passes("a", Reason::FailedScheduling, "too large", at(300)));
        assert!(sieve.passes("a", Reason::FailedScheduling, "no zone", at(301)));
        let told = (0..50)
            .filter(|pod| sieve.passes(&pod.to_string(), Reason::Nominated, "there", at(1_000)));
        assert_eq!(told.count(), AT_ONCE);
        assert!(sieve.passes("late", Reason::Nominated, "there", at(1_002)));
    }
}
