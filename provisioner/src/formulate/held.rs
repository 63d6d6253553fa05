//! Pods on nodes that leave which nobody may evict: a place bought for them would stand empty.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::selectors::{Scope, Selector};
use crate::{
    api::names::DO_NOT_DISRUPT,
    snapshot::{Pod, Snapshot},
};

/// The disruption budgets that never allow anything.
#[derive(Debug, Default)]
pub(super) struct Held<'a> {
    closed: Vec<(&'a str, Selector<'a>)>,
}

impl<'a> Held<'a> {
    /// Reads the budgets.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let budgets = snapshot.disruption_budgets.iter().filter(|budget| is_closed(budget));
        let closed = budgets.map(|budget| {
            let namespace = budget.metadata.namespace.as_deref().unwrap_or("default");
            let labels = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            let name = budget.metadata.name.as_deref().unwrap_or_default();
            (name, Selector::new(Scope::Only(vec![namespace]), labels))
        });
        Self { closed: closed.collect() }
    }

    /// Why nobody may evict a pod, if that is so.
    pub fn why(&self, pod: &Pod) -> Option<String> {
        if pod.template.annotations.get(DO_NOT_DISRUPT).is_some_and(|value| value == "true") {
            return Some(format!("stays on its node, which leaves, for it has {DO_NOT_DISRUPT}"));
        }
        let selects =
            |selector: &Selector<'_>| selector.matches(&pod.namespace, &pod.template.labels);
        let (name, _) = self.closed.iter().find(|(_, selector)| selects(selector))?;
        Some(format!(
            "stays on its node, which leaves, for PodDisruptionBudget {name} never allows anything"
        ))
    }
}

/// Whether a budget wants as many healthy pods as there are to be at all.
fn is_closed(budget: &PodDisruptionBudget) -> bool {
    budget.status.as_ref().is_some_and(|status| {
        status.expected_pods > Some(0) && status.desired_healthy >= status.expected_pods
    })
}
