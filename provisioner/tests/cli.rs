//! Runs the command as people do: good input, and every kind of bad input.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "cli/documents.rs"]
mod documents;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/search.rs"]
mod search;
#[path = "cli/solve.rs"]
mod solve;
#[path = "cli/varieties.rs"]
mod varieties;
#[path = "cli/why_cost.rs"]
mod why_cost;

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
    - {name: web, image: web, resources: {requests: {cpu: 500m, memory: 1Gi}}}
";

fn tenon(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read on.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The plan as JSON, without the field that differs from run to run.
fn plan(folder: &Path, args: &[&str], stdin: &str) -> Value {
    let output = tenon(folder, args, stdin);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    let mut plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    plan.as_object_mut().unwrap().remove("seconds").unwrap();
    plan
}

/// Exit code, one line that names `words`, nothing printed, nothing written.
fn refuses(case: &str, args: &[&str], stdin: &str, code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    refuses_in(folder.path(), case, args, stdin, code, words);
}

fn refuses_in(folder: &Path, case: &str, args: &[&str], stdin: &str, code: i32, words: &[&str]) {
    let before = names(folder);
    let output = tenon(folder, args, stdin);
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{case}: {error}");
    assert_eq!(error.lines().count(), 1, "{case}: {error}");
    assert!(error.starts_with("error: "), "{case}: {error}");
    assert!(error.len() < 1_000, "{case}: {error}");
    for word in words {
        assert!(error.contains(word), "{case}: no {word:?} in {error}");
    }
    assert_eq!(stdout(&output), "", "{case}");
    assert_eq!(names(folder), before, "{case}");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const FROM_STDIN: [&str; 7] = ["plan", "-f", "-", "--region", "eastus", "--save", "saved.json"];

#[test]
fn bad_documents_are_refused_in_one_line() {
    let node_pool = "\
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: bad}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements:
        - {key: kubernetes.io/hostname, operator: In, values: [a]}
";
    let deep = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: [(&str, String, &[&str]); 9] = [
        ("empty", String::new(), &["standard input"]),
        ("blank", "---\n---\n# nothing\n".to_owned(), &["standard input"]),
        ("broken YAML", format!("{POD}---\nkind: [\n"), &["standard input", "document 2"]),
        ("broken JSON", "{\"kind\": \"Pod\",".to_owned(), &["standard input"]),
        ("no object", "just words".to_owned(), &["standard input"]),
        (
            "quantity",
            POD.replace("500m", "5 cores"),
            &["standard input", "document 1", "Pod shop/web", "cpu", "5 cores"],
        ),
        ("negative", POD.replace("500m", "-1"), &["Pod shop/web", "cpu", "-1"]),
        ("restricted label", node_pool.to_owned(), &["NodePool bad", "kubernetes.io/hostname"]),
        ("deep", deep, &["standard input"]),
    ];
    for (case, input, words) in cases {
        refuses(case, &FROM_STDIN, &input, 65, words);
    }
}

#[test]
fn wrong_arguments_are_refused_in_one_line() {
    let cases: [(&str, &[&str], i32, &[&str]); 13] = [
        ("no command", &[], 64, &["--help"]),
        ("unknown command", &["plant"], 64, &["plant"]),
        ("unknown argument", &["plan", "--fast"], 64, &["--fast"]),
        ("no source", &["plan", "-f", "-"], 64, &["--region"]),
        (
            "two sources",
            &["plan", "-f", "-", "--region", "eastus", "--catalog", "kwok"],
            64,
            &["--catalog"],
        ),
        ("no file", &["plan", "--region", "eastus"], 64, &["--file"]),
        ("unknown region", &["plan", "-f", "-", "--region", "estus"], 65, &["estus", "eastus"]),
        ("missing file", &["plan", "-f", "gone.yaml", "--catalog", "kwok"], 66, &["gone.yaml"]),
        ("missing catalog", &["plan", "-f", "-", "--catalog", "gone.json"], 66, &["gone.json"]),
        ("missing saved plan", &["replay", "gone.json"], 66, &["gone.json"]),
        (
            "no such pod",
            &["plan", "-f", "-", "--catalog", "kwok", "--explain", "shop/none"],
            64,
            &["shop/none"],
        ),
        (
            "version",
            &["plan", "-f", "-", "--catalog", "kwok", "--kubernetes-version", "new"],
            64,
            &["--kubernetes-version", "new"],
        ),
        (
            "filter",
            &["catalog", "ls", "--region", "eastus", "--where", "a in (b"],
            64,
            &["--where", "a in (b"],
        ),
    ];
    for (case, args, code, words) in cases {
        refuses(case, args, POD, code, words);
    }
}

#[test]
fn a_catalog_with_a_mistake_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for (case, text, words) in [
        ("no list", "[", ["sizes.json: ", "not a list of instance types"]),
        (
            "a field",
            r#"[{"name": "m5.large", "architecture": 64}]"#,
            ["sizes.json: ", "instance type 1 (\"m5.large\"), architecture: "],
        ),
    ] {
        fs::write(folder.path().join("sizes.json"), text).unwrap();
        let args = ["plan", "-f", "-", "--catalog", "sizes.json"];
        refuses_in(folder.path(), case, &args, POD, 65, &words);
    }
}

#[test]
fn an_input_above_the_limit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    // Sparse: a gigabyte that takes no room.
    let file = fs::File::create(folder.path().join("huge.yaml")).unwrap();
    file.set_len(1 << 30).unwrap();
    let args = ["plan", "-f", "huge.yaml", "--catalog", "kwok", "--save", "saved.json"];
    refuses_in(folder.path(), "default limit", &args, "", 65, &["huge.yaml", "--max-input"]);
    let args = ["plan", "-f", "-", "--catalog", "kwok", "--max-input", "64"];
    refuses_in(folder.path(), "stdin", &args, POD, 65, &["standard input", "64"]);
}

