use std::{pin::pin, time::Duration};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, WatchEvent, WatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tenon_tests::control_plane::{ControlPlane, Options};

use super::{create, pod, start};

/// The kind of an event and the name of its object.
fn brief(event: &WatchEvent<Pod>) -> String {
    let name = |pod: &Pod| pod.metadata.name.clone().unwrap_or_default();
    match event {
        WatchEvent::Added(pod) => format!("added {}", name(pod)),
        WatchEvent::Modified(pod) => format!("modified {}", name(pod)),
        WatchEvent::Deleted(pod) => format!("deleted {}", name(pod)),
        WatchEvent::Bookmark(_) => "bookmark".to_owned(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

#[tokio::test]
async fn a_watch_goes_on_from_a_revision_and_obeys_selectors() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let first = create(&pods, &pod("a", json!({"team": "red"}))).await;
    create(&pods, &pod("b", json!({"team": "blue"}))).await;
    let label = |team| Patch::Merge(json!({"metadata": {"labels": {"team": team}}}));
    let params = PatchParams::default();
    pods.patch("b", &params, &label("red")).await.unwrap();
    pods.patch("a", &params, &label("blue")).await.unwrap();
    pods.delete("b", &DeleteParams::default()).await.unwrap();
    let from = first.metadata.resource_version.unwrap();
    let red = WatchParams::default().labels("team=red").disable_bookmarks();
    let events = pin!(pods.watch(&red, &from).await.unwrap());
    let events: Vec<_> = events.take(3).try_collect().await.unwrap();
    let events: Vec<_> = events.iter().map(brief).collect();
    assert_eq!(events, ["added b", "deleted a", "deleted b"]);
}

#[tokio::test]
async fn a_revision_that_was_compacted_is_gone() {
    let (plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let first = create(&pods, &pod("a", json!({}))).await;
    create(&pods, &pod("b", json!({}))).await;
    plane.store().compact();
    let from = first.metadata.resource_version.unwrap();
    let mut events = pin!(pods.watch(&WatchParams::default(), &from).await.unwrap());
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(brief(&event), "error 410");
}

#[tokio::test]
async fn bookmarks_come_when_they_are_allowed() {
    let options = Options { bookmark_every: Duration::from_millis(20), ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(plane.client("test"));
    let made = create(&pods, &pod("a", json!({}))).await;
    let from = made.metadata.resource_version.unwrap();
    let mut events = pin!(pods.watch(&WatchParams::default(), &from).await.unwrap());
    let WatchEvent::Bookmark(mark) = events.next().await.unwrap().unwrap() else {
        panic!("nothing else has happened");
    };
    assert!(mark.metadata.resource_version.parse::<u64>().unwrap() >= from.parse().unwrap());
}

#[tokio::test]
async fn watchers_of_both_kinds_see_what_is_there_and_what_comes() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    create(&pods, &pod("a", json!({}))).await;
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut seen = pin!(watcher(pods.clone(), config).applied_objects());
        let a = seen.next().await.unwrap().unwrap();
        assert_eq!(a.metadata.name.as_deref(), Some("a"));
        create(&pods, &pod("b", json!({}))).await;
        let b = seen.next().await.unwrap().unwrap();
        assert_eq!(b.metadata.name.as_deref(), Some("b"));
        pods.delete("b", &DeleteParams::default()).await.unwrap();
    }
}
