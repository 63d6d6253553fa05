//! The filters that look at one node.

use Filter::*;

use super::super::*;

#[test]
fn cordons_names_and_taints() {
    let cordoned = || node("old", "a", json!({"spec": {"unschedulable": true}}));
    let tainted = |effect: &str| {
        let taints = json!([{"key": "gpu", "value": "yes", "effect": effect}]);
        node("old", "a", json!({"spec": {"taints": taints}}))
    };
    let tolerates = |toleration: Value| pod("p", json!({"tolerations": [toleration]}));
    run(vec![
        case(
            "a free node",
            vec![pod("p", json!({})), node("old", "a", json!({}))],
            [("p", "old")],
            &[],
        ),
        case(
            "cordoned",
            vec![pod("p", json!({})), cordoned()],
            [("p", "old")],
            &[NodeUnschedulable, TaintToleration],
        ),
        case(
            "cordoned and tolerated",
            vec![tolerates(json!({"operator": "Exists"})), cordoned()],
            [("p", "old")],
            &[],
        ),
        case(
            "another node is named",
            vec![bound("p", "elsewhere", json!({})), node("old", "a", json!({}))],
            [("p", "old")],
            &[NodeName],
        ),
        case(
            "the named node is going away",
            vec![
                bound("p", "bye", json!({})),
                node("old", "a", json!({})),
                deleting(node("bye", "a", json!({}))),
            ],
            [("p", "old")],
            &[],
        ),
        case(
            "NoSchedule",
            vec![pod("p", json!({})), tainted("NoSchedule")],
            [("p", "old")],
            &[TaintToleration],
        ),
        case(
            "NoExecute",
            vec![pod("p", json!({})), tainted("NoExecute")],
            [("p", "old")],
            &[TaintToleration],
        ),
        case(
            "PreferNoSchedule",
            vec![pod("p", json!({})), tainted("PreferNoSchedule")],
            [("p", "old")],
            &[],
        ),
        case(
            "tolerated by value",
            vec![tolerates(json!({"key": "gpu", "value": "yes"})), tainted("NoSchedule")],
            [("p", "old")],
            &[],
        ),
        case(
            "tolerated with another value",
            vec![tolerates(json!({"key": "gpu", "value": "no"})), tainted("NoSchedule")],
            [("p", "old")],
            &[TaintToleration],
        ),
        case(
            "tolerated for another effect",
            vec![
                tolerates(json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"})),
                tainted("NoSchedule"),
            ],
            [("p", "old")],
            &[TaintToleration],
        ),
    ]);
}

#[test]
fn nodes_that_a_claim_may_stand_for() {
    let claim =
        |status: Value| json!({"kind": "NodeClaim", "metadata": {"name": "new"}, "status": status});
    let starting = || {
        let taints = json!([{"key": "karpenter.sh/unregistered", "effect": "NoExecute"}]);
        node("old", "a", json!({"spec": {"taints": taints, "providerID": "kwok://old"}}))
    };
    let p = || pod("p", json!({}));
    run(vec![
        case(
            "its claim says so",
            vec![p(), starting(), claim(json!({"providerID": "kwok://old"}))],
            [("p", "old")],
            &[],
        ),
        case(
            "its claim may not say so yet",
            vec![p(), starting(), claim(json!({}))],
            [("p", "old")],
            &[Accounting],
        ),
        case(
            "all claims know their machines",
            vec![p(), node("old", "a", json!({})), claim(json!({"providerID": "kwok://else"}))],
            [("p", "old")],
            &[],
        ),
    ]);
}

fn wants(terms: Value) -> Value {
    let required = json!({"nodeSelectorTerms": terms});
    pod(
        "p",
        json!({"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": required
        }}}),
    )
}

