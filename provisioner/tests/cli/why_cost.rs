//! `--why-cost`.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{plan, refuses, stdout, tenon};

const TYPE: &str = "node.kubernetes.io/instance-type";

/// A folder with sizes of 4 cores for $0.1 and 16 cores for $0.5, and with these objects.
fn folder(objects: &[Value]) -> tempfile::TempDir {
    let size = |name: &str, cores: &str, price: f64| {
        json!({"name": name, "architecture": "amd64", "operatingSystems": ["linux"],
            "resources": {"cpu": cores, "memory": "64Gi", "pods": "110"},
            "offerings": [{"Price": price, "Available": true, "Requirements": [
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["z1"]}]}]})
    };
    let folder = tempfile::tempdir().unwrap();
    let sizes = json!([size("small", "4", 0.1), size("large", "16", 0.5)]);
    fs::write(folder.path().join("sizes.json"), sizes.to_string()).unwrap();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    fs::write(folder.path().join("in.json"), list.to_string()).unwrap();
    folder
}

/// Pods of three cores: a small node holds one of them, a large one five.
fn deployment(replicas: u32, more: Value) -> Value {
    let mut spec = json!({"containers": [
        {"name": "c", "image": "c", "resources": {"requests": {"cpu": "3"}}}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}}, "spec": spec}}})
}

fn pool(name: &str, size: &str, limits: Value) -> Value {
    json!({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
        "spec": {"limits": limits, "template": {"spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "d"},
            "requirements": [{"key": TYPE, "operator": "In", "values": [size]}]}}}})
}

const PLAN: [&str; 6] = ["plan", "-f", "in.json", "--catalog", "sizes.json", "--why-cost"];

/// What the table says of constraints.
fn said(folder: &Path) -> String {
    let output = tenon(folder, &PLAN, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = stdout(&output);
    let at = text.find("What constraints cost").expect(&text);
    text[at..].lines().skip(1).take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_selector_that_forces_a_dear_size_is_named() {
    let folder = folder(&[deployment(1, json!({"nodeSelector": {TYPE: "large"}}))]);
    let expected = "  node selector node.kubernetes.io/instance-type=large of Deployment \
                    shop/cart: $0.400/h ($292.00/month)";
    assert_eq!(said(folder.path()), expected);
    let plan = plan(folder.path(), &[PLAN.as_slice(), &["-o", "json"]].concat(), "");
    let expected = json!([{"constraint": "node selector node.kubernetes.io/instance-type=large",
        "workload": "Deployment shop/cart", "hourlyUsd": 0.4, "monthlyUsd": 292.0,
        "atMostHourlyUsd": 0.4, "withinGap": false, "comparable": true}]);
    assert_eq!((&plan["whyCost"], &plan["whyCostLeftOut"]), (&expected, &json!(0)));
}

#[test]
fn a_limit_that_forces_a_dear_pool_is_named() {
    let folder = folder(&[
        deployment(2, json!({})),
        pool("cheap", "small", json!({"cpu": "4"})),
        pool("dear", "large", json!({})),
    ]);
    let expected = [
        "  limit on cpu of NodePool cheap: $0.300/h ($219.00/month)",
        "  requirement node.kubernetes.io/instance-type in (large) of NodePool dear: $0.300/h \
         ($219.00/month)",
        "  1 constraint costs nothing.",
    ];
    assert_eq!(said(folder.path()).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_limit_that_keeps_pods_out_is_told_by_pods() {
    let only = pool("cheap", "small", json!({"nodes": "1"}));
    let folder = folder(&[deployment(3, json!({})), only]);
    let expected = "  limit on nodes of NodePool cheap: without it 2 pods more can be placed";
    assert!(said(folder.path()).starts_with(expected), "{}", said(folder.path()));
    let plan = plan(folder.path(), &[PLAN.as_slice(), &["-o", "json"]].concat(), "");
    assert_eq!(plan["whyCost"][0]["morePods"], 2);
}

#[test]
fn constraints_between_pods_have_their_price() {
    let labels = json!({"matchLabels": {"app": "cart"}});
    let required = |key: &str| {
        json!({"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": key, "labelSelector": labels}]})
    };
    let host = "kubernetes.io/hostname";
    let spread = json!([{"topologyKey": host, "maxSkew": 1, "minDomains": 6,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": labels}]);
    // Four small nodes with a pod each are cheapest, and what a spread over hosts and pods that
    // keep apart ask for. Pods that stay together need a large node, which costs as much as five.
    for (case, more, words) in [
        ("spread", json!({"topologySpreadConstraints": spread}), "1 constraint costs nothing."),
        ("apart", json!({"affinity": {"podAntiAffinity": required(host)}}), "costs nothing."),
        (
            "together",
            json!({"affinity": {"podAffinity": required(host)}}),
            "pod affinity over kubernetes.io/hostname of Deployment shop/cart: $0.100/h ($73.00/",
        ),
    ] {
        let folder = folder(&[deployment(4, more)]);
        assert!(said(folder.path()).contains(words), "{case}: {}", said(folder.path()));
    }
}

#[test]
fn what_costs_nothing_is_counted_and_what_is_too_much_left_out() {
    let amd64 = json!({"nodeSelector": {"kubernetes.io/arch": "amd64"}});
    assert_eq!(said(folder(&[deployment(2, amd64)]).path()), "  1 constraint costs nothing.");
    let free = folder(&[deployment(2, json!({}))]);
    assert_eq!(said(free.path()), "  There is none to take away.");
    let pods = (0..43).map(|number| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{number}")},
            "spec": {"nodeSelector": {"kubernetes.io/arch": "amd64"}, "containers": [
                {"name": "c", "image": "c", "resources": {"requests": {"cpu": "3"}}}]}})
    });
    let many = folder(&pods.collect::<Vec<_>>());
    let expected =
        "  40 constraints cost nothing.\n  40 of 43 were tried, those on most pods first.";
    assert_eq!(said(many.path()), expected);
}

/// The greedy engine's bound is weak, so most differences could be chance.
#[test]
fn a_difference_smaller_than_the_gap_is_no_more_than_that() {
    let folder = tempfile::tempdir().unwrap();
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/web-shop");
    let args = ["plan", "-f", shop, "--region", "eastus", "--engine", "greedy"];
    let why = ["--why-cost", "-o", "json"];
    let first = [args.as_slice(), &why, &["--save", "saved.json"]].concat();
    let first = plan(folder.path(), &first, "");
    let replay = plan(folder.path(), &[["replay", "saved.json"].as_slice(), &why].concat(), "");
    assert_eq!(replay, first);
    let priced = first["whyCost"].as_array().unwrap();
    let usd = |one: &Value, field: &str| one[field].as_f64().unwrap();
    let within: Vec<&Value> = priced.iter().filter(|one| one["withinGap"] == true).collect();
    assert!(!within.is_empty());
    for one in within {
        assert!(usd(one, "hourlyUsd") <= usd(one, "atMostHourlyUsd"), "{one}");
    }
    let text = stdout(&tenon(folder.path(), &[args.as_slice(), &["--why-cost"]].concat(), ""));
    assert!(text.contains("within the gap"), "{text}");
}

#[test]
fn one_input_at_a_time_is_asked_for_its_constraints() {
    let args = ["plan", "-f", "a", "--region", "eastus", "--why-cost", "--compare", "b"];
    refuses("compare", &args, "", 64, &["--why-cost", "--compare"]);
}
