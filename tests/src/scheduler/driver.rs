//! The scheduler at work: changes in, bindings and conditions out.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{BoxStream, FuturesUnordered, SelectAll, select_all},
};
use k8s_openapi::{
    api::{
        apps::v1::{ReplicaSet, StatefulSet},
        core::v1::{
            Binding, Namespace, Node, ObjectReference, PersistentVolume, PersistentVolumeClaim,
            Pod, PodCondition, ReplicationController, Service,
        },
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::{Decision, Options, PodKey, Scheduler, pods};
use crate::watch::{Change, changes};

/// Requests under way at most.
const IN_FLIGHT: usize = 128;

/// Decisions between two looks at what is new.
const TURNS: usize = 64;

/// How long a pod waits at most until it is tried again although nothing changed.
const FLUSH: Duration = Duration::from_secs(300);

/// Kinds whose first list must be complete before the first decision.
const KINDS: usize = 9;

/// Schedules the pods of a cluster until it is dropped. Requests that fail are tried again.
pub async fn run(client: Client, options: Options) -> Infallible {
    let mut news = watch_all(&client);
    let mut driver = Driver::new(client, options);
    let mut flush = interval(FLUSH);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let retry = driver.start + driver.scheduler.next_retry().unwrap_or(FLUSH);
        tokio::select! {
            Some(item) = news.next() => driver.apply(item),
            Some(outcome) = driver.requests.next(), if !driver.requests.is_empty() => {
                driver.finish(outcome);
            }
            _ = flush.tick() => driver.scheduler.wake(),
            () = sleep_until(retry), if driver.scheduler.next_retry().is_some() => {}
            () = tokio::task::yield_now(), if driver.more => {}
        }
        while let Some(Some(item)) = news.next().now_or_never() {
            driver.apply(item);
        }
        driver.decide();
    }
}

/// What is new.
enum News {
    Node(Change<Node>),
    Pod(Change<Pod>),
    Namespace(Change<Namespace>),
    ReplicaSet(Change<ReplicaSet>),
    StatefulSet(Change<StatefulSet>),
    ReplicationController(Change<ReplicationController>),
    Service(Change<Service>),
    Claim(Change<PersistentVolumeClaim>),
    Volume(Change<PersistentVolume>),
}

fn watch_all(client: &Client) -> SelectAll<BoxStream<'static, News>> {
    fn all<K>(client: &Client) -> Api<K>
    where
        K: kube::Resource<DynamicType = ()>,
    {
        Api::all(client.clone())
    }
    select_all([
        changes(all(client)).map(News::Node).boxed(),
        changes(all(client)).map(News::Pod).boxed(),
        changes(all(client)).map(News::Namespace).boxed(),
        changes(all(client)).map(News::ReplicaSet).boxed(),
        changes(all(client)).map(News::StatefulSet).boxed(),
        changes(all(client)).map(News::ReplicationController).boxed(),
        changes(all(client)).map(News::Service).boxed(),
        changes(all(client)).map(News::Claim).boxed(),
        changes(all(client)).map(News::Volume).boxed(),
    ])
}

/// How a request ended.
/// A pod without a node, as the API server last told.
struct Waiting {
    uid: String,
    conditions: Vec<PodCondition>,
    nominated: bool,
}

struct Outcome {
    pod: PodKey,
    /// False when a binding was refused.
    bound: bool,
}

struct Driver {
    client: Client,
    options: Options,
    scheduler: Scheduler,
    start: Instant,
    /// Uid and conditions of pods that wait.
    waiting: HashMap<PodKey, Waiting>,
    requests: FuturesUnordered<BoxFuture<'static, Outcome>>,
    synced: [bool; KINDS],
    /// Whether pods may be left whose turn it is.
    more: bool,
}

