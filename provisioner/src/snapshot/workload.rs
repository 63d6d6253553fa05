//! Workloads: what would create pods if a cluster ran them.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde::Deserialize;
use serde_json::Value;

use super::{
    PodTemplate,
    error::Fault,
    intern::Interner,
    pod,
    typed::{Meta, typed},
};

/// More pods than this make an input refused: a plan of that size says nothing.
pub const MOST_PODS: i64 = 2_000_000;

/// A workload, as far as its pods go.
#[derive(Clone, Debug)]
pub struct Workload {
    /// `Deployment`, `StatefulSet` …
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    /// Kind and name of the controlling owner.
    pub owner: Option<(String, String)>,
    /// How many pods it wants; the second part says why if there is a reason for none.
    pub replicas: i64,
    /// Why it wants no pods, apart from the number.
    pub unwanted: Option<&'static str>,
    /// First ordinal of a StatefulSet's pods.
    pub first: i64,
    /// Whether a Job's pods have an index.
    pub indexed: bool,
    pub template: Arc<PodTemplate>,
    /// A StatefulSet's volume claims, one of each for every pod.
    pub claims: Vec<PersistentVolumeClaim>,
    pub created: i64,
}

/// The fields of all kinds of workloads together.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    replicas: Option<i64>,
    template: Option<Value>,
    volume_claim_templates: Option<Vec<PersistentVolumeClaim>>,
    ordinals: Option<Ordinals>,
    parallelism: Option<i64>,
    completions: Option<i64>,
    completion_mode: Option<String>,
    suspend: Option<bool>,
    job_template: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ordinals {
    start: Option<i64>,
}

/// Reads a workload of `kind`.
pub fn read(
    kind: &'static str,
    object: &Value,
    interner: &mut Interner,
) -> Result<Workload, Fault> {
    let meta = Meta::of(object)?;
    let name = meta.name()?.to_owned();
    let outer: Spec = spec_of(object).map_err(|fault| fault.within("spec"))?;
    let in_job = "spec.jobTemplate.spec";
    let (spec, path) = match &outer.job_template {
        Some(job) if kind == "CronJob" => {
            (spec_of(job).map_err(|fault| fault.within(in_job))?, in_job)
        }
        _ => (Spec::default(), "spec"),
    };
    let suspended = outer.suspend == Some(true) || spec.suspend == Some(true);
    let spec = if path == in_job { spec } else { outer };
    let pod_kind = match kind {
        "Deployment" => "ReplicaSet",
        "CronJob" => "Job",
        kind => kind,
    };
    let template = template_of(&spec, pod_kind, interner)
        .map_err(|fault| fault.within("template").within(path))?;
    let replicas = match pod_kind {
        "Job" => job_pods(&spec, object),
        _ => spec.replicas.unwrap_or(1),
    };
    if !(0..=MOST_PODS).contains(&replicas) {
        let help = format!("give a number from 0 to {MOST_PODS}");
        return Err(Fault::new(path, format!("{replicas} pods cannot be planned"), help));
    }
    let unwanted = match object.pointer("/status/completionTime") {
        Some(Value::String(_)) => Some("it is complete"),
        _ if kind == "Job" && has_failed(object) => Some("it has failed"),
        _ => suspended.then_some("it is suspended"),
    };
    Ok(Workload {
        kind,
        namespace: meta.namespace().to_owned(),
        name,
        owner: meta.controller().map(|owner| (owner.kind.clone(), owner.name.clone())),
        replicas,
        unwanted,
        first: spec.ordinals.and_then(|ordinals| ordinals.start).unwrap_or(0).max(0),
        indexed: spec.completion_mode.as_deref() == Some("Indexed"),
        template,
        claims: spec.volume_claim_templates.unwrap_or_default(),
        created: meta.created(),
    })
}

fn spec_of(object: &Value) -> Result<Spec, Fault> {
    let spec = object.get("spec").filter(|spec| !spec.is_null());
    spec.map_or_else(|| Ok(Spec::default()), typed)
}

/// The pod template of `spec`.
fn template_of(
    spec: &Spec,
    owner_kind: &str,
    interner: &mut Interner,
) -> Result<Arc<PodTemplate>, Fault> {
    let Some(template) = &spec.template else {
        return Err(Fault::new("", "is missing", "give the workload a pod template"));
    };
    let meta = Meta::of(template)?;
    let spec = template.get("spec").cloned().unwrap_or_default();
    pod::template(&meta, spec, Some(owner_kind), interner)
}

/// A Job runs as many pods at once as it may, but no more than are still to complete.
fn job_pods(spec: &Spec, object: &Value) -> i64 {
    let parallelism = spec.parallelism.unwrap_or(1);
    let succeeded = object.pointer("/status/succeeded").and_then(Value::as_i64).unwrap_or(0);
    match spec.completions {
        Some(completions) => parallelism.min(completions.saturating_sub(succeeded).max(0)),
        None => parallelism,
    }
}

fn has_failed(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type").and_then(Value::as_str) == Some("Failed")
            && condition.get("status").and_then(Value::as_str) == Some("True")
    })
}

/// Reads a DaemonSet: the pod that it would put on a node, with the tolerations that its
/// controller adds.
pub fn read_daemon_set(
    object: &Value,
    interner: &mut Interner,
) -> Result<(String, Arc<PodTemplate>), Fault> {
    let meta = Meta::of(object)?;
    let name = format!("{}/{}", meta.namespace(), meta.name()?);
    let spec = spec_of(object).map_err(|fault| fault.within("spec"))?;
    let template = template_of(&spec, "DaemonSet", interner)
        .map_err(|fault| fault.within("template").within("spec"))?;
    let mut template = PodTemplate::clone(&template);
    let tolerations = template.spec.tolerations.get_or_insert_default();
    let host_network = template.spec.host_network == Some(true);
    for (key, effect) in DAEMON_TOLERATIONS {
        if key == "node.kubernetes.io/network-unavailable" && !host_network {
            continue;
        }
        tolerations.push(k8s_openapi::api::core::v1::Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Default::default()
        });
    }
    Ok((name, interner.template(template)))
}

/// What the DaemonSet controller lets its pods tolerate.
const DAEMON_TOLERATIONS: [(&str, &str); 7] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ("node.kubernetes.io/network-unavailable", "NoSchedule"),
];

/// Workloads by kind, namespace and name.
pub type Workloads = BTreeMap<(&'static str, String, String), Workload>;
