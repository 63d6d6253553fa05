//! What `deploy/` installs is confined, may do what the product does and nothing else, and agrees
//! with the chart's values.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// Group, resource and verbs of everything that the product changes (`act`, `nominate`,
/// `lifecycle`, `pools`, `leader`, and the kwok cloud).
const WRITES: [(&str, &str, &[&str]); 13] = [
    ("", "nodes", &["create", "delete", "patch"]),
    ("", "nodes/status", &["patch"]),
    ("", "pods", &["delete"]),
    ("", "pods/eviction", &["create"]),
    ("", "pods/status", &["patch"]),
    ("coordination.k8s.io", "leases", &["create", "update"]),
    ("events.k8s.io", "events", &["create", "patch"]),
    ("karpenter.sh", "nodeclaims", &["create", "delete", "patch"]),
    ("karpenter.sh", "nodeclaims/finalizers", &["update"]),
    ("karpenter.sh", "nodeclaims/status", &["patch"]),
    ("karpenter.sh", "nodepools", &["patch"]),
    ("karpenter.sh", "nodepools/finalizers", &["update"]),
    ("karpenter.sh", "nodepools/status", &["patch"]),
];

/// What the product watches: what plans depend on, and what a drain waits for. A kind that it may
/// not watch would hold planning up for ever.
fn watched() -> impl Iterator<Item = (&'static str, &'static str)> {
    let kinds = provisioner::watch::WATCHED.into_iter().map(|kind| (kind.group, kind.plural));
    kinds.chain([("storage.k8s.io", "volumeattachments")])
}