#[test]
fn files_that_are_no_saved_plan_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (case, text) in [
        ("words", "hello"),
        ("another document", "{\"version\": \"tenon.sh/plan/v1\"}"),
        ("cut off", "{\"version\": \"tenon.sh/saved-plan/v1\", \"options\": {"),
        ("empty", ""),
    ] {
        fs::write(folder.path().join("saved.json"), text).unwrap();
        refuses_in(folder.path(), case, &["replay", "saved.json"], "", 65, &["saved.json"]);
    }
}

#[test]
fn a_plan_cannot_be_saved_where_there_is_no_folder() {
    let args = ["plan", "-f", "-", "--catalog", "kwok", "--save", "no/such/folder/saved.json"];
    refuses("save", &args, POD, 73, &["no/such/folder/saved.json"]);
    refuses("save", &["plan", "-f", "-", "--catalog", "kwok", "--save", "."], POD, 73, &["folder"]);
}

/// `/proc` takes no files, from nobody.
#[cfg(target_os = "linux")]
#[test]
fn a_plan_cannot_be_saved_where_nobody_may_write() {
    let args = ["plan", "-f", "-", "--catalog", "kwok", "--save", "/proc/saved.json"];
    refuses("save", &args, POD, 73, &["/proc/saved.json"]);
}

/// `/dev/full` is a disk without room.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pod.yaml"), POD).unwrap();
    for args in [
        ["plan", "-f", "pod.yaml", "--catalog", "kwok"].as_slice(),
        &["catalog", "regions"],
        &["--help"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_tenon"))
            .args(args)
            .current_dir(folder.path())
            .stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{args:?}: {error}");
        assert!(error.starts_with("error: standard output: "), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
    }
}

/// A device is written to; no file takes its place, whoever runs the command.
#[cfg(target_os = "linux")]
#[test]
fn a_plan_can_be_saved_to_a_device() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["null", "full"] {
        std::os::unix::fs::symlink(format!("/dev/{name}"), folder.path().join(name)).unwrap();
    }
    let args = ["plan", "-f", "-", "--catalog", "kwok", "--save"];
    let saved = tenon(folder.path(), &[args.as_slice(), &["null"]].concat(), POD);
    assert_eq!(saved.status.code(), Some(0));
    assert_eq!(fs::read_link(folder.path().join("null")).unwrap(), Path::new("/dev/null"));
    refuses_in(folder.path(), "full", &[args.as_slice(), &["full"]].concat(), POD, 74, &["full: "]);
}

