//! The order of pods: priority, then arrival; and the wait after a failure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rustc_hash::FxHashMap;

use super::pods::PodKey;

/// Higher priority first, then earlier arrival.
type Turn = (Reverse<i32>, u64);

/// Pods that wait for a node.
#[derive(Debug)]
pub(super) struct Queue {
    backoff: Duration,
    backoff_limit: Duration,
    entries: FxHashMap<PodKey, Entry>,
    /// Pods to be decided about now.
    active: BTreeMap<Turn, PodKey>,
    /// Pods that may try again, from a time on.
    backing_off: BTreeSet<(Duration, PodKey)>,
    /// Something changed since the last turn.
    woken: bool,
    arrivals: u64,
}

#[derive(Debug)]
struct Entry {
    priority: i32,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Active(Turn),
    /// It failed at this time, and nothing changed since.
    Failed(Duration),
    BackingOff(Duration),
    /// It is being decided about.
    Taken,
}

impl Queue {
    pub(super) fn new(backoff: Duration, backoff_limit: Duration) -> Self {
        Self {
            backoff,
            backoff_limit,
            entries: FxHashMap::default(),
            active: BTreeMap::new(),
            backing_off: BTreeSet::new(),
            woken: false,
            arrivals: 0,
        }
    }

    /// A pod that waits from now on; one that is known already keeps its turn.
    pub(super) fn add(&mut self, pod: PodKey, priority: i32) {
        if !self.entries.contains_key(&pod) {
            let entry = Entry { priority, failures: 0, state: State::Taken };
            self.entries.insert(pod.clone(), entry);
            self.activate(pod);
        }
    }

    pub(super) fn remove(&mut self, pod: &PodKey) {
        match self.entries.remove(pod).map(|entry| entry.state) {
            Some(State::Active(turn)) => {
                self.active.remove(&turn);
            }
            Some(State::BackingOff(until)) => {
                self.backing_off.remove(&(until, pod.clone()));
            }
            _ => {}
        }
    }

    /// The pod whose turn it is.
    pub(super) fn pop(&mut self, now: Duration) -> Option<PodKey> {
        if std::mem::take(&mut self.woken) {
            self.retry_failed(now);
        }
        while self.backing_off.first().is_some_and(|(until, _)| *until <= now) {
            let (_, pod) = self.backing_off.pop_first()?;
            self.activate(pod);
        }
        let (_, pod) = self.active.pop_first()?;
        if let Some(entry) = self.entries.get_mut(&pod) {
            entry.state = State::Taken;
        }
        Some(pod)
    }

    /// A pod that fits nowhere: it waits until something changes.
    pub(super) fn failed(&mut self, pod: &PodKey, now: Duration) {
        if let Some(entry) = self.entries.get_mut(pod) {
            if let State::Active(turn) = entry.state {
                self.active.remove(&turn);
            }
            entry.failures += 1;
            entry.state = State::Failed(now);
        }
    }

    /// Something changed: pods that failed may try again when their back-off is over.
    pub(super) fn wake(&mut self) {
        self.woken = true;
    }

    fn retry_failed(&mut self, now: Duration) {
        let failed = self.entries.iter().filter_map(|(pod, entry)| match entry.state {
            State::Failed(at) => Some((pod.clone(), at + self.wait(entry.failures))),
            _ => None,
        });
        let mut failed: Vec<(PodKey, Duration)> = failed.collect();
        failed.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        for (pod, until) in failed {
            if until <= now {
                self.activate(pod);
            } else {
                if let Some(entry) = self.entries.get_mut(&pod) {
                    entry.state = State::BackingOff(until);
                }
                self.backing_off.insert((until, pod));
            }
        }
    }

    pub(super) fn next_retry(&self) -> Option<Duration> {
        self.backing_off.first().map(|(until, _)| *until)
    }

    fn wait(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.backoff.saturating_mul(doubled).min(self.backoff_limit)
    }

    fn activate(&mut self, pod: PodKey) {
        let Some(entry) = self.entries.get_mut(&pod) else { return };
        self.arrivals += 1;
        let turn = (Reverse(entry.priority), self.arrivals);
        entry.state = State::Active(turn);
        self.active.insert(turn, pod);
    }
}
