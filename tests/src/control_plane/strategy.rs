//! What each kind lets clients write, and where.

use serde_json::{Map, Value, json};

use super::{
    kind::Kind,
    object::{as_map, carry, meta_mut, name, text},
    status::Cause,
};

/// Kinds whose status subresource also takes labels and annotations.
const LABELS_WITH_STATUS: [&str; 2] = ["pods", "nodes"];
/// Kinds with a status that are created with whatever status the client gives.
const STATUS_AT_BIRTH: [&str; 1] = ["nodes"];
/// Built-in kinds without `metadata.generation`.
const NO_GENERATION: [&str; 12] = [
    "nodes",
    "namespaces",
    "services",
    "endpoints",
    "configmaps",
    "secrets",
    "serviceaccounts",
    "events",
    "limitranges",
    "resourcequotas",
    "persistentvolumes",
    "persistentvolumeclaims",
];

/// Prepares a new object.
pub fn create(kind: &Kind, value: &mut Value) {
    let id = kind.id();
    if kind.status && !STATUS_AT_BIRTH.contains(&id.as_str()) {
        let object = as_map(value);
        object.shift_remove("status");
        if let Some(status) = first_status(&id) {
            object.insert("status".to_owned(), status);
        }
    }
    let meta = meta_mut(value);
    if counts_generation(kind) {
        meta.insert("generation".to_owned(), 1.into());
    } else {
        meta.shift_remove("generation");
    }
    if id == "pods" {
        value["status"]["qosClass"] = quality(value).into();
    }
    if id == "namespaces" {
        value["spec"] = json!({"finalizers": ["kubernetes"]});
        let name = name(value).to_owned();
        let labels = meta_mut(value).entry("labels").or_insert(Value::Null);
        as_map(labels).insert("kubernetes.io/metadata.name".to_owned(), name.into());
    }
}

fn first_status(id: &str) -> Option<Value> {
    Some(match id {
        "pods" | "persistentvolumes" | "persistentvolumeclaims" => json!({"phase": "Pending"}),
        "namespaces" => json!({"phase": "Active"}),
        "services" => json!({"loadBalancer": {}}),
        "daemonsets.apps" => json!({
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0,
            "numberReady": 0
        }),
        "replicasets.apps" | "statefulsets.apps" | "replicationcontrollers" => {
            json!({"replicas": 0})
        }
        "deployments.apps" | "jobs.batch" | "cronjobs.batch" => json!({}),
        "poddisruptionbudgets.policy" => json!({
            "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0
        }),
        _ => return None,
    })
}

/// A pod's quality of service, from the CPU and memory of its containers.
fn quality(pod: &Value) -> &'static str {
    let containers = |list| pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
    let mut any = false;
    let mut guaranteed = true;
    for container in containers("/spec/containers").chain(containers("/spec/initContainers")) {
        for resource in ["cpu", "memory"] {
            let at = |which| container.pointer(&format!("/resources/{which}/{resource}"));
            let (request, limit) = (at("requests"), at("limits"));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// Takes back what an update of the object itself may not change.
pub fn update(kind: &Kind, old: &Value, new: &mut Value) {
    if kind.status {
        carry(as_map(new), old, "status");
    }
}

/// Takes back everything but the status.
pub fn update_status(kind: &Kind, old: &Value, new: &mut Value) {
    let meta = new.get("metadata").cloned().unwrap_or_default();
    let status = new.get("status").cloned();
    *new = old.clone();
    let object = as_map(new);
    match status {
        Some(status) => object.insert("status".to_owned(), status),
        None => object.shift_remove("status"),
    };
    let kept = meta_mut(new);
    if LABELS_WITH_STATUS.contains(&kind.id().as_str()) {
        carry(kept, &meta, "labels");
        carry(kept, &meta, "annotations");
    }
    // Server-side apply and its kin come with their own record of owners.
    carry(kept, &meta, "managedFields");
}

/// Counts up `metadata.generation` when what is wanted has changed.
pub fn count_generation(kind: &Kind, old: &Value, new: &mut Value) {
    if !counts_generation(kind) {
        return;
    }
    let wanted = |value: &Value| -> Map<String, Value> {
        let without = |key: &str| key == "metadata" || (key == "status" && kind.status);
        let all = value.as_object().into_iter().flatten();
        all.filter(|(key, _)| !without(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    if wanted(old) != wanted(new) {
        let count = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        meta_mut(new).insert("generation".to_owned(), (count + 1).into());
    }
}

fn counts_generation(kind: &Kind) -> bool {
    kind.custom() || (kind.status && !NO_GENERATION.contains(&kind.id().as_str()))
}

/// What is wrong with an object, by the rules that no schema states.
pub fn validate(kind: &Kind, old: Option<&Value>, new: &Value, subresource: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    validate_name(kind, new, &mut causes);
    match (kind.id().as_str(), old) {
        ("pods", None) => validate_new_pod(new, &mut causes),
        ("pods", Some(old)) if subresource.is_empty() => {
            validate_pod_update(old, new, &mut causes);
        }
        ("nodes", Some(old)) => immutable_once_set(old, new, "spec.providerID", &mut causes),
        ("deployments.apps" | "replicasets.apps" | "daemonsets.apps", _) => {
            validate_selector(old, new, &mut causes);
        }
        _ => {}
    }
    causes
}

fn validate_name(kind: &Kind, value: &Value, causes: &mut Vec<Cause>) {
    let name = name(value);
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
        return;
    }
    // RBAC names its objects freely, as in `system:node`.
    if kind.group == "rbac.authorization.k8s.io" {
        return;
    }
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let parts = name.split('.').all(|part| {
        part.starts_with(fine) && part.ends_with(fine) && part.chars().all(|c| fine(c) || c == '-')
    });
    if !parts || name.len() > 253 {
        let why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                   characters, '-' or '.', and must start and end with an alphanumeric character \
                   (e.g. 'example.com', regex used for validation is \
                   '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        causes.push(Cause::invalid("metadata.name", &name.into(), why));
    }
}

fn validate_new_pod(pod: &Value, causes: &mut Vec<Cause>) {
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.containers", ""));
    }
    let named =
        |key: &'static str| containers.into_iter().flatten().map(move |it| it.get(key).cloned());
    for (nth, name) in named("name").enumerate() {
        if name.as_ref().and_then(Value::as_str).is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("spec.containers[{nth}].name"), ""));
        } else if named("name").take(nth).any(|it| it == name) {
            let field = format!("spec.containers[{nth}].name");
            causes.push(Cause::duplicate(field, &name.unwrap_or_default()));
        }
    }
    for (nth, image) in named("image").enumerate() {
        if image.as_ref().and_then(Value::as_str).is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("spec.containers[{nth}].image"), ""));
        }
    }
}

