//! What the server fills in for built-in kinds.

use serde_json::{Map, Value, json};

use super::{
    kind::Kind,
    object::{as_map, child},
};

/// Fills in what the object leaves out.
pub fn fill(kind: &Kind, object: &mut Value) {
    let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) else {
        return fill_without_spec(kind, object);
    };
    match kind.id().as_str() {
        "pods" => pod_spec(spec),
        "deployments.apps" => {
            template(spec);
            put(spec, "replicas", json!(1));
            put(spec, "revisionHistoryLimit", json!(10));
            put(spec, "progressDeadlineSeconds", json!(600));
            rolling(spec, "strategy", json!({"maxUnavailable": "25%", "maxSurge": "25%"}));
        }
        "replicasets.apps" | "replicationcontrollers" => {
            template(spec);
            put(spec, "replicas", json!(1));
        }
        "statefulsets.apps" => {
            template(spec);
            put(spec, "replicas", json!(1));
            put(spec, "revisionHistoryLimit", json!(10));
            put(spec, "podManagementPolicy", json!("OrderedReady"));
            let retention = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            put(spec, "persistentVolumeClaimRetentionPolicy", retention);
            rolling(spec, "updateStrategy", json!({"partition": 0}));
        }
        "daemonsets.apps" => {
            template(spec);
            put(spec, "revisionHistoryLimit", json!(10));
            rolling(spec, "updateStrategy", json!({"maxUnavailable": 1, "maxSurge": 0}));
        }
        "jobs.batch" => job(spec),
        "cronjobs.batch" => cron_job(spec),
        "services" => {
            put(spec, "type", json!("ClusterIP"));
            put(spec, "sessionAffinity", json!("None"));
        }
        "persistentvolumeclaims" => put(spec, "volumeMode", json!("Filesystem")),
        "persistentvolumes" => {
            put(spec, "volumeMode", json!("Filesystem"));
            put(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
        }
        _ => {}
    }
}

fn fill_without_spec(kind: &Kind, object: &mut Value) {
    let object = as_map(object);
    match kind.id().as_str() {
        "storageclasses.storage.k8s.io" => {
            put(object, "reclaimPolicy", json!("Delete"));
            put(object, "volumeBindingMode", json!("Immediate"));
        }
        "priorityclasses.scheduling.k8s.io" => {
            put(object, "preemptionPolicy", json!("PreemptLowerPriority"));
        }
        "secrets" => put(object, "type", json!("Opaque")),
        "pods" => {
            // Validation says what is missing.
            object.insert("spec".to_owned(), json!({}));
        }
        _ => {}
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: Value) {
    let slot = map.entry(key).or_insert(Value::Null);
    if slot.is_null() || slot == "" {
        *slot = value;
    }
}

fn rolling(spec: &mut Map<String, Value>, key: &str, parameters: Value) {
    let strategy = child(spec, key);
    put(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") != Some(&json!("RollingUpdate")) {
        return;
    }
    let rolling = child(strategy, "rollingUpdate");
    for (key, value) in parameters.as_object().into_iter().flatten() {
        put(rolling, key, value.clone());
    }
}

fn template(spec: &mut Map<String, Value>) {
    let template = child(spec, "template");
    pod_spec(child(template, "spec"));
}

fn job(spec: &mut Map<String, Value>) {
    template(spec);
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        put(spec, "completions", json!(1));
    }
    put(spec, "parallelism", json!(1));
    put(spec, "backoffLimit", json!(6));
    put(spec, "completionMode", json!("NonIndexed"));
    put(spec, "suspend", json!(false));
    put(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
}

fn cron_job(spec: &mut Map<String, Value>) {
    job(child(child(spec, "jobTemplate"), "spec"));
    put(spec, "concurrencyPolicy", json!("Allow"));
    put(spec, "suspend", json!(false));
    put(spec, "successfulJobsHistoryLimit", json!(3));
    put(spec, "failedJobsHistoryLimit", json!(1));
}

fn pod_spec(spec: &mut Map<String, Value>) {
    put(spec, "restartPolicy", json!("Always"));
    put(spec, "terminationGracePeriodSeconds", json!(30));
    put(spec, "dnsPolicy", json!("ClusterFirst"));
    put(spec, "securityContext", json!({}));
    put(spec, "schedulerName", json!("default-scheduler"));
    for list in ["containers", "initContainers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for it in containers.into_iter().flatten().filter_map(Value::as_object_mut) {
            container(it);
        }
    }
    let spreads = spec.get_mut("topologySpreadConstraints").and_then(Value::as_array_mut);
    for spread in spreads.into_iter().flatten().filter_map(Value::as_object_mut) {
        put(spread, "whenUnsatisfiable", json!("DoNotSchedule"));
    }
}

fn container(container: &mut Map<String, Value>) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map(|it| it.1);
    let latest = !image.contains('@') && tag.is_none_or(|it| it == "latest");
    put(container, "imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" }));
    put(container, "terminationMessagePath", json!("/dev/termination-log"));
    put(container, "terminationMessagePolicy", json!("File"));
    let resources = child(container, "resources");
    let limits = resources.get("limits").cloned().unwrap_or_default();
    if let Some(limits) = limits.as_object().filter(|it| !it.is_empty()) {
        let requests = child(resources, "requests");
        for (key, value) in limits {
            put(requests, key, value.clone());
        }
    }
    let ports = container.get_mut("ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        put(port, "protocol", json!("TCP"));
    }
}
