//! Karpenter's manifests: what its users write applies unchanged, and what its definitions refuse is
//! refused here, by form or by a rule in CEL.

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use provisioner::api::{crd, node_pool};
use serde_json::{Value, json};
use tenon_tests::control_plane::ControlPlane;

use super::{object, refused, start};

async fn installed() -> (ControlPlane, Client) {
    let (plane, client) = start().await;
    for (_, definition) in crd::all() {
        apply(&client, definition).await.expect("the definition is accepted");
    }
    (plane, client)
}

/// `kubectl apply --server-side --validate=strict`.
async fn apply(client: &Client, manifest: Value) -> kube::Result<DynamicObject> {
    let manifest: DynamicObject = object(manifest);
    let types = manifest.types.as_ref().expect("a manifest has kind and version");
    let kind = GroupVersionKind::try_from(types).expect("they are well formed");
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    let name = manifest.metadata.name.clone().expect("a manifest has a name");
    let params = PatchParams::apply("kubectl").force().validation_strict();
    api.patch(&name, &params, &Patch::Apply(&manifest)).await
}

/// A pool with `spec` merged into the least that there must be.
fn pool(spec: &str) -> Value {
    let mut pool = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "pool"},
        "spec": {"template": {"spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [],
        }}}
    });
    let spec: Value = serde_saphyr::from_str(spec).expect("the spec is YAML");
    merge(&mut pool["spec"], spec);
    pool
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Whether everything that was written is there as it was written.
fn holds(given: &Value, kept: &Value) -> bool {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            given.iter().all(|(key, value)| kept.get(key).is_some_and(|kept| holds(value, kept)))
        }
        (Value::Array(given), Value::Array(kept)) => {
            given.len() == kept.len()
                && given.iter().zip(kept).all(|(one, other)| holds(one, other))
        }
        (given, kept) => given == kept,
    }
}

/// The kinds of manifests that Karpenter's users keep.
const GOOD: &[&str] = &[
    "{}",
    // For everything, with the fields that the documents show first.
    "
    template:
      metadata:
        labels: {billing-team: my-team}
        annotations: {example.com/owner: my-team}
      spec:
        requirements:
          - {key: kubernetes.io/arch, operator: In, values: [amd64, arm64]}
          - {key: kubernetes.io/os, operator: In, values: [linux]}
          - {key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}
          - {key: karpenter.kwok.sh/instance-family, operator: In, values: [c, m], minValues: 2}
          - {key: karpenter.kwok.sh/instance-cpu, operator: Gt, values: ['4']}
          - {key: karpenter.kwok.sh/instance-memory, operator: Lte, values: ['65536']}
          - {key: node.kubernetes.io/instance-type, operator: Exists, minValues: 10}
          - {key: node.kubernetes.io/windows-build, operator: DoesNotExist}
        expireAfter: 720h
        terminationGracePeriod: 48h
    disruption:
      consolidationPolicy: WhenEmptyOrUnderutilized
      consolidateAfter: 1m
      budgets:
        - {nodes: 10%}
        - {nodes: '0', schedule: '@daily', duration: 10m, reasons: [Underutilized]}
        - {nodes: '5', schedule: '0 9 * * mon-fri', duration: 8h30m}
    weight: 10
    limits: {cpu: 1000, memory: 1000Gi, nodes: 50}
    ",
    // For workloads of their own, with taints that an agent takes off.
    "
    template:
      metadata: {labels: {}}
      spec:
        taints: [{key: nvidia.com/gpu, value: 'true', effect: NoSchedule}]
        startupTaints: [{key: node.cilium.io/agent-not-ready, value: 'true', effect: NoExecute}]
        requirements: [{key: example.com/gpu, operator: NotIn, values: [none]}]
        expireAfter: Never
    disruption: {consolidationPolicy: WhenEmpty, consolidateAfter: Never, budgets: [{nodes: 100%}]}
    ",
    // Static.
    "{replicas: 3, limits: {nodes: 5}}",
    "{disruption: {consolidationPolicy: Balanced, consolidateAfter: 1h30m}}",
];

#[tokio::test]
async fn what_users_keep_applies_unchanged() {
    let (plane, client) = installed().await;
    for (nth, spec) in GOOD.iter().enumerate() {
        let mut manifest = pool(spec);
        manifest["metadata"]["name"] = format!("pool-{nth}").into();
        let kept = apply(&client, manifest.clone()).await;
        let kept = kept.unwrap_or_else(|error| panic!("{spec}: {error}"));
        let kept = serde_json::to_value(kept).unwrap();
        assert!(holds(&manifest, &kept), "{manifest:#} became {kept:#}");
        let read = node_pool::NodePool::read(&kept);
        assert!(read.is_ok(), "{spec}: {:?}", read.err());
        apply(&client, manifest).await.expect("the same once more changes nothing");
    }
    let class = json!({
        "apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass",
        "metadata": {"name": "default"}, "spec": {"nodeRegistrationDelay": "10s"}
    });
    apply(&client, class).await.expect("a node class applies");
    let claim = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": {"name": "by-hand"},
        "spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}],
            "resources": {"requests": {"cpu": "100m"}}
        }
    });
    apply(&client, claim.clone()).await.expect("a claim without a pool applies");
    let mut other = claim;
    other["spec"]["expireAfter"] = "1h".into();
    let status = refused(apply(&client, other).await);
    assert!(status.message.contains("spec is immutable"), "{}", status.message);
    plane.stop().await;
}

