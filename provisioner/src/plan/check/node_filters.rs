//! The filters that look at one node: taints, selectors, ports, resources.

use super::{
    cluster::{Cluster, cordon},
    selector::untolerated,
};

/// A cordoned node takes only pods that tolerate the taint of that name.
pub(super) fn unschedulable(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let tolerations = &cluster.facts(index).tolerations;
    if cluster.node_of(index).unschedulable && untolerated(&[cordon()], tolerations).is_some() {
        return Err("the node is cordoned".to_owned());
    }
    Ok(())
}

/// A pod that names a node goes there or, when that node is going away, anywhere.
pub(super) fn node_name(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let Some(wanted) = &cluster.residents[index].pod.node_name else { return Ok(()) };
    let wanted: &str = wanted;
    let node = cluster.node_of(index);
    let leaves = cluster.snapshot.nodes.iter().any(|other| {
        other.metadata.name.as_deref() == Some(wanted) && cluster.claims.leaving(other)
    });
    if node.name == wanted || leaves {
        return Ok(());
    }
    Err(format!("spec.nodeName is {wanted}"))
}

/// Taints with NoSchedule and NoExecute.
pub(super) fn taints(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let tolerations = &cluster.facts(index).tolerations;
    match untolerated(&cluster.node_of(index).taints, tolerations) {
        None => Ok(()),
        Some(taint) => Err(format!("{}:{} is not tolerated", taint.key, taint.effect)),
    }
}

/// Node selector and required node affinity.
pub(super) fn node_affinity(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let node = cluster.node_of(index);
    if cluster.facts(index).accepts(&node.labels, &node.name) {
        return Ok(());
    }
    Err("node selector or required node affinity does not hold".to_owned())
}

/// Host ports against all other pods of the node, daemon pods included.
pub(super) fn ports(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let node = cluster.node_of(index);
    let own = &cluster.facts(index).ports;
    if own.is_empty() {
        return Ok(());
    }
    let clash = |other: &[super::pod::Port]| {
        own.iter().any(|port| other.iter().any(|taken| port.clashes(taken)))
    };
    if clash(&node.reserved_ports) {
        return Err("a daemon pod uses the host port".to_owned());
    }
    for other in node.pods.iter().filter(|other| **other != index) {
        if clash(&cluster.facts(*other).ports) {
            return Err(format!("{} uses the host port", cluster.residents[*other].id()));
        }
    }
    Ok(())
}

/// Requests of all pods of the node against its allocatable. A resource that the pod does not ask
/// for may be short.
pub(super) fn resources(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let node = cluster.node_of(index);
    let mine = &cluster.facts(index).request;
    for (name, amount) in mine.0.iter().filter(|(_, amount)| **amount > 0) {
        let (used, there) = (node.used.get(name), node.allocatable.get(name));
        if used > there {
            return Err(format!("{name}: {used} of {there} are used with this pod's {amount}"));
        }
    }
    Ok(())
}
