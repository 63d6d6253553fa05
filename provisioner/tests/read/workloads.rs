//! Workloads become pods, unless their pods are in the input.

use std::{collections::BTreeSet, sync::Arc};

use provisioner::snapshot::SkipReason;

use super::{names, skips, snapshot};

const TEMPLATE: &str =
    "template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}";

fn workload(version: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\n\
         spec: {{{spec}{}{TEMPLATE}}}\n",
        if spec.is_empty() { "" } else { ", " }
    )
}

/// A pod owned by `kind` `owner`.
fn owned(name: &str, kind: &str, owner: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, uid: u-{name}, \
         labels: {{pod-template-hash: h1}}, ownerReferences: [{{apiVersion: apps/v1, kind: {kind}, \
         name: {owner}, uid: u, controller: true}}]}}\nspec: {{containers: [{{name: c}}]}}\n{rest}"
    )
}

#[test]
fn every_kind_is_expanded() {
    let cases: [(&str, &str, &str, &str, &[&str]); 11] = [
        ("apps/v1", "Deployment", "replicas: 2", "ReplicaSet", &["web-1", "web-2"]),
        ("apps/v1", "Deployment", "", "ReplicaSet", &["web-1"]),
        ("apps/v1", "ReplicaSet", "replicas: 1", "ReplicaSet", &["web-1"]),
        ("v1", "ReplicationController", "replicas: 1", "ReplicationController", &["web-1"]),
        ("apps/v1", "StatefulSet", "replicas: 2", "StatefulSet", &["web-0", "web-1"]),
        (
            "apps/v1",
            "StatefulSet",
            "replicas: 2, ordinals: {start: 5}",
            "StatefulSet",
            &["web-5", "web-6"],
        ),
        ("batch/v1", "Job", "", "Job", &["web-1"]),
        ("batch/v1", "Job", "parallelism: 3", "Job", &["web-1", "web-2", "web-3"]),
        ("batch/v1", "Job", "parallelism: 3, completions: 2", "Job", &["web-1", "web-2"]),
        ("batch/v1", "Job", "parallelism: 0", "", &[]),
        ("apps/v1", "Deployment", "replicas: 0", "", &[]),
    ];
    for (version, kind, spec, owner, expected) in cases {
        let snapshot = snapshot(&workload(version, kind, spec));
        let expected: Vec<_> = expected.iter().map(|name| format!("shop/{name}")).collect();
        assert_eq!(names(&snapshot), expected, "{kind} {spec}");
        for pod in &snapshot.pods {
            assert_eq!(pod.template.owner_kind.as_deref(), Some(owner));
            assert_eq!(pod.template.labels["app"], "web");
            assert_eq!(pod.expanded_from.as_deref(), Some(&*format!("{kind} shop/web")));
        }
        let unwanted = [(format!("{kind} shop/web"), SkipReason::NotWanted)];
        assert_eq!(
            skips(&snapshot).as_slice(),
            if expected.is_empty() { &unwanted[..] } else { &[] }
        );
    }
}

#[test]
fn suspended_and_finished_jobs_are_not_wanted() {
    let job = workload("batch/v1", "Job", "suspend: true");
    let complete = format!(
        "{}status: {{completionTime: \"2026-01-01T00:00:00Z\"}}\n",
        workload("batch/v1", "Job", "")
    );
    let failed = format!(
        "{}status: {{conditions: [{{type: Failed, status: \"True\"}}]}}\n",
        workload("batch/v1", "Job", "")
    );
    for text in [job, complete, failed] {
        let snapshot = snapshot(&text);
        assert_eq!(snapshot.pods.len(), 0, "{text}");
        assert_eq!(snapshot.skipped[0].reason, SkipReason::NotWanted);
    }
    let half = format!(
        "{}status: {{succeeded: 3}}\n",
        workload("batch/v1", "Job", "parallelism: 3, completions: 4")
    );
    assert_eq!(snapshot(&half).pods.len(), 1);
}

#[test]
fn a_thousand_pods_share_one_template() {
    let snapshot = snapshot(&workload("apps/v1", "Deployment", "replicas: 1000"));
    assert_eq!(snapshot.pods.len(), 1000);
    let first = &snapshot.pods[0].template;
    assert!(snapshot.pods.iter().all(|pod| Arc::ptr_eq(&pod.template, first)));
    let distinct: BTreeSet<_> = snapshot.pods.iter().map(|pod| &pod.name).collect();
    assert_eq!(distinct.len(), 1000);
}

