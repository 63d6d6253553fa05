//! The input side: what is read, and what is made of it.

mod fuzz;
mod pools;
mod refused;
mod save;
mod workloads;

use std::{fs, sync::Arc};

use k8s_openapi::api::core::v1::PodSpec;
use provisioner::snapshot::{
    SkipReason, Snapshot,
    read::{ReadOptions, Reader},
    requests::pod_requests,
};

fn read(text: &str) -> Result<Snapshot, String> {
    let mut reader = Reader::new(ReadOptions { cron_jobs: true, ..ReadOptions::default() });
    reader.add_bytes("in.yaml", text.as_bytes()).map_err(|error| error.to_string())?;
    Ok(reader.finish())
}

fn snapshot(text: &str) -> Snapshot {
    read(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A pod with one container `c` and further lines of spec.
fn pod(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers: [{{name: c}}]\n  {spec}\n"
    )
}

/// `namespace/name` of every pod.
fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot.pods.iter().map(|pod| format!("{}/{}", pod.namespace, pod.name)).collect()
}

fn skips(snapshot: &Snapshot) -> Vec<(String, SkipReason)> {
    snapshot.skipped.iter().map(|it| (it.object.clone(), it.reason)).collect()
}

fn spec(snapshot: &Snapshot, position: usize) -> &PodSpec {
    &snapshot.pods[position].template.spec
}

const JSON_POD: &str = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "c"}]}}"#;

