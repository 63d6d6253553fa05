//! A cluster for whole-system tests: all in this process, or a real one by kubeconfig.
//!
//! ```text
//! start:   API server ◄─► scheduler, controllers, kubelet     (all stand-ins)
//! connect: the cluster's own      ◄─► kubelet                 (the only stand-in)
//! ```
//!
//! Scenarios [`Cluster::open`] the one that [`KUBECONFIG`] chooses, see a [`Client`] and need not
//! know which of the two they run on.

mod real;

use std::{convert::Infallible, future::Future, path::Path, time::Duration};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{
        ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    },
    core::discovery::Scope,
    discovery::pinned_kind,
};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use self::real::Guest;
use crate::{
    control_plane::{self, ControlPlane},
    controllers,
    kubelet::{self, Lost},
    scheduler,
};

/// The environment variable with the kubeconfig of a real cluster to run the tests on. Not
/// `KUBECONFIG` itself, lest somebody's everyday cluster be taken for one.
pub const KUBECONFIG: &str = "TENON_TEST_KUBECONFIG";

/// Whether [`Cluster::open`] opens a real cluster.
pub fn is_real() -> bool {
    std::env::var_os(KUBECONFIG).is_some()
}

/// How a cluster is set up. Each part has delays and a seed of its own.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The API server.
    pub control_plane: control_plane::Options,
    /// The scheduler.
    pub scheduler: scheduler::Options,
    /// The controllers. The API server itself takes care of budgets and garbage.
    pub controllers: controllers::Options,
    /// The kubelets of fake nodes.
    pub kubelet: kubelet::Options,
}

impl Options {
    /// Everything at once but the scheduler's back-off, with this seed for every choice.
    pub fn seeded(seed: u64) -> Self {
        let mut options = Self::default();
        options.control_plane.seed = seed;
        options.scheduler.seed = seed;
        options.controllers.seed = seed;
        options
    }
}

