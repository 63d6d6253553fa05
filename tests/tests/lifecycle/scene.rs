//! A cluster with the lifecycle and nothing else of the product, and what the tests say about it.

use std::{collections::HashSet, future::Future, sync::Arc, time::Duration};

use jiff::SignedDuration;
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    events::v1::Event,
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use prometheus::Registry;
use provisioner::{
    api::v1::{NodeClaim, NodePool, is_true},
    clock::Clock,
    cloud::kwok::{self, Kwok},
    lifecycle::{Lifecycle, Settings},
    refusals::Refusals,
};
use serde_json::{Value, json};
use tenon_tests::{
    cluster::{Cluster, Options, is_running},
    engine,
    kubelet::is_fake,
    objects::NODE_CLASS,
};
use tokio::task::JoinHandle;

/// Nothing here takes nearly so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A pool without requirements, named `default`.
const POOL: &str = r#"
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.kwok.sh, kind: KWOKNodeClass, name: default}
      requirements: []
  disruption: {consolidateAfter: Never}
"#;

pub struct Scene {
    pub cluster: Cluster,
    pub refusals: Arc<Refusals>,
    pub settings: Settings,
    pub cloud: kwok::Settings,
    old_events: HashSet<Option<String>>,
}

/// A running lifecycle; dropping it is a crash.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Scene {
    /// A cluster with the definitions, the node class and [`POOL`].
    pub async fn start() -> Self {
        let cluster = Cluster::open(Options::seeded(1)).await.expect("a cluster");
        engine::install(&cluster).await.expect("the definitions are valid");
        cluster.apply(NODE_CLASS).await.expect("the class is valid");
        cluster.apply(POOL).await.expect("the pool is valid");
        let quick = SignedDuration::from_millis;
        let settings = Settings {
            collect_every: quick(200),
            orphan_grace: quick(500),
            least_drain: quick(100),
            terminate_poll: quick(200),
            empty_every: quick(200),
            ..Settings::default()
        };
        let old_events = events(&cluster).await.iter().map(ResourceExt::uid).collect();
        let (refusals, cloud) = (Arc::default(), kwok::Settings::default());
        Self { cluster, refusals, settings, cloud, old_events }
    }

    /// Starts a lifecycle.
    pub fn run(&self) -> Running {
        let catalog = Arc::new(engine::kwok_catalog());
        let client = self.cluster.product_client();
        let clock = Clock::system();
        let cloud = Kwok::new(client.clone(), &catalog, self.cloud.clone(), clock.clone());
        let lifecycle = Lifecycle::new(
            client,
            Arc::new(cloud),
            catalog,
            Arc::clone(&self.refusals),
            self.settings.clone(),
            clock,
            &Registry::new(),
        );
        let lifecycle = lifecycle.expect("a registry of its own");
        Running(tokio::spawn(lifecycle.run(std::future::pending())))
    }

    pub async fn stop(self) {
        self.cluster.stop().await;
    }

    pub fn nodes(&self) -> Api<Node> {
        Api::all(self.cluster.client())
    }

    pub fn claims(&self) -> Api<NodeClaim> {
        Api::all(self.cluster.client())
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.cluster.client(), self.cluster.namespace())
    }

    pub fn budgets(&self) -> Api<PodDisruptionBudget> {
        Api::namespaced(self.cluster.client(), self.cluster.namespace())
    }

    /// How many nodes kwok has made.
    pub async fn count_nodes(&self) -> usize {
        let nodes = self.nodes().list(&ListParams::default()).await.expect("an answer");
        nodes.iter().filter(|node| is_fake(node)).count()
    }

    /// Lets the pool's empty nodes go at once, all of them.
    pub async fn consolidate(&self) {
        let disruption = json!({ "consolidateAfter": "0s", "budgets": [{ "nodes": "100%" }] });
        let patch = json!({ "spec": { "disruption": disruption } });
        let api = Api::<NodePool>::all(self.cluster.client());
        let params = PatchParams::default();
        api.patch("default", &params, &Patch::Merge(patch)).await.expect("the pool is there");
    }

    /// Makes a claim with these fields besides the usual ones.
    pub async fn claim(&self, name: &str, annotations: Value, spec: Value) {
        let class =
            json!({ "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default" });
        let mut claim = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
            "metadata": {
                "name": name, "annotations": annotations,
                "labels": { "karpenter.sh/nodepool": "default" },
            },
            "spec": { "requirements": [], "nodeClassRef": class },
        });
        for (key, value) in spec.as_object().expect("fields") {
            claim["spec"][key] = value.clone();
        }
        let claim: NodeClaim = serde_json::from_value(claim).expect("a claim");
        self.claims().create(&PostParams::default(), &claim).await.expect("the claim is valid");
    }

    /// Makes a claim for one offering and waits until its node is ready for pods.
    pub async fn ready_node(&self, name: &str) {
        let offerings = "c-4x-amd64-linux/test-zone-a/spot";
        self.claim(name, json!({ "tenon.sh/offerings": offerings }), json!({})).await;
        self.until_initialized(name).await;
    }

    pub async fn until_initialized(&self, name: &str) {
        until(&format!("{name} is initialised"), async || {
            let claim = self.claims().get_opt(name).await.expect("an answer");
            claim.is_some_and(|claim| is_true(claim.conditions(), "Initialized"))
        })
        .await;
    }

    pub async fn until_gone(&self, claim: &str) {
        until(&format!("claim {claim} is gone"), async || {
            self.claims().get_opt(claim).await.expect("an answer").is_none()
        })
        .await;
        assert!(self.nodes().get_opt(claim).await.expect("an answer").is_none(), "node is left");
    }

    /// Makes a pod on a node and waits until it runs.
    pub async fn running_pod(&self, name: &str, node: &str, mut spec: Value) {
        spec["nodeName"] = json!(node);
        self.make_pod(name, spec).await;
        until(&format!("{name} runs"), async || {
            self.pods().get_opt(name).await.expect("an answer").is_some_and(|pod| is_running(&pod))
        })
        .await;
    }

    /// Makes a pod that no scheduler takes care of.
    pub async fn waiting_pod(&self, name: &str) {
        self.make_pod(name, json!({ "schedulerName": "nobody" })).await;
    }

    async fn make_pod(&self, name: &str, spec: Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": {
                "containers": [{ "name": "main", "image": "main" }],
                "terminationGracePeriodSeconds": 1,
            },
        });
        for (key, value) in spec.as_object().expect("fields") {
            pod["spec"][key] = value.clone();
        }
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("the pod is valid");
    }

    /// Nominates a pod to a node or to none.
    pub async fn nominate(&self, pod: &str, node: Option<&str>) {
        let patch = Patch::Merge(json!({ "status": { "nominatedNodeName": node } }));
        let patched = self.pods().patch_status(pod, &PatchParams::default(), &patch).await;
        patched.expect("the pod is there");
    }

    /// The node that a pod is nominated to.
    pub async fn nominee(&self, pod: &str) -> Option<String> {
        self.pods().get(pod).await.expect("the pod is there").status?.nominated_node_name
    }

    pub async fn has_pod(&self, name: &str) -> bool {
        self.pods().get_opt(name).await.expect("an answer").is_some()
    }

    /// Reasons of all events since the start.
    pub async fn event_reasons(&self) -> Vec<String> {
        let mut events = events(&self.cluster).await;
        events.retain(|event| !self.old_events.contains(&event.uid()));
        events.into_iter().filter_map(|event| event.reason).collect()
    }
}

/// All events. They outlive what they are about, and the tests that caused them.
async fn events(cluster: &Cluster) -> Vec<Event> {
    let api = Api::<Event>::all(cluster.client());
    api.list(&ListParams::default()).await.expect("an answer").items
}

/// Waits for something that must become true.
pub async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let wait = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "it never came true that {what}");
}
