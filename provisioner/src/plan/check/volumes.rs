//! The filters that look at volumes: VolumeBinding, VolumeZone, VolumeRestrictions and
//! NodeVolumeLimits.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::{
    core::v1::{PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec},
    storage::v1::StorageClass,
};

use super::{
    cluster::{Cluster, Node},
    quantity::{Round, amounts},
    selector::node_selected,
};
use crate::snapshot::{Pod, Snapshot};

const ONE_POD: &str = "ReadWriteOncePod";
/// Zone labels of volumes, by new and old names; a node may carry either.
const ZONE_KEYS: [(&str, &str); 2] = [
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
];

/// A claim that a pod uses: its own object, or what its ephemeral volume will create.
struct Claim<'a> {
    name: String,
    spec: Option<&'a PersistentVolumeClaimSpec>,
    /// The claim's object, when there is one already.
    object: Option<&'a PersistentVolumeClaim>,
}

/// The claims of a pod's volumes.
fn claims<'a>(snapshot: &'a Snapshot, pod: &'a Pod) -> Vec<Claim<'a>> {
    let spec: &'a PodSpec = &pod.template.spec;
    let find =
        |name: &str| snapshot.volume_claims.get(&(pod.namespace.to_string(), name.to_owned()));
    let mut claims = Vec::new();
    for volume in spec.volumes.iter().flatten() {
        if let Some(source) = &volume.persistent_volume_claim {
            let object = find(&source.claim_name);
            let spec = object.and_then(|claim| claim.spec.as_ref());
            claims.push(Claim { name: source.claim_name.clone(), spec, object });
        } else if let Some(source) = &volume.ephemeral {
            let name = format!("{}-{}", pod.name, volume.name);
            let object = find(&name);
            let template = source.volume_claim_template.as_ref().map(|template| &template.spec);
            let spec = object.and_then(|claim| claim.spec.as_ref()).or(template);
            claims.push(Claim { name, spec, object });
        }
    }
    claims
}

/// The volume that a claim is bound to, by name.
fn bound<'a>(claim: &Claim<'a>) -> Option<&'a str> {
    claim.spec?.volume_name.as_deref().filter(|name| !name.is_empty())
}

/// The storage class of a claim that is not bound: its own, or the default one. The empty name
/// asks for no class.
fn class<'a>(snapshot: &'a Snapshot, claim: &Claim<'a>) -> Option<&'a StorageClass> {
    match claim.spec?.storage_class_name.as_deref() {
        Some(name) => snapshot.storage_classes.get(name),
        None => snapshot.storage_classes.values().find(|class| {
            let annotations = class.metadata.annotations.as_ref();
            annotations
                .and_then(|all| all.get("storageclass.kubernetes.io/is-default-class"))
                .is_some_and(|value| value == "true")
        }),
    }
}

/// Every claim is bound to a volume that the node reaches, or can be bound there.
pub(super) fn binding(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let snapshot = cluster.snapshot;
    let node = cluster.node_of(index);
    for claim in claims(snapshot, cluster.residents[index].pod) {
        let name = &claim.name;
        if claim.spec.is_none() {
            // The controller that makes the pod from its workload makes the claim as well.
            if cluster.residents[index].pod.expanded_from.is_some() {
                continue;
            }
            return Err(format!("there is no claim {name}"));
        }
        if let Some(volume) = bound(&claim) {
            let Some(volume) = snapshot.volumes.get(volume) else {
                return Err(format!("claim {name} is bound to {volume}, which does not exist"));
            };
            if !reaches(volume, node) {
                return Err(format!("the volume of claim {name} is not reached from the node"));
            }
        } else if !bindable(snapshot, &claim, node) {
            return Err(format!("claim {name} cannot be bound on the node"));
        }
    }
    Ok(())
}

fn reaches(volume: &PersistentVolume, node: &Node) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    affinity
        .and_then(|affinity| affinity.required.as_ref())
        .is_none_or(|required| node_selected(required, &node.labels, &node.name))
}

/// Whether an unbound claim finds a volume on the node: one that waits, or one that its class can
/// make there. A class that is not known is given the benefit of the doubt.
fn bindable(snapshot: &Snapshot, claim: &Claim<'_>, node: &Node) -> bool {
    let named = claim.spec.and_then(|spec| spec.storage_class_name.as_deref());
    let class = class(snapshot, claim);
    let waiting = || {
        snapshot.volumes.values().any(|volume| suits(volume, claim, named) && reaches(volume, node))
    };
    let makes = match class {
        None => named != Some(""),
        Some(class) => class.provisioner != "kubernetes.io/no-provisioner" && allowed(class, node),
    };
    makes || waiting()
}

/// `allowedTopologies`: one of the terms holds, or there are none.
fn allowed(class: &StorageClass, node: &Node) -> bool {
    let terms = class.allowed_topologies.as_deref().unwrap_or_default();
    terms.is_empty()
        || terms.iter().any(|term| {
            term.match_label_expressions.iter().flatten().all(|rule| {
                node.labels.get(&rule.key).is_some_and(|value| rule.values.contains(value))
            })
        })
}