#[test]
fn every_form_of_input_gives_the_same_pods() {
    let bare = r#"{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}}"#;
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(JSON_POD.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let list = |kind: &str, item: &str| {
        format!(r#"{{"apiVersion": "v1", "items": [{item}], "kind": "{kind}", "metadata": {{}}}}"#)
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("JSON", JSON_POD.into()),
        ("JSON twice", format!("{JSON_POD}\n{JSON_POD}").into()),
        ("JSON array", format!("[{JSON_POD}]").into()),
        ("List", list("List", JSON_POD).into()),
        ("PodList, kind last", list("PodList", bare).into()),
        (
            "PodList, kind first",
            format!(r#"{{"kind": "PodList", "apiVersion": "v1", "items": [{bare}]}}"#).into(),
        ),
        ("List of lists", list("List", &list("List", &list("PodList", bare))).into()),
        ("byte order mark", format!("\u{feff}{JSON_POD}").into()),
        ("UTF-16", utf16),
        ("YAML", pod("a", "").into()),
        ("YAML with Windows line ends", pod("a", "").replace('\n', "\r\n").into()),
        ("YAML documents", format!("# c\n---\n---\n{}...\n---\n# end\n", pod("a", "")).into()),
        ("YAML flow", format!("--- {JSON_POD}").into()),
        (
            "YAML list",
            format!("kind: List\napiVersion: v1\nitems:\n- {}", pod("a", "").replace('\n', "\n  "))
                .into(),
        ),
    ];
    for (form, bytes) in cases {
        let mut reader = Reader::new(ReadOptions::default());
        reader.add_bytes(form, &bytes).unwrap_or_else(|error| panic!("{form}: {error}"));
        let snapshot = reader.finish();
        assert_eq!(names(&snapshot), ["default/a"], "{form}");
        assert_eq!(spec(&snapshot, 0).containers[0].name, "c", "{form}");
    }
}

#[test]
fn an_empty_list_is_an_input() {
    for items in ["[]", "null"] {
        let text = format!(r#"{{"kind": "PodList", "apiVersion": "v1", "items": {items}}}"#);
        assert!(snapshot(&text).pods.is_empty());
    }
}

#[test]
fn a_folder_is_read_in_order_and_hidden_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("b/.git")).unwrap();
    for (path, text) in [
        ("c.yml", pod("one", "")),
        ("a.json", JSON_POD.to_owned()),
        ("b/x.yaml", pod("two", "")),
        ("b/.git/y.yaml", "[broken".to_owned()),
        ("notes.txt", "[broken".to_owned()),
        ("values.yaml", "replicaCount: 3\n".to_owned()),
    ] {
        fs::write(folder.path().join(path), text).unwrap();
    }
    let mut reader = Reader::new(ReadOptions::default());
    reader.add_path(folder.path()).unwrap();
    let snapshot = reader.finish();
    assert_eq!(names(&snapshot), ["default/a", "default/one", "default/two"]);
    assert_eq!(snapshot.skipped.len(), 1);
    assert_eq!(snapshot.skipped[0].reason, SkipReason::Malformed);
    assert!(snapshot.skipped[0].object.ends_with("values.yaml, document 1, line 1"));
}

#[test]
fn of_the_same_object_twice_the_last_counts() {
    let text = format!("{}---\n{}", pod("a", "nodeName: n1"), pod("a", "nodeName: n2"));
    let snapshot = snapshot(&text);
    assert_eq!(snapshot.pods.len(), 1);
    assert_eq!(snapshot.pods[0].node_name.as_deref(), Some("n2"));
    assert_eq!(skips(&snapshot), [("Pod default/a".to_owned(), SkipReason::Duplicate)]);
}

#[test]
fn kinds_without_bearing_and_unsupported_ones_are_named() {
    let cases = [
        ("v1", "Service", "Service x", SkipReason::IrrelevantKind),
        ("karpenter.k8s.aws/v1", "EC2NodeClass", "EC2NodeClass x", SkipReason::IrrelevantKind),
        ("karpenter.sh/v1alpha1", "NodeOverlay", "NodeOverlay x", SkipReason::Unsupported),
        ("example.com/v1", "Pod", "Pod default/x", SkipReason::IrrelevantKind),
        ("resource.k8s.io/v1", "DeviceClass", "DeviceClass x", SkipReason::Unsupported),
    ];
    for (version, kind, object, reason) in cases {
        let text = format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n");
        assert_eq!(skips(&snapshot(&text)), [(object.to_owned(), reason)], "{kind}");
    }
}

#[test]
fn pods_are_cut_down_and_share_their_templates() {
    let text = (0..50)
        .map(|count| {
            let spec = format!(
                "nodeName: n{count}\n  serviceAccountName: s{count}\n  volumes: [{{name: t, \
                 configMap: {{name: c{count}}}}}, {{name: v, persistentVolumeClaim: {{claimName: \
                 p}}}}]\n  initContainers: [{{name: i, image: i{count}, env: [{{name: E, value: \
                 x}}]}}]"
            );
            format!("---\n{}", pod(&format!("p{count}"), &spec))
        })
        .collect::<String>();
    let snapshot = snapshot(&text);
    let first = &snapshot.pods[0].template;
    assert!(snapshot.pods.iter().all(|pod| Arc::ptr_eq(&pod.template, first)));
    let volumes: Vec<_> = first.spec.volumes.iter().flatten().map(|it| &it.name).collect();
    assert_eq!(volumes, ["v"]);
    assert_eq!(first.spec.node_name, None);
    assert_eq!(first.spec.service_account_name, None);
    assert_eq!(first.spec.init_containers.as_ref().unwrap()[0].image, None);
}

#[test]
fn the_order_of_fields_does_not_matter_for_sharing() {
    let one = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"priority": 3, "containers": [{"name": "c", "resources": {"requests": {"cpu": 1}}}]}}"#;
    let two = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"},
        "spec": {"containers": [{"resources": {"limits": {"cpu": "1"}}, "name": "c"}], "priority": 3}}"#;
    let snapshot = snapshot(&format!("{one}{two}"));
    assert!(Arc::ptr_eq(&snapshot.pods[0].template, &snapshot.pods[1].template));
}

