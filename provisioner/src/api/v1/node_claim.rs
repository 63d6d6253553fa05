//! `karpenter.sh/v1` NodeClaim.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::Taint,
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{Condition, Time},
    },
};
use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{NodeClassReference, Requirement};
use crate::api::names;

/// A node that is wanted; immutable once made.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "karpenter.sh",
    version = "v1",
    kind = "NodeClaim",
    plural = "nodeclaims",
    status = "NodeClaimStatus",
    schema = "disabled",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaimSpec {
    /// Taints that stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Taints that something takes off after start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub startup_taints: Vec<Taint>,
    /// What the node's labels must be.
    pub requirements: Vec<Requirement>,
    /// Sum of the planned pods' requests with daemons.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
    /// The node class.
    pub node_class_ref: NodeClassReference,
    /// How long draining may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period: Option<String>,
    /// How long the node may live, or `Never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<String>,
}

/// `spec.resources`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Quantities by resource name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
}

impl Resources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// What has become of a claim.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeClaimStatus {
    /// The node, once it has registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The machine, once it has been launched.
    #[serde(default, rename = "providerID", skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// Its image.
    #[serde(default, rename = "imageID", skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// What the machine has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, Quantity>,
    /// What of it pods may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, Quantity>,
    /// Launched, Registered, Initialized, Ready and the others of karpenter.md, section 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When a pod last came or went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_pod_event_time: Option<Time>,
}

/// One thing to buy, by the words that name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfferingRef {
    /// Value of `node.kubernetes.io/instance-type`.
    pub instance_type: String,
    /// Value of `topology.kubernetes.io/zone`.
    pub zone: String,
    /// `spot`, `on-demand` or `reserved`.
    pub capacity_type: String,
}

/// A pod by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PodRef {
    /// metadata.namespace.
    pub namespace: String,
    /// metadata.name.
    pub name: String,
}

impl NodeClaim {
    /// The offerings to try, in order, from the annotation `tenon.sh/offerings`: words of the form
    /// `type/zone/capacity-type`, separated by commas. Empty for claims that others made.
    pub fn offerings(&self) -> Vec<OfferingRef> {
        read_offerings(self.annotation(names::OFFERINGS))
    }

    /// The pods that the node is meant for, from the annotation `tenon.sh/planned-pods`: words of
    /// the form `namespace/name`, separated by commas.
    pub fn planned_pods(&self) -> Vec<PodRef> {
        read_pods(self.annotation(names::PLANNED_PODS))
    }

    /// The round that made it, and its turn in it (annotations `tenon.sh/round` and
    /// `tenon.sh/turn`); empty and 0 for claims that others made.
    pub fn turn(&self) -> (&str, u32) {
        (self.annotation(names::ROUND), self.annotation(names::TURN).parse().unwrap_or(0))
    }

    fn annotation(&self, key: &str) -> &str {
        let text = self.metadata.annotations.as_ref().and_then(|all| all.get(key));
        text.map_or("", String::as_str)
    }

    /// status.providerID, where there is one.
    pub fn provider_id(&self) -> Option<&str> {
        let id = self.status.as_ref().and_then(|status| status.provider_id.as_deref());
        id.filter(|id| !id.is_empty())
    }

    /// The name of its node pool, from the label; claims that people make by hand have none.
    pub fn pool(&self) -> Option<&str> {
        let labels = self.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(names::NODE_POOL)).map(String::as_str)
    }

    /// Whether somebody asked for its end.
    pub fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// The conditions, empty when there is no status yet.
    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }
}

/// Reads what [`write_offerings`] wrote; words of another form are passed over.
pub fn read_offerings(text: &str) -> Vec<OfferingRef> {
    let read = |word: &str| {
        let mut parts = word.split('/').map(str::to_owned);
        let (instance_type, zone, capacity_type) = (parts.next()?, parts.next()?, parts.next()?);
        let offering = OfferingRef { instance_type, zone, capacity_type };
        parts.next().is_none().then_some(offering)
    };
    text.split(',').filter_map(read).collect()
}

/// Reads what [`write_pods`] wrote; words of another form are passed over.
pub fn read_pods(text: &str) -> Vec<PodRef> {
    let read = |word: &str| {
        let (namespace, name) = word.split_once('/')?;
        Some(PodRef { namespace: namespace.to_owned(), name: name.to_owned() })
    };
    text.split(',').filter_map(read).collect()
}

/// The value of the annotation that [`NodeClaim::offerings`] reads.
pub fn write_offerings(offerings: &[OfferingRef]) -> String {
    let words: Vec<String> = offerings
        .iter()
        .map(|offering| {
            format!("{}/{}/{}", offering.instance_type, offering.zone, offering.capacity_type)
        })
        .collect();
    words.join(",")
}

/// The value of the annotation that [`NodeClaim::planned_pods`] reads.
pub fn write_pods(pods: &[PodRef]) -> String {
    let words: Vec<String> =
        pods.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_read_back_what_was_written() {
        let offerings = vec![
            OfferingRef {
                instance_type: "Standard_D4s_v5".to_owned(),
                zone: "eastus-1".to_owned(),
                capacity_type: "spot".to_owned(),
            },
            OfferingRef {
                instance_type: "c-4x-amd64-linux".to_owned(),
                zone: String::new(),
                capacity_type: "on-demand".to_owned(),
            },
        ];
        let pods = vec![
            PodRef { namespace: "shop".to_owned(), name: "web-0".to_owned() },
            PodRef { namespace: "shop".to_owned(), name: "web-1".to_owned() },
        ];
        let mut claim = NodeClaim::new("a", NodeClaimSpec::default());
        assert_eq!((claim.offerings(), claim.planned_pods()), (vec![], vec![]));
        claim.metadata.annotations = Some(BTreeMap::from([
            (names::OFFERINGS.to_owned(), write_offerings(&offerings)),
            (names::PLANNED_PODS.to_owned(), write_pods(&pods)),
        ]));
        assert_eq!((claim.offerings(), claim.planned_pods()), (offerings, pods));
    }
}
