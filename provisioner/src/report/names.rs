//! What things are called in reports.

use std::collections::BTreeMap;

use catalog::resources;
use solver::solution::{Reason, Status};

use crate::{
    plan::PodIndex,
    snapshot::{Pod, SkipReason, Snapshot},
};

/// `namespace/name`; a position outside of the snapshot is shown as its number.
pub fn pod_name(snapshot: &Snapshot, pod: PodIndex) -> String {
    match snapshot.pods.get(pod as usize) {
        Some(pod) => format!("{}/{}", pod.namespace, pod.name),
        None => format!("#{pod}"),
    }
}

/// The workload that a pod belongs to, as `namespace/name`: known for pods that were expanded from
/// one, guessed from the generated name for pods of a controller, else the pod itself.
pub fn workload(pod: &Pod) -> String {
    if let Some(from) = &pod.expanded_from {
        return from.split_once(' ').map_or(from.as_ref(), |(_, name)| name).to_owned();
    }
    let generated = match pod.template.owner_kind.as_deref() {
        Some("ReplicaSet") if pod.template.labels.contains_key("pod-template-hash") => 2,
        Some("ReplicaSet" | "StatefulSet" | "Job" | "DaemonSet" | "ReplicationController") => 1,
        _ => 0,
    };
    let mut name: &str = &pod.name;
    for _ in 0..generated {
        name = name.rsplit_once('-').map_or(name, |(stem, _)| stem);
    }
    format!("{}/{name}", pod.namespace)
}

/// The same with its kind, as in `Deployment shop/cart`; `Pod` where nothing is known of an owner.
pub fn owner(pod: &Pod) -> String {
    if let Some(from) = &pod.expanded_from {
        return from.to_string();
    }
    let kind = match pod.template.owner_kind.as_deref() {
        Some("ReplicaSet") if pod.template.labels.contains_key("pod-template-hash") => "Deployment",
        Some(
            kind @ ("ReplicaSet" | "StatefulSet" | "Job" | "DaemonSet" | "ReplicationController"),
        ) => kind,
        _ => "Pod",
    };
    format!("{kind} {}", workload(pod))
}

/// The workloads of some pods with how many each has, most first, at most `most` of them named.
pub(super) fn workloads(snapshot: &Snapshot, pods: &[PodIndex], most: usize) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for pod in pods.iter().filter_map(|&pod| snapshot.pods.get(pod as usize)) {
        *counts.entry(workload(pod)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = counts.len().saturating_sub(most);
    let mut parts: Vec<String> = counts
        .into_iter()
        .take(most)
        .map(|(name, count)| if count == 1 { name } else { format!("{name} ×{count}") })
        .collect();
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

/// The name of a reason in JSON; stable.
pub fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Incompatible => "Incompatible",
        Reason::TooLarge => "TooLarge",
        Reason::Limit => "Limit",
        Reason::Variety => "Variety",
        Reason::Flexibility => "Flexibility",
        Reason::Spread => "Spread",
        Reason::Affinity => "Affinity",
        Reason::Exclusion => "Exclusion",
        Reason::Conflict => "Conflict",
        Reason::Combination => "Combination",
    }
}

/// A reason as the head of a list of pods.
pub(super) fn reason_phrase(reason: Reason) -> &'static str {
    match reason {
        Reason::Incompatible => "no size and no node accepts them",
        Reason::TooLarge => "too large for every size that accepts them",
        Reason::Limit => "a limit is used up",
        Reason::Variety => "their pool has as many sizes or families as it may",
        Reason::Flexibility => "too few alternatives for minValues",
        Reason::Spread => "topology spread forbids every place",
        Reason::Affinity => "no place near the pods they ask for",
        Reason::Exclusion => "anti-affinity forbids every place",
        Reason::Conflict => "host ports are taken everywhere",
        Reason::Combination => "several constraints together leave no place",
    }
}

/// The name of a status in JSON and in tables; stable.
pub fn status_name(status: Status) -> &'static str {
    match status {
        Status::Optimal => "optimal",
        Status::Within => "within",
        Status::Stopped => "stopped",
        Status::Feasible => "feasible",
    }
}

/// The name of a skip reason in JSON; stable.
pub fn skip_name(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Malformed => "Malformed",
        SkipReason::IrrelevantKind => "IrrelevantKind",
        SkipReason::Unsupported => "Unsupported",
        SkipReason::Terminal => "Terminal",
        SkipReason::Deleting => "Deleting",
        SkipReason::SchedulingGated => "SchedulingGated",
        SkipReason::Nominated => "Nominated",
        SkipReason::Planned => "Planned",
        SkipReason::Held => "Held",
        SkipReason::OtherScheduler => "OtherScheduler",
        SkipReason::DaemonSetPod => "DaemonSetPod",
        SkipReason::StaticPod => "StaticPod",
        SkipReason::Volume => "Volume",
        SkipReason::VolumeInUse => "VolumeInUse",
        SkipReason::PodsPresent => "PodsPresent",
        SkipReason::NotWanted => "NotWanted",
        SkipReason::Duplicate => "Duplicate",
        SkipReason::NodePool => "NodePool",
        SkipReason::MissingReference => "MissingReference",
    }
}

/// A skip reason as people say it.
pub(super) fn skip_phrase(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::Malformed => "malformed",
        SkipReason::IrrelevantKind => "of a kind without bearing on a plan",
        SkipReason::Unsupported => "not supported",
        SkipReason::Terminal => "finished",
        SkipReason::Deleting => "being deleted",
        SkipReason::SchedulingGated => "held by scheduling gates",
        SkipReason::Nominated => "nominated by the scheduler",
        SkipReason::Held => "on nodes that leave and not to be evicted",
        SkipReason::Planned => "planned for a node that is coming up",
        SkipReason::OtherScheduler => "of another scheduler",
        SkipReason::DaemonSetPod => "of a daemon set",
        SkipReason::StaticPod => "static pods",
        SkipReason::Volume => "with a volume that cannot be bound",
        SkipReason::VolumeInUse => "with a volume in use",
        SkipReason::PodsPresent => "workloads whose pods are in the input",
        SkipReason::NotWanted => "with nothing to run",
        SkipReason::Duplicate => "given twice",
        SkipReason::NodePool => "unusable node pools",
        SkipReason::MissingReference => "referring to something that is not in the input",
    }
}

/// An amount of a resource for people: cores, GiB, pieces.
pub fn amount(name: &str, amount: i64) -> String {
    match name {
        resources::CPU => trimmed(amount as f64 / 1000.0),
        resources::MEMORY | resources::EPHEMERAL_STORAGE => {
            format!("{} GiB", trimmed(amount as f64 / f64::from(1 << 30)))
        }
        _ if name.starts_with("hugepages-") => {
            format!("{} GiB", trimmed(amount as f64 / f64::from(1 << 30)))
        }
        _ => amount.to_string(),
    }
}

fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
