//! A pod, reduced to what draining and emptiness ask.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod as FullPod, Toleration};

use super::table::Row;
use crate::{
    api::{duration, names},
    snapshot::intern::Interner,
};

/// A pod. There may be a hundred thousand, so that it keeps little, and no text that others have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// `namespace/name`.
    pub id: Box<str>,
    /// metadata.uid.
    pub uid: Box<str>,
    /// spec.nodeName, not empty.
    pub node: Option<Arc<str>>,
    /// status.nominatedNodeName, not empty.
    pub nominated: Option<Arc<str>>,
    /// Succeeded or Failed.
    pub terminal: bool,
    /// When its grace ends, for a pod that is terminating (metadata.deletionTimestamp).
    pub deleting: Option<Timestamp>,
    /// spec.terminationGracePeriodSeconds.
    pub grace: SignedDuration,
    /// Owned by a DaemonSet.
    pub daemon: bool,
    /// Owned by its node: the kubelet reads it from a file.
    pub mirror: bool,
    /// Of a priority class that the system needs.
    pub critical: bool,
    /// Tolerates the taint `karpenter.sh/disrupted`, so it is meant to stay.
    pub tolerates_disruption: bool,
    /// Until when it must not be disrupted (`karpenter.sh/do-not-disrupt`); [`Timestamp::MAX`]
    /// without end.
    pub protected_until: Option<Timestamp>,
    /// Names of its volume claims.
    pub volume_claims: Box<[String]>,
}

/// Priorities from here on are the system's (`system-cluster-critical`).
const SYSTEM_PRIORITY: i32 = 2_000_000_000;
/// A pod still there so long after its grace is stuck: its node does not answer.
const STUCK_AFTER: SignedDuration = SignedDuration::from_secs(60);

impl Pod {
    /// Takes what matters from a whole pod; names of nodes are shared.
    pub fn of(pod: &FullPod, interner: &mut Interner) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let meta = &pod.metadata;
        let started = status.start_time.map(|time| time.0);
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        let owned_by = |kind: &str| owners.iter().any(|owner| owner.kind == kind);
        let class = spec.priority_class_name.as_deref();
        let mut shared = |text: Option<String>| {
            text.filter(|text| !text.is_empty()).map(|text| interner.text(&text))
        };
        let [namespace, name] =
            [&meta.namespace, &meta.name].map(|text| text.as_deref().unwrap_or_default());
        let claims = spec.volumes.iter().flatten().filter_map(|volume| {
            let own = volume.ephemeral.as_ref().map(|_| format!("{name}-{}", volume.name));
            volume.persistent_volume_claim.as_ref().map(|it| it.claim_name.clone()).or(own)
        });
        Self {
            id: format!("{namespace}/{name}").into(),
            uid: meta.uid.as_deref().unwrap_or_default().into(),
            node: shared(spec.node_name),
            nominated: shared(status.nominated_node_name),
            terminal: matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")),
            deleting: meta.deletion_timestamp.as_ref().map(|time| time.0),
            grace: SignedDuration::from_secs(spec.termination_grace_period_seconds.unwrap_or(30)),
            daemon: owned_by("DaemonSet"),
            mirror: owned_by("Node"),
            critical: matches!(class, Some("system-cluster-critical" | "system-node-critical"))
                || spec.priority.is_some_and(|priority| priority >= SYSTEM_PRIORITY),
            tolerates_disruption: spec.tolerations.iter().flatten().any(tolerates_disruption),
            protected_until: protected_until(pod, started),
            volume_claims: claims.collect(),
        }
    }

    /// metadata.namespace.
    pub fn namespace(&self) -> &str {
        self.id.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// metadata.name.
    pub fn name(&self) -> &str {
        self.id.split_once('/').map_or(&self.id, |(_, name)| name)
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
}

impl Row for Pod {
    fn name(&self) -> &str {
        &self.id
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

/// `true`, or a duration from the pod's start.
fn protected_until(pod: &FullPod, started: Option<Timestamp>) -> Option<Timestamp> {
    let note = pod.metadata.annotations.as_ref()?.get(names::DO_NOT_DISRUPT)?;
    if note == "true" {
        return Some(Timestamp::MAX);
    }
    let duration = duration::parse(note)?;
    // A pod that has not started has its time before it.
    Some(started.and_then(|start| start.checked_add(duration).ok()).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(pod: Value) -> Pod {
        let pod: FullPod = serde_json::from_value(pod).expect("a pod");
        Pod::of(&pod, &mut Interner::default())
    }

    #[test]
    fn protection_ends_with_its_time_and_an_unreadable_one_is_none() {
        let started = json!({"startTime": "2026-01-01T00:00:00Z"});
        for (note, status, until) in [
            ("true", &started, Some(Timestamp::MAX)),
            ("5m", &started, "2026-01-01T00:05:00Z".parse().ok()),
            ("5m", &Value::Null, Some(Timestamp::MAX)),
            ("false", &started, None),
            ("soon", &started, None),
        ] {
            let annotations = json!({names::DO_NOT_DISRUPT: note});
            let pod = read(json!({"metadata": {"annotations": annotations}, "status": status}));
            assert_eq!(pod.protected_until, until, "{note} {status}");
        }
        assert_eq!(read(json!({"metadata": {}, "status": started})).protected_until, None);
    }

    #[test]
    fn a_pod_is_known_by_namespace_and_name() {
        let volumes = json!([
            {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "b", "ephemeral": {}},
            {"name": "c", "emptyDir": {}},
        ]);
        let pod = read(json!({
            "metadata": {"namespace": "shop", "name": "web-1", "uid": "u"},
            "spec": {"nodeName": "n", "containers": [], "volumes": volumes},
            "status": {"nominatedNodeName": ""},
        }));
        assert_eq!((pod.namespace(), pod.name(), &*pod.uid), ("shop", "web-1", "u"));
        assert_eq!((pod.node.as_deref(), pod.nominated.as_deref()), (Some("n"), None));
        assert_eq!(*pod.volume_claims, ["data", "web-1-b"]);
    }
}
