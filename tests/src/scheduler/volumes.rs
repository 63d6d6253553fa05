//! Volume claims that are bound, and from which nodes their volumes can be reached.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::{cache::NodeFacts, filter::Reason, selector::node_selected};

/// Labels of volumes that a node must carry as well, where it has them at all.
const ZONE_LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/// Claims and volumes.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    /// The volume of each claim, by namespace and name; none while it is not bound.
    claims: BTreeMap<(String, String), Option<String>>,
    volumes: BTreeMap<String, PersistentVolume>,
}

impl Volumes {
    /// Takes in a claim, or its end.
    pub(super) fn set_claim(&mut self, claim: &PersistentVolumeClaim, exists: bool) {
        let meta = &claim.metadata;
        let key =
            (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone());
        if exists {
            self.claims.insert(key, volume.filter(|name| !name.is_empty()));
        } else {
            self.claims.remove(&key);
        }
    }

    /// Takes in a volume, or its end.
    pub(super) fn set_volume(&mut self, volume: &PersistentVolume, exists: bool) {
        let name = volume.metadata.name.clone().unwrap_or_default();
        if exists {
            self.volumes.insert(name, volume.clone());
        } else {
            self.volumes.remove(&name);
        }
    }

    /// Whether the node reaches the volumes of these claims. Claims that are not bound yet hold
    /// nothing back.
    pub(super) fn check(
        &self,
        namespace: &str,
        claims: &[String],
        node: &NodeFacts,
    ) -> Result<(), Reason> {
        for claim in claims {
            let key = (namespace.to_owned(), claim.clone());
            let Some(bound) = self.claims.get(&key) else { return Err(Reason::ClaimMissing) };
            let Some(name) = bound else { continue };
            let Some(volume) = self.volumes.get(name) else { return Err(Reason::VolumeMissing) };
            if !reaches(volume, node) {
                return Err(Reason::VolumeAffinity);
            }
            if !zone_agrees(volume, node) {
                return Err(Reason::VolumeZone);
            }
        }
        Ok(())
    }
}

fn reaches(volume: &PersistentVolume, node: &NodeFacts) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|required| node_selected(required, &node.labels, &node.name))
}

/// A volume may name several zones, joined by two underscores.
fn zone_agrees(volume: &PersistentVolume, node: &NodeFacts) -> bool {
    let labels = volume.metadata.labels.as_ref();
    ZONE_LABELS.iter().all(|key| {
        let zones = labels.and_then(|labels| labels.get(*key));
        let own = node.labels.get(*key);
        zones.zip(own).is_none_or(|(zones, own)| zones.split("__").any(|zone| zone == own))
    })
}
