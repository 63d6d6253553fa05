//! Pools, offerings, limits, weights, minValues and daemons.

use std::sync::Arc;

use catalog::{CapacityType, Operator, Resources};
use provisioner::snapshot::SkipReason;
use serde_json::json;

use crate::builders::*;

#[test]
fn pools_filter_offerings() {
    type Change = fn(&mut Cluster);
    let cases: [(&str, Change, usize); 12] = [
        ("two sizes, three zones, two capacity types", |_| {}, 12),
        ("unknown price", |c| price(c, None, true), 11),
        ("not available", |c| price(c, Some(1), false), 11),
        ("spot dearer than regular", |c| price(c, Some(999_999), true), 11),
        ("zone", |c| ask(c, "topology.kubernetes.io/zone", Operator::In, &["a"]), 4),
        ("capacity type", |c| ask(c, "karpenter.sh/capacity-type", Operator::NotIn, &["spot"]), 6),
        ("size", |c| ask(c, "node.kubernetes.io/instance-type", Operator::In, &["s8"]), 6),
        ("bounds", |c| ask(c, "size.example/cpu", Operator::Gt, &["2"]), 6),
        ("a label that sizes lack", |c| ask(c, "size.example/gpu", Operator::NotIn, &["1"]), 12),
        (
            "a label that sizes lack for good",
            |c| ask(c, "size.example/gpu", Operator::Exists, &[]),
            0,
        ),
        (
            "a label of the pool",
            |c| {
                drop(
                    c.snapshot.node_pools[0]
                        .labels
                        .insert("kubernetes.io/arch".into(), "arm64".into()),
                )
            },
            0,
        ),
        ("a size that has to be named", |c| Arc::make_mut(&mut c.types[0]).only_if_asked = true, 6),
    ];
    for (case, change, expected) in cases {
        let found = Cluster::new().pending(1, &[], json!({})).with(change).formulate();
        assert_eq!(found.problem.offerings.len(), expected, "{case}");
        assert_eq!(skip_reason(&found), (expected == 0).then_some(SkipReason::NodePool), "{case}");
    }
}

/// Changes the spot offering of the smaller size in zone a.
fn price(cluster: &mut Cluster, price: Option<i64>, available: bool) {
    let spot = &mut Arc::make_mut(&mut cluster.types[0]).offerings[1];
    assert_eq!(spot.capacity_type, CapacityType::Spot);
    (spot.price, spot.available) = (price, available);
}

fn ask(cluster: &mut Cluster, key: &str, operator: Operator, values: &[&str]) {
    cluster.snapshot.node_pools[0].requirements.add(requirement(key, operator, values));
}

#[test]
fn a_size_that_has_to_be_named_can_be_named() {
    let found = Cluster::new()
        .with(|c| {
            Arc::make_mut(&mut c.types[0]).only_if_asked = true;
            ask(c, "node.kubernetes.io/instance-type", Operator::In, &["s2", "s8"]);
        })
        .formulate();
    assert_eq!(found.problem.offerings.len(), 12);
}

#[test]
fn static_pools_are_left_out() {
    let found = Cluster::new().pool(|pool| pool.replicas = Some(3)).formulate();
    assert_eq!(skip_reason(&found), Some(SkipReason::NodePool));
    assert!(found.problem.offerings.is_empty());
}

#[test]
fn labels_that_a_pool_leaves_open_are_offered_by_value_when_read() {
    let team = |c: &mut Cluster| ask(c, "team", Operator::In, &["red", "blue"]);
    let unread = Cluster::new().with(team).pending(1, &[], json!({})).formulate();
    assert_eq!(unread.problem.offerings.len(), 12);
    let read = Cluster::new()
        .with(team)
        .pending(1, &[], json!({"nodeSelector": {"team": "red"}}))
        .pending(1, &[], json!({"nodeSelector": {"team": "blue"}}))
        .pending(1, &[], json!({"nodeSelector": {"team": "green"}}))
        .formulate();
    assert_eq!(read.problem.offerings.len(), 24);
    let [red, blue, green] = [0, 1, 2].map(|group| &read.problem.class_of(group).offerings);
    assert_eq!((red.count(), blue.count(), green.count()), (12, 12, 0));
    assert!(!red.intersects(blue));
}

#[test]
fn limits_count_what_stands() {
    let found = Cluster::new()
        .nodes(&["a", "b"])
        .with(|c| {
            let labels = c.node_mut(0).metadata.labels.get_or_insert_default();
            labels.insert("karpenter.sh/nodepool".into(), "main".into());
            labels.insert("karpenter.sh/initialized".into(), "true".into());
        })
        .pool(|pool| {
            pool.limits = Resources::from([("cpu", 20_000), ("memory", 100 * GIB)]);
            pool.node_limit = Some(5);
        })
        .formulate();
    let remaining: Vec<i64> = found.problem.limits.iter().map(|limit| limit.remaining).collect();
    assert_eq!(remaining, [16_000, 84 * GIB, 4]);
    let small = &found.problem.offerings[0].limits;
    assert_eq!(*small, [(0, 2_000), (1, 8 * GIB), (2, 1)], "capacity counts, not allocatable");
}