/// Whether a volume that nobody has could be the claim's.
fn suits(volume: &PersistentVolume, claim: &Claim<'_>, class: Option<&str>) -> bool {
    let (Some(spec), Some(wanted)) = (&volume.spec, claim.spec) else { return false };
    let object = claim.object.and_then(|object| object.metadata.name.as_ref());
    let mine = spec.claim_ref.as_ref().is_none_or(|owner| owner.name.as_ref() == object);
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    let storage = |map: &BTreeMap<_, _>, round| amounts(map, round).get("storage");
    let asked = wanted.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    mine && spec.storage_class_name.as_deref().unwrap_or_default() == class.unwrap_or_default()
        && wanted.access_modes.iter().flatten().all(|mode| modes.contains(mode))
        && asked.map_or(0, |map| storage(map, Round::Up))
            <= spec.capacity.as_ref().map_or(0, |map| storage(map, Round::Down))
}

/// Zone labels of bound volumes: several zones are joined by two underscores. A node without any
/// zone label takes every volume.
pub(super) fn zone(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let snapshot = cluster.snapshot;
    let labels = &cluster.node_of(index).labels;
    let of_node = |(new, old): (&str, &str)| labels.get(new).or_else(|| labels.get(old));
    if ZONE_KEYS.into_iter().all(|keys| of_node(keys).is_none()) {
        return Ok(());
    }
    for claim in claims(snapshot, cluster.residents[index].pod) {
        let volume = bound(&claim).and_then(|name| snapshot.volumes.get(name));
        let Some(of_volume) = volume.and_then(|volume| volume.metadata.labels.as_ref()) else {
            continue;
        };
        for keys in ZONE_KEYS {
            let Some(zones) = of_volume.get(keys.0).or_else(|| of_volume.get(keys.1)) else {
                continue;
            };
            if !of_node(keys).is_some_and(|value| zones.split("__").any(|zone| zone == value)) {
                return Err(format!("the volume of claim {} is in {zones}", claim.name));
            }
        }
    }
    Ok(())
}

/// A ReadWriteOncePod claim has one pod, wherever that is.
pub(super) fn restrictions(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let snapshot = cluster.snapshot;
    let me = cluster.residents[index].pod;
    for claim in claims(snapshot, me) {
        let modes = claim.spec.and_then(|spec| spec.access_modes.as_ref());
        if !modes.is_some_and(|modes| modes.iter().any(|mode| mode == ONE_POD)) {
            continue;
        }
        let user = cluster.residents.iter().enumerate().find(|(other, resident)| {
            *other != index
                && resident.pod.namespace == me.namespace
                && claims(snapshot, resident.pod).iter().any(|used| used.name == claim.name)
        });
        if let Some((_, user)) = user {
            return Err(format!("{} uses claim {} too", user.id(), claim.name));
        }
    }
    Ok(())
}

/// Attach limits by driver, as the node's CSINode tells them.
pub(super) fn limits(cluster: &Cluster<'_>, index: usize) -> Result<(), String> {
    let snapshot = cluster.snapshot;
    let node = cluster.node_of(index);
    let Some(spec) = snapshot.csi_nodes.get(&node.name).map(|csi| &csi.spec) else { return Ok(()) };
    let mine: BTreeSet<_> = volumes(snapshot, cluster.residents[index].pod).collect();
    if mine.is_empty() {
        return Ok(());
    }
    let others: BTreeSet<_> = (node.pods.iter())
        .filter(|other| **other != index)
        .flat_map(|other| volumes(snapshot, cluster.residents[*other].pod))
        .collect();
    for driver in &spec.drivers {
        let Some(most) = driver.allocatable.as_ref().and_then(|all| all.count) else { continue };
        let of_driver = |volume: &&(String, String)| volume.0 == driver.name;
        let new = mine.difference(&others).filter(of_driver).count();
        let count = new + others.iter().filter(of_driver).count();
        if new > 0 && count > usize::try_from(most).unwrap_or(0) {
            return Err(format!("{count} volumes of {}, {most} can be attached", driver.name));
        }
    }
    Ok(())
}

/// (driver, identity) of the CSI volumes that a pod attaches.
fn volumes<'a>(
    snapshot: &'a Snapshot,
    pod: &'a Pod,
) -> impl Iterator<Item = (String, String)> + 'a {
    claims(snapshot, pod).into_iter().filter_map(move |claim| {
        let id = format!("{}/{}", pod.namespace, claim.name);
        let Some(volume) = bound(&claim) else {
            return Some((csi_name(&class(snapshot, &claim)?.provisioner).to_owned(), id));
        };
        let spec = snapshot.volumes.get(volume)?.spec.as_ref()?;
        if let Some(csi) = &spec.csi {
            return Some((csi.driver.clone(), csi.volume_handle.clone()));
        }
        let driver = if spec.azure_disk.is_some() {
            "disk.csi.azure.com"
        } else if spec.aws_elastic_block_store.is_some() {
            "ebs.csi.aws.com"
        } else if spec.gce_persistent_disk.is_some() {
            "pd.csi.storage.gke.io"
        } else {
            return None;
        };
        Some((driver.to_owned(), volume.to_owned()))
    })
}

/// The CSI driver that took over from an in-tree provisioner.
fn csi_name(provisioner: &str) -> &str {
    match provisioner {
        "kubernetes.io/azure-disk" => "disk.csi.azure.com",
        "kubernetes.io/aws-ebs" => "ebs.csi.aws.com",
        "kubernetes.io/gce-pd" => "pd.csi.storage.gke.io",
        other => other,
    }
}
