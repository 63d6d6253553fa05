//! What the API server would have filled in, for pods that never went through one.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

type Amounts = BTreeMap<String, Quantity>;

/// Applies the defaults, and drops the limits, which no plan depends on afterwards.
pub fn apply(spec: &mut PodSpec) {
    let host_network = spec.host_network == Some(true);
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        if let Some(resources) = &mut container.resources {
            let limits = resources.limits.take().unwrap_or_default();
            fill(resources, limits);
        }
        default_ports(container, host_network);
    }
    default_pod_requests(spec);
}

/// A limit without a request is the request.
fn fill(resources: &mut ResourceRequirements, limits: Amounts) {
    if limits.is_empty() {
        return;
    }
    let requests = resources.requests.get_or_insert_default();
    for (name, limit) in limits {
        requests.entry(name).or_insert(limit);
    }
}

/// Only host ports are a scheduler's business; under `hostNetwork` every port is one.
fn default_ports(container: &mut Container, host_network: bool) {
    let Some(mut ports) = container.ports.take() else { return };
    for port in &mut ports {
        if host_network && port.host_port.unwrap_or(0) == 0 {
            port.host_port = Some(port.container_port);
        }
        port.protocol.get_or_insert_with(|| "TCP".to_owned());
        port.name = None;
    }
    ports.retain(|port| port.host_port.unwrap_or(0) > 0);
    container.ports = Some(ports).filter(|ports| !ports.is_empty());
}

/// A pod-level limit is the pod-level request where no container asks for that resource (KEP-2837).
fn default_pod_requests(spec: &mut PodSpec) {
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let asks: Vec<&Amounts> =
        containers.filter_map(|it| it.resources.as_ref()?.requests.as_ref()).collect();
    let Some(resources) = spec.resources.as_mut() else { return };
    let mut limits = resources.limits.take().unwrap_or_default();
    limits.retain(|name, _| !asks.iter().any(|requests| requests.contains_key(name)));
    fill(resources, limits);
}