#[test]
fn requests_are_defaulted_as_the_server_does() {
    let cases = [
        // A limit is the request where none is given.
        (
            "containers: [{name: c, resources: {limits: {cpu: 2}, requests: {memory: 1Gi}}}]",
            "cpu",
            2000,
        ),
        ("containers: [{name: c, resources: {limits: {cpu: 2}, requests: {cpu: 1}}}]", "cpu", 1000),
        // Numbers in the place of quantities, in every spelling.
        ("containers: [{name: c, resources: {requests: {cpu: 0.5}}}]", "cpu", 500),
        ("containers: [{name: c, resources: {requests: {cpu: 1e1}}}]", "cpu", 10_000),
        ("containers: [{name: c, resources: {requests: {memory: 1.5Gi}}}]", "memory", 3 << 29),
        (
            "containers: [{name: c, resources: {requests: {nvidia.com/gpu: 2}}}]",
            "nvidia.com/gpu",
            2,
        ),
        // Sidecars run beside the containers, other init containers before them.
        (
            "initContainers: [{name: s, restartPolicy: Always, resources: {requests: {cpu: 1}}}, \
             {name: i, resources: {requests: {cpu: 4}}}]\n  \
             containers: [{name: c, resources: {requests: {cpu: 2}}}]",
            "cpu",
            5000,
        ),
        (
            "initContainers: [{name: i, resources: {requests: {cpu: 4}}}, \
             {name: s, restartPolicy: Always, resources: {requests: {cpu: 3}}}]\n  \
             containers: [{name: c, resources: {requests: {cpu: 2}}}]",
            "cpu",
            5000,
        ),
        // Pod-level resources stand in the place of the containers'.
        (
            "resources: {requests: {cpu: 3}}\n  \
             containers: [{name: c, resources: {requests: {cpu: 2}}}]",
            "cpu",
            3000,
        ),
        ("resources: {limits: {cpu: 3}}\n  containers: [{name: c}]", "cpu", 3000),
        (
            "resources: {limits: {cpu: 3}}\n  \
             containers: [{name: c, resources: {requests: {cpu: 2}}}]",
            "cpu",
            2000,
        ),
        ("overhead: {cpu: 250m}\n  containers: [{name: c}]", "cpu", 250),
    ];
    for (text, resource, amount) in cases {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  {text}\n");
        let snapshot = snapshot(&text);
        let requests = pod_requests(spec(&snapshot, 0)).unwrap();
        assert_eq!(requests.get(resource), amount, "{text}");
        assert!(spec(&snapshot, 0).containers[0].resources.iter().all(|it| it.limits.is_none()));
    }
}

#[test]
fn host_ports_are_kept_and_completed() {
    let ports = |snapshot: &Snapshot| {
        let ports = spec(snapshot, 0).containers[0].ports.iter().flatten();
        ports.map(|it| (it.host_port, it.protocol.clone().unwrap())).collect::<Vec<_>>()
    };
    let text = |host: bool| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  hostNetwork: {host}\n  \
             containers: [{{name: c, ports: [{{containerPort: 80}}, {{containerPort: 53, \
             hostPort: 5353, protocol: UDP}}]}}]\n"
        )
    };
    assert_eq!(ports(&snapshot(&text(false))), [(Some(5353), "UDP".to_owned())]);
    let both = [(Some(80), "TCP".to_owned()), (Some(5353), "UDP".to_owned())];
    assert_eq!(ports(&snapshot(&text(true))), both);
}

#[test]
fn admission_fills_in_priority_limit_range_and_runtime_class() {
    let classes = "
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 77
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: usual}
value: 5
globalDefault: true
---
apiVersion: v1
kind: LimitRange
metadata: {name: l}
spec: {limits: [{type: Container, default: {cpu: 300m}, min: {memory: 64Mi}}]}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata}
handler: kata
overhead: {podFixed: {memory: 100Mi}}
scheduling: {nodeSelector: {kata: yes-please}}
---
";
    let pods = [
        ("a", "priorityClassName: high\n  runtimeClassName: kata"),
        ("b", "priorityClassName: system-node-critical"),
        ("c", ""),
        ("d", "priority: 1\n  runtimeClassName: gone\n  priorityClassName: lost"),
        ("e", "priorityClassName: lost"),
    ];
    let pods: String =
        pods.iter().map(|(name, spec)| format!("---\n{}", pod(name, spec))).collect();
    let snapshot = snapshot(&format!("{classes}{pods}"));
    let priorities: Vec<_> = (0..5).map(|it| spec(&snapshot, it).priority).collect();
    assert_eq!(priorities, [Some(77), Some(2_000_001_000), Some(5), Some(1), None]);
    let requests = pod_requests(spec(&snapshot, 0)).unwrap();
    assert_eq!((requests.get("cpu"), requests.get("memory")), (300, 164 << 20));
    assert_eq!(spec(&snapshot, 0).node_selector.as_ref().unwrap()["kata"], "yes-please");
    let missing = SkipReason::MissingReference;
    let expected =
        [("PriorityClass lost".to_owned(), missing), ("RuntimeClass gone".to_owned(), missing)];
    assert_eq!(skips(&snapshot), expected);
}

