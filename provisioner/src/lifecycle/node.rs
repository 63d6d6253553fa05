//! Questions to a node.

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::ResourceExt;

use crate::api::names;

/// Its taints.
pub fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

/// Whether its condition Ready is True.
pub fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions
        .unwrap_or_default()
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Whether it carries tenon's (and Karpenter's) finalizer.
pub fn is_held(node: &Node) -> bool {
    node.finalizers().iter().any(|finalizer| finalizer == names::TERMINATION)
}

/// Whether a taint of this key and effect is among them.
pub fn has_taint(taints: &[Taint], key: &str, effect: &str) -> bool {
    taints.iter().any(|taint| taint.key == key && taint.effect == effect)
}

/// Taints of `more` whose key and effect are not among `taints` are added.
pub fn merge_taints(taints: &mut Vec<Taint>, more: &[Taint]) {
    for taint in more {
        if !has_taint(taints, &taint.key, &taint.effect) {
            taints.push(taint.clone());
        }
    }
}
