//! The filters that look at volumes.

use Filter::*;

use super::super::*;

fn class(provisioner: &str, zones: Value) -> Value {
    json!({"kind": "StorageClass", "metadata": {"name": "disks"}, "provisioner": provisioner,
    "allowedTopologies": [{"matchLabelExpressions": [
        {"key": "topology.kubernetes.io/zone", "values": zones}
    ]}]})
}

#[test]
fn bound_claims_go_where_their_volume_is() {
    let objects = |labels: Value| {
        vec![using("p", "c"), claim("c", json!({"volumeName": "v"})), volume("v", labels, "a")]
    };
    let zones = |zones: &str| objects(json!({"topology.kubernetes.io/zone": zones}));
    run(vec![
        case("in the zone", objects(json!({})), [("p", "new-a-1")], &[]),
        case("in another zone", objects(json!({})), [("p", "new-b-1")], &[VolumeBinding]),
        case("zone label", zones("b__a"), [("p", "new-a-1")], &[]),
        case("another zone label", zones("b__c"), [("p", "new-a-1")], &[VolumeZone]),
        case("no claim", vec![using("p", "c")], [("p", "new-a-1")], &[VolumeBinding]),
        case(
            "no volume",
            vec![using("p", "c"), claim("c", json!({"volumeName": "v"}))],
            [("p", "new-a-1")],
            &[VolumeBinding],
        ),
    ]);
}

#[test]
fn unbound_claims_go_where_their_class_allows() {
    let unbound = || {
        claim(
            "c",
            json!({"storageClassName": "disks", "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}}}),
        )
    };
    let larger = || {
        claim(
            "c",
            json!({"storageClassName": "disks",
        "resources": {"requests": {"storage": "11Gi"}}}),
        )
    };
    let made = || class("disk.example.com", json!(["a"]));
    let found = || class("kubernetes.io/no-provisioner", json!(["a"]));
    let v = || volume("v", json!({}), "b");
    let template = json!({"spec": {"storageClassName": "disks"}});
    let ephemeral = || {
        pod(
            "p",
            json!({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": template}}]}),
        )
    };
    let p = || using("p", "c");
    run(vec![
        case("allowed", vec![p(), unbound(), made()], [("p", "new-a-1")], &[]),
        case("not allowed", vec![p(), unbound(), made()], [("p", "new-b-1")], &[VolumeBinding]),
        case("a volume waits", vec![p(), unbound(), found(), v()], [("p", "new-b-1")], &[]),
        case(
            "it waits elsewhere",
            vec![p(), unbound(), found(), v()],
            [("p", "new-a-1")],
            &[VolumeBinding],
        ),
        case(
            "it is too small",
            vec![p(), larger(), found(), v()],
            [("p", "new-b-1")],
            &[VolumeBinding],
        ),
        case("ephemeral", vec![ephemeral(), made()], [("p", "new-a-1")], &[]),
        case(
            "ephemeral elsewhere",
            vec![ephemeral(), made()],
            [("p", "new-b-1")],
            &[VolumeBinding],
        ),
    ]);
}

#[test]
fn one_pod_per_claim() {
    let alone = |mode: &str| claim("c", json!({"accessModes": [mode], "volumeName": "v"}));
    let objects = |mode: &str| {
        vec![using("p", "c"), using("q", "c"), alone(mode), volume("v", json!({}), "a")]
    };
    let places = [("p", "new-a-1"), ("q", "new-a-2")];
    run(vec![
        case("two pods", objects("ReadWriteOncePod"), places, &[VolumeRestrictions]),
        case("two pods of a shared claim", objects("ReadWriteMany"), places, &[]),
    ]);
}

#[test]
fn attach_limits() {
    let csi = |count: i32| attach_limit("old", "disk.example.com", count);
    let objects = |count: i32, claims: [&str; 2]| {
        let mut q = using("q", claims[1]);
        merge(&mut q, json!({"spec": {"nodeName": "old"}}));
        let bind = |n: &str| claim(n, json!({"volumeName": n}));
        let volumes = ["c", "d"].map(|n| volume(n, json!({}), "a"));
        let mut all = vec![using("p", claims[0]), q, bind("c"), bind("d"), csi(count)];
        all.push(node("old", "a", json!({})));
        all.extend(volumes);
        all
    };
    run(vec![
        case("two of two", objects(2, ["c", "d"]), [("p", "old")], &[]),
        case("two of one", objects(1, ["c", "d"]), [("p", "old")], &[NodeVolumeLimits]),
        case("one volume twice", objects(1, ["c", "c"]), [("p", "old")], &[]),
    ]);
}