/// Pods are made anew, not changed: only a few fields may move.
fn validate_pod_update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    let fixed = |pod: &Value| {
        let mut spec = pod.get("spec").cloned().unwrap_or_default();
        let map = as_map(&mut spec);
        for key in [
            "activeDeadlineSeconds",
            "terminationGracePeriodSeconds",
            "tolerations",
            "schedulingGates",
        ] {
            map.shift_remove(key);
        }
        for list in ["containers", "initContainers"] {
            for container in map.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                as_map(container).shift_remove("image");
            }
        }
        spec
    };
    let gated = !list(old, "/spec/schedulingGates").is_empty();
    let (mut before, mut after) = (fixed(old), fixed(new));
    if gated {
        // A pod that may not be scheduled yet may still be told where to go.
        for spec in [&mut before, &mut after] {
            as_map(spec).shift_remove("nodeSelector");
            as_map(spec).shift_remove("affinity");
        }
    }
    if before != after {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,\
                   `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` \
                   (only additions to existing tolerations),\
                   `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                   previously negative)";
        causes.push(Cause::forbidden("spec", why));
    }
    let (had, has) = (list(old, "/spec/tolerations"), list(new, "/spec/tolerations"));
    if !had.iter().all(|it| has.contains(it)) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        causes.push(Cause::forbidden("spec.tolerations", why));
    }
    let (had, has) = (list(old, "/spec/schedulingGates"), list(new, "/spec/schedulingGates"));
    if !has.iter().all(|it| had.contains(it)) {
        let why = "only deletion is allowed, but found new scheduling gate";
        causes.push(Cause::forbidden("spec.schedulingGates", why));
    }
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn immutable_once_set(old: &Value, new: &Value, field: &str, causes: &mut Vec<Cause>) {
    let pointer = format!("/{}", field.replace('.', "/"));
    let before = text(old, &pointer);
    if !before.is_empty() && before != text(new, &pointer) {
        let why = "node updates may only change labels, taints, or capacity (or configSource, if \
                   the DynamicKubeletConfig feature gate is enabled)";
        causes.push(Cause::forbidden(field, why));
    }
}

fn validate_selector(old: Option<&Value>, new: &Value, causes: &mut Vec<Cause>) {
    let selector = new.pointer("/spec/selector").unwrap_or(&Value::Null);
    if let Some(old) = old
        && old.pointer("/spec/selector").unwrap_or(&Value::Null) != selector
    {
        causes.push(Cause::invalid("spec.selector", selector, "field is immutable"));
    }
    let template = new.pointer("/spec/template").unwrap_or(&Value::Null);
    let labels = super::selector::Labels::of_object(selector);
    if labels.is_none_or(|it| !it.matches(template)) {
        let field = "spec.template.metadata.labels";
        let labels = template.pointer("/metadata/labels").unwrap_or(&Value::Null);
        causes.push(Cause::invalid(field, labels, "`selector` does not match template `labels`"));
    }
}
