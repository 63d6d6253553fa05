//! DaemonSets: one pod on every node that is meant.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{
        Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec,
        Taint, Toleration,
    },
};
use serde_json::json;

use super::{
    Action, Kind, World,
    replica_sets::pod_of,
    world::{is_deleting, is_ready, node_name, owned_by},
};
use crate::{
    scheduler::selector::{node_selected, tolerated},
    watch::key,
};

/// Taints of nodes in trouble that daemons endure (key, effect).
const ENDURED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

pub(super) fn actions(world: &World) -> Vec<Action> {
    let owned = world.pods_by_owner();
    let mut actions = Vec::new();
    for set in world.daemon_sets.values().filter(|set| !is_deleting(&set.metadata)) {
        let uid = set.metadata.uid.as_deref().unwrap_or_default();
        let pods = owned.get(uid).map(Vec::as_slice).unwrap_or_default();
        let mut by_node: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in pods {
            by_node.entry(target(pod).unwrap_or_default()).or_default().push(pod);
        }
        let mut counts = Counts::default();
        for (name, node) in &world.nodes {
            let there = by_node.remove(name.as_str()).unwrap_or_default();
            actions.extend(on_node(set, name, node, &there, &mut counts));
        }
        actions.extend(by_node.into_values().flatten().filter_map(delete));
        actions.extend(status(set, &counts));
    }
    actions
}

#[derive(Default)]
struct Counts {
    desired: i32,
    current: i32,
    ready: i32,
    misscheduled: i32,
}

/// Makes the missing pod of a node, or deletes those that should not be there.
fn on_node(
    set: &DaemonSet,
    name: &str,
    node: &Node,
    there: &[&Pod],
    counts: &mut Counts,
) -> Vec<Action> {
    let template = spec_of(set);
    let taints = |effects: &[&str]| all_tolerated(node, &template, effects);
    let meant = meant(&template, name, node);
    let should_run = meant && taints(&["NoSchedule", "NoExecute"]);
    let may_stay = meant && taints(&["NoExecute"]);
    counts.desired += i32::from(should_run);
    counts.current += i32::from(should_run && !there.is_empty());
    counts.ready += i32::from(should_run && there.iter().any(|pod| is_ready(pod)));
    counts.misscheduled += i32::from(!should_run && !there.is_empty());
    match there {
        // A pod that is going away makes room for the next one only when it is gone.
        [] if should_run => vec![Action::CreatePod(Box::new(pod_for(set, name)))],
        [] => Vec::new(),
        [_, surplus @ ..] if may_stay => surplus.iter().copied().filter_map(delete).collect(),
        all => all.iter().copied().filter_map(delete).collect(),
    }
}

fn delete(pod: &Pod) -> Option<Action> {
    let deleting = is_deleting(&pod.metadata);
    (!deleting).then(|| Action::DeletePod { pod: Box::new(pod.clone()), force: false })
}

/// The template's pod with the tolerations that every daemon has.
fn spec_of(set: &DaemonSet) -> PodSpec {
    let mut spec = set.spec.template.spec.clone().unwrap_or_default();
    let tolerations = spec.tolerations.get_or_insert_default();
    let endured = ENDURED.iter().map(|(key, effect)| exists(key, effect));
    tolerations.extend(endured);
    if spec.host_network == Some(true) {
        tolerations.push(exists("node.kubernetes.io/network-unavailable", "NoSchedule"));
    }
    spec
}

fn exists(key: &str, effect: &str) -> Toleration {
    Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        effect: Some(effect.to_owned()),
        ..Toleration::default()
    }
}

fn required(spec: &PodSpec) -> Option<&NodeSelector> {
    let node = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    node.required_during_scheduling_ignored_during_execution.as_ref()
}

/// Whether node selector and affinity mean the node.
fn meant(spec: &PodSpec, name: &str, node: &Node) -> bool {
    let labels = node.metadata.labels.clone().unwrap_or_default();
    let mut selector = spec.node_selector.iter().flatten();
    selector.all(|(key, value)| labels.get(key) == Some(value))
        && required(spec).is_none_or(|required| node_selected(required, &labels, name))
}

fn all_tolerated(node: &Node, spec: &PodSpec, effects: &[&str]) -> bool {
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let taints: Option<&Vec<Taint>> = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
    let mut taints = taints.into_iter().flatten().filter(|it| effects.contains(&&*it.effect));
    taints.all(|taint| tolerated(taint, tolerations))
}

/// The node that a daemon's pod is on, or is meant for.
fn target(pod: &Pod) -> Option<&str> {
    let fields = || {
        let terms = &required(pod.spec.as_ref()?)?.node_selector_terms;
        let mut fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
        let name = fields.find(|field| field.key == "metadata.name")?;
        name.values.as_ref()?.first().map(String::as_str)
    };
    node_name(pod).or_else(fields)
}

/// A pod that only the node of this name takes. Its terms on labels are kept beside the name.
fn pod_for(set: &DaemonSet, node: &str) -> Pod {
    let owner = owned_by("DaemonSet", &set.metadata);
    let mut pod = pod_of(&set.spec.template, &set.metadata, owner);
    let mut spec = spec_of(set);
    let affinity = spec.affinity.get_or_insert_default();
    let of_nodes: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    let name = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let required =
        of_nodes.required_during_scheduling_ignored_during_execution.get_or_insert_default();
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    for term in &mut required.node_selector_terms {
        term.match_fields = Some(vec![name.clone()]);
    }
    pod.spec = Some(spec);
    pod
}

fn status(set: &DaemonSet, counts: &Counts) -> Option<Action> {
    let status = json!({
        "desiredNumberScheduled": counts.desired,
        "currentNumberScheduled": counts.current,
        "updatedNumberScheduled": counts.current,
        "numberReady": counts.ready,
        "numberAvailable": counts.ready,
        "numberUnavailable": counts.desired - counts.ready,
        "numberMisscheduled": counts.misscheduled,
        "observedGeneration": set.metadata.generation,
    });
    let old = set.status.clone().unwrap_or_default();
    let old = json!({
        "desiredNumberScheduled": old.desired_number_scheduled,
        "currentNumberScheduled": old.current_number_scheduled,
        "updatedNumberScheduled": old.updated_number_scheduled.unwrap_or(0),
        "numberReady": old.number_ready,
        "numberAvailable": old.number_available.unwrap_or(0),
        "numberUnavailable": old.number_unavailable.unwrap_or(0),
        "numberMisscheduled": old.number_misscheduled,
        "observedGeneration": old.observed_generation,
    });
    (status != old).then(|| Action::Status {
        kind: Kind::DaemonSet,
        object: key(set),
        patch: json!({ "status": status }),
    })
}
