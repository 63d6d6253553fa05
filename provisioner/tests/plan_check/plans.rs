//! What a plan itself must keep: pools, limits, every pod once.

use catalog::{Requirement, Resources};
use provisioner::plan::{Alternative, Unplaced};
use solver::solution::Reason;

use super::{super::*, world::taint};

fn world() -> World {
    let mut world = World::new(&[pod("p", json!({})), pod("q", json!({}))]);
    world.place("p", "new-a-1");
    world.place("q", "new-a-2");
    world
}

/// What the check says when `change` was made to a good plan.
fn found(change: impl FnOnce(&mut World)) -> Vec<Filter> {
    let mut world = world();
    change(&mut world);
    let mut filters: Vec<_> =
        check(&world.snapshot, &world.pools, &world.plan).iter().map(|v| v.filter).collect();
    filters.dedup();
    filters
}

fn one_of(key: &str, complement: bool, values: &[&str]) -> Requirement {
    let values = values.iter().map(|value| Arc::from(*value)).collect();
    Requirement { key: Arc::from(key), complement, values, gte: None, lte: None, min_values: None }
}

use std::sync::Arc;

fn require(world: &mut World, requirement: Requirement) {
    world.pools[0].requirements.0.insert(requirement.key.clone(), requirement);
}

const ZONE: &str = "topology.kubernetes.io/zone";

#[test]
fn launches_look_like_their_pool() {
    assert_eq!(found(|_| ()), vec![]);
    assert_eq!(found(|w| w.pools[0].name = "other".to_owned()), vec![Filter::NodePool]);
    assert_eq!(found(|w| require(w, one_of(ZONE, false, &["a", "b"]))), vec![]);
    assert_eq!(found(|w| require(w, one_of(ZONE, false, &["b"]))), vec![Filter::NodePool]);
    assert_eq!(found(|w| require(w, one_of(ZONE, true, &["a"]))), vec![Filter::NodePool]);
    assert_eq!(found(|w| require(w, one_of("team", false, &["t"]))), vec![Filter::NodePool]);
    assert_eq!(found(|w| require(w, one_of(ZONE, false, &[]))), vec![Filter::NodePool]);
    assert_eq!(
        found(|w| drop(w.pools[0].labels.insert("team".to_owned(), "t".to_owned()))),
        vec![Filter::NodePool]
    );
    assert_eq!(found(|w| w.launch("new-a-1", "a").zone = Arc::from("b")), vec![Filter::NodePool]);
    assert_eq!(found(|w| w.pools[0].taints.push(taint("t"))), vec![Filter::NodePool]);
    assert_eq!(found(|w| w.pools[0].startup_taints.push(taint("t"))), vec![]);
}

#[test]
fn bounds_hold_numbers() {
    let rule = |gte, lte| Requirement { gte, lte, ..one_of("size", true, &[]) };
    let sized = |w: &mut World, requirement| {
        for launch in &mut w.plan.launches {
            launch.labels.insert(Arc::from("size"), Arc::from("4"));
        }
        require(w, requirement);
    };
    assert_eq!(found(|w| sized(w, rule(Some(4), Some(4)))), vec![]);
    assert_eq!(found(|w| sized(w, rule(Some(5), None))), vec![Filter::NodePool]);
    assert_eq!(found(|w| sized(w, rule(None, Some(3)))), vec![Filter::NodePool]);
}

#[test]
fn pools_keep_their_limits() {
    let limit = |cpu: i64| move |w: &mut World| w.pools[0].limits = Resources::from([("cpu", cpu)]);
    assert_eq!(found(limit(4000)), vec![]);
    assert_eq!(found(limit(3999)), vec![Filter::NodePoolLimits]);
    assert_eq!(found(|w| w.pools[0].node_limit = Some(2)), vec![]);
    assert_eq!(found(|w| w.pools[0].node_limit = Some(1)), vec![Filter::NodePoolLimits]);
    let with_old = |cpu: i64| {
        move |w: &mut World| {
            let labels = json!({"karpenter.sh/nodepool": "new"});
            let extra =
                json!({"metadata": {"labels": labels}, "status": {"capacity": {"cpu": "1"}}});
            let old = serde_json::from_value(node("old", "a", extra)).unwrap();
            w.snapshot.nodes.push(Arc::new(old));
            limit(cpu)(w);
        }
    };
    assert_eq!(found(with_old(5000)), vec![]);
    assert_eq!(found(with_old(4999)), vec![Filter::NodePoolLimits]);
}

#[test]
fn pools_keep_to_so_many_sizes_and_families() {
    const TYPE: &str = "node.kubernetes.io/instance-type";
    const FAMILY: &str = "karpenter.azure.com/sku-family";
    let sized = |w: &mut World, name: &str, size: &str, family: &str| {
        let launch = w.launch(name, "a");
        launch.instance_type = Arc::from(size);
        launch.labels.insert(Arc::from(TYPE), Arc::from(size));
        launch.labels.insert(Arc::from(FAMILY), Arc::from(family));
    };
    let two = move |sizes: Option<u32>, families: Option<u32>| {
        move |w: &mut World| {
            sized(w, "new-a-1", "d4", "D");
            sized(w, "new-a-2", "e4", "E");
            (w.pools[0].max_instance_types, w.pools[0].max_families) = (sizes, families);
        }
    };
    let with_old = |size: &'static str, sizes: u32, families: u32| {
        move |w: &mut World| {
            let labels = json!({"karpenter.sh/nodepool": "new", TYPE: size, FAMILY: "D"});
            let old = node("old", "a", json!({"metadata": {"labels": labels}}));
            w.snapshot.nodes.push(Arc::new(serde_json::from_value(old).unwrap()));
            two(Some(sizes), Some(families))(w);
        }
    };
    assert_eq!(found(two(None, None)), vec![]);
    assert_eq!(found(two(Some(2), Some(2))), vec![]);
    assert_eq!(found(two(Some(1), None)), vec![Filter::NodePoolVariety]);
    assert_eq!(found(two(None, Some(1))), vec![Filter::NodePoolVariety]);
    assert_eq!(found(with_old("d4", 2, 2)), vec![]);
    assert_eq!(found(with_old("d8", 2, 2)), vec![Filter::NodePoolVariety]);
    let fall_back = |w: &mut World| {
        two(Some(2), None)(w);
        w.launch("new-a-1", "a").alternatives = vec![Alternative {
            instance_type: Arc::from("f4"),
            zone: Arc::from("a"),
            capacity_type: "on-demand",
            price: 1,
        }];
    };
    assert_eq!(found(fall_back), vec![Filter::NodePoolVariety]);
}

#[test]
fn every_pod_once() {
    let unplaced = |pod| Unplaced { pod, reason: Reason::Limit, detail: Arc::from("") };
    let accounting = vec![Filter::Accounting];
    assert_eq!(found(|w| w.plan.launches[0].pods.clear()), accounting);
    assert_eq!(found(|w| w.plan.unplaced.push(unplaced(0))), accounting);
    assert_eq!(
        found(|w| {
            w.plan.launches[0].pods.clear();
            w.plan.unplaced.push(unplaced(0));
        }),
        vec![]
    );
    assert_eq!(found(|w| w.plan.launches[0].pods.push(7)), accounting);
    assert_eq!(found(|w| Arc::make_mut(&mut w.snapshot.pods[0]).deleting = true), accounting);
    assert_eq!(found(|w| w.plan.totals.hourly += 1), accounting);
    assert_eq!(found(|w| w.place("p", "nowhere")), accounting);
}