#[test]
fn a_resize_counts_with_the_larger_of_asked_and_allocated() {
    let pod = |status: &str| {
        snapshot(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a, uid: u}}\nspec:\n  nodeName: n1\n  \
             containers: [{{name: c, resources: {{requests: {{cpu: 1}}}}}}]\nstatus: {status}\n"
        ))
    };
    let statuses = |has: &str| format!("containerStatuses: [{{name: c, {has}}}]");
    let cases = [
        ("{}".to_owned(), None),
        (format!("{{{}}}", statuses("allocatedResources: {cpu: 1000m}")), None),
        (format!("{{{}}}", statuses("allocatedResources: {cpu: 500m}")), None),
        (format!("{{{}}}", statuses("allocatedResources: {cpu: 2}")), Some(2000)),
        (format!("{{{}}}", statuses("resources: {requests: {cpu: 3}}")), Some(3000)),
        (
            format!("{{resize: Infeasible, {}}}", statuses("allocatedResources: {cpu: 500m}")),
            Some(500),
        ),
    ];
    for (status, expected) in cases {
        let snapshot = pod(&status);
        let resized = snapshot.pods[0].resized.as_ref().map(|it| it.get("cpu"));
        assert_eq!(resized, expected, "{status}");
    }
}

#[test]
fn status_and_metadata_of_pods_are_kept() {
    let text = "
apiVersion: v1
kind: Pod
metadata:
  name: a
  namespace: shop
  uid: u-1
  creationTimestamp: \"2026-01-02T03:04:05Z\"
  deletionTimestamp: \"2026-01-02T04:04:05Z\"
  labels: {app: web}
  annotations: {karpenter.sh/do-not-disrupt: \"true\", other: x}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]
spec: {nodeName: n1, containers: [{name: c}]}
status: {phase: Failed, nominatedNodeName: n2}
";
    let snapshot = snapshot(text);
    let pod = &snapshot.pods[0];
    assert_eq!((&*pod.namespace, &*pod.name, &*pod.uid), ("shop", "a", "u-1"));
    let nominee = pod.nominated_node.as_ref().map(|it| &*it.node);
    assert_eq!((pod.node_name.as_deref(), nominee), (Some("n1"), Some("n2")));
    assert_eq!((pod.terminal, pod.deleting, pod.created), (true, true, 1_767_323_045));
    assert_eq!(pod.template.labels["app"], "web");
    assert_eq!(pod.template.annotations.len(), 1);
    assert_eq!(pod.template.owner_kind.as_deref(), Some("ReplicaSet"));
}

#[test]
fn cron_jobs_count_only_when_asked_for() {
    let text = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c}\nspec: {schedule: '* * * * *', \
                jobTemplate: {spec: {parallelism: 2, template: {spec: {containers: [{name: c}]}}}}}\n";
    let mut reader = Reader::new(ReadOptions::default());
    reader.add_bytes("in.yaml", text.as_bytes()).unwrap();
    let snapshot = reader.finish();
    assert_eq!(skips(&snapshot), [("CronJob default/c".to_owned(), SkipReason::NotWanted)]);
    assert_eq!(names(&read(text).unwrap()), ["default/c-1", "default/c-2"]);
}
