//! A saved snapshot comes back as it was.

use std::sync::Arc;

use proptest::prelude::*;
use provisioner::snapshot::{
    Snapshot,
    save::{from_json, to_json},
};

use super::snapshot;

/// A cluster with some of everything; the numbers vary it.
fn cluster(pods: usize, replicas: usize, cpu: u32) -> Snapshot {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec: {{replicas: {replicas}, \
         volumeClaimTemplates: [{{metadata: {{name: d}}}}], template: {{spec: {{containers: [{{name: c, \
         resources: {{requests: {{cpu: {cpu}m}}}}}}]}}}}}}\n"
    );
    for (version, kind, rest) in [
        ("v1", "Node", "status: {capacity: {cpu: 4}, allocatable: {cpu: 3900m}}"),
        ("v1", "Namespace", "{}"),
        ("v1", "PersistentVolume", "spec: {capacity: {storage: 1Gi}}"),
        ("v1", "PersistentVolumeClaim", "spec: {volumeName: x}"),
        ("storage.k8s.io/v1", "StorageClass", "provisioner: disk.csi.azure.com"),
        ("storage.k8s.io/v1", "CSINode", "spec: {drivers: [{name: d, nodeID: x}]}"),
        ("node.k8s.io/v1", "RuntimeClass", "handler: h"),
        ("policy/v1", "PodDisruptionBudget", "spec: {maxUnavailable: 1}"),
        ("v1", "Service", "{}"),
        ("karpenter.azure.com/v1beta1", "AKSNodeClass", "spec: {osDiskSizeGB: 64}"),
        ("karpenter.sh/v1", "NodeClaim", "status: {capacity: {cpu: 4}}"),
        ("apps/v1", "DaemonSet", "spec: {template: {spec: {containers: [{name: c}]}}}"),
        (
            "karpenter.sh/v1",
            "NodePool",
            "spec: {limits: {cpu: 9, nodes: 2}, template: {spec: {requirements: [{key: a, operator: \
             Gt, values: ['3']}]}}}",
        ),
    ] {
        let meta = "metadata: {name: x, creationTimestamp: \"2026-01-02T03:04:05Z\"}";
        let rest = if rest == "{}" { "" } else { rest };
        text += &format!("---\napiVersion: {version}\nkind: {kind}\n{meta}\n{rest}\n");
    }
    for count in 0..pods {
        text += &format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{count}, uid: u{count}}}\nspec: \
             {{nodeName: x, containers: [{{name: c, resources: {{requests: {{cpu: 1}}}}}}]}}\nstatus: \
             {{containerStatuses: [{{name: c, allocatedResources: {{cpu: {cpu}}}}}]}}\n"
        );
    }
    snapshot(&text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn saving_and_loading_changes_nothing(pods in 0..20_usize, replicas in 0..5_usize, cpu in 0..9_u32) {
        let snapshot = cluster(pods, replicas, cpu);
        let text = to_json(&snapshot).unwrap();
        let again = from_json(&text).unwrap();
        prop_assert_eq!(&again, &snapshot);
        prop_assert_eq!(to_json(&again).unwrap(), text);
        let first = again.pods.iter().find(|pod| !pod.uid.is_empty());
        for pod in again.pods.iter().filter(|pod| !pod.uid.is_empty()) {
            prop_assert!(Arc::ptr_eq(&pod.template, &first.unwrap().template));
        }
    }
}

#[test]
fn a_cluster_has_some_of_everything() {
    let all = cluster(1, 1, 5);
    let counts = [
        all.nodes.len(),
        all.node_pools.len(),
        all.node_claims.len(),
        all.node_classes.len(),
        all.daemon_sets.len(),
        all.namespaces.len(),
        all.volumes.len(),
        all.storage_classes.len(),
        all.csi_nodes.len(),
        all.runtime_classes.len(),
        all.disruption_budgets.len(),
        all.skipped.len(),
    ];
    assert_eq!(counts, [1; 12]);
    assert_eq!((all.pods.len(), all.volume_claims.len()), (2, 2));
    assert!(all.pods.iter().any(|pod| pod.resized.is_some()));
}

#[test]
fn other_files_are_refused() {
    let saved = to_json(&cluster(1, 0, 1)).unwrap();
    let cases = [
        ("{}".to_owned(), "this is no snapshot saved by tenon: missing field `tenonSnapshot`"),
        (
            saved.replace("\"tenonSnapshot\":1", "\"tenonSnapshot\":9"),
            "the snapshot has form 9, this tenon reads form 1; save it again",
        ),
        (
            saved.replace("\"template\":0", "\"template\":7"),
            "pod default/p0 refers to template 7, but there are only 2",
        ),
    ];
    for (text, message) in cases {
        let error = from_json(&text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
