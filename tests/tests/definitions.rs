//! What the custom resource definitions fill in and refuse, as an API server sees it: by their
//! schemas and by their rules in CEL.

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use tenon_tests::{
    cluster::{Cluster, Options},
    engine,
};

const CLASS: &str = "/spec/template/spec/nodeClassRef";
const REQUIREMENTS: &str = "/spec/template/spec/requirements";

fn pool() -> Value {
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": { "name": "a" },
        "spec": {
            "template": {
                "metadata": { "labels": { "team": "a" } },
                "spec": {
                    "nodeClassRef": { "group": "g.example.com", "kind": "Class", "name": "c" },
                    "requirements": [],
                },
            },
            "disruption": { "budgets": [{ "nodes": "10%" }] },
        },
    })
}

/// Pools that nobody may make: the field that is wrong, its value, a part of the answer.
fn bad_pools() -> Vec<(&'static str, Value, &'static str)> {
    let one = |key: &str, operator: &str, values: Value| json!([{ "key": key, "operator": operator, "values": values }]);
    let at_least = json!([{ "key": "a", "operator": "In", "values": ["b"], "minValues": 2 }]);
    let replicas = |field: &str, value: Value| {
        let mut spec = pool()["spec"].clone();
        spec["replicas"] = json!(1);
        spec[field] = value;
        spec
    };
    vec![
        ("/spec", json!({}), "spec.template"),
        ("/spec/template/spec", json!({ "requirements": [] }), "nodeClassRef"),
        (CLASS, json!({ "group": "a/b", "kind": "Class", "name": "c" }), "group"),
        (CLASS, json!({ "group": "", "kind": "Class", "name": "c" }), "group may not be empty"),
        (CLASS, json!({ "group": "g", "kind": "", "name": "c" }), "kind may not be empty"),
        (CLASS, json!({ "group": "g", "kind": "Class", "name": "" }), "name may not be empty"),
        (REQUIREMENTS, one("a", "Near", json!(["b"])), "operator"),
        (REQUIREMENTS, one("not a key", "In", json!(["b"])), "key"),
        (REQUIREMENTS, one("karpenter.sh/a", "In", json!(["b"])), "is restricted"),
        (REQUIREMENTS, one("karpenter.sh/nodepool", "In", json!(["b"])), "is restricted"),
        (REQUIREMENTS, one("kubernetes.io/hostname", "In", json!(["b"])), "is restricted"),
        (REQUIREMENTS, one("a", "In", json!([])), "must have a value defined"),
        (REQUIREMENTS, one("a", "Gt", json!(["1", "2"])), "single positive integer"),
        (REQUIREMENTS, at_least, "at least that many values"),
        ("/spec/template/metadata/labels", json!({ "karpenter.sh/a": "b" }), "is restricted"),
        ("/spec/template/metadata/labels", json!({ "a": "no value" }), "labels"),
        ("/spec/disruption", json!({ "consolidateAfter": "1d" }), "consolidateAfter"),
        ("/spec/disruption", json!({ "consolidationPolicy": "Never" }), "consolidationPolicy"),
        ("/spec/disruption/budgets", json!([{ "nodes": "110%" }]), "nodes"),
        (
            "/spec/disruption/budgets",
            json!([{ "nodes": "1", "schedule": "@daily" }]),
            "must be set with 'duration'",
        ),
        ("/spec", replicas("weight", json!(101)), "weight"),
        ("/spec", replicas("weight", json!(10)), "not supported on static"),
        ("/spec", replicas("limits", json!({ "cpu": 4 })), "only 'limits.nodes'"),
    ]
}

struct Definitions {
    cluster: Cluster,
}

impl Definitions {
    async fn start() -> Self {
        let cluster = Cluster::open(Options::seeded(1)).await.expect("a cluster");
        engine::install(&cluster).await.expect("the definitions are valid");
        Self { cluster }
    }

    fn api(&self, kind: &str, plural: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("karpenter.sh", "v1", kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        Api::all_with(self.cluster.client(), &resource)
    }

    fn pools(&self) -> Api<DynamicObject> {
        self.api("NodePool", "nodepools")
    }
}

fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).expect("an object")
}

/// The message with which a request was refused as invalid.
fn refusal(outcome: kube::Result<DynamicObject>) -> Option<String> {
    match outcome {
        Err(kube::Error::Api(status)) if status.code == 422 => Some(status.message),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_get_karpenters_defaults() {
    let at = Definitions::start().await;
    let mut bare = pool();
    bare["spec"].as_object_mut().expect("fields").remove("disruption");
    let made = at.pools().create(&PostParams::default(), &object(bare)).await.expect("is valid");
    let disruption = json!({
        "consolidateAfter": "0s",
        "consolidationPolicy": "WhenEmptyOrUnderutilized",
        "budgets": [{ "nodes": "10%" }],
    });
    assert_eq!(made.data["spec"]["disruption"], disruption);
    assert_eq!(made.data["spec"]["template"]["spec"]["expireAfter"], "720h");
    assert_eq!(made.metadata.generation, Some(1));
    at.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_pools_are_refused_with_a_reason() {
    let at = Definitions::start().await;
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    at.pools().create(&dry, &object(pool())).await.expect("without the fault it is valid");
    for (field, value, reason) in bad_pools() {
        let mut bad = pool();
        *bad.pointer_mut(field).expect("the field is there") = value.clone();
        let message = refusal(at.pools().create(&dry, &object(bad)).await);
        let message = message.unwrap_or_else(|| panic!("{field} = {value} is accepted"));
        assert!(message.contains(reason), "{field} = {value}: {message}");
    }
    at.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_change_does_not() {
    let at = Definitions::start().await;
    let create = PostParams::default();
    at.pools().create(&create, &object(pool())).await.expect("is valid");
    let class = json!({ "group": "g.example.com", "kind": "Class", "name": "c" });
    let claim = object(json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": { "name": "a" },
        "spec": { "requirements": [], "nodeClassRef": class },
    }));
    let claims = at.api("NodeClaim", "nodeclaims");
    let made = claims.create(&create, &claim).await.expect("is valid");
    assert_eq!(made.name_any(), "a");
    let group = json!({ "group": "other.example.com" });
    for (api, spec, reason) in [
        (at.pools(), json!({ "replicas": 1 }), "Cannot transition NodePool"),
        (at.pools(), json!({ "template": { "spec": { "nodeClassRef": group } } }), "immutable"),
        (claims, json!({ "expireAfter": "1h" }), "spec is immutable"),
    ] {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let answer = api.patch("a", &PatchParams::default(), &patch).await;
        let message = refusal(answer).unwrap_or_else(|| panic!("{spec} is accepted"));
        assert!(message.contains(reason), "{spec}: {message}");
    }
    at.cluster.stop().await;
}
