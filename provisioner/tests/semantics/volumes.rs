//! Volumes: where they are, where they can be made, how many a node attaches.

use serde_json::{Value, json};

use crate::{
    objects::{attach_limit, bound, claim, deleting, node, pod, using, volume, with},
    runner::{HOST, ZONE, asks, class, places, row, run, zones},
};

const DRIVER: &str = "disk.example.com";

/// A volume that nodes meeting one of the terms reach.
fn reached(name: &str, terms: &[Value]) -> Value {
    let terms: Vec<Value> = terms.iter().map(|term| json!({"matchExpressions": [term]})).collect();
    let required = json!({"nodeSelectorTerms": terms});
    with(volume(name, json!({}), "a"), json!({"spec": {"nodeAffinity": {"required": required}}}))
}

fn is_in(key: &str, values: Value) -> Value {
    json!({"key": key, "operator": "In", "values": values})
}

/// A pod with the claims `c-1` and `c-2`, bound to the volumes `v-1` and `v-2`.
fn with_two(one: &[Value], other: &[Value]) -> Vec<Value> {
    let volumes = ["c-1", "c-2"]
        .map(|claim| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}}));
    vec![
        pod("p", json!({"volumes": volumes})),
        claim("c-1", json!({"volumeName": "v-1"})),
        claim("c-2", json!({"volumeName": "v-2"})),
        reached("v-1", one),
        reached("v-2", other),
    ]
}

/// A pod with a claim.
fn p(spec: Value) -> [Value; 2] {
    [using("p", "c"), claim("c", spec)]
}

fn and<const N: usize>(objects: [Value; N], more: impl IntoIterator<Item = Value>) -> Vec<Value> {
    objects.into_iter().chain(more).collect()
}

#[test]
fn bound_volumes() {
    let at = |volume: Value| and(p(json!({"volumeName": "v"})), [volume]);
    let zone = |values: Value| is_in(ZONE, values);
    let labelled = |zones: &str| {
        let nowhere = json!({"spec": {"nodeAffinity": null}});
        with(volume("v", json!({ZONE: zones}), "a"), nowhere)
    };
    let driver_key = is_in("topology.disk.csi.azure.com/zone", json!(["b"]));
    let old = || node("old", "a", json!({}));
    run(
        zones,
        vec![
            row("its zone", at(volume("v", json!({}), "b")), "p b"),
            row(
                "one of its terms",
                at(reached("v", &[zone(json!(["nowhere"])), zone(json!(["c"]))])),
                "p c",
            ),
            row("its zone label", at(labelled("c")), "p c"),
            row("a label of several zones", at(labelled("nowhere__b")), "p b"),
            row("the driver's own name of the zone", at(reached("v", &[driver_key])), "p b"),
            row(
                "two volumes: what their alternatives have in common",
                with_two(
                    &[zone(json!(["a"])), zone(json!(["b"]))],
                    &[zone(json!(["b"])), zone(json!(["c"]))],
                ),
                "p b",
            ),
            row(
                "unlike Karpenter: with nothing in common there is no place",
                with_two(&[zone(json!(["a"]))], &[zone(json!(["c"]))]),
                "",
            ),
        ],
    );
    run(
        places,
        vec![
            row(
                "unlike Karpenter: a volume of one node keeps the pod there",
                and(
                    p(json!({"volumeName": "v"})),
                    [reached("v", &[is_in(HOST, json!(["old"]))]), old()],
                ),
                "p old",
            ),
            row(
                "unlike Karpenter: no new node takes its place",
                at(reached("v", &[is_in(HOST, json!(["old"]))])),
                "p Incompatible",
            ),
        ],
    );
}

#[test]
fn volumes_to_be_made() {
    let of = |name: &str| p(json!({"storageClassName": name}));
    let disks = || class("disks", DRIVER, &["b"]);
    let default = || {
        let default = json!({"storageclass.kubernetes.io/is-default-class": "true"});
        with(disks(), json!({"metadata": {"annotations": default}}))
    };
    let local = || class("local", "kubernetes.io/no-provisioner", &[]);
    let free = || with(volume("v", json!({}), "c"), json!({"spec": {"storageClassName": "local"}}));
    let ephemeral = || {
        let template =
            json!({"spec": {"storageClassName": "disks", "accessModes": ["ReadWriteOnce"]}});
        pod(
            "p",
            json!({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]}),
        )
    };
    run(
        zones,
        vec![
            row("where its class makes them", and(of("disks"), [disks()]), "p b"),
            row("the default class", and(p(json!({})), [default()]), "p b"),
            row("where a free volume waits", and(of("local"), [local(), free()]), "p c"),
            row("a volume of the pod's own", [ephemeral(), disks()], "p b"),
        ],
    );
}

