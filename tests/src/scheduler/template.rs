//! What the scheduler reads from a pod, worked out once for all pods that agree in it.

use k8s_openapi::api::core::v1::{
    Container, NodeSelector, Pod, PodSpec, PreferredSchedulingTerm, Toleration,
};
use serde_json::json;

use super::{
    amounts::{Amounts, Names, is_sidecar, request, scored_request},
    selector::Labels,
    tally::TallyId,
};

/// Position of a template in the cache.
pub(super) type TemplateId = usize;

/// A pod in the scheduler's eyes.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) namespace: String,
    pub(super) labels: Labels,
    pub(super) priority: i32,
    /// What it takes from a node.
    pub(super) request: Amounts,
    /// CPU and memory for LeastAllocated.
    pub(super) scored: [i64; 2],
    pub(super) ports: Vec<Port>,
    pub(super) node_selector: Labels,
    pub(super) required: Option<NodeSelector>,
    pub(super) preferred: Vec<PreferredSchedulingTerm>,
    pub(super) tolerations: Vec<Toleration>,
    /// Volume claims by name.
    pub(super) claims: Vec<String>,
    pub(super) spec: PodSpec,
    /// Kind and name of the controller.
    pub(super) owner: Option<(String, String)>,
    pub(super) topology: Topology,
}

/// Its relations to other pods, as tallies.
#[derive(Clone, Debug, Default)]
pub(super) struct Topology {
    /// Which tallies count pods of this template.
    pub(super) counted_in: Vec<TallyId>,
    /// DoNotSchedule constraints.
    pub(super) hard: Vec<HardSpread>,
    /// ScheduleAnyway constraints.
    pub(super) soft: Vec<SoftSpread>,
    /// Whether nodes need the keys of all soft constraints: not so for constraints by default.
    pub(super) soft_needs_keys: bool,
    /// Generation of the workloads that constraints by default were derived from.
    pub(super) defaults_of: Option<u64>,
    /// Required affinity; pods count when all terms mean them.
    pub(super) affinity: Vec<TallyId>,
    /// Whether the pod meets its own affinity.
    pub(super) own_affinity: bool,
    /// Required anti-affinity.
    pub(super) anti_affinity: Vec<TallyId>,
    /// Pods whose required anti-affinity means this one.
    pub(super) repelled_by: Vec<TallyId>,
    /// Preferences, its own and those of others that mean it, with weights.
    pub(super) preferences: Vec<(TallyId, i64)>,
}

/// A DoNotSchedule constraint.
#[derive(Clone, Debug)]
pub(super) struct HardSpread {
    pub(super) tally: TallyId,
    pub(super) key: String,
    pub(super) max_skew: i64,
    pub(super) min_domains: usize,
    /// 1 when the pod counts itself.
    pub(super) own: i64,
}

/// A ScheduleAnyway constraint.
#[derive(Clone, Debug)]
pub(super) struct SoftSpread {
    pub(super) tally: TallyId,
    pub(super) key: String,
    pub(super) max_skew: i64,
}

/// A port of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    address: String,
    protocol: String,
    number: i32,
}

impl Port {
    /// Whether both cannot be open on one node.
    pub(super) fn clashes(&self, other: &Self) -> bool {
        let anywhere = |port: &Self| port.address == "0.0.0.0";
        self.number == other.number
            && self.protocol == other.protocol
            && (self.address == other.address || anywhere(self) || anywhere(other))
    }
}

impl Template {
    /// Reads a pod. Its relations to other pods are added by the cache.
    pub(super) fn new(names: &mut Names, pod: &Pod) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let node_affinity = spec.affinity.as_ref().and_then(|it| it.node_affinity.clone());
        let node_affinity = node_affinity.unwrap_or_default();
        Self {
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            priority: spec.priority.unwrap_or(0),
            request: request(names, &spec),
            scored: scored_request(names, &spec),
            ports: ports(&spec),
            node_selector: spec.node_selector.clone().unwrap_or_default(),
            required: node_affinity.required_during_scheduling_ignored_during_execution,
            preferred: node_affinity
                .preferred_during_scheduling_ignored_during_execution
                .unwrap_or_default(),
            tolerations: spec.tolerations.clone().unwrap_or_default(),
            claims: claims(pod),
            owner: owner(pod),
            spec,
            topology: Topology::default(),
        }
    }
}

/// Pods of the same key share a template: everything that the scheduler reads, and no names.
pub(super) fn template_key(pod: &Pod) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let asks = |container: &Container| {
        json!([container.resources, container.ports, container.restart_policy])
    };
    let init = spec.init_containers.as_deref().unwrap_or_default();
    json!([
        pod.metadata.namespace,
        pod.metadata.labels,
        owner(pod),
        claims(pod),
        spec.containers.iter().map(asks).collect::<Vec<_>>(),
        init.iter().map(asks).collect::<Vec<_>>(),
        spec.resources,
        spec.overhead,
        spec.priority,
        spec.host_network,
        spec.node_selector,
        spec.affinity,
        spec.tolerations,
        spec.topology_spread_constraints,
    ])
    .to_string()
}

fn owner(pod: &Pod) -> Option<(String, String)> {
    let owners = pod.metadata.owner_references.iter().flatten();
    let mut controllers = owners.filter(|owner| owner.controller == Some(true));
    controllers.next().map(|owner| (owner.kind.clone(), owner.name.clone()))
}

fn claims(pod: &Pod) -> Vec<String> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes
        .filter_map(|volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
            (Some(claim), _) => Some(claim.claim_name.clone()),
            (_, Some(_)) => {
                let pod = pod.metadata.name.as_deref().unwrap_or_default();
                Some(format!("{pod}-{}", volume.name))
            }
            _ => None,
        })
        .collect()
}

fn ports(spec: &PodSpec) -> Vec<Port> {
    let sidecars = spec.init_containers.iter().flatten().filter(|it| is_sidecar(it));
    (spec.containers.iter().chain(sidecars))
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            let own = if spec.host_network == Some(true) { port.container_port } else { 0 };
            let number = port.host_port.filter(|number| *number > 0).unwrap_or(own);
            let address = port.host_ip.clone().filter(|address| !address.is_empty());
            (number > 0).then(|| Port {
                address: address.unwrap_or_else(|| "0.0.0.0".to_owned()),
                protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
                number,
            })
        })
        .collect()
}
