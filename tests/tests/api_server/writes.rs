use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod, scheduling::v1::PriorityClass};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tenon_tests::control_plane::{Fault, Rule};

use super::{create, object, pod, refused, start};

#[tokio::test]
async fn a_new_pod_gets_the_servers_defaults() {
    let (_plane, client) = start().await;
    let classes: Api<PriorityClass> = Api::all(client.clone());
    let class = object(json!({"metadata": {"name": "high"}, "value": 7}));
    classes.create(&PostParams::default(), &class).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client);
    let mut new = pod("a", json!({}));
    let spec = new.spec.as_mut().unwrap();
    spec.priority_class_name = Some("high".to_owned());
    spec.containers[0].resources =
        Some(object(json!({"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}})));
    let made = create(&pods, &new).await;
    let spec = made.spec.unwrap();
    assert_eq!(spec.priority, Some(7));
    assert_eq!(spec.scheduler_name.as_deref(), Some("default-scheduler"));
    assert_eq!(spec.tolerations.unwrap().len(), 2);
    let requests = spec.containers[0].resources.as_ref().unwrap().requests.clone().unwrap();
    assert_eq!(requests["cpu"].0, "1");
    assert_eq!(made.status.unwrap().phase.as_deref(), Some("Pending"));
    assert!(made.metadata.uid.is_some() && made.metadata.creation_timestamp.is_some());

    let again = refused(pods.create(&PostParams::default(), &new).await);
    assert_eq!((again.code, again.reason.as_str()), (409, "AlreadyExists"));
    new.metadata.name = Some("b".to_owned());
    new.spec.as_mut().unwrap().priority_class_name = Some("none".to_owned());
    let forbidden = refused(pods.create(&PostParams::default(), &new).await);
    assert_eq!((forbidden.code, forbidden.reason.as_str()), (403, "Forbidden"));
}

#[tokio::test]
async fn a_stale_write_conflicts_and_a_needless_one_changes_nothing() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    let first = create(&pods, &pod("a", json!({"x": "1"}))).await;
    let merge = Patch::Merge(json!({"metadata": {"labels": {"x": "2"}}}));
    let second = pods.patch("a", &PatchParams::default(), &merge).await.unwrap();
    assert_ne!(first.metadata.resource_version, second.metadata.resource_version);
    let same = pods.patch("a", &PatchParams::default(), &merge).await.unwrap();
    assert_eq!(second.metadata.resource_version, same.metadata.resource_version);
    let stale = refused(pods.replace("a", &PostParams::default(), &first).await);
    assert_eq!((stale.code, stale.reason.as_str()), (409, "Conflict"));
}

#[tokio::test]
async fn status_changes_only_through_its_subresource() {
    let (_plane, client) = start().await;
    let deployments: Api<Deployment> = Api::default_namespaced(client);
    let new = object(json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": "app"}]}
            }
        },
        "status": {"replicas": 5}
    }));
    let made = deployments.create(&PostParams::default(), &new).await.unwrap();
    assert_eq!(made.status.unwrap().replicas, None);
    assert_eq!(made.metadata.generation, Some(1));
    let both = Patch::Merge(json!({"spec": {"replicas": 3}, "status": {"replicas": 2}}));
    let params = PatchParams::default();
    let status = deployments.patch_status("web", &params, &both).await.unwrap();
    assert_eq!(status.spec.replicas, Some(1));
    assert_eq!(status.status.unwrap().replicas, Some(2));
    assert_eq!(status.metadata.generation, Some(1));
    let main = deployments.patch("web", &params, &both).await.unwrap();
    assert_eq!(main.spec.replicas, Some(3));
    assert_eq!(main.metadata.generation, Some(2));
    let scale = Patch::Merge(json!({"spec": {"replicas": 8}}));
    let scaled = deployments.patch_scale("web", &params, &scale).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(8));
    assert_eq!(scaled.status.unwrap().selector.as_deref(), Some("app=web"));
}

#[tokio::test]
async fn lists_obey_selectors_and_come_in_consistent_chunks() {
    let (_plane, client) = start().await;
    let pods: Api<Pod> = Api::default_namespaced(client);
    for nth in 0..5 {
        create(&pods, &pod(&format!("p{nth}"), json!({"nth": nth.to_string()}))).await;
    }
    let names = |found: kube::core::ObjectList<Pod>| -> Vec<String> {
        found.items.into_iter().filter_map(|it| it.metadata.name).collect()
    };
    for (labels, wanted) in [
        ("nth in (1,3)", vec!["p1", "p3"]),
        ("nth notin (0,1,2),nth", vec!["p3", "p4"]),
        ("nth>2", vec!["p3", "p4"]),
        ("!nth", vec![]),
        ("nth!=0,nth!=1,nth!=2,nth!=3", vec!["p4"]),
    ] {
        let found = pods.list(&ListParams::default().labels(labels)).await.unwrap();
        assert_eq!(names(found), wanted, "{labels}");
    }
    let fields = "spec.nodeName=,status.phase=Pending,metadata.name=p2";
    let found = pods.list(&ListParams::default().fields(fields)).await.unwrap();
    assert_eq!(names(found), ["p2"]);
    let unknown = refused(pods.list(&ListParams::default().fields("spec.colour=red")).await);
    assert_eq!(unknown.code, 400);

    let first = pods.list(&ListParams::default().limit(2)).await.unwrap();
    let token = first.metadata.continue_.clone().expect("there are more");
    assert_eq!(names(first), ["p0", "p1"]);
    create(&pods, &pod("p15", json!({}))).await;
    let rest = pods.list(&ListParams::default().continue_token(&token)).await.unwrap();
    assert_eq!(names(rest), ["p2", "p3", "p4"], "the pod came after the first chunk");
}

#[tokio::test]
async fn faults_strike_only_whom_they_are_meant_for() {
    let (plane, client) = start().await;
    let rule = |fault| Rule {
        user_agent: "victim".to_owned(),
        verbs: vec!["list"],
        resource: "pods".to_owned(),
        percent: 100,
        fault,
    };
    let pods: Api<Pod> = Api::default_namespaced(client);
    let hit: Api<Pod> = Api::default_namespaced(plane.client("victim/2"));
    plane.faults().set(vec![rule(Fault::TooManyRequests(3))]);
    let refusal = refused(hit.list(&ListParams::default()).await);
    assert_eq!(refusal.code, 429);
    assert_eq!(refusal.details.unwrap().retry_after_seconds, 3);
    pods.list(&ListParams::default()).await.unwrap();
    plane.faults().set(vec![rule(Fault::DropBefore)]);
    let broken = hit.list(&ListParams::default()).await.unwrap_err();
    assert!(!matches!(broken, kube::Error::Api(_)), "{broken}");

    create(&pods, &pod("a", json!({}))).await;
    plane.faults().set(vec![rule(Fault::StaleRead(1))]);
    let any = ListParams::default().match_any();
    assert!(hit.list(&any).await.unwrap().items.is_empty());
    assert_eq!(hit.list(&ListParams::default()).await.unwrap().items.len(), 1);
    let asked = plane.audit().take();
    assert!(asked.iter().any(|it| it.verb == "create" && it.resource == "pods" && it.code == 201));
}
