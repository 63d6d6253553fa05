//! Small questions about pods' objects.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

/// `namespace/name` of a pod.
pub type PodKey = Arc<str>;

/// The key of a pod.
pub fn pod_key(pod: &Pod) -> PodKey {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    Arc::from(format!("{namespace}/{name}"))
}

pub(super) fn scheduler_name(pod: &Pod) -> &str {
    let name = pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref());
    name.unwrap_or("default-scheduler")
}

pub(super) fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
}

pub(super) fn node_name(pod: &Pod) -> Option<&str> {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    name.filter(|name| !name.is_empty())
}

pub(super) fn nominated_node(pod: &Pod) -> Option<&str> {
    let name = pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref());
    name.filter(|name| !name.is_empty())
}

pub(super) fn is_gated(pod: &Pod) -> bool {
    let gates = pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref());
    gates.is_some_and(|gates| !gates.is_empty())
}

pub(super) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