/// What is wrong, and what the refusal says.
const BAD: &[(&str, &str)] = &[
    (
        "template: {metadata: {labels: {karpenter.sh/nodepool: other}}}",
        "\"karpenter.sh/nodepool\" is restricted",
    ),
    (
        "template: {metadata: {labels: {karpenter.sh/own: x}}}",
        "domain \"karpenter.sh\" is restricted",
    ),
    (
        "template: {metadata: {labels: {sub.karpenter.sh/own: x}}}",
        "domain \"karpenter.sh\" is restricted",
    ),
    (
        "template: {metadata: {labels: {kubernetes.io/hostname: x}}}",
        "\"kubernetes.io/hostname\" is restricted",
    ),
    ("template: {metadata: {labels: {team: a b}}}", "should match"),
    (
        "template: {spec: {requirements: [{key: karpenter.sh/nodepool, operator: Exists}]}}",
        "restricted",
    ),
    (
        "template: {spec: {requirements: [{key: kubernetes.io/hostname, operator: Exists}]}}",
        "restricted",
    ),
    (
        "template: {spec: {requirements: [{key: a, operator: In, values: []}]}}",
        "must have a value defined",
    ),
    ("template: {spec: {requirements: [{key: a, operator: In}]}}", "must have a value defined"),
    (
        "template: {spec: {requirements: [{key: a, operator: Gt, values: ['1', '2']}]}}",
        "single positive integer",
    ),
    (
        "template: {spec: {requirements: [{key: a, operator: Lt, values: ['-1']}]}}",
        "single positive integer",
    ),
    (
        "template: {spec: {requirements: [{key: a, operator: Gte, values: [many]}]}}",
        "single positive integer",
    ),
    (
        "template: {spec: {requirements: [{key: a, operator: In, values: [b], minValues: 2}]}}",
        "minValues",
    ),
    ("template: {spec: {requirements: [{key: a, operator: Exists, minValues: 51}]}}", "minValues"),
    ("template: {spec: {requirements: [{key: a, operator: Like}]}}", "operator"),
    ("template: {spec: {taints: [{key: a, effect: Never}]}}", "effect"),
    ("template: {spec: {taints: [{effect: NoSchedule}]}}", "key"),
    ("template: {spec: {expireAfter: 30d}}", "expireAfter"),
    ("template: {spec: {terminationGracePeriod: Never}}", "terminationGracePeriod"),
    ("template: {spec: {nodeClassRef: {name: ''}}}", "name may not be empty"),
    ("template: {spec: {nodeClassRef: {group: a/b}}}", "group"),
    ("template: {spec: {kubelet: {maxPods: 10}}}", "unknown field"),
    ("disruption: {consolidationPolicy: Always}", "consolidationPolicy"),
    ("disruption: {budgets: [{nodes: 110%}]}", "nodes"),
    (
        "disruption: {budgets: [{nodes: '1', schedule: '@daily'}]}",
        "'schedule' must be set with 'duration'",
    ),
    (
        "disruption: {budgets: [{nodes: '1', duration: 1h}]}",
        "'schedule' must be set with 'duration'",
    ),
    ("disruption: {budgets: [{nodes: '1', reasons: [Bored]}]}", "reasons"),
    ("weight: 101", "weight"),
    ("{replicas: 1, weight: 1}", "'weight' is not supported on static NodePools"),
    ("{replicas: 1, limits: {cpu: 1}}", "only 'limits.nodes' is supported on static NodePools"),
    ("replicas: -1", "replicas"),
];

#[tokio::test]
async fn what_the_definitions_refuse_is_refused() {
    let (plane, client) = installed().await;
    for (spec, words) in BAD {
        let status = refused(apply(&client, pool(spec)).await);
        let message = status.message;
        assert!(message.contains(words), "{spec}: {message}");
    }
    plane.stop().await;
}

#[tokio::test]
async fn what_must_not_change_does_not() {
    let (plane, client) = installed().await;
    for (before, after, words) in [
        ("{}", "replicas: 1", "static"),
        ("replicas: 1", "{}", "static"),
        ("{}", "template: {spec: {nodeClassRef: {kind: EC2NodeClass}}}", "immutable"),
        ("{}", "template: {spec: {nodeClassRef: {group: karpenter.k8s.aws}}}", "immutable"),
    ] {
        apply(&client, pool(before)).await.expect("it is right as it is");
        let status = refused(apply(&client, pool(after)).await);
        assert!(status.message.contains(words), "{before} to {after}: {}", status.message);
        let kind = GroupVersionKind::gvk("karpenter.sh", "v1", "NodePool");
        let pools: Api<DynamicObject> =
            Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
        pools.delete("pool", &Default::default()).await.expect("it can be deleted");
    }
    plane.stop().await;
}
