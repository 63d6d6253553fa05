//! The files in `deploy/crds` are what the generator says, and say what Karpenter's say.

use std::{fs, path::Path};

use provisioner::api::crd;
use serde_json::Value;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds")
}

#[test]
fn files_are_up_to_date() {
    for (name, definition) in crd::all() {
        let text = fs::read_to_string(folder().join(&name)).unwrap_or_default();
        let help = "run `cargo run -p provisioner -- crds -o deploy/crds`";
        assert!(text == crd::to_yaml(&definition), "{name} is out of date; {help}");
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, definition, "{name}");
    }
}

#[test]
fn defaults_rules_and_columns_are_karpenters() {
    let pool = definition("NodePool");
    let version = &pool["spec"]["versions"][0];
    let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let template = &spec["properties"]["template"]["properties"]["spec"]["properties"];
    assert_eq!(template["expireAfter"]["default"], "720h");
    assert_eq!(spec["properties"]["disruption"]["default"]["consolidateAfter"], "0s");
    let scale = &version["subresources"]["scale"];
    assert_eq!(scale["specReplicasPath"], ".spec.replicas");
    assert_eq!(scale["statusReplicasPath"], ".status.nodes");
    let columns = version["additionalPrinterColumns"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["NodeClass", "Nodes", "Ready", "Age", "Weight", "CPU", "Memory"]);
    let claim = definition("NodeClaim");
    let spec = &claim["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(spec["x-kubernetes-validations"][0]["rule"], "self == oldSelf");
}

fn definition(kind: &str) -> Value {
    let mut all = crd::all().into_iter().map(|(_, definition)| definition);
    all.find(|one| one["spec"]["names"]["kind"] == kind).expect("the kind is defined")
}
