//! What an existing node is asked before a pod goes there, filter by filter. Where a row's pod is
//! not taken by node `old`, a new node is bought for it.

use serde_json::{Value, json};

use crate::{
    objects::{attach_limit, bound, claim, deleting, node, pod, using, volume, with},
    runner::{ZONE, asks, class, daemon_set, places, port, required, row, run, starting},
};

fn p() -> Value {
    pod("p", json!({}))
}

fn old() -> Value {
    node("old", "a", json!({}))
}

fn tainted(taints: Value) -> Value {
    node("old", "a", json!({"spec": {"taints": taints}}))
}

#[test]
fn taints() {
    let gpu = |effect: &str| tainted(json!([{"key": "gpu", "value": "yes", "effect": effect}]));
    let tolerates = |toleration: Value| pod("p", json!({"tolerations": [toleration]}));
    let cordoned = || node("old", "a", json!({"spec": {"unschedulable": true}}));
    let disrupted = json!([{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]);
    run(
        places,
        vec![
            row("room that is there is used before a node is bought", [p(), old()], "p old"),
            row("NoSchedule", [p(), gpu("NoSchedule")], "p new"),
            row("NoExecute", [p(), gpu("NoExecute")], "p new"),
            row("PreferNoSchedule is a price and no wall", [p(), gpu("PreferNoSchedule")], "p old"),
            row(
                "tolerated by value",
                [tolerates(json!({"key": "gpu", "value": "yes"})), gpu("NoSchedule")],
                "p old",
            ),
            row(
                "another value is tolerated",
                [tolerates(json!({"key": "gpu", "value": "no"})), gpu("NoSchedule")],
                "p new",
            ),
            row(
                "tolerated whatever the value",
                [tolerates(json!({"key": "gpu", "operator": "Exists"})), gpu("NoSchedule")],
                "p old",
            ),
            row(
                "another effect is tolerated",
                [
                    tolerates(json!({"key": "gpu", "operator": "Exists", "effect": "NoExecute"})),
                    gpu("NoSchedule"),
                ],
                "p new",
            ),
            row(
                "everything is tolerated",
                [tolerates(json!({"operator": "Exists"})), gpu("NoExecute")],
                "p old",
            ),
            row("cordoned", [p(), cordoned()], "p new"),
            row(
                "cordoned and tolerated",
                [tolerates(json!({"operator": "Exists"})), cordoned()],
                "p old",
            ),
            row("a node under disruption takes nobody", [p(), tainted(disrupted)], "p new"),
            row("a node that is being deleted takes nobody", [p(), deleting(old())], "p new"),
            row(
                "not-ready is a taint like any other once a node has been ready",
                [
                    p(),
                    tainted(
                        json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]),
                    ),
                ],
                "p new",
            ),
        ],
    );
}

#[test]
fn attach_limits() {
    const DRIVER: &str = "disk.example.com";
    let unbound = |name: &str| claim(name, json!({"storageClassName": "disks"}));
    let attached = |name: &str| claim(name, json!({"volumeName": name}));
    let cluster = |provisioner: &str, driver: &str, limit: i32| {
        let disks = class("disks", provisioner, &[]);
        vec![using("p", "c"), unbound("c"), old(), disks, attach_limit("old", driver, limit)]
    };
    let and = |mut objects: Vec<Value>, more: Vec<Value>| {
        objects.extend(more);
        objects
    };
    let user =
        |name: &str, claim: &str| with(using(name, claim), json!({"spec": {"nodeName": "old"}}));
    let one_attached = |volume: Value| vec![user("q", "d"), attached("d"), volume];
    let ebs = with(
        volume("d", json!({}), "a"),
        json!({"spec": {"csi": null, "awsElasticBlockStore": {"volumeID": "vol-1"}}}),
    );
    let disk = with(
        volume("d", json!({}), "a"),
        json!({"spec": {"csi": null, "gcePersistentDisk": {"pdName": "pd-1"}}}),
    );
    let mine = || vec![using("p", "d"), attached("d"), volume("d", json!({}), "a"), old()];
    let mounts =
        ["v", "w"].map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": "c"}}));
    let mounts_twice = pod("p", json!({"volumes": mounts}));
    run(
        places,
        vec![
            row("one of one", cluster(DRIVER, DRIVER, 1), "p old"),
            row("one of none", cluster(DRIVER, DRIVER, 0), "p new"),
            row("the limit of another driver", cluster(DRIVER, "other.example.com", 0), "p old"),
            row(
                "two of one",
                and(cluster(DRIVER, DRIVER, 1), one_attached(volume("d", json!({}), "a"))),
                "p new",
            ),
            row(
                "two of two",
                and(cluster(DRIVER, DRIVER, 2), one_attached(volume("d", json!({}), "a"))),
                "p old",
            ),
            row(
                "an in-tree provisioner counts for the driver that took over",
                cluster("kubernetes.io/azure-disk", "disk.csi.azure.com", 0),
                "p new",
            ),
            row(
                "an in-tree volume of AWS does",
                and(cluster("ebs.csi.aws.com", "ebs.csi.aws.com", 1), one_attached(ebs)),
                "p new",
            ),
            row(
                "an in-tree volume of Google does",
                and(
                    cluster("pd.csi.storage.gke.io", "pd.csi.storage.gke.io", 1),
                    one_attached(disk),
                ),
                "p new",
            ),
            row(
                "one claim that the pod mounts twice",
                cluster(DRIVER, DRIVER, 1).into_iter().skip(1).chain([mounts_twice]),
                "p old",
            ),
            row(
                "unlike Karpenter: a volume that two pods share counts for each, which errs on the \
                 side of room",
                and(mine(), vec![user("q", "d"), attach_limit("old", DRIVER, 1)]),
                "p new",
            ),
        ],
    );
}