#[test]
fn a_saved_plan_replays_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    for (example, source) in
        [("web-shop", ["--region", "eastus"]), ("cluster-dump", ["--region", "westeurope"])]
    {
        let path = format!("{examples}/{example}");
        let [flag, value] = source;
        let args = ["plan", "-f", &path, flag, value, "-o", "json", "--save", "saved.json"];
        let first = plan(folder.path(), &args, "");
        assert_eq!(plan(folder.path(), &["replay", "saved.json", "-o", "json"], ""), first);
        assert_eq!(names(folder.path()), ["saved.json"]);
        let one = ["replay", "saved.json", "-o", "json", "--threads", "1"];
        assert_eq!(plan(folder.path(), &one, ""), first, "threads must not matter");
    }
}

#[test]
fn pods_without_a_place_are_an_answer_unless_strict() {
    let folder = tempfile::tempdir().unwrap();
    let huge = POD.replace("500m", "5000");
    let args = ["plan", "-f", "-", "--catalog", "kwok", "-o", "json"];
    let answer = plan(folder.path(), &args, &huge);
    assert_eq!(answer["unplaced"][0]["pod"], "shop/web");
    assert_eq!(answer["unplaced"][0]["reason"], "TooLarge");
    let strict = [args.as_slice(), &["--strict"]].concat();
    assert_eq!(tenon(folder.path(), &strict, &huge).status.code(), Some(2));
    assert_eq!(tenon(folder.path(), &strict, POD).status.code(), Some(0));
}

#[test]
fn a_plan_has_the_price_of_its_launches() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["plan", "-f", "-", "--region", "eastus", "-o", "json"];
    let plan = plan(folder.path(), &args, POD);
    let launches = plan["launches"].as_array().unwrap();
    assert_eq!(launches.len(), 1);
    assert_eq!(launches[0]["pods"], serde_json::json!(["shop/web"]));
    assert_eq!(launches[0]["hourlyUsd"], plan["totals"]["hourlyUsd"]);
    assert!(plan["totals"]["hourlyUsd"].as_f64().unwrap() > 0.0);
}

#[test]
fn every_example_is_planned_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    for example in ["web-shop", "data-platform", "ci-farm", "cluster-dump"] {
        let path = format!("{examples}/{example}");
        for format in ["table", "wide", "json", "yaml"] {
            let args = ["plan", "-f", &path, "--region", "westeurope", "-o", format];
            let output = tenon(folder.path(), &args, "");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{example} {format}: {error}");
            assert!(!stdout(&output).contains('\u{1b}'), "no colour without a terminal");
        }
    }
}

#[test]
fn variants_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let (input, variant) =
        (format!("{examples}/web-shop"), format!("{examples}/variants/web-shop-spot.yaml"));
    let args = ["plan", "-f", &input, "--region", "eastus", "--compare", &variant, "-o", "json"];
    let output = tenon(folder.path(), &args, "");
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    let variants = comparison["variants"].as_array().unwrap();
    assert_eq!(variants.len(), 2);
    let cost = |at: usize| variants[at]["plan"]["totals"]["hourlyUsd"].as_f64().unwrap();
    let difference = variants[1]["difference"]["hourlyUsd"].as_f64().unwrap();
    assert!((cost(1) - cost(0) - difference).abs() < 1e-9);
    assert!(difference < 0.0, "spot is cheaper");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenon"))
        .args(["catalog", "ls", "--region", "eastus"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn sizes_are_listed_filtered_and_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let filter = "karpenter.azure.com/sku-family in (D,E), karpenter.azure.com/sku-cpu > 7";
    let args = ["catalog", "ls", "--region", "eastus", "--where", filter, "-o", "json"];
    let output = tenon(folder.path(), &args, "");
    let sizes: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(sizes.len() > 50);
    let price = |size: &Value| {
        let known = [&size["onDemandHourlyUsd"], &size["spotHourlyUsd"]].map(Value::as_f64);
        known[0].or(known[1]).unwrap_or(f64::INFINITY)
    };
    assert!(sizes.is_sorted_by(|a, b| price(a) <= price(b)));
    for size in &sizes {
        let name = size["name"].as_str().unwrap();
        assert!(name.starts_with("Standard_D") || name.starts_with("Standard_E"), "{name}");
        assert!(size["cpuMilli"].as_i64().unwrap() > 7_000, "{name}");
    }
    let show = tenon(folder.path(), &["catalog", "show", "D4s_v5", "--region", "eastus"], "");
    assert!(stdout(&show).starts_with("Standard_D4s_v5\n"), "{}", stdout(&show));
    let regions = stdout(&tenon(folder.path(), &["catalog", "regions"], ""));
    assert!(regions.lines().any(|region| region == "westeurope"));
}

#[test]
fn a_pod_and_a_workload_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cluster-dump");
    let args = ["plan", "-f", path, "--region", "westeurope", "-o", "json"];
    let explain = ["--explain", "search/index", "--explain", "debug", "--explain", "ledger-0"];
    let plan = plan(folder.path(), &[args.as_slice(), &explain].concat(), "");
    let answers = plan["explanations"].as_array().unwrap();
    assert_eq!(answers.len(), 3, "three pods of one workload share a node and an answer");
    let text = |at: usize| answers[at].to_string();
    assert!(text(0).contains("node pool memory"), "{}", text(0));
    assert!(text(1).contains("default/scratch"), "{}", text(1));
    assert!(text(2).contains("runs on aks-default-7xk2p"), "{}", text(2));
}