#[test]
fn volumes_in_the_way() {
    let lost = |status: Value| {
        let [pod, claim] = p(json!({"volumeName": "v"}));
        [pod, with(claim, json!({"status": status})), volume("v", json!({}), "a")]
    };
    let leaving = || {
        let [pod, claim] = p(json!({"volumeName": "v"}));
        [pod, deleting(claim), volume("v", json!({}), "a")]
    };
    let immediate = || {
        let now = json!({"volumeBindingMode": "Immediate"});
        and(p(json!({"storageClassName": "disks"})), [with(class("disks", DRIVER, &[]), now)])
    };
    let disks = || class("disks", DRIVER, &[]);
    run(
        places,
        vec![
            row("no claim", [using("p", "c")], "p Volume"),
            row("the claim is being deleted", leaving(), "p Volume"),
            row("the claim has lost its volume", lost(json!({"phase": "Lost"})), "p Volume"),
            row("no volume", p(json!({"volumeName": "v"})), "p Volume"),
            row("unbound, though its class binds at once", immediate(), "p Volume"),
            row(
                "no such class",
                and(p(json!({"storageClassName": "other"})), [disks()]),
                "p Volume",
            ),
            row("no class at all", and(p(json!({"storageClassName": ""})), [disks()]), "p Volume"),
            row("no class, and none is the default", and(p(json!({})), [disks()]), "p Volume"),
            row(
                "no free volume, and nobody makes one",
                and(
                    p(json!({"storageClassName": "disks"})),
                    [class("disks", "kubernetes.io/no-provisioner", &[])],
                ),
                "p Volume",
            ),
        ],
    );
}

#[test]
fn claims_of_one_pod() {
    let alone =
        |name: &str| claim(name, json!({"volumeName": "v", "accessModes": ["ReadWriteOncePod"]}));
    let v = || volume("v", json!({}), "a");
    let old = || node("old", "a", json!({}));
    let user = |name: &str| with(using(name, "c"), json!({"spec": {"nodeName": "old"}}));
    let important = |name: &str| with(using(name, "c"), json!({"spec": {"priority": 10}}));
    run(
        places,
        vec![
            row(
                "two want it",
                [using("p", "c"), using("q", "c"), alone("c"), v()],
                "p new, q VolumeInUse",
            ),
            row(
                "the more important one gets it",
                [using("p", "c"), important("q"), alone("c"), v()],
                "p VolumeInUse, q new",
            ),
            row(
                "one has it",
                [using("p", "c"), user("q"), alone("c"), v(), old()],
                "p VolumeInUse",
            ),
            row(
                "it is not the claim of the same name elsewhere",
                [using("p", "c"), user("x/q"), alone("c"), alone("x/c"), v(), old()],
                "p old",
            ),
        ],
    );
}

#[test]
fn attach_limits_count_claims_by_namespace() {
    let unbound = |name: &str| claim(name, json!({"storageClassName": "disks"}));
    let user = |name: &str| with(using(name, "c"), json!({"spec": {"nodeName": "old"}}));
    let cluster = |limit: i32| {
        vec![
            using("p", "mine"),
            unbound("mine"),
            user("q"),
            unbound("c"),
            user("x/q"),
            unbound("x/c"),
            class("disks", DRIVER, &[]),
            node("old", "a", json!({})),
            attach_limit("old", DRIVER, limit),
        ]
    };
    run(
        places,
        vec![
            row("room for a third", cluster(3), "p old"),
            row("two claims of one name are two", cluster(2), "p new"),
        ],
    );
    let mount = json!({"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]});
    let q = || bound("q", "old", asks(json!({"cpu": "1"})));
    run(
        places,
        vec![row(
            "what is no disk takes no slot",
            [pod("p", mount), q(), node("old", "a", json!({})), attach_limit("old", DRIVER, 0)],
            "p old",
        )],
    );
}