#[test]
fn weights_make_tiers() {
    let found = Cluster::new()
        .with(|c| {
            c.snapshot.node_pools = [("light", 1), ("heavy", 50), ("same", 50), ("none", 0)]
                .map(|(name, weight)| {
                    let mut pool = pool(name);
                    pool.weight = weight;
                    pool
                })
                .to_vec();
        })
        .formulate();
    let mut tiers: Vec<(usize, u16)> = found
        .index
        .offerings
        .iter()
        .zip(&found.problem.offerings)
        .map(|(index, offering)| (index.pool, offering.tier))
        .collect();
    tiers.dedup();
    assert_eq!(tiers, [(0, 1), (1, 0), (2, 0), (3, 2)]);
}

#[test]
fn min_values_become_flexibilities() {
    let found = Cluster::new()
        .pool(|pool| {
            let mut one = requirement("node.kubernetes.io/instance-type", Operator::Exists, &[]);
            one.min_values = Some(2);
            pool.requirements.add(one);
        })
        .formulate();
    let [flexibility] = &found.problem.flexibilities[..] else { panic!("one flexibility") };
    assert_eq!(flexibility.min, 2);
    assert_eq!(flexibility.values.len(), 12);
    let distinct: std::collections::BTreeSet<u32> =
        flexibility.values.iter().map(|&(_, value)| value).collect();
    assert_eq!(distinct.len(), 2);
}

#[test]
fn sizes_and_families_are_counted_with_those_that_stand() {
    let label = |c: &mut Cluster, node: usize, key: &str, value: &str| {
        let labels = c.node_mut(node).metadata.labels.get_or_insert_default();
        labels.insert(key.into(), value.into());
    };
    let found = Cluster::new()
        .nodes(&["a", "b", "c"])
        .with(|c| {
            for (node, size) in ["s8", "gone", "s2"].into_iter().enumerate() {
                label(c, node, "node.kubernetes.io/instance-type", size);
            }
            for node in [0, 1] {
                label(c, node, "karpenter.sh/nodepool", "main");
            }
        })
        .pool(|pool| (pool.max_instance_types, pool.max_families) = (Some(3), Some(1)))
        .formulate();
    let [sizes, families] = &found.problem.varieties[..] else { panic!("two varieties") };
    assert_eq!((sizes.most, sizes.values.len(), sizes.used.len()), (3, 12, 2));
    let of = |size: &str| {
        let of_size =
            |one: &&(u32, u32)| *found.index.offerings[one.0 as usize].instance_type.name == *size;
        sizes.values.iter().find(of_size).map(|(_, value)| *value)
    };
    assert!(sizes.used.contains(&of("s8").unwrap()) && !sizes.used.contains(&of("s2").unwrap()));
    // These sizes carry no label that names a family.
    assert_eq!((families.most, families.values.len(), families.used.len()), (1, 0, 0));
    let words = ["tenon.sh/max-instance-types", "tenon.sh/max-families"];
    assert_eq!(found.index.varieties, words.map(|word| format!("NodePool main: {word}")));
}

#[test]
fn daemons_take_room_where_they_run() {
    let daemon = |spec| ("kube-system/agent".to_owned(), Arc::new(template(&[], spec)));
    let cases = [
        ("everywhere", json!({"containers": [container("250m", "1Gi")]}), 250),
        (
            "elsewhere",
            json!({"containers": [container("250m", "1Gi")], "nodeSelector": {"kubernetes.io/arch": "arm64"}}),
            0,
        ),
        ("tolerates nothing", json!({"containers": [container("250m", "1Gi")]}), 250),
    ];
    for (case, spec, taken) in cases {
        let found = Cluster::new()
            .pending(1, &[], json!({}))
            .pool(|pool| pool.taints = vec![taint("soft", "PreferNoSchedule")])
            .with(|c| c.snapshot.daemon_sets = vec![daemon(spec)])
            .formulate();
        let capacity = &found.problem.offerings[0].capacity;
        assert_eq!(amount(&found, capacity, "cpu"), 1900 - taken, "{case}");
        assert_eq!(amount(&found, capacity, "pods"), 30 - i64::from(taken > 0), "{case}");
    }
    let tainted = Cluster::new()
        .pool(|pool| pool.taints = vec![taint("hard", "NoSchedule")])
        .with(|c| c.snapshot.daemon_sets = vec![daemon(json!({}))])
        .formulate();
    assert_eq!(tainted.problem.offerings[0].capacity[0], 1900);
}

#[test]
fn default_pools_are_made_up() {
    let linux = Cluster::new().with(|c| c.snapshot.node_pools.clear()).pending(1, &[], json!({}));
    let names = |cluster: &Cluster| {
        let pools = cluster.formulate().node_pools;
        pools.into_iter().map(|pool| pool.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&linux), ["default"]);
    assert_eq!(linux.formulate().problem.offerings.len(), 6, "regular price only");
    let windows = linux.pending(1, &[], json!({"nodeSelector": {"kubernetes.io/os": "windows"}}));
    assert_eq!(names(&windows), ["default", "default-windows"]);
}
