//! Controllers at work: changes in, writes out.

use std::{collections::BTreeMap, convert::Infallible, fmt::Debug};

use futures::{
    FutureExt, StreamExt,
    stream::{self, BoxStream, SelectAll, select_all},
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet},
        core::v1::{Node, Pod},
        policy::v1::PodDisruptionBudget,
    },
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{Action, Kind, Options, World, actions, deployments::letters};
use crate::{
    generate::rng::Rng,
    watch::{Change, RETRY, changes, key},
};

/// Requests under way at most.
const IN_FLIGHT: usize = 64;

/// Kinds whose first list must be complete before the first action.
const KINDS: usize = 6;

/// Runs the controllers of a cluster until it is dropped. Requests that fail are tried again.
pub async fn run(client: Client, options: Options) -> Infallible {
    let mut news = watch_all(&client);
    let mut rng = Rng::new(options.seed);
    let mut world = World::default();
    let mut synced = [false; KINDS];
    let mut resync = interval(options.resync);
    resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(item) = news.next() => item.apply(&mut world, &mut synced),
            _ = resync.tick() => {}
        }
        loop {
            while let Some(Some(item)) = news.next().now_or_never() {
                item.apply(&mut world, &mut synced);
            }
            world.now = Timestamp::now();
            let due = if synced.contains(&false) { Vec::new() } else { actions(&world, &options) };
            if due.is_empty() {
                break;
            }
            carry_out(&client, &mut world, &mut rng, due).await;
        }
    }
}

/// Does all of `due`, and puts what came of it into the world.
async fn carry_out(client: &Client, world: &mut World, rng: &mut Rng, mut due: Vec<Action>) {
    for action in &mut due {
        if let Action::CreatePod(pod) = action {
            let meta = &mut pod.metadata;
            let prefix = meta.generate_name.as_deref().unwrap_or_default();
            meta.name = Some(format!("{prefix}{}", letters(rng.number(), 5)));
        }
    }
    let requests = due.into_iter().map(|action| write(client.clone(), action));
    let results: Vec<_> = stream::iter(requests).buffer_unordered(IN_FLIGHT).collect().await;
    let mut failed = false;
    for result in results {
        match result {
            Ok(written) => written.apply(world),
            Err(error) => {
                tracing::debug!(%error, "to be tried again");
                failed = true;
            }
        }
    }
    if failed {
        sleep(RETRY).await;
    }
}

/// What is new.
enum News {
    Pod(Change<Pod>),
    Node(Change<Node>),
    Deployment(Change<Deployment>),
    ReplicaSet(Change<ReplicaSet>),
    DaemonSet(Change<DaemonSet>),
    Budget(Change<PodDisruptionBudget>),
}

fn watch_all(client: &Client) -> SelectAll<BoxStream<'static, News>> {
    select_all([
        changes(Api::all(client.clone())).map(News::Pod).boxed(),
        changes(Api::all(client.clone())).map(News::Node).boxed(),
        changes(Api::all(client.clone())).map(News::Deployment).boxed(),
        changes(Api::all(client.clone())).map(News::ReplicaSet).boxed(),
        changes(Api::all(client.clone())).map(News::DaemonSet).boxed(),
        changes(Api::all(client.clone())).map(News::Budget).boxed(),
    ])
}

impl News {
    fn apply(self, world: &mut World, synced: &mut [bool; KINDS]) {
        match self {
            Self::Pod(change) => put(&mut world.pods, change, &mut synced[0]),
            Self::Node(change) => put(&mut world.nodes, change, &mut synced[1]),
            Self::Deployment(change) => put(&mut world.deployments, change, &mut synced[2]),
            Self::ReplicaSet(change) => put(&mut world.replica_sets, change, &mut synced[3]),
            Self::DaemonSet(change) => put(&mut world.daemon_sets, change, &mut synced[4]),
            Self::Budget(change) => put(&mut world.budgets, change, &mut synced[5]),
        }
    }
}

fn put<K: Resource>(objects: &mut BTreeMap<String, K>, change: Change<K>, synced: &mut bool) {
    match change {
        Change::Put(object) => {
            let known = objects.get(&key(&*object)).and_then(version);
            // News of before this controller's own last write would undo it here.
            if known.zip(version(&*object)).is_none_or(|(known, new)| known <= new) {
                objects.insert(key(&*object), *object);
            }
        }
        Change::Gone(object) => {
            objects.remove(&key(&*object));
        }
        Change::Synced => *synced = true,
    }
}

