//! What a pod asks of its node.

use std::collections::BTreeMap;

use catalog::Resources;
use k8s_openapi::{
    api::core::v1::{Container, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    error::Fault,
    quantity::{Round, resources},
};

/// What the scheduler reserves for a pod of this spec, without the place it takes among the pods:
/// containers together, or the largest step of the initialisation if that is more (KEP-753), the
/// pod-level request in their stead (KEP-2837), plus the overhead (KEP-688).
pub fn pod_requests(spec: &PodSpec) -> Result<Resources, Fault> {
    let mut total = Resources::default();
    for container in &spec.containers {
        total.add(&container_requests(container)?);
    }
    let mut sidecars = Resources::default();
    let mut largest_step = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let asks = container_requests(container)?;
        let mut step = sidecars.clone();
        step.add(&asks);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars.add(&asks);
        }
        largest_step.max(&step);
    }
    total.add(&sidecars);
    total.max(&largest_step);
    let of_pod = spec.resources.as_ref().and_then(|it| it.requests.as_ref());
    total.0.extend(up(of_pod, "resources.requests")?.0);
    total.add(&up(spec.overhead.as_ref(), "overhead")?);
    Ok(total)
}

fn container_requests(container: &Container) -> Result<Resources, Fault> {
    let requests = container.resources.as_ref().and_then(|it| it.requests.as_ref());
    up(requests, "resources.requests")
}

fn up(amounts: Option<&BTreeMap<String, Quantity>>, field: &str) -> Result<Resources, Fault> {
    resources(amounts, field, Round::Up)
}