#[test]
fn selectors_and_node_affinity() {
    let rule = |operator: &str, values: Value| {
        wants(
            json!([{"matchExpressions": [{"key": "size", "operator": operator, "values": values}]}]),
        )
    };
    let table = [
        ("In", rule("In", json!(["4", "8"])), true),
        ("In another", rule("In", json!(["8"])), false),
        ("NotIn", rule("NotIn", json!(["8"])), true),
        ("NotIn this", rule("NotIn", json!(["4"])), false),
        ("Exists", rule("Exists", json!(null)), true),
        ("DoesNotExist", rule("DoesNotExist", json!(null)), false),
        ("Gt", rule("Gt", json!(["3"])), true),
        ("Gt itself", rule("Gt", json!(["4"])), false),
        ("Lt", rule("Lt", json!(["5"])), true),
        ("Lt itself", rule("Lt", json!(["4"])), false),
        ("no term", wants(json!([])), false),
        ("an empty term", wants(json!([{}])), false),
        (
            "one of two terms",
            wants(json!([
                {"matchExpressions": [{"key": "none", "operator": "Exists"}]},
                {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["old"]}]}
            ])),
            true,
        ),
        (
            "another name",
            wants(json!([{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": ["older"]}
            ]}])),
            false,
        ),
        ("selector", pod("p", json!({"nodeSelector": {"size": "4"}})), true),
        ("another selector", pod("p", json!({"nodeSelector": {"size": "5"}})), false),
    ];
    let cases = table.map(|(what, pod, fits)| {
        let node = node("old", "a", json!({"metadata": {"labels": {"size": "4"}}}));
        case(what, vec![pod, node], [("p", "old")], if fits { &[] } else { &[NodeAffinity] })
    });
    run(cases.into());
}

#[test]
fn runtime_classes_bring_selectors_tolerations_and_overhead() {
    let class = |scheduling: Value, cpu: &str| {
        json!({"kind": "RuntimeClass", "metadata": {"name": "kata"}, "handler": "kata",
            "scheduling": scheduling, "overhead": {"podFixed": {"cpu": cpu}}})
    };
    let p = || pod("p", json!({"runtimeClassName": "kata"}));
    let in_a = json!({"nodeSelector": {"topology.kubernetes.io/zone": "a"}});
    run(vec![
        case("selector holds", vec![p(), class(in_a.clone(), "1")], [("p", "new-a-1")], &[]),
        case("selector does not", vec![p(), class(in_a, "1")], [("p", "new-b-1")], &[NodeAffinity]),
        case("overhead fits just", vec![p(), class(json!(null), "1500m")], [("p", "new-a-1")], &[]),
        case(
            "overhead is too much",
            vec![p(), class(json!(null), "1501m")],
            [("p", "new-a-1")],
            &[NodeResourcesFit],
        ),
    ]);
}

