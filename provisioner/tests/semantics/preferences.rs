//! What may be given up. Karpenter takes preferences for rules and drops them one by one when a pod
//! has no place, the heaviest first. Here they are costs, so none has to be dropped: each decides
//! between places of equal price, together with all others.

use serde_json::{Value, json};

use crate::{
    objects::{bound, node, pod},
    runner::{
        HOST, ZONE, asks, launches, per_zone, places, pool, required, row, run, sharing_nodes,
        zones,
    },
};

fn says(key: &str, values: Value) -> Value {
    json!({"key": key, "operator": "In", "values": values})
}

/// A weighted wish for nodes.
fn wish(weight: u32, key: &str, value: &str) -> Value {
    json!({"weight": weight, "preference": {"matchExpressions": [says(key, json!([value]))]}})
}

/// A weighted wish about pods of an app.
fn about(weight: u32, key: &str, app: &str) -> Value {
    let selector = json!({"matchLabels": {"app": app}});
    json!({"weight": weight, "podAffinityTerm": {"topologyKey": key, "labelSelector": selector}})
}

/// Preferred affinity of a kind.
fn prefers(kind: &str, wishes: Value) -> Value {
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": wishes}}})
}

/// A node without room, with a pod of app `db`.
fn db_in(zone: &str) -> [Value; 2] {
    [node("full", zone, json!({})), bound("db-1", "full", asks(json!({"cpu": "4"})))]
}

#[test]
fn required_terms_are_alternatives() {
    let kinds = ["on-demand", "spot"]
        .map(|kind| json!([says("karpenter.sh/capacity-type", json!([kind]))]));
    run(
        launches,
        vec![row(
            "unlike Karpenter: the cheapest is taken, not the first",
            [pod("p", required(&kinds))],
            "s2 spot",
        )],
    );
    let zones_of = |values: [&str; 2]| values.map(|zone| json!([says(ZONE, json!([zone]))]));
    run(
        zones,
        vec![
            row(
                "the first cannot be met",
                [pod("p", required(&zones_of(["nowhere", "b"])))],
                "p b",
            ),
            row("none can be met", [pod("p", required(&zones_of(["nowhere", "far"])))], ""),
        ],
    );
}

#[test]
fn preferred_node_affinity() {
    let p = |wishes: Value| pod("p", prefers("nodeAffinity", wishes));
    let b_or_c = says(ZONE, json!(["b", "c"]));
    let b_or_c = json!({"weight": 30, "preference": {"matchExpressions": [b_or_c]}});
    run(
        zones,
        vec![
            row("decides between equals", [p(json!([wish(1, ZONE, "b")]))], "p b"),
            row(
                "unlike Karpenter: all wishes are weighed, not one at a time",
                [p(json!([wish(50, ZONE, "a"), wish(30, ZONE, "b"), b_or_c]))],
                "p b",
            ),
            row(
                "a wish that cannot be met takes no other along",
                [p(json!([wish(100, "team", "red"), wish(1, ZONE, "c")]))],
                "p c",
            ),
        ],
    );
    run(
        places,
        vec![
            row("is no wall", [p(json!([wish(100, ZONE, "nowhere")]))], "p new"),
            row(
                "is not worth a node",
                [p(json!([wish(100, ZONE, "b")])), node("old", "a", json!({}))],
                "p old",
            ),
        ],
    );
}

#[test]
fn preferred_pod_affinity() {
    let p = |wishes: Value| pod("p", prefers("podAffinity", wishes));
    let with_db = |pod: Value, zone: &str| db_in(zone).into_iter().chain([pod]);
    let mut both = prefers("podAffinity", json!([about(100, ZONE, "db")]));
    both["affinity"]["nodeAffinity"] =
        json!({"preferredDuringSchedulingIgnoredDuringExecution": [wish(1, "team", "red")]});
    run(
        zones,
        vec![
            row("decides between equals", with_db(p(json!([about(1, ZONE, "db")])), "b"), "p b"),
            row(
                "is no wall",
                with_db(p(json!([about(1, HOST, "db")])), "b").chain([pool_in("a")]),
                "p a",
            ),
            row(
                "unlike Karpenter: the heaviest is not the first to go when another cannot be met",
                with_db(pod("p", both), "c"),
                "p c",
            ),
        ],
    );
    run(
        places,
        vec![row(
            "is not worth a node",
            with_db(p(json!([about(100, ZONE, "db")])), "b").chain([node("old", "a", json!({}))]),
            "p old",
        )],
    );
}

fn pool_in(zone: &str) -> Value {
    pool("main", json!({"requirements": [says(ZONE, json!([zone]))]}))
}

#[test]
fn preferred_pod_anti_affinity() {
    let apart = |name: &str, key: &str, app: &str| {
        pod(name, prefers("podAntiAffinity", json!([about(100, key, app)])))
    };
    let in_a_and_b = || pool("main", json!({"requirements": [says(ZONE, json!(["a", "b"]))]}));
    run(
        zones,
        vec![
            row(
                "decides between equals",
                db_in("a").into_iter().chain([apart("p", ZONE, "db"), in_a_and_b()]),
                "p b",
            ),
            row(
                "is no wall",
                db_in("a").into_iter().chain([apart("p", ZONE, "db"), pool_in("a")]),
                "p a",
            ),
        ],
    );
    run(
        sharing_nodes,
        vec![row(
            "is not worth a node",
            [apart("p-1", HOST, "p"), apart("p-2", HOST, "p")],
            "p-1 p-2",
        )],
    );
}

#[test]
fn soft_spreads() {
    let web = |name: &str, cpu: &str| {
        let mut spec = asks(json!({"cpu": cpu}));
        spec["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": ZONE,
            "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": "web"}}}]);
        pod(name, spec)
    };
    run(
        per_zone,
        vec![
            row("decide between equals", [web("web-1", "1500m"), web("web-2", "1500m")], "1 1"),
            row("are not worth a node", [web("web-1", "500m"), web("web-2", "500m")], "2"),
            row("are no wall", [web("web-1", "1500m"), web("web-2", "1500m"), pool_in("a")], "2"),
        ],
    );
}

#[test]
fn soft_taints() {
    let soft = |name: &str, zone: &str| {
        let taints = json!([{"key": "soft", "effect": "PreferNoSchedule"}]);
        pool(name, json!({"taints": taints, "requirements": [says(ZONE, json!([zone]))]}))
    };
    let p = || pod("p", json!({}));
    run(
        zones,
        vec![
            row("are no wall", [p(), soft("main", "a")], "p a"),
            row("decide between equals", [p(), soft("first", "a"), pool_in("b")], "p b"),
        ],
    );
}
