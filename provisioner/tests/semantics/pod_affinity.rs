//! Pod affinity and anti-affinity, in both directions.

use serde_json::{Value, json};

use crate::{
    objects::{bound, deleting, node, pod, with},
    runner::{
        HOST, ZONE, asks, per_zone, places, pool, row, run, sharing_nodes, sharing_zones, zones,
    },
};

/// A term about pods of an app.
fn term(key: &str, app: &str) -> Value {
    json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}})
}

fn near(terms: Value) -> Value {
    json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn apart(terms: Value) -> Value {
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

/// A node without room, with a pod of this spec.
fn there(name: &str, zone: &str, spec: Value) -> [Value; 2] {
    let spec = with(asks(json!({"cpu": "4"})), spec);
    [node("full", zone, json!({})), bound(name, "full", spec)]
}

fn and<const N: usize>(objects: [Value; N], more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    objects.into_iter().chain(more).collect()
}

fn pool_in(zones: &[&str]) -> Value {
    pool("main", json!({"requirements": [{"key": ZONE, "operator": "In", "values": zones}]}))
}

/// A pod that shares no small node.
fn large(name: &str, spec: Value) -> Value {
    pod(name, with(asks(json!({"cpu": "1500m"})), spec))
}

#[test]
fn near_pods_that_are_there() {
    let web = |key: &str| pod("web-1", near(json!([term(key, "db")])));
    let db = || there("db-1", "b", json!({}));
    let finished = || {
        let [node, db] = db();
        [node, with(db, json!({"status": {"phase": "Succeeded"}}))]
    };
    let leaving =
        || db().map(|object| if object["kind"] == "Pod" { deleting(object) } else { object });
    let bare = || {
        let [node, db] = db();
        [with(node, json!({"metadata": {"labels": {ZONE: null}}})), db]
    };
    let old = || node("old", "a", json!({}));
    run(
        zones,
        vec![
            row("by zone", and(db(), [web(ZONE)]), "web-1 b"),
            row("room elsewhere is of no use", and(db(), [web(ZONE), old()]), "web-1 b"),
            row("by host, which is full", and(db(), [web(HOST)]), ""),
            row("by host", [web(HOST), old(), bound("db-1", "old", json!({}))], "web-1 a"),
        ],
    );
    run(
        places,
        vec![
            row("nobody is there", [web(ZONE)], "web-1 Affinity"),
            row(
                "the pod there has finished",
                and(finished(), [web(ZONE)]),
                "db-1 Terminal, web-1 Affinity",
            ),
            row(
                "nobody leans on a pod that is being deleted",
                and(leaving(), [web(ZONE)]),
                "web-1 Affinity",
            ),
            row("its node has no zone", and(bare(), [web(ZONE)]), "web-1 Affinity"),
            row("a key that no node has", and(db(), [web("rack")]), "web-1 Incompatible"),
        ],
    );
}

#[test]
fn near_pods_that_are_planned() {
    let web = |key: &str| large("web-1", near(json!([term(key, "db")])));
    let own = |name: &str, key: &str| large(name, near(json!([term(key, "web")])));
    let chain = |name: &str, app: &str| large(name, near(json!([term(ZONE, app)])));
    let disrupted =
        json!({"spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}});
    run(
        sharing_zones,
        vec![
            row("by zone", [web(ZONE), large("db-1", json!({}))], "db-1 web-1"),
            row(
                "pods near their own kind: one is the first",
                [own("web-1", ZONE), own("web-2", ZONE), own("web-3", ZONE)],
                "web-1 web-2 web-3",
            ),
            row(
                "a chain",
                [chain("x-1", "y"), chain("y-1", "z"), large("z-1", json!({}))],
                "x-1 y-1 z-1",
            ),
            row("a circle has no beginning", [chain("x-1", "y"), chain("y-1", "x")], ""),
            row(
                "a pod that has to move is where it goes",
                [
                    web(ZONE),
                    node("bye", "b", disrupted),
                    bound("db-1", "bye", asks(json!({"cpu": "1"}))),
                ],
                "db-1 web-1",
            ),
        ],
    );
    run(
        sharing_nodes,
        vec![
            row("by host", [web(HOST), large("db-1", json!({}))], "db-1 web-1"),
            row("their own kind by host", [own("web-1", HOST), own("web-2", HOST)], "web-1 web-2"),
        ],
    );
    run(
        zones,
        vec![
            row(
                "nobody is the first where some are there",
                and(there("web-9", "b", json!({})), [own("web-1", ZONE)]),
                "web-1 b",
            ),
            row(
                "being the first is no leave to go without the key",
                [pod("web-1", near(json!([term("rack", "web")])))],
                "",
            ),
        ],
    );
}

#[test]
fn several_terms_mean_pods_that_match_all() {
    let terms = json!([
        {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "db"}}},
        {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"rev": "2"}}}
    ]);
    let web = || pod("web-1", near(terms.clone()));
    let rev_2 = || {
        there("db-1", "b", json!({})).map(|object| {
            if object["kind"] == "Pod" {
                with(object, json!({"metadata": {"labels": {"rev": "2"}}}))
            } else {
                object
            }
        })
    };
    run(
        places,
        vec![
            row(
                "one matches one of them",
                and(there("db-1", "b", json!({})), [web()]),
                "web-1 Affinity",
            ),
            row("one matches both", and(rev_2(), [web()]), "web-1 new"),
        ],
    );
}