/// Why a cluster did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server could not be started.
    #[error("the API server did not start")]
    Start(#[source] std::io::Error),
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {path}: it cannot be used; give a file that kubectl accepts")]
    Kubeconfig {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cluster is not there for tests alone.
    #[error("tests need a cluster of their own, and this one has {what}")]
    Occupied {
        /// What is in the way, and what to do about it.
        what: String,
    },
    /// A document is no Kubernetes object.
    #[error("document {number}: {problem}")]
    Document {
        /// Which, from 1 on.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The API server refused an object.
    #[error("{object} was refused")]
    Refused {
        /// Kind and name.
        object: String,
        /// The server's answer.
        #[source]
        source: kube::Error,
    },
    /// A request failed.
    #[error(transparent)]
    Request(#[from] kube::Error),
    /// Something did not come true in time.
    #[error("after {waited:?} still not true: {what}")]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
    },
}

/// A cluster. Its stand-ins stop when it is dropped.
pub struct Cluster {
    client: Client,
    product: Client,
    place: Place,
    lost: Lost,
    tasks: JoinSet<Infallible>,
}

enum Place {
    Here(ControlPlane),
    Real(Box<Guest>),
}

impl Cluster {
    /// The cluster to run a scenario on: the real one of [`KUBECONFIG`] where that is set, else one
    /// in this process. On a real one only the kubelet's options count.
    ///
    /// # Errors
    ///
    /// As those of [`Self::start`] and [`Self::connect`].
    pub async fn open(options: Options) -> Result<Self, Error> {
        match std::env::var_os(KUBECONFIG) {
            Some(path) => Self::connect(Path::new(&path), options.kubelet).await,
            None => Self::start(options).await,
        }
    }

    /// Starts a whole cluster in this process.
    ///
    /// # Errors
    ///
    /// When the API server cannot open a port.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let plane = ControlPlane::start(options.control_plane).await.map_err(Error::Start)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(scheduler::run(plane.client("scheduler"), options.scheduler));
        let controllers = controllers::Options {
            budgets: false,
            orphans: false,
            lost_pods: false,
            ..options.controllers
        };
        tasks.spawn(controllers::run(plane.client("controllers"), controllers));
        let lost = Lost::default();
        tasks.spawn(kubelet::run(plane.client("kubelet"), options.kubelet, lost.clone()));
        let (client, product) = (plane.client("test"), plane.client("tenon"));
        Ok(Self { client, product, place: Place::Here(plane), lost, tasks })
    }

    /// Uses the real cluster of a kubeconfig's current context, and plays kubelet for its fake
    /// nodes. Scheduler and controllers are the cluster's own. Waits until no other test uses the
    /// cluster. What tests made there is removed by [`Self::stop`], and when they fail.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or names no usable cluster, and when the cluster has node
    /// pools, claims or nodes of somebody else, which the tests would disturb.
    pub async fn connect(path: &Path, options: kubelet::Options) -> Result<Self, Error> {
        let guest = Guest::enter(path).await?;
        let (client, product) = (guest.client()?, guest.product().await?);
        let lost = Lost::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(kubelet::run(guest.client()?, options, lost.clone()));
        Ok(Self { client, product, place: Place::Real(Box::new(guest)), lost, tasks })
    }

    /// Stops the stand-ins in good order: those that ask before the one that answers.
    ///
    /// # Panics
    ///
    /// When something is left in a real cluster.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        match self.place {
            Place::Here(plane) => plane.stop().await,
            Place::Real(guest) => guest.leave().await.expect("nothing is left behind"),
        }
    }

    /// A client of the API server.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client of the API server for the product, with no more rights than it has when installed.
    pub fn product_client(&self) -> Client {
        self.product.clone()
    }

    /// The namespace for the scenario's objects.
    pub fn namespace(&self) -> &str {
        match &self.place {
            Place::Here(_) => "default",
            Place::Real(guest) => guest.namespace(),
        }
    }

    /// The API server, when it is a stand-in too.
    pub fn control_plane(&self) -> Option<&ControlPlane> {
        match &self.place {
            Place::Here(plane) => Some(plane),
            Place::Real(_) => None,
        }
    }

    /// Nodes whose kubelet does not answer, on purpose.
    pub fn lost(&self) -> &Lost {
        &self.lost
    }

    /// Makes the objects of a YAML text with any number of documents, or changes them to what it
    /// says. A status is written as well, so that nodes can be made as a cloud would. What names no
    /// namespace comes into [`Self::namespace`].
    ///
    /// # Errors
    ///
    /// When a document is no object, or the server refuses it.
    pub async fn apply(&self, yaml: &str) -> Result<(), Error> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).map_err(|error| {
            Error::Document { number: 1, problem: format!("the text is no YAML: {error}") }
        })?;
        for (number, document) in (1..).zip(documents) {
            let no_object = |problem: String| Error::Document { number, problem };
            let object: DynamicObject =
                serde_json::from_value(document).map_err(|error| no_object(error.to_string()))?;
            let types = object.types.as_ref();
            let kind = types.and_then(|types| GroupVersionKind::try_from(types).ok());
            let kind = kind.ok_or_else(|| no_object("it lacks apiVersion or kind".to_owned()))?;
            self.apply_object(&kind, object).await?;
        }
        Ok(())
    }

    async fn apply_object(
        &self,
        kind: &GroupVersionKind,
        mut object: DynamicObject,
    ) -> Result<(), Error> {
        let name = object.name_any();
        if let (Place::Real(_), "Node") = (&self.place, kind.kind.as_str()) {
            // Everything else is found again by its namespace or its group.
            object.labels_mut().insert(real::OURS.to_owned(), String::new());
        }
        let refused = |source| Error::Refused { object: format!("{} {name}", kind.kind), source };
        let (resource, capabilities) = pinned_kind(&self.client, kind).await.map_err(refused)?;
        let api = self.api_of(&resource, &capabilities.scope, object.namespace().as_deref());
        let params = PatchParams::default();
        match api.create(&PostParams::default(), &object).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                api.patch(&name, &params, &Patch::Merge(&object)).await.map_err(refused)?;
            }
            Err(error) => return Err(refused(error)),
        }
        if let Some(status) = object.data.get("status") {
            let patch = Patch::Merge(json!({ "status": status }));
            api.patch_status(&name, &params, &patch).await.map_err(refused)?;
        }
        Ok(())
    }

    fn api_of(
        &self,
        resource: &ApiResource,
        scope: &Scope,
        namespace: Option<&str>,
    ) -> Api<DynamicObject> {
        match scope {
            Scope::Cluster => Api::all_with(self.client.clone(), resource),
            Scope::Namespaced => {
                let namespace = namespace.unwrap_or(self.namespace());
                Api::namespaced_with(self.client.clone(), namespace, resource)
            }
        }
    }

    /// Asks for so many replicas of a Deployment in [`Self::namespace`].
    ///
    /// # Errors
    ///
    /// When there is none of this name, or the request fails.
    pub async fn scale(&self, deployment: &str, replicas: usize) -> Result<(), kube::Error> {
        let api = Api::<Deployment>::namespaced(self.client(), self.namespace());
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        api.patch(deployment, &PatchParams::default(), &patch).await.map(|_| ())
    }

    /// Asks again and again until `condition` holds; failed requests count as "not yet".
    ///
    /// # Errors
    ///
    /// When it does not within `deadline`.
    pub async fn wait_until<F>(
        &self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut(Client) -> F,
    ) -> Result<(), Error>
    where
        F: Future<Output = Result<bool, kube::Error>>,
    {
        until(what, deadline, || condition(self.client())).await
    }

    /// The pods of a label selector in all namespaces.
    ///
    /// # Errors
    ///
    /// When the request fails.
    pub async fn pods(&self, selector: &str) -> Result<Vec<Pod>, kube::Error> {
        let api: Api<Pod> = Api::all(self.client());
        Ok(api.list(&ListParams::default().labels(selector)).await?.items)
    }

    /// Waits until exactly `count` pods of a label selector run, and none of the others waits.
    ///
    /// # Errors
    ///
    /// When that does not happen within `deadline`.
    pub async fn pods_running(
        &self,
        selector: &str,
        count: usize,
        deadline: Duration,
    ) -> Result<(), Error> {
        let what = format!("{count} pods of {selector} run");
        let params = ListParams::default().labels(selector);
        self.wait_until(&what, deadline, |client| {
            let params = params.clone();
            async move {
                let pods = Api::<Pod>::all(client).list(&params).await?.items;
                Ok(pods.len() == count && pods.iter().all(is_running))
            }
        })
        .await
    }
}

/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Asks again and again until `condition` holds. A failed request counts as "not yet", for the
/// server may be starting.
async fn until<F>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<bool, kube::Error>>,
{
    let start = Instant::now();
    let tries = async {
        while !condition().await.unwrap_or(false) {
            sleep(LOOK_EVERY).await;
        }
    };
    let late = |_| Error::Deadline { what: what.to_owned(), waited: start.elapsed() };
    timeout(deadline, tries).await.map_err(late)
}

/// Whether a pod runs and is not being deleted.
pub fn is_running(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}
