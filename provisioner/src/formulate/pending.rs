//! Which pods are to be planned, which hold room, and which play no part.

use rustc_hash::FxHashSet;

use super::{
    held::Held,
    nodes::{KEPT_SECONDS, Nodes},
    volumes,
};
use crate::{
    plan::PodIndex,
    snapshot::{Pod, SkipReason, Skipped, Snapshot},
};

/// Where a node stands in the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays and has this number.
    Stays(u32),
    /// It goes away; its pods need another place.
    Leaves,
    /// It came up before its claim says so: the claim, which stands for it, must not be counted
    /// beside it.
    Unclaimed,
}

/// The pods of a snapshot, sorted by the part they play.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Pods that need a place.
    pub planned: Vec<PodIndex>,
    /// Pods that have their place: (pod, node).
    pub bound: Vec<(PodIndex, u32)>,
    /// Pods that play no part, and why.
    pub skipped: Vec<Skipped>,
}

/// Sorts the pods by the part they play.
pub(super) fn sort(snapshot: &Snapshot, nodes: &Nodes<'_>) -> Sorted {
    let mut sorted = Sorted::default();
    let held = Held::of(snapshot);
    for (index, pod) in snapshot.pods.iter().enumerate() {
        let index = index as PodIndex;
        match part(pod, nodes, &held) {
            Part::Planned => sorted.planned.push(index),
            Part::Bound(node) => sorted.bound.push((index, node)),
            Part::Nominated(node) => {
                sorted.bound.push((index, node));
                let detail = "its room on the nominated node is kept".to_owned();
                sorted.skip(pod, SkipReason::Nominated, detail);
            }
            Part::Reserved(node) => {
                sorted.bound.push((index, node));
                let name = &nodes.standing[node as usize].name;
                let detail = format!("its room on {name} is kept, which was launched for it");
                sorted.skip(pod, SkipReason::Planned, detail);
            }
            Part::Silent => {}
            Part::Skipped(reason, detail) => sorted.skip(pod, reason, detail),
        }
    }
    sorted.drop_exclusive_rivals(snapshot);
    sorted
}

enum Part {
    Planned,
    Bound(u32),
    Nominated(u32),
    /// A node is on its way for it.
    Reserved(u32),
    /// Goes with its node; nobody has to be told.
    Silent,
    Skipped(SkipReason, String),
}

fn skipped(reason: SkipReason, detail: &str) -> Part {
    Part::Skipped(reason, detail.to_owned())
}

fn part(pod: &Pod, nodes: &Nodes<'_>, held: &Held<'_>) -> Part {
    let fates = &nodes.fates;
    if pod.terminal {
        return skipped(SkipReason::Terminal, "has finished");
    }
    let follows = follows_node(pod);
    if let Some(node) = &pod.node_name {
        return match fates.get(&**node) {
            Some(Fate::Stays(number)) => Part::Bound(*number),
            None => {
                let detail = format!("runs on node {node}, which is not in the input");
                Part::Skipped(SkipReason::MissingReference, detail)
            }
            Some(Fate::Unclaimed) => Part::Silent,
            Some(Fate::Leaves) if follows.is_some() || pod.deleting => Part::Silent,
            Some(Fate::Leaves) => match held.why(pod) {
                Some(why) => Part::Skipped(SkipReason::Held, why),
                None => schedulable(pod),
            },
        };
    }
    if pod.deleting {
        return skipped(SkipReason::Deleting, "is being deleted");
    }
    if let Some(reason) = follows {
        return skipped(reason, "belongs to one node");
    }
    if pod.template.spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty()) {
        return skipped(SkipReason::SchedulingGated, "waits for its scheduling gates");
    }
    // A nomination to a node that lists the pod is tenon's own; any other is the scheduler's.
    if let Some(&node) = nodes.reserved.get(&(&*pod.namespace, &*pod.name)) {
        return Part::Reserved(node);
    }
    if refuser(pod, nodes.now).is_some() {
        return schedulable(pod);
    }
    match pod.nominated_node.as_ref().and_then(|it| fates.get(&*it.node)) {
        Some(Fate::Stays(node)) => Part::Nominated(*node),
        _ => schedulable(pod),
    }
}

/// The node that tenon nominated a pod to and that has not got it in all the time its room was kept:
/// kube-scheduler sees an obstacle there that tenon does not.
pub(super) fn refuser(pod: &Pod, now: i64) -> Option<&str> {
    let nomination = pod.nominated_node.as_ref().filter(|_| pod.node_name.is_none())?;
    let since = nomination.planned_at?;
    (now.saturating_sub(since) >= KEPT_SECONDS).then_some(&*nomination.node)
}

/// Static pods and those of daemon sets are bound to one node by what they are.
pub(super) fn follows_node(pod: &Pod) -> Option<SkipReason> {
    let template = &pod.template;
    let mirror = template.annotations.contains_key("kubernetes.io/config.mirror");
    match template.owner_kind.as_deref() {
        Some("DaemonSet") => Some(SkipReason::DaemonSetPod),
        Some("Node") => Some(SkipReason::StaticPod),
        _ => mirror.then_some(SkipReason::StaticPod),
    }
}

fn schedulable(pod: &Pod) -> Part {
    let spec = &pod.template.spec;
    match spec.scheduler_name.as_deref() {
        None | Some("" | "default-scheduler") => {}
        Some(other) => {
            return Part::Skipped(SkipReason::OtherScheduler, format!("is placed by {other}"));
        }
    }
    if spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty()) {
        return skipped(SkipReason::Unsupported, "asks for dynamic resources (resourceClaims)");
    }
    Part::Planned
}

impl Sorted {
    /// Reports a pod as skipped.
    pub fn skip(&mut self, pod: &Pod, reason: SkipReason, detail: String) {
        let object = format!("Pod {}/{}", pod.namespace, pod.name);
        self.skipped.push(Skipped { object, reason, detail });
    }

    /// A ReadWriteOncePod claim serves one pod: the bound one, else the one that is planned first.
    fn drop_exclusive_rivals(&mut self, snapshot: &Snapshot) {
        let mut taken: FxHashSet<String> = FxHashSet::default();
        if !snapshot.volume_claims.values().any(is_exclusive) {
            return;
        }
        for &(pod, _) in &self.bound {
            taken.extend(exclusive_claims(&snapshot.pods[pod as usize], snapshot));
        }
        let mut order = self.planned.clone();
        order.sort_by_key(|&pod| {
            let pod = &snapshot.pods[pod as usize];
            (-i64::from(pod.template.spec.priority.unwrap_or(0)), &pod.namespace, &pod.name)
        });
        let mut losers = FxHashSet::default();
        for index in order {
            let pod = &snapshot.pods[index as usize];
            let claims = exclusive_claims(pod, snapshot);
            if let Some(claim) = claims.iter().find(|claim| taken.contains(*claim)) {
                let detail = format!("claim {claim} (ReadWriteOncePod) is in use by another pod");
                self.skip(pod, SkipReason::VolumeInUse, detail);
                losers.insert(index);
            } else {
                taken.extend(claims);
            }
        }
        self.planned.retain(|index| !losers.contains(index));
    }
}

fn is_exclusive(claim: &k8s_openapi::api::core::v1::PersistentVolumeClaim) -> bool {
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_ref());
    modes.into_iter().flatten().any(|mode| mode == "ReadWriteOncePod")
}

fn exclusive_claims(pod: &Pod, snapshot: &Snapshot) -> Vec<String> {
    // A pod whose volumes are in trouble is reported for that later on.
    volumes::of_pod(pod, snapshot).map(|volumes| volumes.exclusive).unwrap_or_default()
}
