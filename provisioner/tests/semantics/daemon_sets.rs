//! Daemon sets: the room and the ports that their pods take on a node before any other does.

use serde_json::{Value, json};

use crate::{
    objects::{pod, with},
    runner::{ZONE, asks, daemon_set, launches, places, pool, port, required, row, run},
};

/// A pod for which a small node is large enough, but not beside a daemon of half a core.
fn p() -> Value {
    pod("p", asks(json!({"cpu": "1500m"})))
}

fn agent(extra: Value) -> Value {
    daemon_set("agent", extra)
}

fn only(key: &str, operator: &str, values: Value) -> Value {
    required(&[json!([{"key": key, "operator": operator, "values": values}])])
}

#[test]
fn overhead() {
    let limits =
        json!({"containers": [{"name": "main", "resources": {"limits": {"cpu": "500m"}}}]});
    let tainted = |effect: &str| {
        pool("main", json!({"taints": [{"key": "team", "value": "red", "effect": effect}]}))
    };
    let tolerant = || with(p(), json!({"spec": {"tolerations": [{"operator": "Exists"}]}}));
    let tolerates = json!({"tolerations": [{"key": "team", "operator": "Exists"}]});
    let starting =
        || pool("main", json!({"startupTaints": [{"key": "cni", "effect": "NoSchedule"}]}));
    let wish = json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 1, "preference": {"matchExpressions":
            [{"key": ZONE, "operator": "In", "values": ["nowhere"]}]}}]}}});
    run(
        launches,
        vec![
            row("no daemon", [p()], "s2 spot"),
            row("a daemon", [p(), agent(json!({}))], "s8 spot"),
            row("its limits are requests", [p(), agent(limits)], "s8 spot"),
            row(
                "it does not run on the pool's nodes",
                [p(), agent(json!({"nodeSelector": {"kubernetes.io/arch": "arm64"}}))],
                "s2 spot",
            ),
            row(
                "it does not run on small nodes",
                [p(), agent(only("size.example/cpu", "Gt", json!(["4"])))],
                "s2 spot",
            ),
            row(
                "it runs on small nodes only",
                [p(), agent(only("size.example/cpu", "Lt", json!(["4"])))],
                "s8 spot",
            ),
            row(
                "it does not tolerate the pool's taint",
                [tolerant(), agent(json!({})), tainted("NoSchedule")],
                "s2 spot",
            ),
            row(
                "it tolerates it",
                [tolerant(), agent(tolerates), tainted("NoSchedule")],
                "s8 spot",
            ),
            row(
                "a soft taint keeps no daemon away",
                [p(), agent(json!({})), tainted("PreferNoSchedule")],
                "s8 spot",
            ),
            row("nor does one that passes", [p(), agent(json!({})), starting()], "s8 spot"),
            row("nor does a wish of its own", [p(), agent(wish)], "s8 spot"),
            row(
                "daemons add up",
                [
                    pod("p", asks(json!({"cpu": "1"}))),
                    agent(json!({})),
                    daemon_set("logs", json!({})),
                ],
                "s8 spot",
            ),
        ],
    );
}

#[test]
fn host_ports() {
    let http = || port(json!({"containerPort": 80, "hostPort": 80}));
    let on_small = with(http(), only("size.example/cpu", "Lt", json!(["4"])));
    run(
        launches,
        vec![
            row("taken on every node", [pod("p", http()), agent(http())], ""),
            row("taken on small nodes", [pod("p", http()), agent(on_small)], "s8 spot"),
            row(
                "another port",
                [pod("p", http()), agent(port(json!({"containerPort": 81, "hostPort": 81})))],
                "s2 spot",
            ),
        ],
    );
}

#[test]
fn daemon_pods_follow_their_nodes() {
    let owner = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "1",
        "controller": true});
    let pending =
        with(pod("agent-1", json!({})), json!({"metadata": {"ownerReferences": [owner]}}));
    run(places, vec![row("nobody plans a node for one", [pending], "agent-1 DaemonSetPod")]);
}
