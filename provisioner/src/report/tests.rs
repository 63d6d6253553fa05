//! Golden texts over plans made by hand.

use std::{collections::BTreeMap, sync::Arc};

use catalog::Resources;
use k8s_openapi::api::core::v1::Taint;
use solver::solution::{Effort, Reason, Status};

use super::{Explained, Format, Report, Variant, compare, render};
use crate::{
    plan::{Alternative, ExistingNode, Launch, Plan, Totals, Unplaced},
    snapshot::{Pod, PodTemplate, SkipReason, Skipped, Snapshot},
};

fn pod(name: &str, from: Option<&str>, owner: Option<&str>) -> Pod {
    let mut template = PodTemplate { owner_kind: owner.map(str::to_owned), ..Default::default() };
    if owner == Some("ReplicaSet") {
        template.labels.insert("pod-template-hash".to_owned(), "6f7c9d8b54".to_owned());
    }
    Pod {
        namespace: "shop".into(),
        name: name.into(),
        uid: "".into(),
        template: Arc::new(template),
        node_name: None,
        nominated_node: None,
        terminal: false,
        deleting: false,
        created: 0,
        resized: None,
        expanded_from: from.map(Arc::from),
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        pods: [
            pod("api-6f7c9d8b54-x1", None, Some("ReplicaSet")),
            pod("api-6f7c9d8b54-x2", None, Some("ReplicaSet")),
            pod("db-0", None, Some("StatefulSet")),
            pod("huge", None, None),
            pod("web-0", Some("Deployment shop/web"), Some("ReplicaSet")),
            pod("web-1", Some("Deployment shop/web"), Some("ReplicaSet")),
        ]
        .map(Arc::new)
        .into(),
        nodes: vec![Arc::default()],
        ..Snapshot::default()
    }
}

fn launch(name: &str, pods: Vec<u32>) -> Launch {
    Launch {
        turn: 0,
        name: name.to_owned(),
        node_pool: "general".into(),
        instance_type: "Standard_D4s_v5".into(),
        zone: "eastus-1".into(),
        capacity_type: "on-demand",
        price: 192_000,
        labels: BTreeMap::from([("tier".into(), "general".into())]),
        taints: vec![Taint {
            key: "only".to_owned(),
            value: Some("us".to_owned()),
            effect: "NoSchedule".to_owned(),
            time_added: None,
        }],
        capacity: Resources::default(),
        allocatable: Resources::from([("cpu", 3_860), ("memory", 12 << 30)]),
        daemon_requests: Resources::from([("cpu", 60)]),
        requests: Resources::from([("cpu", 1_870), ("memory", 3 << 30)]),
        pods,
        os_disk: "ephemeral (cache)".to_owned(),
        alternatives: vec![Alternative {
            instance_type: "Standard_D4as_v5".into(),
            zone: "eastus-2".into(),
            capacity_type: "on-demand",
            price: 200_531,
        }],
    }
}

fn plan() -> Plan {
    Plan {
        launches: vec![launch("general-1", vec![0, 1, 4]), launch("general-2", vec![5])],
        existing: vec![ExistingNode { node: "aks-1".into(), in_flight: false, pods: vec![2] }],
        unplaced: vec![Unplaced {
            pod: 3,
            reason: Reason::TooLarge,
            detail: "900 cores asked, 416 is the most".into(),
        }],
        skipped: vec![
            Skipped {
                object: "Service shop/web".to_owned(),
                reason: SkipReason::IrrelevantKind,
                detail: String::new(),
            },
            Skipped {
                object: "Pod shop/old".to_owned(),
                reason: SkipReason::Terminal,
                detail: "phase Succeeded".to_owned(),
            },
        ],
        warnings: vec!["no node pool was given".to_owned()],
        totals: Totals {
            hourly: 384_000,
            lower_bound: 336_000,
            status: Status::Feasible,
            out_of_time: false,
            effort: Effort { pivots: 7, ..Effort::default() },
            penalty: 1_000,
            existing_hourly: 1_000_000,
            existing_unpriced: 1,
            pods: 6,
            placed: 5,
            groups: 4,
            offerings: 12,
        },
    }
}

fn rendered(format: Format) -> String {
    let (snapshot, plan) = (snapshot(), plan());
    let explanations =
        [Explained { pod: "shop/db-0".to_owned(), lines: vec!["goes to aks-1".to_owned()] }];
    let report = Report {
        snapshot: &snapshot,
        plan: &plan,
        seconds: 0.5,
        explanations: &explanations,
        why_cost: None,
    };
    anstream::adapter::strip_str(&render(&report, format)).to_string()
}

#[test]
fn the_table_groups_launches_and_counts_workloads() {
    let expected = "\
Plan: 2 nodes to launch, 1 existing node used, 5 of 6 pods placed.

  + 2 ×  Standard_D4s_v5  eastus-1  on-demand  $0.192/h  general  4 pods  shop/api ×2, shop/web ×2

  ~ aks-1  1 pod  shop/db

Totals        before    change      after
  nodes            1        +2          3
  per hour    $1.000   +$0.384     $1.384
  per month  $730.00  +$280.32  $1,010.32
  Not proven to be the cheapest: no plan for the same pods costs less than $0.336/h; at most 12.50 % could be saved.
  Without 1 existing node of unknown price.
  Preferences that are not met weigh $0.001/h (nobody pays this).

Without a place: 1 pod
  ✗ too large for every size that accepts them
      shop/huge: 900 cores asked, 416 is the most

Warnings
  ! no node pool was given

Skipped: 2 objects: 1 of a kind without bearing on a plan, 1 finished (-o wide lists them).

shop/db-0
  goes to aks-1
";
    assert_eq!(rendered(Format::Table), expected);
}

