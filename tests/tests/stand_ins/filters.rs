//! Each filter lets through what it should, and objects in kube-scheduler's words.

use serde_json::{Value, json};

use crate::objects::{bound, merge, node, place, pod};

/// Nodes, pods on them, a new pod, and the only node that takes it or the message.
struct Case {
    name: &'static str,
    nodes: Vec<Value>,
    pods: Vec<Value>,
    new: Value,
    expected: Result<&'static str, &'static str>,
}

fn check(cases: Vec<Case>) {
    for case in cases {
        let got = place(&case.nodes, &case.pods, &case.new);
        let expected = case.expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(got, expected, "{}", case.name);
    }
}

fn with(mut object: Value, over: Value) -> Value {
    merge(&mut object, over);
    object
}

fn tainted(name: &str, effect: &str) -> Value {
    let taint = json!({ "key": "team", "value": "a", "effect": effect });
    with(node(name, "1"), json!({ "spec": { "taints": [taint] } }))
}

#[test]
fn what_the_node_alone_decides() {
    let plain = || pod("new", "web", "1", json!({}));
    let tolerant =
        |toleration: Value| pod("new", "web", "1", json!({ "tolerations": [toleration] }));
    let cordoned = || with(node("a", "1"), json!({ "spec": { "unschedulable": true } }));
    let in_zone = |zone: &str| {
        let term = json!({ "matchExpressions": [
            { "key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone] } ] });
        let required = json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [term] } });
        pod("new", "web", "1", json!({ "affinity": { "nodeAffinity": required } }))
    };
    check(vec![
        Case {
            name: "no nodes",
            nodes: vec![],
            pods: vec![],
            new: plain(),
            expected: Err("no nodes available to schedule pods"),
        },
        Case {
            name: "cordoned",
            nodes: vec![cordoned()],
            pods: vec![],
            new: plain(),
            expected: Err("0/1 nodes are available: 1 node(s) were unschedulable."),
        },
        Case {
            name: "tainted, or of the wrong zone, or too small",
            nodes: vec![
                tainted("a", "NoSchedule"),
                node("b", "1"),
                with(node("c", "2"), json!({ "status": { "allocatable": { "cpu": "500m" } } })),
            ],
            pods: vec![],
            new: in_zone("2"),
            expected: Err(
                "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's \
                           node affinity/selector, 1 node(s) had untolerated taint(s).",
            ),
        },
        Case {
            name: "a toleration of the key",
            nodes: vec![tainted("a", "NoExecute")],
            pods: vec![],
            new: tolerant(json!({ "key": "team", "operator": "Exists" })),
            expected: Ok("a"),
        },
        Case {
            name: "a toleration of another value",
            nodes: vec![tainted("a", "NoSchedule")],
            pods: vec![],
            new: tolerant(json!({ "key": "team", "value": "b" })),
            expected: Err("0/1 nodes are available: 1 node(s) had untolerated taint(s)."),
        },
        Case {
            name: "PreferNoSchedule is no obstacle",
            nodes: vec![tainted("a", "PreferNoSchedule")],
            pods: vec![],
            new: plain(),
            expected: Ok("a"),
        },
        Case {
            name: "required node affinity",
            nodes: vec![node("a", "1"), node("b", "2")],
            pods: vec![],
            new: in_zone("2"),
            expected: Ok("b"),
        },
    ]);
}

#[test]
fn resources_and_ports() {
    let one = || vec![node("a", "1")];
    let requests = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
    let sidecar = |cpu: &str| with(requests(cpu), json!({ "restartPolicy": "Always" }));
    let port = |name: &str, address: &str| {
        let port = json!({ "containerPort": 80, "hostPort": 80, "hostIP": address });
        let container = json!({ "name": "main", "ports": [port] });
        pod(name, "web", "0", json!({ "containers": [container] }))
    };
    let cpu = Err("0/1 nodes are available: 1 Insufficient cpu.");
    let ports = Err("0/1 nodes are available: 1 node(s) didn't have free ports for the requested \
                     pod ports.");
    let cases = [
        ("exactly full", vec![pod("old", "x", "3", json!({}))], json!({}), Ok("a")),
        ("one too many", vec![pod("old", "x", "3001m", json!({}))], json!({}), cpu),
        ("an init container", vec![], json!({ "initContainers": [requests("4001m")] }), cpu),
        (
            "an init container in the shadow of the others",
            vec![],
            json!({ "initContainers": [requests("4")] }),
            Ok("a"),
        ),
        ("a sidecar adds up", vec![], json!({ "initContainers": [sidecar("3001m")] }), cpu),
        ("overhead", vec![], json!({ "overhead": { "cpu": "3001m" } }), cpu),
    ];
    let cases = cases.map(|(name, old, spec, expected)| Case {
        name,
        nodes: one(),
        pods: old.into_iter().map(|pod| bound(pod, "a")).collect(),
        new: pod("new", "web", "1", spec),
        expected,
    });
    check(cases.into());
    let cases = [
        ("the same port", port("new", ""), ports),
        ("the same port on one address", port("new", "10.0.0.1"), ports),
    ];
    let cases = cases.map(|(name, new, expected)| Case {
        name,
        nodes: one(),
        pods: vec![bound(port("old", ""), "a")],
        new,
        expected,
    });
    check(cases.into());
    assert_eq!(
        place(&one(), &[bound(port("old", "10.0.0.2"), "a")], &port("new", "10.0.0.1")),
        Ok("a".to_owned()),
        "two addresses"
    );
    let full = with(node("a", "1"), json!({ "status": { "allocatable": { "pods": "1" } } }));
    let old = bound(pod("old", "x", "0", json!({})), "a");
    let new = pod("new", "web", "0", json!({}));
    let message = "0/1 nodes are available: 1 Too many pods.".to_owned();
    assert_eq!(place(&[full], &[old], &new), Err(message));
}

/// DoNotSchedule by zone with skew 1, over the nodes of two zones.
#[test]
fn topology_spread() {
    let spread = |more: Value| {
        let mut rule = json!({
            "topologyKey": "topology.kubernetes.io/zone", "maxSkew": 1,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": "web" } },
        });
        merge(&mut rule, more);
        pod("new", "web", "1", json!({ "topologySpreadConstraints": [rule] }))
    };
    let old = |name: &str, app: &str, node: &str| bound(pod(name, app, "0", json!({})), node);
    let zones = || vec![node("a", "1"), node("b", "2")];
    let nowhere = with(node("a", "1"), json!({ "metadata": { "labels": null } }));
    let cordoned = |name: &str, zone: &str| {
        let taint = json!({ "key": "x", "effect": "NoSchedule" });
        with(node(name, zone), json!({ "spec": { "taints": [taint] } }))
    };
    let deleting = |pod: Value| {
        with(pod, json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }))
    };
    check(vec![
        Case {
            name: "the emptier zone",
            nodes: zones(),
            pods: vec![old("1", "web", "a")],
            new: spread(json!({})),
            expected: Ok("b"),
        },
        Case {
            name: "a zone that is tainted counts, and holds the others back",
            nodes: vec![node("a", "1"), cordoned("b", "2")],
            pods: vec![old("1", "web", "a")],
            new: spread(json!({})),
            expected: Err("0/2 nodes are available: 1 node(s) didn't match pod topology spread \
                           constraints, 1 node(s) had untolerated taint(s)."),
        },
        Case {
            name: "unless taints are honoured",
            nodes: vec![node("a", "1"), cordoned("b", "2")],
            pods: vec![old("1", "web", "a")],
            new: spread(json!({ "nodeTaintsPolicy": "Honor" })),
            expected: Ok("a"),
        },
        Case {
            name: "fewer domains than minDomains",
            nodes: vec![node("a", "1")],
            pods: vec![old("1", "web", "a")],
            new: spread(json!({ "minDomains": 2 })),
            expected: Err("0/1 nodes are available: 1 node(s) didn't match pod topology spread \
                           constraints."),
        },
        Case {
            name: "no label",
            nodes: vec![nowhere],
            pods: vec![],
            new: spread(json!({})),
            expected: Err("0/1 nodes are available: 1 node(s) didn't match pod topology spread \
                           constraints (missing required label)."),
        },
        Case {
            name: "pods on their way out do not count",
            nodes: zones(),
            pods: vec![
                deleting(old("1", "web", "b")),
                deleting(old("2", "web", "b")),
                old("3", "web", "a"),
            ],
            new: spread(json!({})),
            expected: Ok("b"),
        },
    ]);
}

