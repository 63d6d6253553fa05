//! Pods and pod templates, reduced to what a plan depends on.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::{Map, Value};

use super::{
    Nomination, Pod, PodTemplate, defaults,
    error::Fault,
    intern::Interner,
    nomination, quantity, resize,
    typed::{Meta, typed},
};

/// The fields of a pod's spec that a plan may depend on.
const SPEC: [&str; 19] = [
    "affinity",
    "containers",
    "hostNetwork",
    "initContainers",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulerName",
    "schedulingGates",
    "schedulingGroup",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];

/// The fields of a container that a plan may depend on.
const CONTAINER: [&str; 4] = ["name", "ports", "resources", "restartPolicy"];

/// Kinds of volumes that every node can give.
const ANYWHERE: [&str; 9] = [
    "configMap",
    "downwardAPI",
    "emptyDir",
    "gitRepo",
    "hostPath",
    "image",
    "nfs",
    "projected",
    "secret",
];

/// A pod as it stood in the input, and who owns it.
#[derive(Clone, Debug)]
pub struct PodEntry {
    pub pod: Arc<Pod>,
    /// Name of the controlling owner, whose kind the template knows.
    pub owner: Option<Arc<str>>,
}

/// Reads a Pod. `nth` names a pod that has only a `generateName`.
pub fn read(object: &mut Value, nth: usize, interner: &mut Interner) -> Result<PodEntry, Fault> {
    let meta = Meta::of(object)?;
    let name = match (&meta.name, &meta.generate_name) {
        (None, Some(prefix)) if !prefix.is_empty() => format!("{prefix}{nth}"),
        _ => meta.name()?.to_owned(),
    };
    let node = text(object, "spec", "nodeName")?.map(|name| interner.text(name));
    let nominated = text(object, "status", "nominatedNodeName")?.map(|name| interner.text(name));
    let planned_at = nomination::written_at(object);
    let phase = text(object, "status", "phase")?;
    let terminal = matches!(phase, Some("Succeeded" | "Failed"));
    let status = object.get_mut("status").map(Value::take).unwrap_or_default();
    let owner = meta.controller();
    let spec = object.get_mut("spec").map(Value::take).unwrap_or_default();
    let owner_kind = owner.map(|owner| owner.kind.as_str());
    let template = template(&meta, spec, owner_kind, interner)?;
    let owner = owner.map(|owner| interner.text(&owner.name));
    let resized = match node {
        Some(_) => resize::resized(&template.spec, &status)?,
        None => None,
    };
    let pod = Pod {
        namespace: interner.text(meta.namespace()),
        name: name.into(),
        uid: meta.uid.as_deref().unwrap_or_default().into(),
        template,
        node_name: node,
        nominated_node: nominated.map(|node| Nomination { node, planned_at }),
        terminal,
        deleting: meta.deletion_timestamp.is_some(),
        created: meta.created(),
        resized: resized.map(Box::new),
        expanded_from: None,
    };
    Ok(PodEntry { pod: Arc::new(pod), owner })
}

/// A text that may be absent or empty.
fn text<'a>(object: &'a Value, part: &str, field: &str) -> Result<Option<&'a str>, Fault> {
    match object.get(part).and_then(|part| part.get(field)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => {
            let problem = format!("{other} is not a text");
            Err(Fault::new(format!("{part}.{field}"), problem, "put it in quotes"))
        }
    }
}

/// Makes the shared template of a pod or of a workload's pods.
pub fn template(
    meta: &Meta,
    mut spec: Value,
    owner_kind: Option<&str>,
    interner: &mut Interner,
) -> Result<Arc<PodTemplate>, Fault> {
    trim(&mut spec);
    let labels = meta.labels.clone().unwrap_or_default();
    let annotations = meta.annotations(matters);
    let source = format!("{labels:?}{annotations:?}{owner_kind:?}{spec}");
    interner.template_from(source, || {
        let spec = read_spec(&spec).map_err(|fault| fault.within("spec"))?;
        let owner_kind = owner_kind.map(str::to_owned);
        Ok(PodTemplate { labels, annotations, owner_kind, spec })
    })
}

/// Annotations that planning looks at.
fn matters(key: &str) -> bool {
    key.starts_with("karpenter.sh/")
        || key.starts_with("tenon.sh/")
        || key == "kubernetes.io/config.mirror"
}

fn read_spec(spec: &Value) -> Result<PodSpec, Fault> {
    if spec.get("containers").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        let help = "a pod needs at least one container";
        return Err(Fault::new("containers", "is missing or empty", help));
    }
    let mut spec: PodSpec = typed(spec)?;
    check_quantities(&spec)?;
    defaults::apply(&mut spec);
    Ok(spec)
}

/// Every amount that the pod asks for must be one.
fn check_quantities(spec: &PodSpec) -> Result<(), Fault> {
    let of_init = spec.init_containers.iter().flatten();
    let lists = [("containers", spec.containers.iter().collect::<Vec<_>>())];
    let lists = lists.into_iter().chain([("initContainers", of_init.collect())]);
    for (list, containers) in lists {
        for (position, container) in containers.into_iter().enumerate() {
            quantity::check_requirements(container.resources.as_ref()).map_err(|fault| {
                fault.within("resources").within(&format!("{list}[{position}]"))
            })?;
        }
    }
    quantity::check_requirements(spec.resources.as_ref())
        .map_err(|fault| fault.within("resources"))?;
    quantity::check(spec.overhead.as_ref(), "overhead")
}

/// Takes out what no plan depends on, before it is compared or typed.
fn trim(spec: &mut Value) {
    let Some(spec) = spec.as_object_mut() else { return };
    spec.retain(|key, value| !value.is_null() && SPEC.contains(&key.as_str()));
    let host_network = spec.get("hostNetwork") == Some(&Value::Bool(true));
    for list in ["containers", "initContainers"] {
        for container in objects(spec, list) {
            container.retain(|key, value| !value.is_null() && CONTAINER.contains(&key.as_str()));
            if let Some(ports) = container.get_mut("ports").and_then(Value::as_array_mut) {
                ports.retain(|port| host_network || port.get("hostPort").is_some());
            }
            drop_empty(container, "ports");
        }
    }
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.retain(|volume| !ANYWHERE.iter().any(|kind| volume.get(kind).is_some()));
    }
    for list in ["volumes", "initContainers", "tolerations", "schedulingGates"] {
        drop_empty(spec, list);
    }
}

fn objects<'a>(
    spec: &'a mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = spec.get_mut(list).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn drop_empty(object: &mut Map<String, Value>, key: &str) {
    if object.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty) {
        object.remove(key);
    }
}

/// A template's labels with some more.
pub fn with_labels<const N: usize>(
    template: &PodTemplate,
    more: [(&str, String); N],
) -> PodTemplate {
    let mut labels: BTreeMap<String, String> = template.labels.clone();
    labels.extend(more.map(|(key, value)| (key.to_owned(), value)));
    PodTemplate { labels, ..template.clone() }
}