/// The resource version, which is a number that grows in every server there is (KEP-5504).
fn version<K: Resource>(object: &K) -> Option<u64> {
    object.meta().resource_version.as_ref()?.parse().ok()
}

/// What a write left behind.
enum Written {
    Pod(Box<Pod>),
    PodGone(String),
    Deployment(Box<Deployment>),
    ReplicaSet(Box<ReplicaSet>),
    ReplicaSetGone(String),
    DaemonSet(Box<DaemonSet>),
    Budget(Box<PodDisruptionBudget>),
    /// Somebody else was faster; the watch will tell.
    Nothing,
}

impl Written {
    fn apply(self, world: &mut World) {
        match self {
            Self::Pod(it) => drop(world.pods.insert(key(&*it), *it)),
            Self::PodGone(key) => drop(world.pods.remove(&key)),
            Self::Deployment(it) => drop(world.deployments.insert(key(&*it), *it)),
            Self::ReplicaSet(it) => drop(world.replica_sets.insert(key(&*it), *it)),
            Self::ReplicaSetGone(key) => drop(world.replica_sets.remove(&key)),
            Self::DaemonSet(it) => drop(world.daemon_sets.insert(key(&*it), *it)),
            Self::Budget(it) => drop(world.budgets.insert(key(&*it), *it)),
            Self::Nothing => {}
        }
    }
}

async fn write(client: Client, action: Action) -> Result<Written, kube::Error> {
    Ok(match action {
        Action::CreatePod(pod) => {
            let api: Api<Pod> = api(&client, pod.metadata.namespace.as_deref());
            Written::Pod(Box::new(api.create(&PostParams::default(), &pod).await?))
        }
        Action::CreateReplicaSet(set) => {
            let api: Api<ReplicaSet> = api(&client, set.metadata.namespace.as_deref());
            Written::ReplicaSet(Box::new(api.create(&PostParams::default(), &set).await?))
        }
        Action::DeletePod { pod, force } => match delete(&client, &*pod, force).await? {
            Some(pod) => Written::Pod(Box::new(pod)),
            None => Written::PodGone(key(&*pod)),
        },
        Action::DeleteReplicaSet(set) => match delete(&client, &*set, false).await? {
            Some(set) => Written::ReplicaSet(Box::new(set)),
            None => Written::ReplicaSetGone(key(&*set)),
        },
        Action::Scale { replica_set, replicas } => {
            let (namespace, name) = replica_set.split_once('/').unwrap_or_default();
            let api: Api<ReplicaSet> = api(&client, Some(namespace));
            let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
            let set = api.patch(name, &PatchParams::default(), &patch).await?;
            Written::ReplicaSet(Box::new(set))
        }
        Action::Status { kind, object, patch } => match kind {
            Kind::Deployment => {
                status(&client, &object, patch).await?.map_or(Written::Nothing, Written::Deployment)
            }
            Kind::ReplicaSet => {
                status(&client, &object, patch).await?.map_or(Written::Nothing, Written::ReplicaSet)
            }
            Kind::DaemonSet => {
                status(&client, &object, patch).await?.map_or(Written::Nothing, Written::DaemonSet)
            }
            Kind::Budget => {
                status(&client, &object, patch).await?.map_or(Written::Nothing, Written::Budget)
            }
        },
    })
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), namespace.unwrap_or("default"))
}

/// Deletes an object if it is still the same; what is left of it, if it stays for a while.
async fn delete<K>(client: &Client, object: &K, force: bool) -> Result<Option<K>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let meta = object.meta();
    let api: Api<K> = api(client, meta.namespace.as_deref());
    let params = DeleteParams {
        grace_period_seconds: force.then_some(0),
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions { uid: meta.uid.clone(), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(meta.name.as_deref().unwrap_or_default(), &params).await {
        Ok(answer) => {
            Ok(answer.left().filter(|it| it.meta().deletion_timestamp.is_some() && !force))
        }
        // Gone, or replaced by another of the same name.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn status<K>(
    client: &Client,
    object: &str,
    patch: Value,
) -> Result<Option<Box<K>>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Serialize
        + Debug,
{
    let (namespace, name) = object.split_once('/').unwrap_or_default();
    let api: Api<K> = api(client, Some(namespace));
    match api.patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(object) => Ok(Some(Box::new(object))),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}