#[test]
fn host_ports() {
    let on = |name: &str, port: Value| {
        pod(name, json!({"containers": [{"name": "c", "ports": [port]}]}))
    };
    let tcp = || json!({"containerPort": 80, "hostPort": 80});
    let two = |one: Value, other: Value| vec![on("p", one), on("q", other)];
    let both = [("p", "new-a-1"), ("q", "new-a-1")];
    let at = |ip: &str| json!({"containerPort": 80, "hostPort": 80, "hostIP": ip});
    let agent = json!({"kind": "DaemonSet", "metadata": {"name": "agent", "labels": {}}, "spec":
        {"containers": [{"name": "c", "ports": [tcp()]}]}});
    run(vec![
        case("one port", two(tcp(), tcp()), both, &[NodePorts]),
        case("two nodes", two(tcp(), tcp()), [("p", "new-a-1"), ("q", "new-a-2")], &[]),
        case(
            "two protocols",
            two(tcp(), json!({"containerPort": 80, "hostPort": 80, "protocol": "UDP"})),
            both,
            &[],
        ),
        case("two addresses", two(at("10.0.0.1"), at("10.0.0.2")), both, &[]),
        case("one of all addresses", two(at("10.0.0.1"), at("0.0.0.0")), both, &[NodePorts]),
        case("no host port", two(json!({"containerPort": 80}), tcp()), both, &[]),
        case(
            "host network",
            vec![
                pod(
                    "p",
                    json!({"hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}),
                ),
                on("q", tcp()),
            ],
            both,
            &[NodePorts],
        ),
        case("a daemon's port", vec![on("p", tcp()), agent], [("p", "new-a-1")], &[NodePorts]),
    ]);
}

#[test]
fn requests_of_all_kinds() {
    let c = |cpu: &str| json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
    let sidecar = |cpu: &str| {
        let mut sidecar = c(cpu);
        merge(&mut sidecar, json!({"restartPolicy": "Always"}));
        sidecar
    };
    let shape = |containers: Value, init: Value| {
        pod("p", json!({"containers": containers, "initContainers": init}))
    };
    let level = |resources: Value| pod("p", json!({"resources": resources}));
    let limit = json!([{"name": "c", "resources": {"limits": {"cpu": "2001m"}}}]);
    let table = [
        ("all of it", shape(json!([c("2")]), json!([])), true),
        ("more", shape(json!([c("2001m")]), json!([])), false),
        ("a sum", shape(json!([c("1"), c("1001m")]), json!([])), false),
        ("a limit is a request", shape(limit, json!([])), false),
        ("init containers one by one", shape(json!([c("2")]), json!([c("2"), c("2")])), true),
        ("a large init container", shape(json!([c("1")]), json!([c("2001m")])), false),
        ("a sidecar runs on", shape(json!([c("1")]), json!([sidecar("1001m")])), false),
        ("init before the sidecar", shape(json!([c("1")]), json!([c("2"), sidecar("1")])), true),
        (
            "init after the sidecar",
            shape(json!([c("1")]), json!([sidecar("1"), c("1001m")])),
            false,
        ),
        ("pod-level request", level(json!({"requests": {"cpu": "2001m"}})), false),
        ("pod-level limit yields to containers", level(json!({"limits": {"cpu": "3"}})), true),
        ("pod-level limit alone", level(json!({"limits": {"memory": "5Gi"}})), false),
        ("overhead", pod("p", json!({"overhead": {"cpu": "1501m"}})), false),
        (
            "a GPU that is not there",
            shape(
                json!([{"name": "c", "resources":
            {"limits": {"nvidia.com/gpu": 1}}}]),
                json!([]),
            ),
            false,
        ),
        (
            "nothing of what is not there",
            shape(
                json!([{"name": "c", "resources":
            {"limits": {"nvidia.com/gpu": 0}}}]),
                json!([]),
            ),
            true,
        ),
        ("nonsense", shape(json!([c("many")]), json!([])), false),
    ];
    let cases = table.map(|(what, pod, fits)| {
        case(what, vec![pod], [("p", "new-a-1")], if fits { &[] } else { &[NodeResourcesFit] })
    });
    run(cases.into());
}

#[test]
fn room_that_others_take() {
    let big =
        |cpu: &str| json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]});
    let old = || node("old", "a", json!({}));
    let mut resized = bound("q", "old", big("1"));
    merge(&mut resized, json!({"resizedCpu": 3501}));
    let mut nominated = pod("q", big("3501m"));
    merge(&mut nominated, json!({"status": {"nominatedNodeName": "old"}}));
    let mut finished = bound("q", "old", big("4"));
    merge(&mut finished, json!({"status": {"phase": "Succeeded"}}));
    let agent = |selector: Value| {
        let mut spec = big("1501m");
        merge(&mut spec, json!({"nodeSelector": selector}));
        json!({"kind": "DaemonSet", "metadata": {"name": "agent", "labels": {}}, "spec": spec})
    };
    let few = || node("old", "a", json!({"status": {"allocatable": {"pods": "1"}}}));
    let p = || pod("p", json!({}));
    run(vec![
        case("bound, fits", vec![p(), old(), bound("q", "old", big("3500m"))], [("p", "old")], &[]),
        case(
            "bound, too much",
            vec![p(), old(), bound("q", "old", big("3501m"))],
            [("p", "old")],
            &[NodeResourcesFit],
        ),
        case("resized", vec![p(), old(), resized], [("p", "old")], &[NodeResourcesFit]),
        case("nominated", vec![p(), old(), nominated], [("p", "old")], &[NodeResourcesFit]),
        case("finished", vec![p(), old(), finished], [("p", "old")], &[]),
        case("a daemon pod", vec![p(), agent(json!({}))], [("p", "new-a-1")], &[NodeResourcesFit]),
        case("a daemon elsewhere", vec![p(), agent(json!({"x": "y"}))], [("p", "new-a-1")], &[]),
        case(
            "pods are counted",
            vec![p(), few(), bound("q", "old", json!({}))],
            [("p", "old")],
            &[NodeResourcesFit],
        ),
    ]);
}

#[test]
fn daemon_requests_of_the_plan_count() {
    let mut world = World::new(&[pod("p", json!({}))]);
    world.place("p", "new-a-1");
    world.launch("new-a-1", "a").daemon_requests.set("cpu", 1500);
    assert_eq!(check(&world.snapshot, &world.pools, &world.plan), vec![]);
    world.launch("new-a-1", "a").daemon_requests.set("cpu", 1501);
    assert_eq!(check(&world.snapshot, &world.pools, &world.plan)[0].filter, NodeResourcesFit);
}
