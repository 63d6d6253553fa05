//! Pools of so many sizes and families.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::{plan, stdout, tenon};

const PLAN: [&str; 7] = ["plan", "-f", "in", "--region", "eastus", "-o", "json"];

/// A folder with the example, changed.
fn folder(change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/vm-pool");
    for file in ["nodepool.yaml", "workloads.yaml"] {
        let text = fs::read_to_string(example.join(file)).unwrap();
        fs::write(folder.path().join("in").join(file), change(&text)).unwrap();
    }
    folder
}

/// The sizes that a plan launches or falls back on, and their families by Azure's names.
fn kinds(plan: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let launches = plan["launches"].as_array().unwrap();
    let sizes = launches.iter().flat_map(|launch| {
        let others = launch["alternatives"].as_array().unwrap().iter();
        others.chain([launch]).map(|one| one["instanceType"].as_str().unwrap().to_owned())
    });
    let sizes: BTreeSet<String> = sizes.collect();
    let family = |size: &String| size.trim_start_matches("Standard_")[..1].to_owned();
    let families = sizes.iter().map(family).collect();
    (sizes, families)
}

#[test]
fn a_pool_is_held_to_five_sizes_of_one_family() {
    let held = plan(folder(str::to_owned).path(), &PLAN, "");
    let (sizes, families) = kinds(&held);
    assert!(sizes.len() <= 5 && families.len() == 1, "{sizes:?} {families:?}");
    assert_eq!(held["unplaced"].as_array().unwrap().len(), 0);
    let free = folder(|text| text.replace("tenon.sh/max-", "example.com/max-"));
    let free = plan(free.path(), &PLAN, "");
    let (sizes, families) = kinds(&free);
    assert!(sizes.len() > 5 && families.len() > 1, "{sizes:?} {families:?}");
    let cost = |plan: &Value| plan["totals"]["hourlyUsd"].as_f64().unwrap();
    assert!(cost(&free) < cost(&held));
}

#[test]
fn pods_of_a_second_family_are_told_why_they_stay() {
    let folder = folder(|text| {
        let selector = "      nodeSelector: {karpenter.azure.com/sku-family: E}\n      containers:\n        - {name: cache";
        text.replace("      containers:\n        - {name: cache", selector)
            .replace("name: reports, namespace: erp}\nspec:\n  replicas: 3", "name: reports, namespace: erp}\nspec:\n  replicas: 60")
            .replace("      containers:\n        - {name: reports", "      nodeSelector: {karpenter.azure.com/sku-family: F}\n      containers:\n        - {name: reports")
    });
    let args = ["plan", "-f", "in", "--region", "eastus"];
    let text = stdout(&tenon(folder.path(), &args, ""));
    assert!(text.contains("their pool has as many sizes or families as it may"), "{text}");
    let wish = "it would have a place if NodePool vms: tenon.sh/max-families were higher by 1";
    assert!(text.contains(wish), "{text}");
}

#[test]
fn what_the_annotations_cost_is_found() {
    let folder = folder(str::to_owned);
    let args = ["plan", "-f", "in", "--region", "eastus", "--why-cost"];
    let text = stdout(&tenon(folder.path(), &args, ""));
    assert!(text.contains("tenon.sh/max-families=1 of NodePool vms: $0."), "{text}");
}
