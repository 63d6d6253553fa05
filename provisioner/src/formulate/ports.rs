//! Host ports: only one pod of a node can listen on each.

use k8s_openapi::api::core::v1::PodSpec;

/// One host port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HostPort<'a> {
    port: i32,
    protocol: &'a str,
    address: &'a str,
}

/// The host ports of a pod, ascending.
pub(super) type Ports<'a> = Vec<HostPort<'a>>;

const ANY_ADDRESS: &str = "0.0.0.0";

/// The host ports that a pod takes. Init containers that end give theirs back, sidecars do not.
pub(super) fn of(spec: &PodSpec) -> Ports<'_> {
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let host_network = spec.host_network == Some(true);
    let mut ports: Vec<_> = spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            // The API server copies the container's port in host-network pods.
            let number = port.host_port.filter(|&number| number > 0);
            let number = number.or_else(|| host_network.then_some(port.container_port))?;
            Some(HostPort {
                port: number,
                protocol: port.protocol.as_deref().unwrap_or("TCP"),
                address: port
                    .host_ip
                    .as_deref()
                    .filter(|address| !address.is_empty())
                    .unwrap_or(ANY_ADDRESS),
            })
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether two pods cannot share a node.
pub(super) fn clash(mine: &[HostPort<'_>], theirs: &[HostPort<'_>]) -> bool {
    let same = |a: &HostPort<'_>, b: &HostPort<'_>| {
        a.port == b.port
            && a.protocol == b.protocol
            && (a.address == b.address || a.address == ANY_ADDRESS || b.address == ANY_ADDRESS)
    };
    mine.iter().any(|a| theirs.iter().any(|b| same(a, b)))
}
