//! Where a pod's volumes let it run, how many disks it attaches, and volumes that stand in its way.

use std::borrow::Cow;

use k8s_openapi::api::{
    core::v1::{
        PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec,
        Volume,
    },
    storage::v1::StorageClass,
};

use super::{
    AZURE_DISK,
    terms::{NodeRequirement, Term, any_of},
};
use crate::snapshot::{Pod, Snapshot};

/// `topology.kubernetes.io/zone`.
pub(super) const ZONE: &str = "topology.kubernetes.io/zone";
const REGION: &str = "topology.kubernetes.io/region";
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";
const AWS_EBS: &str = "ebs.csi.aws.com";
const GCE_PD: &str = "pd.csi.storage.gke.io";

/// What the volumes of a pod ask of its node.
#[derive(Clone, Debug, Default)]
pub(super) struct Volumes<'a> {
    /// For each volume that is not available everywhere: the alternatives.
    pub terms: Vec<Vec<Term<'a>>>,
    /// CSI driver and volume handle (or claim, `namespace/name`) of each attached volume.
    pub attached: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Claims that only one pod may use, `namespace/name`.
    pub exclusive: Vec<String>,
}

/// Reads the volumes of a pod; an error says why the pod cannot be planned.
pub(super) fn of_pod<'a>(pod: &'a Pod, snapshot: &'a Snapshot) -> Result<Volumes<'a>, String> {
    let mut volumes = Volumes::default();
    for volume in pod.template.spec.volumes.iter().flatten() {
        volumes.read(pod, volume, snapshot)?;
    }
    volumes.terms.sort_unstable();
    volumes.terms.dedup();
    volumes.attached.sort_unstable();
    volumes.attached.dedup();
    Ok(volumes)
}

/// Whether the answer depends on the pod's own name (generic ephemeral volumes).
pub(super) fn depends_on_name(volumes: Option<&Vec<Volume>>) -> bool {
    volumes.into_iter().flatten().any(|volume| volume.ephemeral.is_some())
}

impl<'a> Volumes<'a> {
    fn read(
        &mut self,
        pod: &'a Pod,
        volume: &'a Volume,
        snapshot: &'a Snapshot,
    ) -> Result<(), String> {
        if let Some(claim) = &volume.persistent_volume_claim {
            return self.read_claim(pod, claim.claim_name.clone(), None, snapshot);
        }
        if let Some(ephemeral) = &volume.ephemeral {
            let template = ephemeral.volume_claim_template.as_ref().map(|template| &template.spec);
            return self.read_claim(
                pod,
                format!("{}-{}", pod.name, volume.name),
                template,
                snapshot,
            );
        }
        Ok(())
    }

    fn read_claim(
        &mut self,
        pod: &'a Pod,
        name: String,
        template: Option<&'a PersistentVolumeClaimSpec>,
        snapshot: &'a Snapshot,
    ) -> Result<(), String> {
        let key = (pod.namespace.to_string(), name);
        let claim = snapshot.volume_claims.get(&key);
        let expanded = pod.expanded_from.is_some();
        let identity = format!("{}/{}", key.0, key.1);
        let shown = format!("claim {identity}");
        let spec = match (claim, template) {
            (Some(claim), _) => {
                usable(claim).map_err(|problem| format!("{shown} {problem}"))?;
                claim.spec.as_ref()
            }
            (None, Some(template)) => Some(template),
            // The controller that makes the pod from its workload also makes its claims.
            (None, None) if expanded => None,
            (None, None) => return Err(format!("{shown} is not in the input")),
        };
        let Some(spec) = spec else { return Ok(()) };
        if spec.access_modes.iter().flatten().any(|mode| mode == "ReadWriteOncePod") {
            self.exclusive.push(identity.clone());
        }
        match spec.volume_name.as_deref().filter(|name| !name.is_empty()) {
            Some(volume) => {
                let volume = snapshot.volumes.get(volume).ok_or_else(|| {
                    format!("{shown} is bound to volume {volume}, which is not in the input")
                })?;
                self.add_volume(volume);
                Ok(())
            }
            None => self
                .add_unbound(spec, snapshot, expanded, identity)
                .map_err(|problem| format!("{shown} {problem}")),
        }
    }

    fn add_volume(&mut self, volume: &'a PersistentVolume) {
        let Some(spec) = &volume.spec else { return };
        let required = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
        if let Some(required) = required {
            self.terms.push(any_of(required).into_iter().map(normalised).collect());
        }
        for (key, value) in volume.metadata.labels.iter().flatten() {
            let key = catalog::well_known::normalise(key);
            if matches!(key, ZONE | REGION) {
                let zones = value.split("__").filter(|zone| !zone.is_empty());
                self.terms.push(vec![Term(vec![NodeRequirement::one_of(key, zones)])]);
            }
        }
        if let Some((driver, handle)) = driver_and_handle(spec) {
            self.attached.push((Cow::Borrowed(driver), Cow::Borrowed(handle)));
        }
    }