#[test]
fn the_controller_is_confined() {
    let deployment = only("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    for key in ["hostNetwork", "hostPID", "hostIPC", "volumes"] {
        assert!(pod[key].is_null(), "{key} is {}", pod[key]);
    }
    let containers = pod["containers"].as_array().expect("containers");
    assert_eq!(containers.len(), 1);
    let confined = json!({
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "readOnlyRootFilesystem": true,
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(containers[0]["securityContext"], confined);
    let dockerfile = text("Dockerfile");
    assert!(dockerfile.lines().any(|line| line == "USER 65532:65532"), "the image's user");
}

#[test]
fn bindings_tie_roles_that_exist_to_the_controllers_account() {
    let objects = manifests();
    let account = only("ServiceAccount");
    let used = &only("Deployment")["spec"]["template"]["spec"]["serviceAccountName"];
    assert_eq!(used, &account["metadata"]["name"]);
    let mut bound = BTreeSet::new();
    for binding in objects.iter().filter(|one| kind(one).ends_with("Binding")) {
        let role = &binding["roleRef"];
        let (of, name) = (&role["kind"], &role["name"]);
        let found = objects.iter().any(|one| {
            one["kind"] == *of
                && one["metadata"]["name"] == *name
                && one["metadata"]["namespace"] == binding["metadata"]["namespace"]
        });
        assert!(found, "there is no {of} {name}");
        let subject = json!([{
            "kind": "ServiceAccount",
            "name": account["metadata"]["name"],
            "namespace": account["metadata"]["namespace"],
        }]);
        assert_eq!(binding["subjects"], subject);
        bound.insert((of.to_string(), name.to_string()));
    }
    let roles = objects.iter().filter(|one| kind(one).ends_with("Role")).count();
    assert_eq!(bound.len(), roles, "every role is bound: {bound:?}");
}

#[test]
fn roles_grant_what_the_product_changes_and_nothing_else() {
    let reading = ["get", "list", "watch"];
    let granted: BTreeSet<_> =
        grants().into_iter().filter(|(.., verb)| !reading.contains(&verb.as_str())).collect();
    let wanted: BTreeSet<_> = WRITES
        .iter()
        .flat_map(|(group, resource, verbs)| {
            verbs.iter().map(move |verb| grant(group, resource, verb))
        })
        .collect();
    assert_eq!(granted, wanted);
}

#[test]
fn roles_let_every_watched_kind_be_watched_and_read_nothing_secret() {
    let grants = grants();
    for (group, resource) in watched() {
        for verb in ["list", "watch"] {
            assert!(grants.contains(&grant(group, resource, verb)), "{verb} {group}/{resource}");
        }
    }
    for (group, resource, verb) in &grants {
        assert!(
            ![group, resource, verb].iter().any(|part| part.contains('*')),
            "{group}/{resource}"
        );
        assert!(!resource.starts_with("secrets"), "{verb} {resource}");
    }
}

#[test]
fn only_karpenters_lease_may_be_taken() {
    let role = only("Role");
    let lease = value_of("LEADER_ELECTION_NAME");
    for rule in role["rules"].as_array().expect("rules") {
        // Creation cannot be bound to a name.
        let expected =
            if rule["verbs"] == json!(["create"]) { Value::Null } else { json!([lease]) };
        assert_eq!(rule["resourceNames"], expected);
    }
    assert_eq!(lease, "karpenter-leader-election");
}

#[test]
fn selectors_and_ports_find_the_pods() {
    let deployment = only("Deployment");
    let template = &deployment["spec"]["template"];
    let (service, budget) = (only("Service"), only("PodDisruptionBudget"));
    let affinity = &template["spec"]["affinity"]["podAntiAffinity"];
    let term = &affinity["requiredDuringSchedulingIgnoredDuringExecution"][0];
    for selector in [
        &deployment["spec"]["selector"]["matchLabels"],
        &budget["spec"]["selector"]["matchLabels"],
        &term["labelSelector"]["matchLabels"],
        &template["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
        &service["spec"]["selector"],
    ] {
        let labels = selector.as_object().expect("a selector");
        assert!(!labels.is_empty());
        for (key, value) in labels {
            assert_eq!(&template["metadata"]["labels"][key], value, "{key}");
        }
    }
    let container = &template["spec"]["containers"][0];
    let ports: Vec<&Value> =
        container["ports"].as_array().expect("ports").iter().map(|port| &port["name"]).collect();
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        let get = &container[probe]["httpGet"];
        assert_eq!(get["path"], path);
        assert!(ports.contains(&&get["port"]), "{probe}");
    }
    assert!(ports.contains(&&service["spec"]["ports"][0]["targetPort"]));
}

#[test]
fn manifests_follow_the_charts_values() {
    let (values, chart) = (yaml("chart/tenon/values.yaml"), yaml("chart/tenon/Chart.yaml"));
    for version in ["version", "appVersion"] {
        assert_eq!(chart[version], env!("CARGO_PKG_VERSION"), "{version}");
    }
    let spec = &only("Deployment")["spec"];
    let pod = &spec["template"]["spec"];
    assert_eq!(spec["replicas"], values["replicas"]);
    for key in ["priorityClassName", "dnsPolicy", "nodeSelector", "tolerations"] {
        assert_eq!(pod[key], values[key], "{key}");
    }
    assert_eq!(pod["affinity"]["nodeAffinity"], values["affinity"]["nodeAffinity"]);
    let repository = values["controller"]["image"]["repository"].as_str().expect("an image");
    let image = format!("{repository}:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(pod["containers"][0]["image"], image.as_str());
    for (variable, value) in [
        ("LOG_LEVEL", &values["logLevel"]),
        ("CLOUD", &values["settings"]["cloud"]),
        ("BATCH_MAX_DURATION", &values["settings"]["batchMaxDuration"]),
        ("BATCH_IDLE_DURATION", &values["settings"]["batchIdleDuration"]),
        ("PREFERENCE_POLICY", &values["settings"]["preferencePolicy"]),
        ("MIN_VALUES_POLICY", &values["settings"]["minValuesPolicy"]),
    ] {
        assert_eq!(Some(value_of(variable).as_str()), value.as_str(), "{variable}");
    }
    let gates = values["settings"]["featureGates"].as_object().expect("gates");
    assert_eq!(value_of("FEATURE_GATES").split(',').count(), gates.len());
}

#[test]
fn templates_use_all_values_and_only_such_as_there_are() {
    let values = yaml("chart/tenon/values.yaml");
    let templates = templates();
    let used: BTreeSet<&str> = mentions(&templates, ".Values.", is_path).collect();
    for path in &used {
        let found = path.split('.').try_fold(&values, |value, key| value.get(key));
        assert!(found.is_some(), ".Values.{path} is not in values.yaml");
    }
    let mut leaves = vec![];
    collect_leaves(&values, "", &mut leaves);
    for leaf in leaves {
        let is_used = used.iter().any(|path| {
            leaf.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        assert!(is_used, "no template uses {leaf}");
    }
    let defined: BTreeSet<&str> = mentions(&templates, "define \"", |c| c != '"').collect();
    let included: BTreeSet<&str> = mentions(&templates, "include \"", |c| c != '"').collect();
    assert_eq!(defined, included);
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("deploy/{name}: {error}"))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap_or_else(|error| panic!("deploy/{name}: {error}"))
}

fn manifests() -> Vec<Value> {
    serde_saphyr::from_multiple(&text("manifests/tenon.yaml")).expect("manifests are YAML")
}

fn templates() -> String {
    let folder = fs::read_dir(path("chart/tenon/templates")).expect("templates");
    let files = folder.map(|entry| entry.expect("a template").path());
    files.map(|file| fs::read_to_string(file).expect("a template is text")).collect()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().expect("objects have a kind")
}

/// The object of a kind that there is one of.
fn only(of: &str) -> Value {
    let mut found: Vec<Value> =
        manifests().into_iter().filter(|object| kind(object) == of).collect();
    assert_eq!(found.len(), 1, "{of}");
    found.remove(0)
}

fn value_of(variable: &str) -> String {
    let deployment = only("Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let mut env = container["env"].as_array().expect("env").iter();
    let found = env.find(|one| one["name"] == variable).and_then(|one| one["value"].as_str());
    found.unwrap_or_else(|| panic!("{variable} has no value")).to_owned()
}

type Grant = (String, String, String);

fn grant(group: &str, resource: &str, verb: &str) -> Grant {
    (group.to_owned(), resource.to_owned(), verb.to_owned())
}

/// Group, resource and verb of all that the roles grant together.
fn grants() -> BTreeSet<Grant> {
    let mut grants = BTreeSet::new();
    for role in manifests().iter().filter(|object| kind(object).ends_with("Role")) {
        for rule in role["rules"].as_array().expect("rules") {
            for group in strings(&rule["apiGroups"]) {
                for resource in strings(&rule["resources"]) {
                    let verbs = strings(&rule["verbs"]);
                    grants.extend(verbs.into_iter().map(|verb| grant(group, resource, verb)));
                }
            }
        }
    }
    grants
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one.as_str().expect("a string")).collect()
}

fn is_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.'
}

/// What follows each `before`, as far as `belongs` says.
fn mentions<'t>(
    text: &'t str,
    before: &'t str,
    belongs: impl Fn(char) -> bool + 't,
) -> impl Iterator<Item = &'t str> {
    text.split(before).skip(1).map(move |rest| {
        let end = rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
        &rest[..end]
    })
}

/// Paths of all values without fields of their own; `.` parts keys.
fn collect_leaves(value: &Value, path: &str, leaves: &mut Vec<String>) {
    match value.as_object().filter(|fields| !fields.is_empty()) {
        Some(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect_leaves(value, &path, leaves);
            }
        }
        None => leaves.push(path.to_owned()),
    }
}
