//! A stand-in for kube-scheduler: the filters and scores of its default profile, its queue, its
//! message about pods that fit nowhere, and its respect for nominated nodes.
//!
//! It is written from the documentation of the plugins and shares nothing with the product, so
//! that it can prove a plan wrong. Left out are preemption, dynamic resource allocation, volumes
//! that are not bound yet (they never hold a pod back) and scores of images.
//!
//! [`Scheduler`] is synchronous and decides about one pod after the other; [`run`] connects it to
//! an API server.

mod amounts;
mod cache;
mod decide;
mod driver;
mod filter;
mod pods;
mod queue;
mod score;
pub(crate) mod selector;
mod tally;
mod template;
mod topology;
mod volumes;

use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};

use self::queue::{Hopes, Queue};
pub use self::{
    cache::Cache,
    decide::Decision,
    driver::run,
    pods::{PodKey, pod_key},
};
use crate::generate::rng::Rng;

/// How the scheduler behaves where kube-scheduler has a setting, or where chance decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the choice among nodes of equal score.
    pub seed: u64,
    /// It serves pods of this `spec.schedulerName`.
    pub name: String,
    /// How long a pod waits after its first failure at least; doubles with each further one.
    pub backoff: Duration,
    /// The longest such wait.
    pub backoff_limit: Duration,
    /// How long binding takes.
    pub bind_delay: Duration,
}

impl Default for Options {
    /// kube-scheduler's own settings.
    fn default() -> Self {
        Self {
            seed: 0,
            name: "default-scheduler".to_owned(),
            backoff: Duration::from_secs(1),
            backoff_limit: Duration::from_secs(10),
            bind_delay: Duration::ZERO,
        }
    }
}

/// What the scheduler knows, the pods that wait for it, and where it left off.
#[derive(Debug)]
pub struct Scheduler {
    /// Nodes and pods.
    pub cache: Cache,
    queue: Queue,
    name: String,
    rng: Rng,
    /// Where the search through the nodes goes on.
    cursor: usize,
}

impl Scheduler {
    /// One that knows no nodes and no pods.
    pub fn new(options: &Options) -> Self {
        Self {
            cache: Cache::default(),
            queue: Queue::new(options.backoff, options.backoff_limit),
            name: options.name.clone(),
            rng: Rng::new(options.seed),
            cursor: 0,
        }
    }

    /// Takes a pod in as it is now.
    pub fn apply_pod(&mut self, pod: &Pod) {
        let key = pod_key(pod);
        self.queue.wake(self.cache.apply_pod(pod));
        if self.cache.waits(&key) && pods::scheduler_name(pod) == self.name {
            self.queue.add(key, pods::priority(pod));
        } else {
            self.queue.remove(&key);
        }
    }

    /// Forgets a pod.
    pub fn delete_pod(&mut self, key: &PodKey) {
        self.queue.remove(key);
        self.queue.wake(self.cache.delete_pod(key));
    }

    /// Takes in a volume claim, or its end.
    pub fn set_claim(&mut self, claim: &PersistentVolumeClaim, exists: bool) {
        self.cache.volumes.set_claim(claim, exists);
        self.cache.forget_verdicts();
        self.queue.wake(Hopes::ANY);
    }

    /// Takes in a volume, or its end.
    pub fn set_volume(&mut self, volume: &PersistentVolume, exists: bool) {
        self.cache.volumes.set_volume(volume, exists);
        self.cache.forget_verdicts();
        self.queue.wake(Hopes::ANY);
    }

    /// Lets pods that fitted nowhere try again, once their back-off is over.
    pub fn wake(&mut self) {
        self.queue.wake(Hopes::ANY);
    }

    /// When the next pod's back-off ends, if any is waiting for that.
    pub fn next_retry(&self) -> Option<Duration> {
        self.queue.next_retry()
    }

    /// Decides about the pod whose turn it is; `now` is the time since the scheduler's start. A pod that gets a node is on it from now on;
    /// [`Self::retract`] takes that back.
    pub fn next(&mut self, now: Duration) -> Option<(PodKey, Decision)> {
        let key = self.queue.pop(now)?;
        let (decision, hopes) =
            decide::decide(&mut self.cache, &key, &mut self.cursor, &mut self.rng);
        match &decision {
            Decision::Bind(node) => {
                self.cache.assume(&key, node);
                self.queue.remove(&key);
            }
            Decision::Unschedulable(_) => {
                // As in Kubernetes 1.36: preemption that finds no victim clears the nomination.
                self.queue.wake(self.cache.clear_nomination(&key));
                self.queue.failed(&key, hopes, now);
            }
        }
        Some((key, decision))
    }

    /// Takes a decision back that the API server refused; the pod is tried again later.
    pub fn retract(&mut self, key: &PodKey, now: Duration) {
        if let Some(priority) = self.cache.forget(key) {
            self.queue.add(key.clone(), priority);
            self.queue.failed(key, Hopes::ANY, now);
        }
        self.queue.wake(Hopes::ANY);
    }
}
