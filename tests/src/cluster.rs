//! A cluster for whole-system tests: all in this process, or a real one by kubeconfig.
//!
//! ```text
//! start:   API server ◄─► scheduler, controllers, kubelet     (all stand-ins)
//! connect: the cluster's own      ◄─► kubelet                 (the only stand-in)
//! ```
//!
//! Scenarios see a [`Client`] and need not know which of the two they run on.

use std::{convert::Infallible, future::Future, path::Path, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{
        ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
    },
    config::{KubeConfigOptions, Kubeconfig},
    core::discovery::Scope,
    discovery::pinned_kind,
};
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    control_plane::{self, ControlPlane},
    controllers,
    kubelet::{self, Lost},
    scheduler,
};

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
    /// Everything at once, with this seed for every choice.
    pub fn seeded(seed: u64) -> Self {
        let mut options = Self::default();
        options.control_plane.seed = seed;
        options.scheduler.seed = seed;
        options.controllers.seed = seed;
        options.scheduler.backoff = Duration::ZERO;
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
    control_plane: Option<ControlPlane>,
    lost: Lost,
    tasks: JoinSet<Infallible>,
}

impl Cluster {
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
        Ok(Self { client: plane.client("test"), control_plane: Some(plane), lost, tasks })
    }

    /// Uses the real cluster of a kubeconfig's current context, and plays kubelet for its fake
    /// nodes. Scheduler and controllers are the cluster's own.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or names no usable cluster.
    pub async fn connect(path: &Path, options: kubelet::Options) -> Result<Self, Error> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| Error::Kubeconfig {
            path: path.display().to_string(),
            source,
        };
        let file = Kubeconfig::read_from(path).map_err(|error| unusable(error.into()))?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let config = config.map_err(|error| unusable(error.into()))?;
        let client = Client::try_from(config).map_err(|error| unusable(error.into()))?;
        let lost = Lost::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(kubelet::run(client.clone(), options, lost.clone()));
        Ok(Self { client, control_plane: None, lost, tasks })
    }

    /// Stops the stand-ins in good order: those that ask before the one that answers.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        if let Some(plane) = self.control_plane {
            plane.stop().await;
        }
    }

    /// A client of the API server.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The API server, when it is a stand-in too.
    pub fn control_plane(&self) -> Option<&ControlPlane> {
        self.control_plane.as_ref()
    }

    /// Nodes whose kubelet does not answer, on purpose.
    pub fn lost(&self) -> &Lost {
        &self.lost
    }

    /// Makes the objects of a YAML text with any number of documents, or changes them to what it
    /// says. A status is written as well, so that nodes can be made as a cloud would.
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
        object: DynamicObject,
    ) -> Result<(), Error> {
        let name = object.name_any();
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
            let patch = Patch::Merge(serde_json::json!({ "status": status }));
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
                let namespace = namespace.unwrap_or("default");
                Api::namespaced_with(self.client.clone(), namespace, resource)
            }
        }
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
        let start = Instant::now();
        let tries = async {
            while !condition(self.client()).await.unwrap_or(false) {
                sleep(LOOK_EVERY).await;
            }
        };
        let late = || Error::Deadline { what: what.to_owned(), waited: start.elapsed() };
        timeout(deadline, tries).await.map_err(|_| late())
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

/// Whether a pod runs and is not being deleted.
pub fn is_running(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}
