//! A Kubernetes API server in this process, over real HTTP.
//!
//! It answers as a real server of version 1.35 does wherever a client could tell: conflicts,
//! watches, patches, validation, graceful deletion, evictions. Any client works, kubectl too. It
//! knows no credentials: a client is its `User-Agent`, and may do everything unless the
//! [`Authorizer`] holds it to roles; [`Audit`] keeps what was asked for. [`Faults`] makes it
//! behave badly on purpose.
//!
//! ```text
//! http ─► write ─► admission ─► strategy ─► store ─► log ─► watches
//!    └──► list, watch ◄──────────────────────┘  └─► keep (garbage, disruption budgets)
//! ```

mod admission;
mod audit;
pub mod builtin;
mod clock;
mod crd;
mod defaults;
mod events;
mod eviction;
mod faults;
mod http;
mod keep;
mod kind;
pub mod object;
mod patch;
mod quantity;
mod rbac;
mod scale;
mod selector;
mod status;
mod store;
mod strategy;
pub mod trap;
mod write;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use kube::config::Config;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

pub use self::{
    audit::{Audit, Record},
    clock::Clock,
    faults::{Fault, Faults, Rule},
    kind::{Kind, Kinds},
    object::{Key, Object},
    rbac::{Authorizer, Grant, Permissions},
    status::{Cause, Refusal},
    store::{Change, Event, Listing, Store},
};

/// How a control plane is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of uids, generated names and faults.
    pub seed: u64,
    /// What the time is.
    pub clock: Clock,
    /// How many changes per kind a watch may lag behind before it gets 410.
    pub log_length: usize,
    /// How often watches that allow it get a bookmark.
    pub bookmark_every: Duration,
    /// How long the pods of a deleted node stay.
    pub orphaned_pods_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            clock: Clock::system(),
            log_length: 20_000,
            bookmark_every: Duration::from_secs(5),
            // The real controller waits this long before it believes that a node is gone.
            orphaned_pods_after: Duration::from_secs(40),
        }
    }
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Server {
    store: Store,
    kinds: Kinds,
    clock: Clock,
    names: clock::Names,
    audit: Audit,
    authorizer: Authorizer,
    faults: Faults,
    trap: trap::Trap,
    options: Options,
    tasks: tokio::sync::mpsc::UnboundedSender<keep::Task>,
}

/// A running API server; it stops when it is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    server: Arc<Server>,
    address: SocketAddr,
    tasks: JoinSet<()>,
}

impl ControlPlane {
    /// Starts an API server on a free port of the loopback interface, with the namespaces and
    /// priority classes that every cluster has.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let server = Arc::new(Server {
            store: Store::new(options.log_length),
            kinds: Kinds::new(builtin::kinds()),
            clock: options.clock.clone(),
            names: clock::Names::new(options.seed),
            audit: Audit::default(),
            authorizer: Authorizer::default(),
            faults: Faults::new(options.seed),
            trap: trap::Trap::default(),
            options,
            tasks: sender,
        });
        server.populate();
        let mut tasks = JoinSet::new();
        tasks.spawn(keep::run(server.clone(), receiver));
        tasks.spawn(http::serve(server.clone(), listener));
        Ok(Self { server, address, tasks })
    }

    /// Where it listens, such as `http://127.0.0.1:34567`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that calls itself `user_agent`. It does not repeat refused requests by itself.
    ///
    /// # Panics
    /// When the name is no valid header.
    pub fn client(&self, user_agent: &str) -> kube::Client {
        let mut config = Config::new(self.url().parse().expect("an address is a URL"));
        let name = user_agent.parse().expect("the name is a valid header");
        config.headers.push((hyper::header::USER_AGENT, name));
        config.default_retry = false;
        kube::Client::try_from(config).expect("plain HTTP needs no further set-up")
    }

    /// A kubeconfig file, for kubectl and other programs.
    pub fn kubeconfig(&self) -> String {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tenon",
            "clusters": [{"name": "tenon", "cluster": {"server": self.url()}}],
            "users": [{"name": "tenon", "user": {}}],
            "contexts": [{"name": "tenon", "context": {"cluster": "tenon", "user": "tenon"}}]
        })
        .to_string()
    }

    /// The objects, to look at without a request.
    pub fn store(&self) -> &Store {
        &self.server.store
    }

    /// What goes wrong on purpose.
    pub fn faults(&self) -> &Faults {
        &self.server.faults
    }

    /// The moment at which a client is stopped on purpose.
    pub fn trap(&self) -> &trap::Trap {
        &self.server.trap
    }

    /// What was asked for.
    pub fn audit(&self) -> &Audit {
        &self.server.audit
    }

    /// Which clients are held to which roles; nobody to any from the start.
    pub fn authorizer(&self) -> &Authorizer {
        &self.server.authorizer
    }

    /// Stops the server and closes its connections.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

impl Server {
    /// Makes the objects that are there from the beginning.
    fn populate(&self) {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            self.make("", "namespaces", json!({"kind": "Namespace", "metadata": {"name": name}}));
        }
        for (name, value) in
            [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)]
        {
            let class =
                json!({"kind": "PriorityClass", "metadata": {"name": name}, "value": value});
            self.make("scheduling.k8s.io", "priorityclasses", class);
        }
        let service = json!({
            "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
            "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]}
        });
        self.make("", "services", service);
    }

    fn make(&self, group: &str, plural: &str, object: serde_json::Value) {
        let Some(kind) = self.kinds.get(group, plural) else { return };
        let mut target = write::Target::of(&kind, &object);
        target.name = String::new();
        let options =
            write::WriteOptions { manager: "kube-apiserver".to_owned(), ..Default::default() };
        if let Err(refusal) = self.create(&target, object, &options) {
            tracing::error!(plural, refusal.message, "an object of every cluster is not accepted");
        }
    }
}
