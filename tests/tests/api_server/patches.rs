use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{create, pod, refused, start};

#[tokio::test]
async fn strategic_patches_merge_lists_by_key() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    create(&pods, &pod("a", json!({}))).await;
    let params = PatchParams::default();
    let condition = |kind: &str, status: &str| {
        Patch::Strategic(json!({"status": {"conditions": [{"type": kind, "status": status}]}}))
    };
    for (kind, status) in [("Ready", "False"), ("PodScheduled", "True"), ("Ready", "True")] {
        pods.patch_status("a", &params, &condition(kind, status)).await.unwrap();
    }
    let found = pods.get("a").await.unwrap().status.unwrap().conditions.unwrap();
    let found: Vec<_> = found.iter().map(|it| format!("{}={}", it.type_, it.status)).collect();
    assert_eq!(found, ["Ready=True", "PodScheduled=True"]);

    let gone = Patch::Strategic(json!({"status": {"conditions": [
        {"type": "Ready", "$patch": "delete"}
    ]}}));
    let left = pods.patch_status("a", &params, &gone).await.unwrap().status.unwrap();
    assert_eq!(left.conditions.unwrap().len(), 1);

    let image = Patch::Strategic(json!({"spec": {"containers": [
        {"name": "main", "image": "app:2"}
    ]}}));
    let changed = pods.patch("a", &params, &image).await.unwrap();
    assert_eq!(changed.spec.unwrap().containers[0].image.as_deref(), Some("app:2"));
    let command = Patch::Strategic(json!({"spec": {"nodeSelector": {"a": "b"}}}));
    assert_eq!(refused(pods.patch("a", &params, &command).await).code, 422);
}

#[tokio::test]
async fn json_patches_fail_as_a_whole() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    create(&pods, &pod("a", json!({"x": "1"}))).await;
    let patch = |test: &str| -> Patch<Value> {
        let operations = json!([
            {"op": "test", "path": "/metadata/labels/x", "value": test},
            {"op": "replace", "path": "/metadata/labels/x", "value": "2"}
        ]);
        Patch::Json(serde_json::from_value(operations).unwrap())
    };
    let params = PatchParams::default();
    assert_eq!(refused(pods.patch("a", &params, &patch("9")).await).code, 422);
    let changed = pods.patch("a", &params, &patch("1")).await.unwrap();
    assert_eq!(changed.metadata.labels.unwrap()["x"], "2");
}

#[tokio::test]
async fn applied_fields_belong_to_their_manager() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let config = |labels: Value| {
        Patch::Apply(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "labels": labels},
            "spec": {"containers": [{"name": "main", "image": "app:1"}]}
        }))
    };
    let one = PatchParams::apply("one");
    let two = PatchParams::apply("two");
    let made = pods.patch("a", &one, &config(json!({"x": "1", "y": "1"}))).await.unwrap();
    assert_eq!(made.metadata.managed_fields.unwrap()[0].manager.as_deref(), Some("one"));

    let conflict = refused(pods.patch("a", &two, &config(json!({"x": "2"}))).await);
    assert_eq!(conflict.code, 409);
    let causes = conflict.details.unwrap().causes;
    assert_eq!(causes[0].reason, "FieldManagerConflict");
    assert_eq!(causes[0].field, ".metadata.labels.x");

    let forced = pods.patch("a", &two.clone().force(), &config(json!({"x": "2"}))).await.unwrap();
    assert_eq!(forced.metadata.labels.unwrap()["x"], "2");
    // The first manager no longer wants `y`, which nobody else owns.
    let fewer = pods.patch("a", &one, &config(json!({}))).await.unwrap();
    let labels = fewer.metadata.labels.unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["x"]);
    let same = pods.patch("a", &one, &config(json!({}))).await.unwrap();
    assert_eq!(fewer.metadata.resource_version, same.metadata.resource_version);
}