#[test]
fn host_ports() {
    let http = || json!({"containerPort": 80, "hostPort": 80});
    let cluster = |mine: Value, theirs: Value| {
        vec![pod("p", port(mine)), old(), bound("q", "old", port(theirs))]
    };
    run(
        places,
        vec![
            row("taken", cluster(http(), http()), "p new"),
            row(
                "another port",
                cluster(http(), json!({"containerPort": 80, "hostPort": 81})),
                "p old",
            ),
            row(
                "another protocol",
                cluster(http(), with(http(), json!({"protocol": "UDP"}))),
                "p old",
            ),
            row(
                "two addresses",
                cluster(
                    with(http(), json!({"hostIP": "10.0.0.1"})),
                    with(http(), json!({"hostIP": "10.0.0.2"})),
                ),
                "p old",
            ),
            row(
                "one address of all",
                cluster(http(), with(http(), json!({"hostIP": "10.0.0.2"}))),
                "p new",
            ),
            row("no host port", cluster(json!({"containerPort": 80}), http()), "p old"),
        ],
    );
}

#[test]
fn resources() {
    let cpu = |amount: &str| asks(json!({"cpu": amount}));
    let q = |amount: &str| bound("q", "old", cpu(amount));
    let agent = || {
        let owner = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "1",
            "controller": true});
        let agent = bound("agent-1", "old", json!({}));
        with(agent, json!({"metadata": {"ownerReferences": [owner]}}))
    };
    let overdrawn = || node("old", "a", json!({"status": {"allocatable": {"memory": "1Gi"}}}));
    let greedy = || bound("q", "old", asks(json!({"cpu": "1", "memory": "2Gi"})));
    let full = json!({"status": {"allocatable": {"pods": "1"}}});
    run(
        places,
        vec![
            row("exactly enough is left", [p(), old(), q("3500m")], "p old"),
            row("too little is left", [p(), old(), q("3501m")], "p new"),
            row(
                "daemon pods to come keep their room",
                [p(), old(), q("3001m"), daemon_set("agent", json!({}))],
                "p new",
            ),
            row(
                "daemon pods that are there keep it once",
                [p(), old(), q("3000m"), daemon_set("agent", json!({})), agent()],
                "p old",
            ),
            row("pods are counted", [p(), node("old", "a", full), q("1m")], "p new"),
            row(
                "unlike Karpenter, as kube-scheduler: what the pod does not ask for may be overdrawn",
                [p(), overdrawn(), greedy()],
                "p old",
            ),
            row(
                "what it does ask for may not",
                [pod("p", asks(json!({"memory": "1Mi"}))), overdrawn(), greedy()],
                "p new",
            ),
            row(
                "finished pods hold nothing",
                [p(), old(), with(q("4"), json!({"status": {"phase": "Succeeded"}}))],
                "p old, q Terminal",
            ),
            row(
                "pods that are being deleted hold theirs to the end",
                [p(), old(), deleting(q("4"))],
                "p new",
            ),
            row(
                "nominated pods hold theirs",
                [
                    p(),
                    old(),
                    with(pod("q", cpu("4")), json!({"status": {"nominatedNodeName": "old"}})),
                ],
                "p new, q Nominated",
            ),
            row(
                "dynamic resources are not planned",
                [
                    pod(
                        "p",
                        json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]}),
                    ),
                    old(),
                ],
                "p Unsupported",
            ),
        ],
    );
}

