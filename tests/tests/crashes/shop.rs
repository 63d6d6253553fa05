//! A shop with a budget for disruptions, and what its cluster has come to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use catalog::well_known;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use provisioner::api::v1::{NodeClaim, is_true};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenon_tests::{
    cluster::{Cluster, Error, Options, is_running},
    control_plane::{ControlPlane, trap},
    engine, objects,
    process::{AGENT, Program},
    watch::{Change, changes},
};
use tokio::{task::JoinSet, time::sleep};

/// Far more than is needed on the slowest day.
pub const SOON: Duration = Duration::from_secs(240);
/// Pods of the shop; two of them fill a node.
pub const PODS: usize = 8;

const BUDGET: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: web}}}
";

/// A pool that buys one type in one zone, so that every day ends alike.
fn pool() -> Value {
    let only = |key: &str, value: &str| json!({ "key": key, "operator": "In", "values": [value] });
    objects::pool(
        "general",
        &[
            only(well_known::INSTANCE_TYPE, "c-4x-amd64-linux"),
            only(well_known::ZONE, "test-zone-a"),
        ],
    )
}

/// The shop before it opens.
fn web() -> Value {
    let (labels, requests) = (json!({ "app": "web" }), json!({ "cpu": "1500m", "memory": "1Gi" }));
    let mut web = objects::deployment("web", &labels, 0, &requests);
    web["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(1);
    web
}

/// Nodes by type and zone with the number of pods on each, in order.
pub type Fleet = Vec<(String, String, usize)>;

pub struct Shop {
    pub cluster: Cluster,
    pub program: Program,
    /// Uids of all nodes that ever were, and who notes them.
    nodes_seen: Arc<Mutex<BTreeSet<String>>>,
    _watch: JoinSet<()>,
    _folder: TempDir,
}

impl Shop {
    /// A cluster with everything but the product, which gets these flags when it is started.
    pub async fn new(binary: &str, flags: &[&str], seed: u64) -> Self {
        let cluster = Cluster::start(Options::seeded(seed)).await.expect("a free port");
        engine::install(&cluster).await.expect("the definitions are valid");
        for object in [objects::NODE_CLASS, BUDGET, &pool().to_string(), &web().to_string()] {
            cluster.apply(object).await.expect("the object is valid");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kubeconfig = cluster.control_plane().expect("a stand-in").kubeconfig();
        let program = Program::new(binary, folder.path(), &kubeconfig, flags);
        let program = program.expect("the folder can be written to");
        let nodes_seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let (seen, mut news) =
            (nodes_seen.clone(), changes(Api::<Node>::all(cluster.client())).boxed());
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            while let Some(change) = news.next().await {
                if let Change::Put(node) = change {
                    seen.lock().expect("nobody panics").extend(node.uid());
                }
            }
        });
        Self { cluster, program, nodes_seen, _watch: watch, _folder: folder }
    }

    pub fn plane(&self) -> &ControlPlane {
        self.cluster.control_plane().expect("a stand-in")
    }

    /// Scales the shop and waits until its pods run and every node is ready for more.
    pub async fn scale(&self, pods: usize) -> Result<(), Error> {
        self.cluster.scale("web", pods).await?;
        self.cluster.pods_running("app=web", pods, SOON).await?;
        let what = if pods == 0 { "no node is left" } else { "all nodes are initialised" };
        let calm = |client| async move {
            let claims = Api::<NodeClaim>::all(client).list(&ListParams::default()).await?.items;
            let ready = |claim: &NodeClaim| is_true(claim.conditions(), "Initialized");
            Ok(if pods == 0 { claims.is_empty() } else { claims.iter().all(ready) })
        };
        self.cluster.wait_until(what, SOON, calm).await?;
        if pods == 0 && !self.nodes().await?.is_empty() {
            let waited = Duration::ZERO;
            return Err(Error::Deadline { what: "nodes are left without claims".into(), waited });
        }
        Ok(())
    }

    /// Asks for the end of a node, and waits until it is gone and its pods run elsewhere. Gives the
    /// least number of pods that ran meanwhile.
    pub async fn drain_one(&self) -> Result<usize, Error> {
        let claims = Api::<NodeClaim>::all(self.cluster.client());
        let names = claims.list(&ListParams::default()).await?;
        let name = names.iter().map(|claim| claim.name_any()).min().unwrap_or_default();
        claims.delete(&name, &DeleteParams::default()).await?;
        let gone = self.cluster.wait_until("the node is gone", SOON, |client| {
            let name = name.clone();
            async move { Ok(Api::<NodeClaim>::all(client).get_opt(&name).await?.is_none()) }
        });
        let least = AtomicUsize::new(usize::MAX);
        let look = async {
            loop {
                let pods = self.cluster.pods("app=web").await.unwrap_or_default();
                if !pods.is_empty() {
                    let running = pods.iter().filter(|pod| is_running(pod)).count();
                    least.fetch_min(running, Ordering::Relaxed);
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            gone = gone => gone?,
            () = look => {}
        }
        self.scale(PODS).await?;
        Ok(least.into_inner())
    }

    async fn nodes(&self) -> Result<Vec<Node>, kube::Error> {
        Ok(Api::<Node>::all(self.cluster.client()).list(&ListParams::default()).await?.items)
    }

    /// The nodes as they are now.
    pub async fn fleet(&self) -> Result<Fleet, kube::Error> {
        let mut pods: BTreeMap<String, usize> = BTreeMap::new();
        for pod in self.cluster.pods("app=web").await? {
            let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
            *pods.entry(node).or_insert(0) += 1;
        }
        let mut fleet: Fleet = (self.nodes().await?.iter())
            .map(|node| {
                let label = |key: &str| node.labels().get(key).cloned().unwrap_or_default();
                let count = pods.get(&node.name_any()).copied().unwrap_or(0);
                (label(well_known::INSTANCE_TYPE), label(well_known::ZONE), count)
            })
            .collect();
        fleet.sort();
        Ok(fleet)
    }

    /// How many machines were bought so far: every one is a node of its own.
    pub fn bought(&self) -> usize {
        self.nodes_seen.lock().expect("nobody panics").len()
    }

    /// Writes of the product so far that make a moment to be killed at.
    pub fn writes(&self) -> usize {
        let records = self.plane().audit().records();
        let own = records.iter().filter(|one| one.user_agent.starts_with(AGENT));
        own.filter(|one| trap::is_write(one.verb, &one.resource)).count()
    }

    /// Resources of which the product deleted objects by force: never pods, in this shop.
    pub fn deleted(&self) -> BTreeSet<String> {
        let records = self.plane().audit().records();
        let own = records.into_iter().filter(|one| one.user_agent.starts_with(AGENT));
        own.filter(|one| one.verb == "delete").map(|one| one.resource).collect()
    }
}
