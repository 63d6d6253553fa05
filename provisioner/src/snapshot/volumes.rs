//! Claims of generic ephemeral volumes.

use k8s_openapi::{
    api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::store::Store;

/// A pod that is not bound yet may have ephemeral volumes whose claims (`<pod>-<volume>`) nobody
/// has created; they are there unbound.
pub fn claim_ephemeral(store: &mut Store) {
    for entry in store.pods.values() {
        let pod = &entry.pod;
        if pod.node_name.is_some() || pod.terminal {
            continue;
        }
        for volume in pod.template.spec.volumes.iter().flatten() {
            let ephemeral = volume.ephemeral.as_ref();
            let Some(template) = ephemeral.and_then(|it| it.volume_claim_template.as_ref()) else {
                continue;
            };
            let name = format!("{}-{}", pod.name, volume.name);
            let key = (pod.namespace.to_string(), name.clone());
            store.volume_claims.entry(key).or_insert_with(|| PersistentVolumeClaim {
                metadata: ObjectMeta {
                    name: Some(name),
                    namespace: Some(pod.namespace.to_string()),
                    labels: template.metadata.as_ref().and_then(|meta| meta.labels.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(template.spec.clone()),
                status: None,
            });
        }
    }
}