#[test]
fn whom_a_term_sees() {
    let with_term = |extra: Value| pod("web-1", near(json!([with(term(ZONE, "db"), extra)])));
    let space = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "x", "labels": {"team": "red"}}});
    let other = || and(there("x/db-1", "b", json!({})), [space.clone()]);
    let own = || there("db-1", "b", json!({})).to_vec();
    let case = |name: &'static str, mut there: Vec<Value>, extra: Value, expected: &'static str| {
        there.push(with_term(extra));
        row(name, there, expected)
    };
    let red = || json!({"matchLabels": {"team": "red"}});
    run(
        places,
        vec![
            case("its own namespace", own(), json!({}), "web-1 new"),
            case("another namespace", other(), json!({}), "web-1 Affinity"),
            case("a listed one", other(), json!({"namespaces": ["x"]}), "web-1 new"),
            case("its own is not listed", own(), json!({"namespaces": ["x"]}), "web-1 Affinity"),
            case("a selected one", other(), json!({"namespaceSelector": red()}), "web-1 new"),
            case("all of them", other(), json!({"namespaceSelector": {}}), "web-1 new"),
            case(
                "listed and selected ones together",
                own(),
                json!({"namespaces": ["default"], "namespaceSelector": red()}),
                "web-1 new",
            ),
            case(
                "unlike Karpenter: matchLabelKeys",
                own(),
                json!({"matchLabelKeys": ["rev"]}),
                "web-1 new",
            ),
            case(
                "unlike Karpenter: mismatchLabelKeys",
                own(),
                json!({"mismatchLabelKeys": ["rev"]}),
                "web-1 Affinity",
            ),
        ],
    );
}

#[test]
fn apart_from_pods_that_are_there() {
    let web = |spec: Value| pod("web-1", spec);
    let away = || web(apart(json!([term(ZONE, "db")])));
    let minds = || apart(json!([term(ZONE, "web")]));
    let in_a_and_b = || pool_in(&["a", "b"]);
    let leaving = |spec: Value| {
        there("db-1", "a", spec)
            .map(|object| if object["kind"] == "Pod" { deleting(object) } else { object })
    };
    let weighted = json!([{"weight": 100, "podAffinityTerm": term(ZONE, "web")}]);
    let prefers = json!({"affinity": {"podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": weighted}}});
    let by_host =
        |spec: Value| [node("old", "a", json!({})), bound("db-1", "old", json!({})), web(spec)];
    run(
        zones,
        vec![
            row("by zone", and(there("db-1", "a", json!({})), [away(), in_a_and_b()]), "web-1 b"),
            row(
                "there is no other zone",
                and(there("db-1", "a", json!({})), [away(), pool_in(&["a"])]),
                "",
            ),
            row(
                "the pod there minds",
                and(there("db-1", "a", minds()), [web(json!({})), in_a_and_b()]),
                "web-1 b",
            ),
            row(
                "it would rather not, which binds nobody",
                and(there("db-1", "a", prefers), [web(json!({})), pool_in(&["a"])]),
                "web-1 a",
            ),
            row(
                "a pod that is being deleted is still there",
                and(leaving(json!({})), [away(), in_a_and_b()]),
                "web-1 b",
            ),
            row(
                "and still minds",
                and(leaving(minds()), [web(json!({})), in_a_and_b()]),
                "web-1 b",
            ),
        ],
    );
    run(
        places,
        vec![
            row("by host", by_host(apart(json!([term(HOST, "db")]))), "web-1 new"),
            row("a key that no node has", by_host(apart(json!([term("rack", "db")]))), "web-1 old"),
            row("others", by_host(apart(json!([term(HOST, "cache")]))), "web-1 old"),
        ],
    );
}

#[test]
fn apart_from_pods_that_are_planned() {
    let own = |name: &str, key: &str| pod(name, apart(json!([term(key, "web")])));
    let db = |spec: Value| pod("db-1", spec);
    run(
        sharing_nodes,
        vec![
            row("by host", [own("web-1", HOST), own("web-2", HOST)], "web-1 | web-2"),
            row(
                "one minds the other, by host",
                [db(apart(json!([term(HOST, "web")]))), pod("web-1", json!({}))],
                "db-1 | web-1",
            ),
        ],
    );
    run(
        sharing_zones,
        vec![row(
            "one minds the other, by zone",
            [db(apart(json!([term(ZONE, "web")]))), pod("web-1", json!({}))],
            "db-1 | web-1",
        )],
    );
    let four = ["web-1", "web-2", "web-3", "web-4"].map(|name| own(name, ZONE));
    run(
        per_zone,
        vec![row(
            "unlike Karpenter: a launch blocks its own zone alone, so that all zones are used at once",
            four,
            "1 1 1",
        )],
    );
}
