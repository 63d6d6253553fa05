//! Gathers what happens within a short time into one round.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use crate::watch::Wake;

/// How long to gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The batch is closed when nothing new has come for this long.
    pub idle: Duration,
    /// It is closed after this time, come what may.
    pub most: Duration,
}

impl Default for Window {
    /// Karpenter's: 1 s and 10 s.
    fn default() -> Self {
        Self { idle: Duration::from_secs(1), most: Duration::from_secs(10) }
    }
}

/// What has come so far.
#[derive(Debug, Default)]
pub struct Batch {
    first: Option<Instant>,
    last: Option<Instant>,
    pods: FxHashSet<Box<str>>,
    /// Events that are not about a pod; each keeps the batch open once.
    others: Vec<Wake>,
}

impl Batch {
    /// Notes an event. The same pod again, or the same event, does not keep the batch open.
    pub fn note(&mut self, wake: Wake, now: Instant) {
        let new = match wake {
            Wake::Pod(uid) => self.pods.insert(uid),
            other if self.others.contains(&other) => false,
            other => {
                self.others.push(other);
                true
            }
        };
        if new {
            self.first.get_or_insert(now);
            self.last = Some(now);
        }
    }

    /// When the batch closes; `None` while it is empty.
    pub fn closes(&self, window: Window) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        Some((last + window.idle).min(first + window.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(uid: &str) -> Wake {
        Wake::Pod(uid.into())
    }

    #[test]
    fn a_batch_closes_when_it_has_been_quiet() {
        let (start, window) = (Instant::now(), Window::default());
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut batch = Batch::default();
        assert_eq!(batch.closes(window), None);
        batch.note(pod("a"), at(0));
        assert_eq!(batch.closes(window), Some(at(1_000)));
        batch.note(pod("b"), at(900));
        assert_eq!(batch.closes(window), Some(at(1_900)));
    }

    #[test]
    fn the_same_pod_does_not_keep_it_open() {
        let (start, window) = (Instant::now(), Window::default());
        let mut batch = Batch::default();
        batch.note(pod("a"), start);
        batch.note(pod("a"), start + Duration::from_millis(900));
        batch.note(Wake::Supply, start + Duration::from_millis(100));
        batch.note(Wake::Supply, start + Duration::from_millis(950));
        assert_eq!(batch.closes(window), Some(start + Duration::from_millis(1_100)));
    }

    #[test]
    fn a_steady_stream_is_cut() {
        let (start, window) = (Instant::now(), Window::default());
        let mut batch = Batch::default();
        for tenth in 0..200 {
            batch.note(pod(&tenth.to_string()), start + Duration::from_millis(100 * tenth));
        }
        assert_eq!(batch.closes(window), Some(start + Duration::from_secs(10)));
    }
}
