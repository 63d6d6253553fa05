//! Karpenter's policies: `--preference-policy` and `--min-values-policy`.

use provisioner::pipeline::{MinValuesPolicy, Policies, PreferencePolicy};
use serde_json::{Value, json};

use crate::{
    objects::{bound, node, pod},
    runner::{Row, ZONE, asks, launches, places, pool, row, run, zones},
};

/// One case under both policies.
fn both(
    name: &'static str,
    objects: impl IntoIterator<Item = Value>,
    policies: Policies,
    [usually, otherwise]: [&'static str; 2],
) -> [Row; 2] {
    let objects: Vec<Value> = objects.into_iter().collect();
    [row(name, objects.clone(), usually), row(name, objects, otherwise).under(policies)]
}

fn prefers(kind: &str, wishes: Value) -> Value {
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": wishes}}})
}

#[test]
fn preferences_can_be_ignored() {
    let ignore = Policies { preferences: PreferencePolicy::Ignore, ..Policies::default() };
    let in_zone = |zone: &str| json!({"key": ZONE, "operator": "In", "values": [zone]});
    let wish = json!([{"weight": 1, "preference": {"matchExpressions": [in_zone("b")]}}]);
    let db = json!({"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "db"}}});
    let about = json!([{"weight": 1, "podAffinityTerm": db}]);
    let soft = json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "db"}}
    }]});
    let full = |zone: &str| {
        let db = bound("db-1", "full", asks(json!({"cpu": "4"})));
        [node("full", zone, json!({})), db]
    };
    let with = |zone: &str, extra: Value| full(zone).into_iter().chain([pod("p", extra)]);
    let spread = full("a").into_iter().chain([pod("db-2", soft)]);
    let rows = [
        both("nodes", [pod("p", prefers("nodeAffinity", wish))], ignore, ["p b", "p a"]),
        both("near", with("c", prefers("podAffinity", about.clone())), ignore, ["p c", "p a"]),
        both("apart", with("a", prefers("podAntiAffinity", about)), ignore, ["p b", "p a"]),
        both("soft spread", spread, ignore, ["db-2 b", "db-2 a"]),
    ];
    run(zones, rows.into_iter().flatten().collect());

    let soft = json!({"taints": [{"key": "soft", "effect": "PreferNoSchedule"}]});
    let pools = || [pool("a-soft", soft.clone()), pool("b-plain", json!({})), pod("p", json!({}))];
    let view = |planned: &crate::runner::Planned| planned.pools();
    run(view, both("soft taint", pools(), ignore, ["b-plain", "a-soft"]).into());
}

/// A pool whose nodes keep two sizes to choose from, if pods let them.
fn choosy() -> Value {
    pool(
        "main",
        json!({"requirements": [{
            "key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["s2", "s8"],
            "minValues": 2
        }]}),
    )
}

#[test]
fn min_values_can_be_lowered_for_pods_that_cannot_have_them() {
    let best = Policies { min_values: MinValuesPolicy::BestEffort, ..Policies::default() };
    let large = || pod("large", asks(json!({"cpu": "4"})));
    let small = || pod("small", asks(json!({"cpu": "1"})));
    let rows = [
        both("one size holds it", [choosy(), large()], best, ["large Flexibility", "large new"]),
        both("both sizes hold it", [choosy(), small()], best, ["small new", "small new"]),
        both(
            "nothing holds it",
            [choosy(), pod("huge", asks(json!({"cpu": "40"})))],
            best,
            ["huge TooLarge", "huge TooLarge"],
        ),
    ];
    run(places, rows.into_iter().flatten().collect());
    // Nothing is lowered while every pod can have it: a node of two small pods would be an s8.
    let many = (0..3).map(|at| pod(&format!("small-{at}"), asks(json!({"cpu": "800m"}))));
    let rows = both(
        "strict while it can be",
        [choosy()].into_iter().chain(many),
        best,
        ["s2 spot, s2 spot", "s2 spot, s2 spot"],
    );
    run(launches, rows.into());
}
