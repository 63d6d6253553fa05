//! From a solution back to pods and nodes.

use provisioner::plan;
use serde_json::json;
use solver::{
    Solution,
    solution::{Launch, Placement, Reason, Unplaced},
};

use crate::builders::*;

/// The number of an offering by size, zone and capacity type.
fn offering(formulation: &provisioner::formulate::Formulation, name: &str) -> u32 {
    let full = |number: &usize| {
        let offering = &formulation.index.offerings[*number];
        let terms = offering.terms();
        let kind = terms.capacity_type.as_str();
        format!("{} {} {kind}", offering.instance_type.name, terms.zone) == name
    };
    (0..formulation.index.offerings.len()).find(full).unwrap() as u32
}

#[test]
fn every_pod_is_handed_out_once() {
    let cluster = Cluster::new().nodes(&["a"]).pending(6, &[], json!({})).pending(
        1,
        &[],
        json!({"nodeSelector": {"team": "x"}}),
    );
    let found = cluster.formulate();
    let solution = Solution {
        placements: vec![Placement { node: 0, pods: vec![(0, 2)] }],
        launches: vec![
            Launch { offering: offering(&found, "s2 a spot"), copies: 2, pods: vec![(0, 1)] },
            Launch { offering: offering(&found, "s8 b on-demand"), copies: 1, pods: vec![(0, 1)] },
        ],
        unplaced: vec![
            Unplaced { group: 0, count: 1, reason: Reason::Limit },
            Unplaced { group: 1, count: 1, reason: Reason::Incompatible },
        ],
        ..Solution::default()
    };
    let plan = plan::assemble(&cluster.snapshot, &found, &solution);
    assert_eq!(plan.existing[0].pods, [0, 1]);
    let launches: Vec<(&str, &str, i64, &[u32])> = plan
        .launches
        .iter()
        .map(|one| (one.name.as_str(), &*one.instance_type, one.price, &one.pods[..]))
        .collect();
    let expected: [(&str, &str, i64, &[u32]); 3] = [
        ("main-1", "s8", 800_000, &[2]),
        ("main-2", "s2", 80_000, &[3]),
        ("main-3", "s2", 80_000, &[4]),
    ];
    assert_eq!(launches, expected);
    let unplaced: Vec<u32> = plan.unplaced.iter().map(|one| one.pod).collect();
    assert_eq!(unplaced, [5, 6]);
    assert_eq!((plan.totals.pods, plan.totals.placed), (7, 5));
    assert_eq!(plan.totals.existing_unpriced, 1);
    let first = &plan.launches[0];
    assert_eq!(first.requests.get("cpu"), 1000);
    assert_eq!(first.allocatable.get("cpu"), 7900);
    assert_eq!(first.labels.get("topology.kubernetes.io/zone").map(|zone| &**zone), Some("b"));
    assert_eq!(first.labels.get("karpenter.sh/nodepool").map(|pool| &**pool), Some("main"));
}

#[test]
fn fall_backs_hold_the_load_and_keep_the_domain() {
    let zone = "topology.kubernetes.io/zone";
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": zone,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}}]});
    let cases = [
        ("free", json!({}), 1, 11),
        ("too much for the smaller size", json!({}), 3, 5),
        ("one zone only", json!({"nodeSelector": {zone: "a"}}), 1, 3),
        ("a spread looks at the zone", spread, 1, 3),
    ];
    for (case, spec, pods, expected) in cases {
        let cluster = Cluster::new().pending(3, &[("app", "web")], spec);
        let found = cluster.formulate();
        let launch = Launch {
            offering: offering(&found, "s8 a on-demand"),
            copies: 1,
            pods: vec![(0, pods)],
        };
        let solution = Solution { launches: vec![launch], ..Solution::default() };
        let plan = plan::assemble(&cluster.snapshot, &found, &solution);
        let alternatives = &plan.launches[0].alternatives;
        assert_eq!(alternatives.len(), expected, "{case}");
        assert!(alternatives.is_sorted_by_key(|one| one.price), "{case}");
    }
}
