//! What a pod asks of a node, as kube-scheduler adds it up.

use std::collections::BTreeMap;

use catalog::{Resources, resources};
use k8s_openapi::{
    api::{
        core::v1::{Container, PodSpec, ResourceRequirements},
        node::v1::RuntimeClass,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use crate::snapshot::Pod;

/// Amounts as Kubernetes writes them.
type Amounts = BTreeMap<String, Quantity>;

/// The effective request of a pod: its containers, init containers, sidecars and overhead, and one
/// piece of `pods`.
pub fn effective(spec: &PodSpec, runtime_classes: &BTreeMap<String, RuntimeClass>) -> Resources {
    let mut total = of_containers(spec);
    override_with_pod_level(&mut total, spec.resources.as_ref());
    total.add(&overhead(spec, runtime_classes));
    total.set(resources::PODS, 1);
    total
}

/// The effective request of one pod: that of its template, or what an in-place resize makes of it.
pub fn of_pod(pod: &Pod, runtime_classes: &BTreeMap<String, RuntimeClass>) -> Resources {
    let mut request = effective(&pod.template.spec, runtime_classes);
    if let Some(resized) = &pod.resized {
        for (name, amount) in &resized.0 {
            request.0.insert(name.clone(), *amount);
        }
    }
    request
}

/// Reads amounts, rounding up; what cannot be read counts as 0 (readers refuse it before).
pub(super) fn read(amounts: &Amounts) -> Resources {
    let pairs = amounts.iter().map(|(name, quantity)| {
        let amount = catalog::quantity::request(name, &quantity.0).unwrap_or(0).max(0);
        (resources::shared_name(name), amount)
    });
    Resources(pairs.collect())
}

/// Reads amounts of what a node has, rounding down.
pub(super) fn read_capacity(amounts: &Amounts) -> Resources {
    let pairs = amounts.iter().map(|(name, quantity)| {
        let amount = catalog::quantity::capacity(name, &quantity.0).unwrap_or(0).max(0);
        (resources::shared_name(name), amount)
    });
    Resources(pairs.collect())
}

/// Requests, with limits where a resource has a limit only (the API server's default).
fn of_requirements(source: Option<&ResourceRequirements>) -> Resources {
    let Some(source) = source else { return Resources::default() };
    let mut asked = source.limits.as_ref().map(read).unwrap_or_default();
    if let Some(requests) = &source.requests {
        asked.0.append(&mut read(requests).0);
    }
    asked
}

/// KEP-753: sidecars start in order among the init containers and stay; every other init
/// container runs alone with the sidecars that stand before it.
fn of_containers(spec: &PodSpec) -> Resources {
    let mut containers =
        spec.containers.iter().map(|container| of_requirements(container.resources.as_ref()));
    let mut steady = containers.next().unwrap_or_default();
    containers.for_each(|asked| steady.add(&asked));
    let mut sidecars = Resources::default();
    let mut peak = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let mut step = of_requirements(container.resources.as_ref());
        if is_sidecar(container) {
            sidecars.add(&step);
            peak.max(&sidecars);
        } else {
            step.add(&sidecars);
            peak.max(&step);
        }
    }
    steady.add(&sidecars);
    steady.max(&peak);
    steady
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// KEP-2837: requests at pod level replace the sum over the containers for the resources they
/// name, of which only CPU, memory and huge pages may be named.
fn override_with_pod_level(total: &mut Resources, level: Option<&ResourceRequirements>) {
    for (name, amount) in of_requirements(level).0 {
        let allowed =
            matches!(&*name, resources::CPU | resources::MEMORY) || name.starts_with("hugepages-");
        if allowed {
            total.0.insert(name, amount);
        }
    }
}

/// `spec.overhead`; the admission controller copies it from the RuntimeClass, which manifests that
/// never met an API server still lack.
fn overhead(spec: &PodSpec, runtime_classes: &BTreeMap<String, RuntimeClass>) -> Resources {
    if let Some(overhead) = &spec.overhead {
        return read(overhead);
    }
    spec.runtime_class_name
        .as_ref()
        .and_then(|name| runtime_classes.get(name))
        .and_then(|class| class.overhead.as_ref())
        .and_then(|overhead| overhead.pod_fixed.as_ref())
        .map(read)
        .unwrap_or_default()
}