    fn add_unbound(
        &mut self,
        spec: &'a PersistentVolumeClaimSpec,
        snapshot: &'a Snapshot,
        expanded: bool,
        claim: String,
    ) -> Result<(), String> {
        let Some(class) = class_of(spec, snapshot)? else { return Ok(()) };
        let waits = class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
        if !waits && !expanded {
            return Err("is not bound yet, and its StorageClass binds at once".to_owned());
        }
        if class.provisioner == NO_PROVISIONER {
            let free = free_volumes(class, snapshot);
            if free.is_empty() {
                return Err("finds no free volume of its StorageClass".to_owned());
            }
            self.terms.push(free);
            return Ok(());
        }
        if let Some(topologies) = class.allowed_topologies.as_ref().filter(|list| !list.is_empty())
        {
            let alternatives = topologies.iter().map(|term| {
                let expressions = term.match_label_expressions.iter().flatten();
                let requirements = expressions.map(|one| {
                    NodeRequirement::one_of(&one.key, one.values.iter().map(String::as_str))
                });
                normalised(Term(requirements.collect()))
            });
            self.terms.push(alternatives.collect());
        }
        self.attached.push((Cow::Borrowed(driver_of(&class.provisioner)), Cow::Owned(claim)));
        Ok(())
    }
}

fn usable(claim: &PersistentVolumeClaim) -> Result<(), &'static str> {
    if claim.metadata.deletion_timestamp.is_some() {
        return Err("is being deleted");
    }
    match claim.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Lost") => Err("has lost its volume"),
        _ => Ok(()),
    }
}

/// The class of an unbound claim. `None` when the input holds no classes at all, as manifests
/// that were never near a cluster do: then any place is as good as another.
fn class_of<'a>(
    spec: &'a PersistentVolumeClaimSpec,
    snapshot: &'a Snapshot,
) -> Result<Option<&'a StorageClass>, String> {
    if snapshot.storage_classes.is_empty() {
        return Ok(None);
    }
    let is_default = |class: &&StorageClass| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|map| map.get(DEFAULT_CLASS)).is_some_and(|value| value == "true")
    };
    match spec.storage_class_name.as_deref() {
        Some("") => Err("is not bound and names no StorageClass".to_owned()),
        Some(name) => {
            let class = snapshot.storage_classes.get(name);
            class
                .map(Some)
                .ok_or_else(|| format!("names StorageClass {name}, which does not exist"))
        }
        None => {
            let class = snapshot.storage_classes.values().find(is_default);
            class.map(Some).ok_or_else(|| "has no StorageClass, and none is the default".to_owned())
        }
    }
}

fn free_volumes<'a>(class: &StorageClass, snapshot: &'a Snapshot) -> Vec<Term<'a>> {
    let free = snapshot.volumes.values().filter(|volume| {
        let spec_class = volume.spec.as_ref().and_then(|spec| spec.storage_class_name.as_deref());
        let phase = volume.status.as_ref().and_then(|status| status.phase.as_deref());
        spec_class == class.metadata.name.as_deref() && matches!(phase, Some("Available") | None)
    });
    let selectors = free.filter_map(|volume| {
        let affinity = volume.spec.as_ref()?.node_affinity.as_ref()?;
        affinity.required.as_ref()
    });
    selectors.flat_map(any_of).map(normalised).collect()
}

/// In-tree plugins live on as CSI drivers.
fn driver_of(provisioner: &str) -> &str {
    match provisioner {
        "kubernetes.io/azure-disk" => AZURE_DISK,
        "kubernetes.io/aws-ebs" => AWS_EBS,
        "kubernetes.io/gce-pd" => GCE_PD,
        other => other,
    }
}

/// The CSI driver that attaches a volume, its own or its in-tree plugin's heir, and what the driver
/// knows the volume by; `None` for volumes that nothing attaches.
fn driver_and_handle(spec: &PersistentVolumeSpec) -> Option<(&str, &str)> {
    if let Some(csi) = &spec.csi {
        Some((&csi.driver, &csi.volume_handle))
    } else if let Some(disk) = &spec.azure_disk {
        Some((AZURE_DISK, &disk.disk_uri))
    } else if let Some(disk) = &spec.aws_elastic_block_store {
        Some((AWS_EBS, &disk.volume_id))
    } else {
        spec.gce_persistent_disk.as_ref().map(|disk| (GCE_PD, disk.pd_name.as_str()))
    }
}

/// The driver's own name for a zone is the label that every node carries; and a disk outside of
/// all zones, which Azure writes as the empty zone, goes to nodes of zone `0`.
fn normalised(term: Term<'_>) -> Term<'_> {
    let requirements = term.0.into_iter().map(|mut requirement| {
        if matches!(
            &*requirement.key,
            "topology.disk.csi.azure.com/zone"
                | "topology.ebs.csi.aws.com/zone"
                | "topology.gke.io/zone"
        ) {
            requirement.key = Cow::Borrowed(ZONE);
            if requirement.values.iter().any(|value| value.is_empty()) {
                requirement.values.push(Cow::Borrowed("0"));
            }
        } else if let Cow::Borrowed(key) = requirement.key {
            requirement.key = Cow::Borrowed(catalog::well_known::normalise(key));
        }
        requirement
    });
    Term(requirements.collect())
}
