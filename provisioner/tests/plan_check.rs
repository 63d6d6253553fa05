//! Every filter of the plan check, on plans made by hand: one that passes and one that fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use provisioner::plan::check::{Filter, check};
use serde_json::{Value, json};

#[path = "common/objects.rs"]
mod objects;
mod plan_check {
    pub mod nodes;
    pub mod pairs;
    pub mod plans;
    pub mod volumes;
    pub mod world;
}

use objects::{attach_limit, bound, claim, deleting, merge, node, pod, using, volume};
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
