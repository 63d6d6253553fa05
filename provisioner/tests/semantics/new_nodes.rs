//! What a node to launch is asked before pods are planned for it, and which one is bought.

use serde_json::{Value, json};

use crate::{
    objects::{claim, pod, using, volume, with},
    runner::{ZONE, asks, class, launches, places, pool, port, row, run, sharing_nodes, zones},
};

#[test]
fn taints() {
    let red = |effect: &str| json!([{"key": "team", "value": "red", "effect": effect}]);
    let tainted = |effect: &str| pool("main", json!({"taints": red(effect)}));
    let tolerates = |toleration: Value| pod("p", json!({"tolerations": [toleration]}));
    let p = || pod("p", json!({}));
    run(
        places,
        vec![
            row("a taint of the pool", [p(), tainted("NoSchedule")], "p Incompatible"),
            row("NoExecute", [p(), tainted("NoExecute")], "p Incompatible"),
            row(
                "PreferNoSchedule is a price and no wall",
                [p(), tainted("PreferNoSchedule")],
                "p new",
            ),
            row(
                "equal",
                [
                    tolerates(json!({"key": "team", "operator": "Equal", "value": "red"})),
                    tainted("NoSchedule"),
                ],
                "p new",
            ),
            row(
                "no operator means equal",
                [tolerates(json!({"key": "team", "value": "red"})), tainted("NoSchedule")],
                "p new",
            ),
            row(
                "another value",
                [tolerates(json!({"key": "team", "value": "blue"})), tainted("NoSchedule")],
                "p Incompatible",
            ),
            row(
                "Exists, with the effect",
                [
                    tolerates(json!({"key": "team", "operator": "Exists", "effect": "NoSchedule"})),
                    tainted("NoSchedule"),
                ],
                "p new",
            ),
            row(
                "Exists, with another effect",
                [
                    tolerates(json!({"key": "team", "operator": "Exists", "effect": "NoExecute"})),
                    tainted("NoSchedule"),
                ],
                "p Incompatible",
            ),
            row(
                "everything is tolerated",
                [tolerates(json!({"operator": "Exists"})), tainted("NoSchedule")],
                "p new",
            ),
            row(
                "startup taints will be gone",
                [p(), pool("main", json!({"startupTaints": red("NoSchedule")}))],
                "p new",
            ),
        ],
    );
}

#[test]
fn the_cheapest_size_that_holds_the_pods() {
    let cpu = |amount: &str| pod("p", asks(json!({"cpu": amount})));
    let many = |count: usize, spec: &Value| -> Vec<Value> {
        (0..count).map(|number| pod(&format!("p-{number:02}"), spec.clone())).collect()
    };
    let only = |values: Value| {
        let requirement =
            json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": values});
        json!({"requirements": [requirement]})
    };
    let weight = |pool: Value, weight: u32| with(pool, json!({"spec": {"weight": weight}}));
    run(
        launches,
        vec![
            row("the smallest is enough", [cpu("1900m")], "s2 spot"),
            row("what the kubelet keeps is no room", [cpu("1901m")], "s8 spot"),
            row("memory counts", [pod("p", asks(json!({"memory": "9Gi"})))], "s8 spot"),
            row("devices count", [pod("p", asks(json!({"nvidia.com/gpu": "1"})))], "g4 spot"),
            row("nothing is large enough", [cpu("8")], ""),
            row(
                "the pods of a node are counted",
                many(31, &asks(json!({"cpu": "1m"}))),
                "s2 spot, s2 spot",
            ),
            row("they are no more than it takes", many(30, &asks(json!({"cpu": "1m"}))), "s2 spot"),
            row(
                "unlike Karpenter: pods are packed by price and not spread over claims",
                many(3, &asks(json!({"cpu": "600m"}))),
                "s2 spot",
            ),
            row(
                "a pool that allows no spot",
                [cpu("1"), pool("main", only(json!(["on-demand"])))],
                "s2 on-demand",
            ),
            row(
                "pools of equal weight compete by price",
                [
                    cpu("1"),
                    pool("first", only(json!(["on-demand"]))),
                    pool("second", only(json!(["spot"]))),
                ],
                "s2 spot",
            ),
            row(
                "a heavier pool comes first, though dearer",
                [
                    cpu("1"),
                    weight(pool("first", only(json!(["on-demand"]))), 10),
                    pool("second", only(json!(["spot"]))),
                ],
                "s2 on-demand",
            ),
            row(
                "a lighter pool takes what the heavier cannot",
                [
                    cpu("4"),
                    weight(
                        pool(
                            "first",
                            json!({"requirements": [{"key": "node.kubernetes.io/instance-type",
                                "operator": "In", "values": ["s2"]}]}),
                        ),
                        10,
                    ),
                    pool("second", json!({})),
                ],
                "s8 spot",
            ),
        ],
    );
}