#[test]
fn fresh_sizes_and_prices_make_a_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let skus = r#"[{"resourceType": "virtualMachines", "name": "Standard_D4s_v5",
        "family": "standardDSv5Family", "locations": ["eastus"], "restrictions": [],
        "locationInfo": [{"location": "eastus", "zones": ["1", "2"]}],
        "capabilities": [{"name": "vCPUs", "value": "4"}, {"name": "MemoryGB", "value": "16"},
            {"name": "CpuArchitectureType", "value": "x64"},
            {"name": "EphemeralOSDiskSupported", "value": "False"}]}]"#;
    let prices = r#"{"Items": [{"currencyCode": "USD", "retailPrice": 0.1, "unitPrice": 0.1,
        "armRegionName": "eastus", "armSkuName": "Standard_D4s_v5", "skuName": "D4s v5",
        "meterName": "D4s v5", "productName": "Virtual Machines Dsv5 Series",
        "serviceName": "Virtual Machines", "type": "Consumption", "unitOfMeasure": "1 Hour",
        "isPrimaryMeterRegion": true}]}"#;
    fs::write(folder.path().join("skus.json"), skus).unwrap();
    fs::write(folder.path().join("prices.json"), prices).unwrap();
    let import = ["catalog", "import", "--skus", "skus.json", "--prices", "prices.json"];
    let args = [import.as_slice(), &["--region", "eastus", "-o", "fresh.json"]].concat();
    let output = tenon(folder.path(), &args, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ls = ["catalog", "ls", "--catalog", "fresh.json", "--os-disk-price", "0", "-o", "json"];
    let sizes: Value = serde_json::from_slice(&tenon(folder.path(), &ls, "").stdout).unwrap();
    assert_eq!(sizes.as_array().unwrap().len(), 1);
    assert_eq!(sizes[0]["onDemandHourlyUsd"], 0.1);
    let plan = plan(
        folder.path(),
        &["plan", "-f", "-", "--catalog", "fresh.json", "--os-disk-price", "0", "-o", "json"],
        POD,
    );
    assert_eq!(plan["totals"]["hourlyUsd"], 0.1);
    let other = [import.as_slice(), &["--region", "westus", "-o", "other.json"]].concat();
    refuses_in(folder.path(), "other region", &other, "", 65, &["skus.json", "westus"]);
}

#[test]
fn help_tells_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    for args in [vec!["--help"], vec!["plan", "--help"], vec!["solve", "--help"]] {
        let output = tenon(folder.path(), &args, "");
        assert_eq!(output.status.code(), Some(0));
        let help = stdout(&output);
        for code in ["2 ", "64", "65", "66", "70", "73", "74"] {
            assert!(help.contains(code), "{code}");
        }
    }
}
