//! A stand-in for the kubelets of nodes that exist in name only, in the manner of kwok: it makes
//! nodes ready, runs the pods that are bound to them, and ends those that are being deleted.
//!
//! It takes care of nodes with the annotation `kwok.x-k8s.io/node=fake`, as kwok does unless told
//! otherwise, and leaves all others alone. A sign of life is a renewed Lease in `kube-node-lease`,
//! by which Kubernetes' node controller knows which nodes are well.

mod report;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    convert::Infallible,
    sync::{Arc, RwLock},
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{FuturesUnordered, select},
};
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, Pod},
    },
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
};
use tokio::time::{interval, sleep};

use crate::watch::{Change, RETRY, changes, key};

/// Annotation of the nodes that are taken care of, and a label besides; its value is [`FAKE`].
pub const MARK: &str = "kwok.x-k8s.io/node";
/// The value of [`MARK`].
pub const FAKE: &str = "fake";

/// How long things take.
#[derive(Clone, Debug)]
pub struct Options {
    /// From a node's creation until it is ready.
    pub node_start: Duration,
    /// From a pod's binding until it is ready.
    pub pod_start: Duration,
    /// From a pod's deletion until it is gone; never more than its grace.
    pub pod_stop: Duration,
    /// Between two signs of life of a node.
    pub heartbeat: Duration,
}

impl Default for Options {
    /// Everything at once, and a heartbeat every ten seconds.
    fn default() -> Self {
        Self {
            node_start: Duration::ZERO,
            pod_start: Duration::ZERO,
            pod_stop: Duration::ZERO,
            heartbeat: Duration::from_secs(10),
        }
    }
}

/// Nodes whose kubelet does not answer any more. Clones share the set.
#[derive(Clone, Debug, Default)]
pub struct Lost(Arc<RwLock<BTreeSet<String>>>);

impl Lost {
    /// Cuts a node off: no heartbeat, no pod starts or ends there.
    pub fn lose(&self, node: &str) {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner()).insert(node.to_owned());
    }

    /// Brings a node back.
    pub fn find(&self, node: &str) {
        self.0.write().unwrap_or_else(|poisoned| poisoned.into_inner()).remove(node);
    }

    /// Whether a node is cut off.
    pub fn contains(&self, node: &str) -> bool {
        self.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()).contains(node)
    }
}

/// Plays kubelet for all fake nodes of a cluster until it is dropped.
pub async fn run(client: Client, options: Options, lost: Lost) -> Infallible {
    let nodes = changes(Api::<Node>::all(client.clone())).map(News::Node);
    let pods = changes(Api::<Pod>::all(client.clone())).map(News::Pod);
    let mut news = select(nodes.boxed(), pods.boxed());
    let mut heartbeat = interval(options.heartbeat);
    let mut kubelet = Kubelet::new(client, options, lost);
    loop {
        tokio::select! {
            Some(item) = news.next() => kubelet.apply(item),
            Some(done) = kubelet.work.next(), if !kubelet.work.is_empty() => kubelet.finish(done),
            _ = heartbeat.tick() => kubelet.beat(),
        }
    }
}

enum News {
    Node(Change<Node>),
    Pod(Change<Pod>),
}

/// What is done for a pod or a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Task {
    Ready(String),
    Beat(String),
    Start(String),
    Stop(String),
}

struct Done {
    task: Task,
    succeeded: bool,
}

struct Kubelet {
    client: Client,
    options: Options,
    lost: Lost,
    nodes: HashMap<String, Node>,
    /// Pods on nodes, by `namespace/name`.
    pods: HashMap<String, Pod>,
    under_way: HashSet<Task>,
    work: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Pods started so far, for their addresses.
    started: u32,
}

impl Kubelet {
    fn new(client: Client, options: Options, lost: Lost) -> Self {
        Self {
            client,
            options,
            lost,
            nodes: HashMap::new(),
            pods: HashMap::new(),
            under_way: HashSet::new(),
            work: FuturesUnordered::new(),
            started: 0,
        }
    }

    fn apply(&mut self, news: News) {
        match news {
            News::Node(Change::Put(node)) if is_ours(&node) => {
                let name = key(&*node);
                let known = self.nodes.insert(name.clone(), *node).is_some();
                self.make_ready(&name);
                if !known {
                    self.renew(&name);
                    self.look_at_pods_of(&name);
                }
            }
            News::Node(Change::Put(node) | Change::Gone(node)) => {
                self.nodes.remove(&key(&*node));
            }
            News::Pod(Change::Put(pod)) => {
                let key = key(&*pod);
                self.pods.insert(key.clone(), *pod);
                self.look_at(&key);
            }
            News::Pod(Change::Gone(pod)) => {
                self.pods.remove(&key(&*pod));
            }
            News::Node(_) | News::Pod(Change::Synced) => {}
        }
    }

    /// Does everything again that may have been left undone, and gives signs of life.
    fn beat(&mut self) {
        let nodes: Vec<String> = self.nodes.keys().cloned().collect();
        for name in nodes {
            if !self.lost.contains(&name) {
                self.make_ready(&name);
                self.look_at_pods_of(&name);
                self.renew(&name);
            }
        }
    }

