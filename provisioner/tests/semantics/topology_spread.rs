//! Topology spread constraints: who is counted, which domains there are, and the policies.

use serde_json::{Value, json};

use crate::{
    objects::{bound, claim, deleting, node, pod, using, with},
    runner::{
        HOST, ZONE, asks, class, launches, per_node, per_zone, places, pool, required, row, run,
    },
};

/// The spec of a pod that spreads over `key` with maxSkew 1 and counts pods of app `web`.
fn spread(key: &str, extra: Value) -> Value {
    let constraint = json!({"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}}});
    json!({"topologySpreadConstraints": [with(constraint, extra)]})
}

fn webs(count: usize, spec: &Value) -> Vec<Value> {
    (1..=count).map(|number| pod(&format!("web-{number}"), spec.clone())).collect()
}

fn and(mut objects: Vec<Value>, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    objects.extend(more);
    objects
}

fn pool_in(zones: &[&str]) -> Value {
    pool("main", json!({"requirements": [{"key": ZONE, "operator": "In", "values": zones}]}))
}

fn old(zone: &str) -> Value {
    node("old", zone, json!({}))
}

#[test]
fn zones_get_even_shares() {
    let plain = spread(ZONE, json!({}));
    let with_old = |count: usize, on_old: &[&str]| {
        let there = on_old.iter().map(|name| bound(name, "old", json!({})));
        and(webs(count, &plain), there.chain([old("a")]))
    };
    let only = |zones: Value| {
        with(plain.clone(), required(&[json!([{"key": ZONE, "operator": "In", "values": zones}])]))
    };
    run(
        per_zone,
        vec![
            row("one each", webs(3, &plain), "1 1 1"),
            row("one more", webs(4, &plain), "2 1 1"),
            row("maxSkew 2", webs(2, &spread(ZONE, json!({"maxSkew": 2}))), "2"),
            row("pods that are there count", with_old(3, &["web-0"]), "2 1 1"),
            row("even more than their share", with_old(2, &["web-8", "web-9"]), "2 1 1"),
            row("others do not", with_old(3, &["db-0"]), "2 1 1"),
            row(
                "no zone beyond the pod's affinity counts",
                webs(2, &only(json!(["a", "b"]))),
                "1 1",
            ),
            row("one zone is left to it", webs(2, &only(json!(["a"]))), "2"),
            row("no zone beyond the pool counts", and(webs(2, &plain), [pool_in(&["b"])]), "2"),
            row(
                "a zone beyond the pool counts while a node stands there",
                and(
                    webs(2, &plain),
                    [pool_in(&["b"]), node("old", "a", json!({"spec": {"unschedulable": true}}))],
                ),
                "1",
            ),
        ],
    );
}

#[test]
fn who_is_counted() {
    // One pod more, which may go to node `old` in zone a unless that zone is ahead of the others.
    let web = |extra: Value| pod("web-1", spread(ZONE, extra));
    let on_old = |name: &str| bound(name, "old", json!({}));
    let rev_2 = || with(on_old("web-9"), json!({"metadata": {"labels": {"rev": "2"}}}));
    let gated = || {
        let gates = json!({"schedulingGates": [{"name": "wait"}]});
        with(pod("web-9", gates), json!({"status": {"nominatedNodeName": "old"}}))
    };
    let everybody = json!({"labelSelector": {"matchLabels": null}});
    let nobody = json!({"labelSelector": null});
    let keys = |key: &str| json!({"matchLabelKeys": [key]});
    run(
        places,
        vec![
            row("nobody is there", [web(json!({})), old("a")], "web-1 old"),
            row("a pod of the same app", [web(json!({})), old("a"), on_old("web-9")], "web-1 new"),
            row("a pod of another", [web(json!({})), old("a"), on_old("db-9")], "web-1 old"),
            row("in another namespace", [web(json!({})), old("a"), on_old("x/web-9")], "web-1 old"),
            row(
                "a finished one",
                [
                    web(json!({})),
                    old("a"),
                    with(on_old("web-9"), json!({"status": {"phase": "Failed"}})),
                ],
                "web-1 old, web-9 Terminal",
            ),
            row(
                "one that is being deleted",
                [web(json!({})), old("a"), deleting(on_old("web-9"))],
                "web-1 old",
            ),
            row(
                "one that waits at a gate",
                [web(json!({})), old("a"), gated()],
                "web-1 old, web-9 SchedulingGated",
            ),
            row(
                "an empty selector counts everybody",
                [web(everybody), old("a"), on_old("db-9")],
                "web-1 new",
            ),
            row("no selector counts nobody", [web(nobody), old("a"), on_old("web-9")], "web-1 old"),
            row(
                "matchLabelKeys: another revision",
                [web(keys("rev")), old("a"), rev_2()],
                "web-1 old",
            ),
            row(
                "matchLabelKeys: the same revision",
                [web(keys("rev")), old("a"), on_old("web-9")],
                "web-1 new",
            ),
            row(
                "matchLabelKeys: a key that the pod lacks",
                [web(keys("none")), old("a"), rev_2()],
                "web-1 new",
            ),
        ],
    );
    let bye =
        json!({"spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}});
    let moving = with(bound("web-9", "bye", spread(ZONE, json!({}))), asks_most());
    run(
        per_zone,
        vec![row(
            "a pod that moves counts where it goes",
            [
                with(web(json!({})), asks_most()),
                moving,
                node("bye", "a", bye),
                pool_in(&["a", "b"]),
            ],
            "1 1",
        )],
    );
}

/// A pod that shares no small node.
fn asks_most() -> Value {
    json!({"spec": asks(json!({"cpu": "1500m"}))})
}

#[test]
fn policies() {
    let tainted =
        || node("old", "b", json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}));
    let here = |extra: Value| with(spread(ZONE, extra), json!({"nodeSelector": {ZONE: "a"}}));
    let of = |spec: Value, node: Value| and(webs(2, &spec), [node, pool_in(&["a"])]);
    run(
        per_zone,
        vec![
            row("taints are ignored", of(spread(ZONE, json!({})), tainted()), "1"),
            row(
                "nodeTaintsPolicy Honor",
                of(spread(ZONE, json!({"nodeTaintsPolicy": "Honor"})), tainted()),
                "2",
            ),
            row("affinity is honoured", of(here(json!({})), old("b")), "2"),
            row(
                "nodeAffinityPolicy Ignore",
                of(here(json!({"nodeAffinityPolicy": "Ignore"})), old("b")),
                "1",
            ),
        ],
    );
    let tolerated = json!([{"key": "team", "value": "red", "effect": "NoSchedule"}]);
    let red = pool(
        "red",
        json!({"taints": tolerated, "requirements": [{"key": ZONE, "operator": "In", "values": ["b"]}]}),
    );
    run(
        per_zone,
        vec![row(
            "a zone of a pool whose taint is not tolerated is none for the pod",
            and(webs(2, &spread(ZONE, json!({}))), [red, pool_in(&["a"])]),
            "2",
        )],
    );
}

#[test]
fn min_domains() {
    let at_least = |min: u32| spread(ZONE, json!({"minDomains": min}));
    run(
        per_zone,
        vec![
            row("enough zones", webs(2, &at_least(2)), "1 1"),
            row("too few zones", and(webs(2, &at_least(2)), [pool_in(&["a"])]), "1"),
            row(
                "too few zones for the second round",
                and(webs(3, &at_least(3)), [pool_in(&["a", "b"])]),
                "1 1",
            ),
            row("too few pods to use them all", webs(2, &at_least(3)), "1 1"),
        ],
    );
}

#[test]
fn other_keys() {
    let by_host = spread(HOST, json!({}));
    let nodes =
        |names: &[&str]| names.iter().map(|name| node(name, "a", json!({}))).collect::<Vec<_>>();
    let no_room = json!({"status": {"allocatable": {"cpu": "0"}}});
    run(
        per_node,
        vec![
            row("hosts: a new one is empty, so the least is 0", webs(3, &by_host), "1 1 1"),
            row(
                "hosts that stand are no exception",
                and(webs(4, &by_host), nodes(&["old-1", "old-2"])),
                "1 1 1 1",
            ),
            row(
                "a host without room stays the emptiest",
                and(webs(4, &by_host), vec![node("old", "a", no_room)]),
                "1 1 1 1",
            ),
            row(
                "hosts with maxSkew 2",
                and(webs(4, &spread(HOST, json!({"maxSkew": 2}))), nodes(&["old-1", "old-2"])),
                "2 2",
            ),
        ],
    );
    let both = json!({"topologySpreadConstraints": [
        by_host["topologySpreadConstraints"][0].clone(),
        spread(ZONE, json!({}))["topologySpreadConstraints"][0].clone()
    ]});
    run(per_zone, vec![row("zones and hosts", webs(5, &both), "2 2 1")]);
    let kinds = spread("karpenter.sh/capacity-type", json!({}));
    run(launches, vec![row("capacity types", webs(2, &kinds), "s2 on-demand, s2 spot")]);
}

#[test]
fn zones_that_sell_different_sizes() {
    let sells = |zone: &str, size: &str| {
        let requirements = json!([
            {"key": ZONE, "operator": "In", "values": [zone]},
            {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [size]}
        ]);
        pool(zone, json!({"requirements": requirements}))
    };
    let pools = || [sells("a", "s2"), sells("b", "s8"), sells("c", "g4")];
    let term = json!({"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "web"}}});
    let apart = json!({"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [term]}}});
    run(
        per_zone,
        vec![
            row(
                "are spread over all the same",
                and(webs(6, &spread(ZONE, json!({}))), pools()),
                "2 2 2",
            ),
            row("keep pods apart all the same", and(webs(3, &apart), pools()), "1 1 1"),
        ],
    );
}

#[test]
fn nodes_without_the_key() {
    let bare = || with(node("bare", "a", json!({})), json!({"metadata": {"labels": {ZONE: null}}}));
    let soft = spread(ZONE, json!({"whenUnsatisfiable": "ScheduleAnyway"}));
    run(
        places,
        vec![
            row(
                "are no place for a hard spread",
                and(webs(1, &spread(ZONE, json!({}))), [bare()]),
                "web-1 new",
            ),
            row("are one for a soft spread", and(webs(1, &soft), [bare()]), "web-1 bare"),
            row("nobody has the key", webs(1, &spread("rack", json!({}))), "web-1 Incompatible"),
        ],
    );
}

#[test]
fn volumes_narrow_the_places_and_not_the_domains() {
    let disk = |number: usize| {
        let web = with(
            using(&format!("web-{number}"), &format!("c-{number}")),
            json!({
                "spec": spread(ZONE, json!({}))
            }),
        );
        [web, claim(&format!("c-{number}"), json!({"storageClassName": "disks"}))]
    };
    let two = || -> Vec<Value> {
        let disks = class("disks", "disk.example.com", &["a"]);
        disk(1).into_iter().chain(disk(2)).chain([disks]).collect()
    };
    run(
        per_zone,
        vec![
            row("no node stands elsewhere", two(), "2"),
            row("an empty node in another zone counts", and(two(), [old("b")]), "1"),
        ],
    );
}