#[test]
fn present_pods_stand_for_their_workload() {
    let deployment = workload("apps/v1", "Deployment", "replicas: 3");
    let replica_set = "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: other-name, \
                       namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, \
                       name: web, uid: u, controller: true}]}\nspec: {replicas: 3, template: {spec: \
                       {containers: [{name: c}]}}}\n";
    let cases = [
        // The ReplicaSet is known by the name that the Deployment's controller gives it.
        (format!("{deployment}{}", owned("a", "ReplicaSet", "web-h1", "")), 1, 1),
        // It is in the input, whatever its name.
        (format!("{deployment}{replica_set}{}", owned("a", "ReplicaSet", "other-name", "")), 1, 1),
        // It is in the input without pods: the Deployment speaks for it.
        (format!("{deployment}{replica_set}"), 3, 0),
        // Somebody else's pod.
        (format!("{deployment}{}", owned("a", "ReplicaSet", "shop-h1", "")), 4, 0),
        // A finished pod is replaced by its controller.
        (
            format!(
                "{deployment}{}",
                owned("a", "ReplicaSet", "web-h1", "status: {phase: Failed}")
            ),
            4,
            0,
        ),
        (
            format!(
                "{}{}",
                workload("apps/v1", "StatefulSet", "replicas: 3"),
                owned("web-0", "StatefulSet", "web", "")
            ),
            1,
            1,
        ),
        // A finished pod of a Job has done its work.
        (
            format!(
                "{}{}",
                workload("batch/v1", "Job", ""),
                owned("a", "Job", "web", "status: {phase: Succeeded}")
            ),
            1,
            1,
        ),
    ];
    for (text, pods, present) in cases {
        let snapshot = snapshot(&text);
        assert_eq!(snapshot.pods.len(), pods, "{text}");
        let found = skips(&snapshot);
        assert_eq!(found.len(), present, "{text}");
        assert!(found.iter().all(|(_, reason)| *reason == SkipReason::PodsPresent), "{found:?}");
    }
}

#[test]
fn cron_jobs_are_represented_by_their_jobs() {
    let cron = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: web, namespace: shop}}\n\
         spec: {{jobTemplate: {{spec: {{{TEMPLATE}}}}}}}\n"
    );
    assert_eq!(snapshot(&cron).pods.len(), 1);
    let job = workload("batch/v1", "Job", "").replace(
        "namespace: shop",
        "namespace: shop, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: web, uid: u, \
         controller: true}]",
    );
    let both = snapshot(&format!("{cron}---\n{job}"));
    assert_eq!(both.pods.len(), 1);
    assert_eq!(skips(&both), [("CronJob shop/web".to_owned(), SkipReason::PodsPresent)]);
}

#[test]
fn stateful_pods_have_labels_and_claims_of_their_own() {
    let spec = "replicas: 2, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: \
                [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 1Gi}}}}]";
    let bound = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data-web-0, \
                 namespace: shop}\nspec: {volumeName: pv-1}\n";
    let snapshot = snapshot(&format!("{}{bound}", workload("apps/v1", "StatefulSet", spec)));
    let labels = &snapshot.pods[1].template.labels;
    assert_eq!(labels["statefulset.kubernetes.io/pod-name"], "web-1");
    assert_eq!(labels["apps.kubernetes.io/pod-index"], "1");
    let volume = &snapshot.pods[1].template.spec.volumes.as_ref().unwrap()[0];
    assert_eq!(volume.persistent_volume_claim.as_ref().unwrap().claim_name, "data-web-1");
    let claim = |name: &str| {
        let key = ("shop".to_owned(), name.to_owned());
        snapshot.volume_claims[&key].spec.clone().unwrap()
    };
    assert_eq!(claim("data-web-0").volume_name.as_deref(), Some("pv-1"));
    assert_eq!(claim("data-web-1").volume_name, None);
    assert_eq!(claim("data-web-1").storage_class_name.as_deref(), Some("fast"));
}

#[test]
fn ephemeral_volumes_get_claims() {
    let text = workload("apps/v1", "Deployment", "replicas: 2").replace(
        "containers:",
        "volumes: [{name: scratch, ephemeral: {volumeClaimTemplate: {spec: {storageClassName: \
         fast}}}}], containers:",
    );
    let snapshot = snapshot(&text);
    let claims: Vec<_> = snapshot.volume_claims.keys().map(|(_, name)| name.as_str()).collect();
    assert_eq!(claims, ["web-1-scratch", "web-2-scratch"]);
}

#[test]
fn indexed_jobs_have_an_index() {
    let text =
        workload("batch/v1", "Job", "parallelism: 2, completions: 2, completionMode: Indexed");
    let snapshot = snapshot(&text);
    let key = "batch.kubernetes.io/job-completion-index";
    let indices: Vec<_> = snapshot.pods.iter().map(|it| it.template.labels[key].clone()).collect();
    assert_eq!(indices, ["0", "1"]);
    assert_eq!(snapshot.pods[0].template.labels["job-name"], "web");
}

#[test]
fn daemon_sets_give_the_pod_of_a_node() {
    let snapshot = snapshot(&workload("apps/v1", "DaemonSet", ""));
    assert!(snapshot.pods.is_empty());
    let (name, template) = &snapshot.daemon_sets[0];
    assert_eq!(name, "shop/web");
    assert_eq!(template.owner_kind.as_deref(), Some("DaemonSet"));
    let tolerations = template.spec.tolerations.iter().flatten();
    let keys: Vec<_> = tolerations.filter_map(|it| it.key.as_deref()).collect();
    assert!(keys.contains(&"node.kubernetes.io/unschedulable"));
    assert!(!keys.contains(&"node.kubernetes.io/network-unavailable"));
}

#[test]
fn workloads_of_the_same_name_do_not_take_each_others_pods() {
    let text = format!(
        "{}---\n{}",
        workload("apps/v1", "Deployment", "replicas: 2"),
        workload("apps/v1", "StatefulSet", "replicas: 2")
    );
    let expected = ["shop/web-0", "shop/web-1", "shop/web-2", "shop/web-statefulset-1"];
    assert_eq!(names(&snapshot(&text)), expected);
}
