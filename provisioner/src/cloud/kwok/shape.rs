//! What a kwok machine is: labels and the Node object, in the form of Karpenter's kwok provider.

use std::collections::BTreeMap;

use catalog::{InstanceType, Offering, Requirement, well_known};
use k8s_openapi::{
    api::core::v1::{Node, NodeSpec, NodeStatus, Taint},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::ResourceExt;

use crate::{
    api::{names, v1::NodeClaim},
    cloud::{Instance, quantities},
    lifecycle::read_requirements,
};

/// Label and annotation of nodes that kwok plays the kubelet of.
pub const KWOK_NODE: &str = "kwok.x-k8s.io/node";
/// Their value.
pub const FAKE: &str = "fake";
/// Label: which of kwok's controllers cares for the node.
const PARTITION: &str = "kwok-partition";
const ONLY_PARTITION: &str = "a";
/// Label that eks-node-viewer reads: dollars per hour.
const PRICE: &str = "eks-node-viewer/instance-price";
/// Annotation of nodes whose machine is gone.
pub const GONE: &str = "kwok.tenon.sh/machine-gone";

/// The provider id of a node.
pub fn provider_id(node: &str) -> String {
    format!("kwok://{node}")
}

/// The machine that a claim gets from an offering.
pub fn machine(claim: &NodeClaim, one: &InstanceType, offering: &Offering) -> Instance {
    Instance {
        claim: Some(claim.name_any()),
        provider_id: provider_id(&claim.name_any()),
        image_id: None,
        labels: labels(claim, one, offering),
        capacity: one.capacity.clone(),
        allocatable: one.allocatable(),
        deleting: false,
    }
}

fn labels(claim: &NodeClaim, one: &InstanceType, offering: &Offering) -> BTreeMap<String, String> {
    // What cannot be read was refused before anything was bought.
    let asked = read_requirements(&claim.spec.requirements).unwrap_or_default();
    let mut labels = BTreeMap::new();
    for (key, has) in one.requirements.0.iter().chain(&offering.requirements.0) {
        let both = asked.get(key).map_or_else(|| has.clone(), |asked| has.intersection(asked));
        if let Some(value) = first(&both) {
            labels.insert(key.to_string(), value);
        }
    }
    for (key, value) in [
        (well_known::ZONE, offering.zone.as_ref()),
        (well_known::CAPACITY_TYPE, offering.capacity_type.as_str()),
        (well_known::INSTANCE_TYPE, one.name.as_ref()),
        (KWOK_NODE, FAKE),
        (PARTITION, ONLY_PARTITION),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    if let Some(price) = offering.price {
        labels.insert(PRICE.to_owned(), format!("{}.{:06}", price / 1_000_000, price % 1_000_000));
    }
    labels
}

/// The value of a label that a node is free to choose: the first.
fn first(requirement: &Requirement) -> Option<String> {
    let values = requirement.values.iter();
    (!requirement.complement).then(|| values.map(ToString::to_string).next()).flatten()
}

/// The node of a machine, as it comes up: without the claim's labels it would not be found by
/// people, with the taint no pod comes near.
pub fn node(claim: &NodeClaim, machine: &Instance) -> Node {
    let name = claim.name_any();
    let mut labels = claim.labels().clone();
    labels.extend(machine.labels.clone());
    labels.insert(well_known::HOSTNAME.to_owned(), name.clone());
    let mut taints = vec![Taint {
        key: names::UNREGISTERED.to_owned(),
        effect: "NoExecute".to_owned(),
        ..Taint::default()
    }];
    taints.extend(claim.spec.taints.iter().cloned());
    taints.extend(claim.spec.startup_taints.iter().cloned());
    Node {
        metadata: ObjectMeta {
            name: Some(name),
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(KWOK_NODE.to_owned(), FAKE.to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            provider_id: Some(machine.provider_id.clone()),
            taints: Some(taints),
            ..NodeSpec::default()
        }),
        status: Some(NodeStatus {
            capacity: Some(quantities(&machine.capacity)),
            allocatable: Some(quantities(&machine.allocatable)),
            phase: Some("Pending".to_owned()),
            ..NodeStatus::default()
        }),
    }
}
