//! Storage classes, volumes and claims.

use serde_json::json;

use super::{NAMESPACES, Scene};

impl Scene {
    /// Two classes and a handful of claims: bound in a zone, not bound, for one pod only.
    pub(super) fn add_volumes(&mut self) {
        let zones = self.rng.some(self.cloud.zones());
        let allowed = json!([{"matchLabelExpressions": [
            {"key": "topology.kubernetes.io/zone", "values": zones}
        ]}]);
        for (name, topologies) in [("anywhere", json!(null)), ("zonal", allowed)] {
            self.objects.push(json!({
                "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
                "metadata": {"name": name}, "provisioner": "disk.csi.example.com",
                "volumeBindingMode": "WaitForFirstConsumer", "allowedTopologies": topologies
            }));
        }
        for index in 0..self.rng.below(6) {
            self.add_volume_claim(index);
        }
    }

    fn add_volume_claim(&mut self, index: usize) {
        let namespace = self.rng.below(NAMESPACES.len());
        // Claims of different namespaces share their names, and are different claims.
        let number = self.claims.iter().filter(|claim| claim.0 == namespace).count();
        let name = format!("data-{number}");
        let class = self.rng.pick(&["anywhere", "zonal"]);
        let mode = self.rng.pick(&["ReadWriteOnce", "ReadWriteOnce", "ReadWriteOncePod"]);
        let bound = self.rng.chance(60);
        let volume = bound.then(|| format!("volume-{index}"));
        if let Some(volume) = &volume {
            let zone = self.zone();
            let terms = json!([{"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
            ]}]);
            self.objects.push(json!({
                "apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {"name": volume, "labels": {"topology.kubernetes.io/zone": zone}},
                "spec": {
                    "capacity": {"storage": "10Gi"}, "accessModes": [mode],
                    "storageClassName": class,
                    "claimRef": {"name": name, "namespace": NAMESPACES[namespace].0},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
                    "csi": {"driver": "disk.csi.example.com", "volumeHandle": volume}
                },
                "status": {"phase": "Bound"}
            }));
        }
        self.objects.push(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": NAMESPACES[namespace].0},
            "spec": {
                "accessModes": [mode], "storageClassName": class, "volumeName": volume,
                "resources": {"requests": {"storage": "10Gi"}}
            },
            "status": {"phase": if bound { "Bound" } else { "Pending" }}
        }));
        self.claims.push((namespace, name, mode == "ReadWriteOncePod"));
    }
}