impl Driver {
    fn new(client: Client, options: Options) -> Self {
        Self {
            client,
            scheduler: Scheduler::new(&options),
            options,
            start: Instant::now(),
            waiting: HashMap::new(),
            requests: FuturesUnordered::new(),
            synced: [false; KINDS],
            more: false,
        }
    }

    fn apply(&mut self, news: News) {
        match news {
            News::Node(change) => self.apply_node(change),
            News::Pod(change) => self.apply_pod(change),
            News::Namespace(change) => self.apply_namespace(change),
            News::ReplicaSet(change) => {
                self.apply_controller("ReplicaSet", 3, change, |it| {
                    (&it.metadata, Some(it.spec.selector.clone()))
                });
            }
            News::StatefulSet(change) => {
                self.apply_controller("StatefulSet", 4, change, |it| {
                    (&it.metadata, Some(it.spec.selector.clone()))
                });
            }
            News::ReplicationController(change) => {
                self.apply_controller("ReplicationController", 5, change, |it| {
                    let labels = it.spec.as_ref().and_then(|spec| spec.selector.clone());
                    let selector = |labels| LabelSelector {
                        match_labels: Some(labels),
                        ..LabelSelector::default()
                    };
                    (&it.metadata, labels.map(selector))
                });
            }
            News::Service(Change::Put(it)) => self.scheduler.cache.set_service(&it, true),
            News::Service(Change::Gone(it)) => self.scheduler.cache.set_service(&it, false),
            News::Service(Change::Synced) => self.synced[6] = true,
            News::Claim(Change::Put(it)) => self.scheduler.set_claim(&it, true),
            News::Claim(Change::Gone(it)) => self.scheduler.set_claim(&it, false),
            News::Claim(Change::Synced) => self.synced[7] = true,
            News::Volume(Change::Put(it)) => self.scheduler.set_volume(&it, true),
            News::Volume(Change::Gone(it)) => self.scheduler.set_volume(&it, false),
            News::Volume(Change::Synced) => self.synced[8] = true,
        }
    }

    fn apply_node(&mut self, change: Change<Node>) {
        let changed = match change {
            Change::Put(node) => self.scheduler.cache.apply_node(&node),
            Change::Gone(node) => {
                self.scheduler.cache.delete_node(node.metadata.name.as_deref().unwrap_or_default())
            }
            Change::Synced => {
                self.synced[0] = true;
                false
            }
        };
        if changed {
            self.scheduler.wake();
        }
    }

    fn apply_pod(&mut self, change: Change<Pod>) {
        match change {
            Change::Put(pod) => {
                let key = pods::pod_key(&pod);
                self.scheduler.apply_pod(&pod);
                if pods::node_name(&pod).is_none() {
                    let nominated = pods::nominated_node(&pod).is_some();
                    let conditions = pod.status.and_then(|status| status.conditions);
                    let conditions = conditions.unwrap_or_default();
                    let uid = pod.metadata.uid.unwrap_or_default();
                    self.waiting.insert(key, Waiting { uid, conditions, nominated });
                } else {
                    self.waiting.remove(&key);
                }
            }
            Change::Gone(pod) => {
                let key = pods::pod_key(&pod);
                self.waiting.remove(&key);
                self.scheduler.delete_pod(&key);
            }
            Change::Synced => self.synced[1] = true,
        }
    }

    fn apply_namespace(&mut self, change: Change<Namespace>) {
        match change {
            Change::Put(namespace) => {
                if self.scheduler.cache.set_namespace(&namespace) {
                    self.scheduler.wake();
                }
            }
            // Its pods are gone before it, and a new one is told anew.
            Change::Gone(_) => {}
            Change::Synced => self.synced[2] = true,
        }
    }

    fn apply_controller<K>(
        &mut self,
        kind: &str,
        number: usize,
        change: Change<K>,
        read: impl Fn(&K) -> (&ObjectMeta, Option<LabelSelector>),
    ) {
        let (object, exists) = match change {
            Change::Put(object) => (object, true),
            Change::Gone(object) => (object, false),
            Change::Synced => {
                self.synced[number] = true;
                return;
            }
        };
        let (meta, selector) = read(&object);
        self.scheduler.cache.set_controller(
            kind,
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
            selector.filter(|_| exists).as_ref(),
        );
    }

