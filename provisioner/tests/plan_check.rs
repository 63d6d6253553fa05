//! Every filter of the plan check, on plans made by hand: one that passes and one that fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use provisioner::plan::check::{Filter, check};
use serde_json::{Value, json};

mod plan_check {
    pub mod nodes;
    pub mod pairs;
    pub mod plans;
    pub mod volumes;
    pub mod world;
}

use plan_check::world::World;

/// Objects, where each pod goes, and the filters that must complain.
pub struct Case {
    what: &'static str,
    objects: Vec<Value>,
    places: Vec<(&'static str, &'static str)>,
    expected: Vec<Filter>,
}

/// A case in one line.
pub fn case<const N: usize>(
    what: &'static str,
    objects: Vec<Value>,
    places: [(&'static str, &'static str); N],
    expected: &[Filter],
) -> Case {
    Case { what, objects, places: places.to_vec(), expected: expected.to_vec() }
}

/// Runs a table of cases. Places named `new-<zone>-<n>` are launches, others existing nodes.
pub fn run(cases: Vec<Case>) {
    for case in cases {
        let mut world = World::new(&case.objects);
        for (pod, node) in &case.places {
            world.place(pod, node);
        }
        let found = check(&world.snapshot, &world.pools, &world.plan);
        let filters: BTreeSet<Filter> = found.iter().map(|violation| violation.filter).collect();
        let expected: BTreeSet<Filter> = case.expected.iter().copied().collect();
        assert_eq!(filters, expected, "{}: {found:#?}", case.what);
    }
}

/// A pod that asks for half a core, with `extra` merged into its spec.
pub fn pod(name: &str, extra: Value) -> Value {
    let mut spec = json!({
        "containers": [{"name": "main", "resources": {"requests": {"cpu": "500m"}}}]
    });
    merge(&mut spec, extra);
    let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
    let app = name.split('-').next();
    json!({
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app, "rev": "1"}},
        "spec": spec
    })
}

/// A pod that is on a node already.
pub fn bound(name: &str, node: &str, extra: Value) -> Value {
    let mut pod = pod(name, extra);
    merge(&mut pod, json!({"spec": {"nodeName": node}}));
    pod
}

/// A node of 4 cores in zone `zone`.
pub fn node(name: &str, zone: &str, extra: Value) -> Value {
    let mut node = json!({
        "kind": "Node",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "topology.kubernetes.io/zone": zone
        }},
        "spec": {},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}
    });
    merge(&mut node, extra);
    node
}

/// Puts `extra` into `value`, objects key by key.
pub fn merge(value: &mut Value, extra: Value) {
    match (value, extra) {
        (Value::Object(value), Value::Object(extra)) => {
            for (key, extra) in extra {
                merge(value.entry(key).or_insert(Value::Null), extra);
            }
        }
        (value, extra) => *value = extra,
    }
}
