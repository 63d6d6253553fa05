//! Takes a statement out of the pods of a workload.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PodAffinityTerm, PodSpec};
use rustc_hash::FxHashMap;

use super::constraint::InPods;
use crate::{
    report::owner,
    snapshot::{Pod, PodTemplate},
};

/// Pods that shared a template share the edited one: what is shared is looked at once.
pub(super) fn pods(pods: &mut [Arc<Pod>], workload: &str, part: &InPods) {
    let mut edited: FxHashMap<usize, Arc<PodTemplate>> = FxHashMap::default();
    for pod in pods.iter_mut().filter(|pod| owner(pod) == workload) {
        let shared = &pod.template;
        let template = edited.entry(Arc::as_ptr(shared) as usize).or_insert_with(|| {
            let mut template = (**shared).clone();
            take_out(&mut template.spec, part);
            Arc::new(template)
        });
        Arc::make_mut(pod).template = template.clone();
    }
}

fn take_out(spec: &mut PodSpec, part: &InPods) {
    match part {
        InPods::Selector(key) => {
            if let Some(selector) = &mut spec.node_selector {
                selector.remove(key);
            }
        }
        InPods::NodeAffinity(_) => {
            let affinity = spec.affinity.as_mut().and_then(|one| one.node_affinity.as_mut());
            if let Some(affinity) = affinity {
                affinity.required_during_scheduling_ignored_during_execution = None;
            }
        }
        InPods::Spread(spread) => {
            if let Some(spreads) = &mut spec.topology_spread_constraints {
                spreads.retain(|one| one != spread);
            }
        }
        InPods::Affinity(term) => {
            let affinity = spec.affinity.as_mut().and_then(|one| one.pod_affinity.as_mut());
            if let Some(affinity) = affinity {
                drop_term(&mut affinity.required_during_scheduling_ignored_during_execution, term);
            }
        }
        InPods::AntiAffinity(term) => {
            let affinity = spec.affinity.as_mut().and_then(|one| one.pod_anti_affinity.as_mut());
            if let Some(affinity) = affinity {
                drop_term(&mut affinity.required_during_scheduling_ignored_during_execution, term);
            }
        }
    }
}

fn drop_term(terms: &mut Option<Vec<PodAffinityTerm>>, term: &PodAffinityTerm) {
    if let Some(terms) = terms {
        terms.retain(|one| one != term);
    }
}
