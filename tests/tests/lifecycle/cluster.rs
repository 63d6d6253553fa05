//! A cluster with the lifecycle and a kubelet for kwok's nodes, and what the tests say about it.

use std::{future::Future, sync::Arc, time::Duration};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use prometheus::Registry;
use provisioner::{
    api::v1::{NodeClaim, NodePool, is_true},
    clock::Clock,
    cloud::kwok::{self, Kwok},
    lifecycle::{Lifecycle, Settings},
    refusals::Refusals,
    source::Catalog,
};
use serde_json::{Value, json};
use tenon_tests::control_plane::{ControlPlane, Options};
use tokio::task::JoinHandle;

/// Nothing here takes nearly so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    pub plane: ControlPlane,
    pub client: Client,
    pub refusals: Arc<Refusals>,
    pub settings: Settings,
    pub cloud: kwok::Settings,
    kubelet: JoinHandle<()>,
}

/// A running lifecycle; dropping it is a crash.
pub struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kubelet.abort();
    }
}

impl Cluster {
    /// A cluster with a pool and a node class, both named `default`.
    pub async fn start() -> Self {
        let plane = ControlPlane::start(Options::default()).await.expect("a free port");
        let client = plane.client("test");
        for (group, version, kind, plural) in [
            ("karpenter.sh", "v1", "NodeClaim", "nodeclaims"),
            ("karpenter.sh", "v1", "NodePool", "nodepools"),
            ("karpenter.kwok.sh", "v1alpha1", "KWOKNodeClass", "kwoknodeclasses"),
        ] {
            define(&client, group, version, kind, plural).await;
        }
        let kubelet = tokio::spawn(kubelet(plane.client("kubelet")));
        let quick = SignedDuration::from_millis;
        let settings = Settings {
            collect_every: quick(200),
            orphan_grace: quick(500),
            least_drain: quick(100),
            terminate_poll: quick(200),
            empty_every: quick(200),
            ..Settings::default()
        };
        let cluster = Self {
            plane,
            client,
            refusals: Arc::default(),
            settings,
            cloud: kwok::Settings::default(),
            kubelet,
        };
        cluster.make_class(json!({})).await;
        cluster.make_pool(json!({ "consolidateAfter": "Never" })).await;
        cluster
    }

    /// Starts a lifecycle.
    pub fn run(&self) -> Running {
        let types = catalog::kwok::instance_types().into_iter().map(Arc::new).collect();
        let catalog = Arc::new(Catalog::Types { name: "kwok".to_owned(), types });
        let client = self.plane.client("tenon");
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

    pub fn nodes(&self) -> Api<Node> {
        Api::all(self.client.clone())
    }

    pub fn claims(&self) -> Api<NodeClaim> {
        Api::all(self.client.clone())
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), "default")
    }

    async fn make_class(&self, spec: Value) {
        let gvk =
            kube::core::GroupVersionKind::gvk("karpenter.kwok.sh", "v1alpha1", "KWOKNodeClass");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "kwoknodeclasses");
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let class = DynamicObject::new("default", &resource).data(json!({ "spec": spec }));
        api.create(&PostParams::default(), &class).await.expect("the class is valid");
    }

    async fn make_pool(&self, disruption: Value) {
        let pool = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": { "name": "default" },
            "spec": {
                "template": { "spec": { "requirements": [], "nodeClassRef": class() } },
                "disruption": disruption,
            },
        });
        let pool: NodePool = serde_json::from_value(pool).expect("a pool");
        let api = Api::<NodePool>::all(self.client.clone());
        api.create(&PostParams::default(), &pool).await.expect("the pool is valid");
    }

    /// Lets the pool's empty nodes go at once, all of them.
    pub async fn consolidate(&self) {
        let disruption = json!({ "consolidateAfter": "0s", "budgets": [{ "nodes": "100%" }] });
        let patch = json!({ "spec": { "disruption": disruption } });
        let api = Api::<NodePool>::all(self.client.clone());
        let params = PatchParams::default();
        api.patch("default", &params, &Patch::Merge(patch)).await.expect("the pool is there");
    }

    /// Makes a claim with these fields besides the usual ones.
    pub async fn claim(&self, name: &str, annotations: Value, spec: Value) {
        let mut claim = json!({
            "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
            "metadata": {
                "name": name, "annotations": annotations,
                "labels": { "karpenter.sh/nodepool": "default" },
            },
            "spec": { "requirements": [], "nodeClassRef": class() },
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

    /// Makes a running pod on a node, or a pending one on none.
    pub async fn pod(&self, name: &str, node: Option<&str>, spec: Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": {
                "containers": [{ "name": "main", "image": "main" }], "nodeName": node,
                "terminationGracePeriodSeconds": 1,
            },
        });
        for (key, value) in spec.as_object().expect("fields") {
            pod["spec"][key] = value.clone();
        }
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        self.pods().create(&PostParams::default(), &pod).await.expect("the pod is valid");
        if node.is_some() {
            let ready = json!({
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": "True" }],
            });
            let patch = Patch::Merge(json!({ "status": ready }));
            let params = PatchParams::default();
            self.pods().patch_status(name, &params, &patch).await.expect("the pod is there");
        }
    }

    pub async fn has_pod(&self, name: &str) -> bool {
        self.pods().get_opt(name).await.expect("an answer").is_some()
    }

    /// Reasons of all events.
    pub async fn event_reasons(&self) -> Vec<String> {
        let api = Api::<k8s_openapi::api::events::v1::Event>::all(self.client.clone());
        let events = api.list(&ListParams::default()).await.expect("an answer");
        events.items.into_iter().filter_map(|event| event.reason).collect()
    }
}

fn class() -> Value {
    json!({ "group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default" })
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

async fn define(client: &Client, group: &str, version: &str, kind: &str, plural: &str) {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let open = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let definition = json!({
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group, "scope": "Cluster",
            "names": {
                "kind": kind, "plural": plural, "singular": kind.to_lowercase(),
                "listKind": format!("{kind}List"),
            },
            "versions": [{
                "name": version, "served": true, "storage": true,
                "schema": { "openAPIV3Schema": open }, "subresources": { "status": {} },
            }],
        },
    });
    let definition: CustomResourceDefinition = serde_json::from_value(definition).expect("valid");
    let api = Api::<CustomResourceDefinition>::all(client.clone());
    api.create(&PostParams::default(), &definition).await.expect("the definition is valid");
}

/// Makes kwok's nodes ready and ends pods that are terminating.
async fn kubelet(client: Client) {
    let (nodes, pods) = (Api::<Node>::all(client.clone()), Api::<Pod>::all(client.clone()));
    let params = PatchParams::default();
    loop {
        for node in nodes.list(&ListParams::default()).await.expect("an answer") {
            let status = node.status.clone().unwrap_or_default();
            let fake = node.annotations().contains_key("kwok.x-k8s.io/node");
            if fake && status.conditions.is_none_or(|all| all.is_empty()) {
                let ready = json!([{ "type": "Ready", "status": "True" }]);
                let patch = Patch::Merge(json!({ "status": { "conditions": ready } }));
                // The node may be gone by now.
                let _ = nodes.patch_status(&node.name_any(), &params, &patch).await;
            }
        }
        for pod in pods.list(&ListParams::default()).await.expect("an answer") {
            if pod.metadata.deletion_timestamp.is_some() {
                let api =
                    Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
                let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
                let _ = api.delete(&pod.name_any(), &now).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
