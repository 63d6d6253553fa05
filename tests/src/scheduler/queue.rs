//! The order of pods: priority, then arrival; and the wait after a failure.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rustc_hash::FxHashMap;

use super::pods::PodKey;

/// What a pod that failed waits for, or what happened, as a set. Stands for kube-scheduler's
/// queueing hints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hopes(u8);

impl Hopes {
    /// News of nodes, volumes and namespaces, which every pod waits for.
    pub(super) const ANY: Self = Self(1);
    /// A pod came to a node: what spread and affinity ask for may hold now.
    pub(super) const ARRIVAL: Self = Self(2);
    /// A pod left a node, or the room kept for it by nomination.
    pub(super) const DEPARTURE: Self = Self(4);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

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
    /// What happened since the last turn.
    news: Hopes,
    arrivals: u64,
}

#[derive(Debug)]
struct Entry {
    priority: i32,
    failures: u32,
    /// What it waits for when it has failed.
    hopes: Hopes,
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
            news: Hopes::default(),
            arrivals: 0,
        }
    }

    /// A pod that waits from now on; one that is known already keeps its turn.
    pub(super) fn add(&mut self, pod: PodKey, priority: i32) {
        if !self.entries.contains_key(&pod) {
            let entry = Entry { priority, failures: 0, hopes: Hopes::ANY, state: State::Taken };
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
        let news = std::mem::take(&mut self.news);
        if news != Hopes::default() {
            self.retry_failed(news, now);
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

    /// A pod that fits nowhere: it waits until something happens that it hopes for.
    pub(super) fn failed(&mut self, pod: &PodKey, hopes: Hopes, now: Duration) {
        if let Some(entry) = self.entries.get_mut(pod) {
            if let State::Active(turn) = entry.state {
                self.active.remove(&turn);
            }
            entry.failures += 1;
            entry.hopes = hopes;
            entry.state = State::Failed(now);
        }
    }

    /// Something happened: pods that hope for it may try again when their back-off is over.
    pub(super) fn wake(&mut self, news: Hopes) {
        self.news = self.news.and(news);
    }

    fn retry_failed(&mut self, news: Hopes, now: Duration) {
        let failed = self.entries.iter().filter_map(|(pod, entry)| match entry.state {
            State::Failed(at) if entry.hopes.meet(news) => {
                Some((pod.clone(), at + self.wait(entry.failures)))
            }
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