#[test]
fn labels() {
    let wants = |key: &str, operator: &str, values: Value| {
        pod("p", required(&[json!([{"key": key, "operator": operator, "values": values}])]))
    };
    let of_team = || node("old", "a", json!({"metadata": {"labels": {"team": "red"}}}));
    let selects = |selector: Value| pod("p", json!({"nodeSelector": selector}));
    run(
        places,
        vec![
            row("selected", [selects(json!({"team": "red"})), of_team()], "p old"),
            row("another value", [selects(json!({"team": "blue"})), of_team()], "p Incompatible"),
            row(
                "a label that it lacks",
                [selects(json!({"team": "red"})), old()],
                "p Incompatible",
            ),
            row(
                "a well-known label that it lacks",
                [selects(json!({"node.kubernetes.io/instance-type": "s2"})), old()],
                "p new",
            ),
            row("In", [wants("team", "In", json!(["red", "blue"])), of_team()], "p old"),
            row("NotIn", [wants("team", "NotIn", json!(["blue"])), of_team()], "p old"),
            row("NotIn its own", [wants("team", "NotIn", json!(["red"])), of_team()], "p new"),
            row("NotIn what it lacks", [wants("team", "NotIn", json!(["red"])), old()], "p old"),
            row("DoesNotExist", [wants("team", "DoesNotExist", json!([])), of_team()], "p new"),
            row("Exists", [wants("team", "Exists", json!([])), of_team()], "p old"),
            row("Gt on words", [wants("team", "Gt", json!(["1"])), of_team()], "p Incompatible"),
            row("another zone", [selects(json!({ZONE: "b"})), old()], "p new"),
        ],
    );
}

#[test]
fn volumes() {
    let bound_to = |zone: &str| {
        vec![
            using("p", "c"),
            claim("c", json!({"volumeName": "v"})),
            volume("v", json!({}), zone),
            old(),
        ]
    };
    let made_in = |zones: &[&str]| {
        let disks = class("disks", "disk.example.com", zones);
        vec![using("p", "c"), claim("c", json!({"storageClassName": "disks"})), disks, old()]
    };
    run(
        places,
        vec![
            row("the volume is in the node's zone", bound_to("a"), "p old"),
            row("it is in another", bound_to("b"), "p new"),
            row("it can be made in the node's zone", made_in(&["a", "b"]), "p old"),
            row("it cannot", made_in(&["b", "c"]), "p new"),
        ],
    );
}

#[test]
fn nodes_that_are_starting() {
    let taints = json!([
        {"key": "cni", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
        {"key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule"},
        {"key": "karpenter.sh/unregistered", "effect": "NoExecute"}
    ]);
    let of_main = |taints: Value| {
        let labels = json!({"karpenter.sh/nodepool": "main"});
        node("old", "a", json!({"metadata": {"labels": labels}, "spec": {"taints": taints}}))
    };
    let cni = || json!({"spec": {"startupTaints": [{"key": "cni", "effect": "NoExecute"}]}});
    let done = || {
        with(cni(), json!({"status": {"conditions": [{"type": "Initialized", "status": "True"}]}}))
    };
    let gpu = || pod("p", asks(json!({"cpu": "1", "nvidia.com/gpu": "1"})));
    let claim = |extra: Value| starting(Some("old"), extra);
    let of_three = |name: &str| pod(name, asks(json!({"cpu": "3"})));
    let unregistered =
        || of_main(json!([{"key": "karpenter.sh/unregistered", "effect": "NoExecute"}]));
    run(
        places,
        vec![
            row(
                "startup taints and those of every new node pass away",
                [p(), of_main(taints.clone()), claim(cni())],
                "p old",
            ),
            row(
                "not once it is initialised",
                [p(), of_main(taints.clone()), claim(done())],
                "p new",
            ),
            row(
                "a startup taint of nobody stays",
                [p(), of_main(taints), claim(json!({}))],
                "p new",
            ),
            row(
                "a new node's taint with an effect that new nodes do not have stays",
                [
                    p(),
                    of_main(json!([{"key": "node.cloudprovider.kubernetes.io/uninitialized",
                        "effect": "NoExecute"}])),
                    claim(json!({})),
                ],
                "p new",
            ),
            row(
                "a device that the kubelet does not report yet is there as promised",
                [gpu(), of_main(json!([])), claim(json!({}))],
                "p old",
            ),
            row(
                "not once the node is initialised",
                [gpu(), of_main(json!([])), claim(done())],
                "p new",
            ),
            row(
                "a claim without a node is a node on its way",
                [p(), starting(None, json!({}))],
                "p claim",
            ),
            row(
                "its taints hold",
                [
                    p(),
                    starting(
                        None,
                        json!({"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}}),
                    ),
                ],
                "p new",
            ),
            row("unless it is being deleted", [p(), deleting(starting(None, json!({})))], "p new"),
            row(
                "a node whose claim does not know it yet is not counted beside the claim",
                [of_three("p"), of_three("q"), unregistered(), starting(None, json!({}))],
                "p claim, q new",
            ),
            row(
                "it is counted when no claim may stand for it",
                [of_three("p"), unregistered()],
                "p old",
            ),
        ],
    );
}