#[test]
fn pod_affinity() {
    let term = |app: &str, key: &str| json!({ "topologyKey": key, "labelSelector": { "matchLabels": { "app": app } } });
    let related = |name: &str, app: &str, kind: &str, term: Value| {
        let required = json!({ "requiredDuringSchedulingIgnoredDuringExecution": [term] });
        let mut affinity = serde_json::Map::new();
        affinity.insert(kind.to_owned(), required);
        pod(name, app, "1", json!({ "affinity": affinity }))
    };
    let (host, zone) = ("kubernetes.io/hostname", "topology.kubernetes.io/zone");
    let old = |app: &str, node: &str| bound(pod("old", app, "0", json!({})), node);
    let zones = || vec![node("a", "1"), node("b", "2")];
    check(vec![
        Case {
            name: "near what it needs",
            nodes: zones(),
            pods: vec![old("db", "b")],
            new: related("new", "web", "podAffinity", term("db", zone)),
            expected: Ok("b"),
        },
        Case {
            name: "nothing to be near to",
            nodes: zones(),
            pods: vec![old("x", "b")],
            new: related("new", "web", "podAffinity", term("db", zone)),
            expected: Err("0/2 nodes are available: 2 node(s) didn't match pod affinity rules."),
        },
        Case {
            name: "the first of its kind",
            nodes: vec![node("a", "1")],
            pods: vec![],
            new: related("new", "web", "podAffinity", term("web", zone)),
            expected: Ok("a"),
        },
        Case {
            name: "away from what it shuns",
            nodes: zones(),
            pods: vec![old("db", "b")],
            new: related("new", "web", "podAntiAffinity", term("db", host)),
            expected: Ok("a"),
        },
        Case {
            name: "away from what shuns it",
            nodes: zones(),
            pods: vec![bound(related("old", "db", "podAntiAffinity", term("web", zone)), "b")],
            new: pod("new", "web", "1", json!({})),
            expected: Ok("a"),
        },
        Case {
            name: "shunned everywhere",
            nodes: vec![node("b", "2")],
            pods: vec![bound(related("old", "db", "podAntiAffinity", term("web", zone)), "b")],
            new: pod("new", "web", "1", json!({})),
            expected: Err("0/1 nodes are available: 1 node(s) didn't satisfy existing pods \
                           anti-affinity rules."),
        },
    ]);
}

