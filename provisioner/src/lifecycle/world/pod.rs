//! A pod, reduced to what draining and emptiness ask.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod as FullPod, Toleration};

use super::table::Row;
use crate::api::{duration, names};

/// A pod that is bound to a node, or nominated to one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// metadata.namespace.
    pub namespace: String,
    /// metadata.name.
    pub name: String,
    /// metadata.uid.
    pub uid: String,
    /// spec.nodeName, not empty.
    pub node: Option<String>,
    /// status.nominatedNodeName, not empty.
    pub nominated: Option<String>,
    /// Succeeded or Failed.
    pub terminal: bool,
    /// When its grace ends, for a pod that is terminating (metadata.deletionTimestamp).
    pub deleting: Option<Timestamp>,
    /// spec.terminationGracePeriodSeconds.
    pub grace: SignedDuration,
    /// status.startTime.
    pub started: Option<Timestamp>,
    /// Owned by a DaemonSet.
    pub daemon: bool,
    /// Owned by its node: the kubelet reads it from a file.
    pub mirror: bool,
    /// Of a priority class that the system needs.
    pub critical: bool,
    /// Tolerates the taint `karpenter.sh/disrupted`, so it is meant to stay.
    pub tolerates_disruption: bool,
    /// Until when it must not be disrupted.
    pub protection: Protection,
    /// Names of its volume claims.
    pub volume_claims: Vec<String>,
}

/// What `karpenter.sh/do-not-disrupt` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Nothing.
    #[default]
    None,
    /// `true`.
    Always,
    /// A duration from the pod's start.
    For(SignedDuration),
}

/// Priorities from here on are the system's (`system-cluster-critical`).
const SYSTEM_PRIORITY: i32 = 2_000_000_000;
/// A pod still there so long after its grace is stuck: its node does not answer.
const STUCK_AFTER: SignedDuration = SignedDuration::from_secs(60);

impl Pod {
    /// Takes what matters from a whole pod.
    pub fn of(pod: &FullPod) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let meta = &pod.metadata;
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        let owned_by = |kind: &str| owners.iter().any(|owner| owner.kind == kind);
        let class = spec.priority_class_name.as_deref();
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        let claims = spec.volumes.iter().flatten().filter_map(|volume| {
            let own = volume
                .ephemeral
                .as_ref()
                .map(|_| format!("{}-{}", meta.name.as_deref().unwrap_or_default(), volume.name));
            volume.persistent_volume_claim.as_ref().map(|it| it.claim_name.clone()).or(own)
        });
        Self {
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            uid: meta.uid.clone().unwrap_or_default(),
            node: some(spec.node_name),
            nominated: some(status.nominated_node_name),
            terminal: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
            grace: SignedDuration::from_secs(spec.termination_grace_period_seconds.unwrap_or(30)),
            started: status.start_time.map(|time| time.0),
            daemon: owned_by("DaemonSet"),
            mirror: owned_by("Node"),
            critical: matches!(class, Some("system-cluster-critical" | "system-node-critical"))
                || spec.priority.is_some_and(|priority| priority >= SYSTEM_PRIORITY),
            tolerates_disruption: spec.tolerations.iter().flatten().any(tolerates_disruption),
            protection: protection(pod),
            volume_claims: claims.collect(),
        }
    }

    /// Whether it is over, or so long past its grace that its node will never tell.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        self.terminal || self.stuck_at() < now
    }

    /// When a terminating pod counts as stuck; never for one that nobody asked to leave.
    pub fn stuck_at(&self) -> Timestamp {
        self.deleting.and_then(|end| end.checked_add(STUCK_AFTER).ok()).unwrap_or(Timestamp::MAX)
    }

    /// Whether a node must be rid of it before its machine may go.
    pub fn is_drainable(&self, now: Timestamp) -> bool {
        !self.is_gone(now) && !self.mirror && !self.tolerates_disruption
    }

    /// Whether it would need another node if this one went.
    pub fn is_reschedulable(&self) -> bool {
        !self.terminal && !self.daemon && !self.mirror && self.deleting.is_none()
    }

    /// Until when nobody may disrupt it; [`Timestamp::MAX`] without end.
    pub fn protected_until(&self) -> Option<Timestamp> {
        match self.protection {
            Protection::None => None,
            Protection::Always => Some(Timestamp::MAX),
            Protection::For(duration) => {
                let end = |start: Timestamp| start.checked_add(duration).unwrap_or(Timestamp::MAX);
                // A pod that has not started has its time before it.
                Some(self.started.map_or(Timestamp::MAX, end))
            }
        }
    }
}

impl Row for Pod {
    fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn index(&self) -> Option<&str> {
        self.node.as_deref().or(self.nominated.as_deref())
    }
}

fn tolerates_disruption(toleration: &Toleration) -> bool {
    let key = toleration.key.as_deref().unwrap_or_default();
    let operator = toleration.operator.as_deref().unwrap_or("Equal");
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let value = toleration.value.as_deref().unwrap_or_default();
    (effect.is_empty() || effect == "NoSchedule")
        && match operator {
            "Exists" => key.is_empty() || key == names::DISRUPTED,
            _ => key == names::DISRUPTED && value.is_empty(),
        }
}

fn protection(pod: &FullPod) -> Protection {
    let annotations = pod.metadata.annotations.as_ref();
    let Some(text) = annotations.and_then(|all| all.get(names::DO_NOT_DISRUPT)) else {
        return Protection::None;
    };
    match text.as_str() {
        "true" => Protection::Always,
        text => duration::parse(text).map_or(Protection::None, Protection::For),
    }
}
