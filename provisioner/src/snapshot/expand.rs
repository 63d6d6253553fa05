//! Workloads become the pods that their controllers would create, unless those are in the input.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Volume};

use super::{
    Pod, PodTemplate, SkipReason,
    pod::{PodEntry, with_labels},
    store::Store,
    workload::{Workload, Workloads},
};

/// Numbers of pods by namespace, kind and name of their owner.
type Owners = BTreeMap<(String, String, String), usize>;

/// Adds the pods of every workload that has none.
pub fn expand(store: &mut Store) {
    let owners = owners(store);
    let workloads = std::mem::take(&mut store.workloads);
    for workload in workloads.values() {
        if represented(workload, &workloads) {
            continue;
        }
        let key = (workload.namespace.clone(), workload.kind.to_owned(), workload.name.clone());
        let present = owners.get(&key).copied().unwrap_or(0);
        let label = format!("{} {}/{}", workload.kind, workload.namespace, workload.name);
        if let Some(why) = workload.unwanted {
            store.skip(label, SkipReason::NotWanted, why);
        } else if workload.replicas == 0 {
            store.skip(label, SkipReason::NotWanted, "it wants no pods");
        } else if present > 0 {
            let detail = format!(
                "{present} of its pods are in the input (it wants {}); none are added",
                workload.replicas
            );
            store.skip(label, SkipReason::PodsPresent, detail);
        } else {
            add_pods(store, workload, &Arc::from(label));
        }
    }
}

/// Whether the owner of a workload speaks for it: a Deployment for its ReplicaSets, whoever left
/// an empty ReplicaSet behind for that.
fn represented(workload: &Workload, all: &Workloads) -> bool {
    let Some((kind, name)) = &workload.owner else { return false };
    let owned_by_deployment = kind == "Deployment"
        && all.contains_key(&("Deployment", workload.namespace.clone(), name.clone()));
    workload.kind == "ReplicaSet" && (owned_by_deployment || workload.replicas == 0)
}

/// Who owns the pods of the input. A finished pod counts only for a Job: it has done the Job's
/// work, while any other controller would replace it.
fn owners(store: &Store) -> Owners {
    let mut owners = Owners::new();
    let mut count = |namespace: &str, kind: &str, name: &str| {
        *owners.entry((namespace.to_owned(), kind.to_owned(), name.to_owned())).or_insert(0) += 1;
    };
    for PodEntry { pod, owner } in store.pods.values() {
        let (Some(kind), Some(name)) = (pod.template.owner_kind.as_deref(), owner) else {
            continue;
        };
        if pod.terminal && kind != "Job" {
            continue;
        }
        count(&pod.namespace, kind, name);
        let key = |kind| (kind, pod.namespace.to_string(), name.to_string());
        let recorded = match kind {
            "ReplicaSet" => store.workloads.get(&key("ReplicaSet")),
            "Job" => store.workloads.get(&key("Job")),
            _ => None,
        };
        if let Some((kind, name)) = recorded.and_then(|workload| workload.owner.as_ref()) {
            count(&pod.namespace, kind, name);
        } else if let Some((kind, name)) = owners_owner(kind, name, &pod.template) {
            count(&pod.namespace, kind, name);
        }
    }
    // The Jobs of a CronJob stand for it even before they have pods.
    for workload in store.workloads.values().filter(|workload| workload.kind == "Job") {
        if let Some((kind, name)) = &workload.owner {
            count(&workload.namespace, kind, name);
        }
    }
    owners
}

/// The owner's owner by the names that controllers give, when the owner is not in the input.
fn owners_owner<'a>(
    kind: &str,
    name: &'a str,
    template: &PodTemplate,
) -> Option<(&'static str, &'a str)> {
    match kind {
        "ReplicaSet" => {
            let hash = template.labels.get("pod-template-hash")?;
            Some(("Deployment", name.strip_suffix(hash)?.strip_suffix('-')?))
        }
        "Job" => {
            let (cron_job, minute) = name.rsplit_once('-')?;
            let scheduled = minute.bytes().all(|sign| sign.is_ascii_digit());
            scheduled.then_some(("CronJob", cron_job))
        }
        _ => None,
    }
}

fn add_pods(store: &mut Store, workload: &Workload, label: &Arc<str>) {
    let namespace = store.interner.text(&workload.namespace);
    let stateful = workload.kind == "StatefulSet";
    for count in 0..workload.replicas {
        let number = if stateful { workload.first.saturating_add(count) } else { count + 1 };
        let mut name = format!("{}-{number}", workload.name);
        if store.pods.contains_key(&(namespace.clone(), name.as_str().into())) {
            // Another workload of the same name came first.
            name = format!("{}-{}-{number}", workload.name, workload.kind.to_lowercase());
        }
        let template = match own_template(workload, &name, number, count) {
            Some(template) => store.interner.template(template),
            None => workload.template.clone(),
        };
        add_claims(store, workload, number);
        let pod = Pod {
            namespace: namespace.clone(),
            name: name.into(),
            uid: "".into(),
            template,
            node_name: None,
            nominated_node: None,
            terminal: false,
            deleting: false,
            created: workload.created,
            resized: None,
            expanded_from: Some(label.clone()),
        };
        let key = (pod.namespace.clone(), pod.name.clone());
        store.pods.insert(key, PodEntry { pod: Arc::new(pod), owner: None });
    }
}

/// The labels and volumes that a controller gives to each pod, or to all pods of one run.
fn own_template(workload: &Workload, name: &str, ordinal: i64, index: i64) -> Option<PodTemplate> {
    let template = &workload.template;
    match workload.kind {
        "StatefulSet" => {
            let labels = [
                ("statefulset.kubernetes.io/pod-name", name.to_owned()),
                ("apps.kubernetes.io/pod-index", ordinal.to_string()),
            ];
            let mut template = with_labels(template, labels);
            add_volumes(&mut template, workload, ordinal);
            Some(template)
        }
        "Job" | "CronJob" => {
            let labels = [
                ("batch.kubernetes.io/job-name", workload.name.clone()),
                ("job-name", workload.name.clone()),
            ];
            let mut template = with_labels(template, labels);
            if workload.indexed {
                let key = "batch.kubernetes.io/job-completion-index";
                template.labels.insert(key.to_owned(), index.to_string());
            }
            Some(template)
        }
        _ => None,
    }
}

fn claim_name(workload: &Workload, template: Option<&str>, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", template.unwrap_or_default(), workload.name)
}

/// Each claim template is a volume of its pod, in the place of one of the same name.
fn add_volumes(template: &mut PodTemplate, workload: &Workload, ordinal: i64) {
    if workload.claims.is_empty() {
        return;
    }
    let volumes = template.spec.volumes.get_or_insert_default();
    for claim in &workload.claims {
        let name = claim.metadata.name.clone().unwrap_or_default();
        volumes.retain(|volume| volume.name != name);
        let claim_name = claim_name(workload, Some(&name), ordinal);
        volumes.push(Volume {
            name,
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name,
                read_only: None,
            }),
            ..Volume::default()
        });
    }
}

/// Claims that are not in the input are there unbound, as the controller would create them.
fn add_claims(store: &mut Store, workload: &Workload, ordinal: i64) {
    for template in &workload.claims {
        let name = claim_name(workload, template.metadata.name.as_deref(), ordinal);
        let key = (workload.namespace.clone(), name.clone());
        store.volume_claims.entry(key).or_insert_with(|| {
            let mut claim = template.clone();
            claim.metadata.name = Some(name);
            claim.metadata.namespace = Some(workload.namespace.clone());
            claim.status = None;
            claim
        });
    }
}