    /// Decides about some pods and sends off what follows.
    fn decide(&mut self) {
        self.more = false;
        if self.synced.contains(&false) {
            return;
        }
        for _ in 0..TURNS {
            if self.requests.len() >= IN_FLIGHT {
                return;
            }
            let Some((pod, decision)) = self.scheduler.next(self.start.elapsed()) else { return };
            match decision {
                Decision::Bind(node) => self.bind(pod, node),
                Decision::Unschedulable(message) => self.tell(pod, message),
            }
        }
        self.more = true;
    }

    fn bind(&mut self, pod: PodKey, node: String) {
        let uid = self.waiting.get(&pod).map(|waiting| waiting.uid.clone());
        let (namespace, name) = parts(&pod);
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(namespace.clone()),
                uid,
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                kind: Some("Node".to_owned()),
                name: Some(node),
                ..ObjectReference::default()
            },
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        let delay = self.options.bind_delay;
        let request = async move {
            tokio::time::sleep(delay).await;
            let params = PostParams::default();
            let answer =
                api.create_subresource::<_, serde_json::Value>("binding", &name, &params, &binding);
            let answer = answer.await;
            if let Err(error) = &answer {
                tracing::debug!(%error, pod = %pod, "the binding was refused");
            }
            Outcome { pod, bound: answer.is_ok() }
        };
        self.requests.push(request.boxed());
    }

    /// Writes the condition of a pod that fits nowhere, and that it is nominated no more, if either
    /// is news.
    fn tell(&mut self, pod: PodKey, message: String) {
        let Some(Waiting { uid, conditions, nominated }) = self.waiting.get_mut(&pod) else {
            return;
        };
        let told = !set_unschedulable(conditions, message);
        let was_nominated = std::mem::take(nominated);
        if told && !was_nominated {
            return;
        }
        let (namespace, name) = parts(&pod);
        let mut patch =
            json!({ "metadata": { "uid": uid }, "status": { "conditions": conditions } });
        if was_nominated {
            patch["status"]["nominatedNodeName"] = serde_json::Value::Null;
        }
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        let request = async move {
            let params = PatchParams::default();
            if let Err(error) = api.patch_status(&name, &params, &Patch::Merge(patch)).await {
                tracing::debug!(%error, pod = %pod, "the condition was not written");
            }
            Outcome { pod, bound: true }
        };
        self.requests.push(request.boxed());
    }

    fn finish(&mut self, outcome: Outcome) {
        if !outcome.bound {
            self.scheduler.retract(&outcome.pod, self.start.elapsed());
        }
    }
}

/// Namespace and name of a pod.
fn parts(pod: &PodKey) -> (String, String) {
    let pod: Arc<str> = pod.clone();
    let (namespace, name) = pod.split_once('/').unwrap_or(("", &pod));
    (namespace.to_owned(), name.to_owned())
}

/// Sets PodScheduled to False; says whether that changed anything.
fn set_unschedulable(conditions: &mut Vec<PodCondition>, message: String) -> bool {
    let old = conditions.iter().position(|condition| condition.type_ == "PodScheduled");
    let mut condition = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "False".to_owned(),
        reason: Some("Unschedulable".to_owned()),
        message: Some(message),
        last_transition_time: Some(Time(Timestamp::now())),
        ..PodCondition::default()
    };
    let Some(old) = old.map(|at| &mut conditions[at]) else {
        conditions.push(condition);
        return true;
    };
    if old.status == condition.status {
        condition.last_transition_time = old.last_transition_time.clone();
        condition.observed_generation = old.observed_generation;
    }
    let changed = *old != condition;
    *old = condition;
    changed
}