    /// Writes a node's conditions after a while, unless it is well or that is under way.
    fn make_ready(&mut self, name: &str) {
        let node = self.nodes.get(name).filter(|node| !report::is_ready(node));
        let Some(node) = node.filter(|_| !self.lost.contains(name)).cloned() else { return };
        let task = Task::Ready(name.to_owned());
        if !self.under_way.insert(task.clone()) {
            return;
        }
        let api: Api<Node> = Api::all(self.client.clone());
        let (name, lost, delay) = (name.to_owned(), self.lost.clone(), self.options.node_start);
        let request = async move {
            sleep(delay).await;
            if lost.contains(&name) {
                return Done { task, succeeded: true };
            }
            let patch = Patch::Merge(report::node_status(&node, Timestamp::now()));
            let answer = api.patch_status(&name, &PatchParams::default(), &patch).await;
            finished(task, answer.map(|_| ())).await
        };
        self.work.push(request.boxed());
    }

    /// Gives a sign of life of a node, unless that is under way.
    fn renew(&mut self, name: &str) {
        let node = self.nodes.get(name).filter(|_| !self.lost.contains(name));
        let Some(lease) = node.map(|node| report::lease(node, Timestamp::now())) else { return };
        let task = Task::Beat(name.to_owned());
        if !self.under_way.insert(task.clone()) {
            return;
        }
        let api: Api<Lease> = Api::namespaced(self.client.clone(), "kube-node-lease");
        let name = name.to_owned();
        let request = async move {
            let params = PatchParams::apply("kubelet").force();
            let answer = api.patch(&name, &params, &Patch::Apply(lease)).await;
            finished(task, answer.map(|_| ())).await
        };
        self.work.push(request.boxed());
    }

    fn look_at_pods_of(&mut self, node: &str) {
        let on_node = |pod: &Pod| report::node_name(pod) == Some(node);
        let pods = self.pods.iter().filter(|(_, pod)| on_node(pod));
        let keys: Vec<String> = pods.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.look_at(&key);
        }
    }

    /// Starts or ends a pod, if that is due and its node is ours and answers.
    fn look_at(&mut self, key: &str) {
        let Some(pod) = self.pods.get(key) else { return };
        let Some(node) = report::node_name(pod) else { return };
        if !self.nodes.contains_key(node) || self.lost.contains(node) {
            return;
        }
        if pod.metadata.deletion_timestamp.is_some() {
            self.stop(key.to_owned());
        } else if report::is_waiting(pod) {
            self.start(key.to_owned());
        }
    }

    fn start(&mut self, key: String) {
        let task = Task::Start(key.clone());
        let Some(pod) = self.pods.get(&key).cloned() else { return };
        if !self.under_way.insert(task.clone()) {
            return;
        }
        self.started += 1;
        let (api, delay) = (self.api(&pod), self.options.pod_start);
        let (number, lost) = (self.started, self.lost.clone());
        let request = async move {
            sleep(delay).await;
            if report::node_name(&pod).is_some_and(|node| lost.contains(node)) {
                return Done { task, succeeded: true };
            }
            let name = pod.metadata.name.clone().unwrap_or_default();
            let patch = Patch::Merge(report::running(&pod, number, Timestamp::now()));
            let answer = api.patch_status(&name, &PatchParams::default(), &patch).await;
            finished(task, answer.map(|_| ())).await
        };
        self.work.push(request.boxed());
    }

    fn stop(&mut self, key: String) {
        let task = Task::Stop(key.clone());
        let Some(pod) = self.pods.get(&key).cloned() else { return };
        if !self.under_way.insert(task.clone()) {
            return;
        }
        let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        let (api, delay) = (self.api(&pod), self.options.pod_stop.min(grace));
        let lost = self.lost.clone();
        let request = async move {
            sleep(delay).await;
            if report::node_name(&pod).is_some_and(|node| lost.contains(node)) {
                return Done { task, succeeded: true };
            }
            let name = pod.metadata.name.clone().unwrap_or_default();
            let same = Preconditions { uid: pod.metadata.uid.clone(), ..Preconditions::default() };
            let params = DeleteParams { preconditions: Some(same), ..DeleteParams::default() };
            let answer = api.delete(&name, &params.grace_period(0)).await;
            finished(task, answer.map(|_| ())).await
        };
        self.work.push(request.boxed());
    }

    fn api(&self, pod: &Pod) -> Api<Pod> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
        Api::namespaced(self.client.clone(), namespace)
    }

    fn finish(&mut self, done: Done) {
        self.under_way.remove(&done.task);
        if !done.succeeded {
            match &done.task {
                Task::Ready(node) => self.make_ready(node),
                Task::Start(pod) | Task::Stop(pod) => self.look_at(pod),
                Task::Beat(_) => {}
            }
        } else if let Task::Start(pod) = &done.task {
            // It may have been deleted while it started.
            let deleted = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
            if self.pods.get(pod).is_some_and(deleted) {
                self.look_at(pod);
            }
        }
    }
}

/// Whether a request succeeded. What is gone, or another by now, needs no more work.
async fn finished(task: Task, answer: Result<(), kube::Error>) -> Done {
    let succeeded = match answer {
        Ok(()) => true,
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => true,
        Err(error) => {
            tracing::debug!(%error, ?task, "to be tried again");
            sleep(RETRY).await;
            false
        }
    };
    Done { task, succeeded }
}

/// Whether a node exists in name only, be it that its kubelet answers or not.
pub fn is_fake(node: &Node) -> bool {
    is_ours(node) || node.labels().get(MARK).is_some_and(|value| value == FAKE)
}

/// Whether a node is one that this stand-in takes care of.
fn is_ours(node: &Node) -> bool {
    node.annotations().get(MARK).is_some_and(|value| value == FAKE)
}