#[test]
fn volumes_that_are_bound_to_a_zone() {
    use tenon_tests::scheduler::Decision;

    use crate::objects::{decide_all, put, scheduler};
    let volume = json!({ "metadata": { "name": "disk" }, "spec": { "nodeAffinity": { "required": {
        "nodeSelectorTerms": [{ "matchExpressions": [
            { "key": "topology.kubernetes.io/zone", "operator": "In", "values": ["2"] } ] }] } } } });
    let claim = json!({ "metadata": { "name": "data", "namespace": "default" },
        "spec": { "volumeName": "disk" } });
    let volumes = json!({ "volumes": [
        { "name": "v", "persistentVolumeClaim": { "claimName": "data" } } ] });
    let new = pod("new", "web", "1", volumes);
    let mut scheduler = scheduler(1, &[node("a", "1"), node("b", "2")], &[]);
    put(&mut scheduler, &new);
    let first = decide_all(&mut scheduler, std::time::Duration::ZERO);
    assert!(
        matches!(&first[..], [(_, Decision::Unschedulable(message))]
            if message.contains("2 node(s) missed a persistentvolumeclaim")),
        "{first:?}"
    );
    scheduler.set_volume(&serde_json::from_value(volume).expect("a volume"), true);
    scheduler.set_claim(&serde_json::from_value(claim).expect("a claim"), true);
    let later = decide_all(&mut scheduler, std::time::Duration::from_secs(60));
    assert_eq!(later, [("new".to_owned(), Decision::Bind("b".to_owned()))]);
}