#[test]
fn a_limit_holds_node_by_node() {
    let limited =
        |limits: Value| with(pool("main", json!({})), json!({"spec": {"limits": limits}}));
    let two = |cpu: &str| ["p", "q"].map(|name| pod(name, asks(json!({"cpu": cpu}))));
    let with_pool = |pods: [Value; 2], pool: Value| pods.into_iter().chain([pool]);
    run(
        launches,
        vec![
            row(
                "room for both",
                with_pool(two("1500m"), limited(json!({"cpu": "4"}))),
                "s2 spot, s2 spot",
            ),
            row("room for one", with_pool(two("1500m"), limited(json!({"cpu": "3"}))), "s2 spot"),
            row("nodes", with_pool(two("7500m"), limited(json!({"nodes": "1"}))), "s8 spot"),
            row(
                "unlike Karpenter: a launch counts with its own capacity, not the largest it might have",
                with_pool(two("500m"), limited(json!({"cpu": "2"}))),
                "s2 spot",
            ),
        ],
    );
}

#[test]
fn volumes() {
    let either = |name: &str, zones: [&str; 2]| {
        let terms = zones.map(
            |zone| json!({"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}),
        );
        let required = json!({"nodeSelectorTerms": terms});
        with(
            volume(name, json!({}), "a"),
            json!({"spec": {"nodeAffinity": {"required": required}}}),
        )
    };
    let only_b = || {
        pool("main", json!({"requirements": [{"key": ZONE, "operator": "In", "values": ["b"]}]}))
    };
    run(
        zones,
        vec![
            row(
                "every alternative of a volume is tried",
                [
                    using("p", "c"),
                    claim("c", json!({"volumeName": "v"})),
                    either("v", ["a", "b"]),
                    only_b(),
                ],
                "p b",
            ),
            row(
                "no alternative is in the pool",
                [
                    using("p", "c"),
                    claim("c", json!({"volumeName": "v"})),
                    either("v", ["a", "c"]),
                    only_b(),
                ],
                "",
            ),
        ],
    );
    let disks = (0..5).flat_map(|number| {
        let (pod, disk) = (format!("p-{number}"), format!("c-{number}"));
        let small = asks(json!({"cpu": "100m"}));
        [
            with(using(&pod, &disk), json!({"spec": small})),
            claim(&disk, json!({"storageClassName": "disks"})),
        ]
    });
    run(
        launches,
        vec![row(
            "unlike Karpenter: a node that is not there yet attaches as many disks as its size takes",
            disks.chain([class("disks", "disk.csi.azure.com", &[])]),
            "s2 spot, s2 spot",
        )],
    );
}

#[test]
fn host_ports() {
    let on = |name: &str, number: u16| {
        pod(name, port(json!({"containerPort": number, "hostPort": number})))
    };
    let sidecar = |name: &str| {
        let ports = json!([{"containerPort": 80, "hostPort": 80}]);
        let init = json!([{"name": "init", "restartPolicy": "Always", "ports": ports}]);
        pod(name, json!({"initContainers": init}))
    };
    run(
        sharing_nodes,
        vec![
            row("one port", [on("p", 80), on("q", 80)], "p | q"),
            row("two ports", [on("p", 80), on("q", 81)], "p q"),
            row("a sidecar's port", [on("p", 80), sidecar("q")], "p | q"),
            row(
                "the port of a pod in the host's network",
                [
                    on("p", 80),
                    with(
                        pod("q", port(json!({"containerPort": 80}))),
                        json!({"spec": {"hostNetwork": true}}),
                    ),
                ],
                "p | q",
            ),
        ],
    );
}