#[test]
fn the_wide_form_names_every_pod_and_object() {
    let text = rendered(Format::Wide);
    let node = "
  + general-1  Standard_D4s_v5  eastus-1  on-demand  $0.192/h
      used: cpu 1.93 of 3.86 (50.0 %), memory 3 GiB of 12 GiB (25.0 %)
      OS disk: ephemeral (cache)
      taint: only=us:NoSchedule
      1 alternative, next Standard_D4as_v5 eastus-2 on-demand $0.200531/h
      shop/api-6f7c9d8b54-x1 shop/api-6f7c9d8b54-x2 shop/web-0
";
    assert!(text.contains(node), "{text}");
    let skipped = "
Skipped: 2 objects
  Service shop/web: of a kind without bearing on a plan
  Pod shop/old: phase Succeeded
";
    assert!(text.contains(skipped), "{text}");
}

#[test]
fn the_document_has_the_promised_fields() {
    let document: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(document["version"], "tenon.sh/plan/v1");
    assert_eq!(document["totals"]["hourlyUsd"], 0.384);
    assert_eq!(document["totals"]["monthlyUsd"], 280.32);
    assert_eq!(document["totals"]["lowerBoundUsd"], 0.336);
    assert_eq!(document["totals"]["gap"], 0.125);
    assert_eq!(document["totals"]["status"], "feasible");
    assert_eq!(document["effort"]["pivots"], 7);
    let launch = &document["launches"][0];
    assert_eq!(launch["nodePool"], "general");
    assert_eq!(launch["hourlyUsd"], 0.192);
    assert_eq!(launch["pods"][0], "shop/api-6f7c9d8b54-x1");
    assert_eq!(launch["taints"][0]["effect"], "NoSchedule");
    assert_eq!(launch["alternatives"][0]["hourlyUsd"], 0.200531);
    assert_eq!(document["existing"][0]["inFlight"], false);
    assert_eq!(document["unplaced"][0]["reason"], "TooLarge");
    assert_eq!(document["skipped"][1]["reason"], "Terminal");
    assert_eq!(document["seconds"], 0.5);
}

#[test]
fn the_table_says_how_sure_it_is() {
    let snapshot = snapshot();
    let mut plan = plan();
    for (status, out_of_time, bound, words) in [
        (Status::Optimal, false, 384_000, "  Optimal: no plan for the same pods costs less.\n"),
        (Status::Optimal, false, 383_000, "Optimal with the pools' weights"),
        (
            Status::Within,
            false,
            383_000,
            "  Within 0.27 % of the least possible: no plan for the same pods costs less than \
             $0.383/h.\n",
        ),
        (Status::Stopped, true, 383_000, "  Stopped by --time: no plan for the same pods"),
        (Status::Stopped, false, 383_000, "  Stopped when its effort was spent: no plan"),
    ] {
        plan.totals = Totals { status, out_of_time, lower_bound: bound, ..plan.totals.clone() };
        let report = Report {
            snapshot: &snapshot,
            plan: &plan,
            seconds: 0.0,
            explanations: &[],
            why_cost: None,
        };
        let text = anstream::adapter::strip_str(&render(&report, Format::Table)).to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn yaml_says_what_json_says() {
    let yaml: serde_json::Value = serde_saphyr::from_str(&rendered(Format::Yaml)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&rendered(Format::Json)).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn an_empty_plan_is_short() {
    let (snapshot, plan) = (Snapshot::default(), Plan::default());
    let report = Report {
        snapshot: &snapshot,
        plan: &plan,
        seconds: 0.0,
        explanations: &[],
        why_cost: None,
    };
    let text = anstream::adapter::strip_str(&render(&report, Format::Table)).to_string();
    assert!(
        text.starts_with("Plan: 0 nodes to launch, 0 existing nodes used, no pods to place.\n")
    );
    assert!(!text.contains("could be saved"));
}

#[test]
fn variants_are_compared_with_the_first() {
    let (snapshot, first) = (snapshot(), plan());
    let mut second = first.clone();
    second.launches.pop();
    second.totals.hourly = 192_000;
    second.totals.placed = 4;
    second.totals.status = Status::Optimal;
    let report = |plan| Report {
        snapshot: &snapshot,
        plan,
        seconds: 0.0,
        explanations: &[],
        why_cost: None,
    };
    let variants = [
        Variant { name: "input", report: report(&first) },
        Variant { name: "spot.yaml", report: report(&second) },
    ];
    let text = compare::render(&variants, Format::Table);
    let text = anstream::adapter::strip_str(&text).to_string();
    let row = |head: &str| -> Vec<&str> {
        let line = text.lines().find(|line| line.trim().starts_with(head)).unwrap();
        line.trim()[head.len()..].split("  ").map(str::trim).filter(|it| !it.is_empty()).collect()
    };
    assert_eq!(row("per month"), ["$280.32", "$140.16"]);
    assert_eq!(row("difference per month"), ["-$140.16"]);
    assert_eq!(row("nodes to launch"), ["2", "1 (-1)"]);
    assert_eq!(row("proven to be"), ["within 12.50 %", "optimal"]);
    assert!(text.contains("The cost of spot.yaml is for another number of placed pods."));
    let json: serde_json::Value =
        serde_json::from_str(&compare::render(&variants, Format::Json)).unwrap();
    assert_eq!(json["variants"][1]["difference"]["hourlyUsd"], -0.192);
    assert_eq!(json["variants"][1]["plan"]["version"], "tenon.sh/plan/v1");
}
