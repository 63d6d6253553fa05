use std::time::Duration;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt;
use provisioner::api::v1::is_true;
use serde_json::json;
use tenon_tests::control_plane::{Fault, Rule};

use super::scene::{Scene, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_becomes_a_node_that_its_pods_are_nominated_to() {
    let scene = Scene::start().await;
    scene.waiting_pod("web").await;
    let _running = scene.run();
    let plan = json!({
        "tenon.sh/offerings": "c-4x-amd64-linux/test-zone-b/on-demand",
        "tenon.sh/planned-pods": format!("{0}/web,{0}/gone", scene.cluster.namespace()),
    });
    let spec = json!({
        "taints": [{ "key": "dedicated", "effect": "NoSchedule" }],
        "resources": { "requests": { "cpu": "1" } },
    });
    scene.claim("a", plan, spec).await;
    scene.until_initialized("a").await;

    let claim = scene.claims().get("a").await.expect("is there");
    let status = claim.status.clone().expect("has one");
    assert_eq!(status.provider_id.as_deref(), Some("kwok://a"));
    assert_eq!(status.node_name.as_deref(), Some("a"));
    until("the claim is ready", async || {
        let claim = scene.claims().get("a").await.expect("is there");
        ["Launched", "Registered", "Initialized", "Ready", "ConsistentStateFound"]
            .iter()
            .all(|kind| is_true(claim.conditions(), kind))
    })
    .await;

    let node = scene.nodes().get("a").await.expect("is there");
    for (key, value) in [
        ("karpenter.sh/nodepool", "default"),
        ("karpenter.sh/registered", "true"),
        ("karpenter.sh/initialized", "true"),
        ("karpenter.sh/capacity-type", "on-demand"),
        ("topology.kubernetes.io/zone", "test-zone-b"),
        ("node.kubernetes.io/instance-type", "c-4x-amd64-linux"),
        ("kubernetes.io/arch", "amd64"),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/hostname", "a"),
        ("kwok.x-k8s.io/node", "fake"),
        ("karpenter.kwok.sh/kwoknodeclass", "default"),
    ] {
        assert_eq!(node.labels().get(key).map(String::as_str), Some(value), "{key}");
    }
    let taints = node.spec.expect("has one").taints.unwrap_or_default();
    let keys: Vec<&str> = taints.iter().map(|taint| taint.key.as_str()).collect();
    assert_eq!(keys, ["dedicated"]);
    let capacity = node.status.expect("has one").capacity.expect("has one");
    assert_eq!(capacity["cpu"], Quantity("4".to_owned()), "the type's, not the requests");
    assert_eq!(scene.nominee("web").await.as_deref(), Some("a"));
    scene.stop().await;
}

/// kube-scheduler clears a nomination whenever it tries the pod in vain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_nomination_is_renewed_and_that_of_another_respected() {
    let scene = Scene::start().await;
    scene.waiting_pod("web").await;
    let _running = scene.run();
    let plan = json!({
        "tenon.sh/offerings": "c-4x-amd64-linux/test-zone-b/on-demand",
        "tenon.sh/planned-pods": format!("{}/web", scene.cluster.namespace()),
    });
    scene.claim("a", plan, json!({})).await;
    scene.until_initialized("a").await;
    scene.nominate("web", None).await;
    until("the nomination is renewed", async || scene.nominee("web").await.as_deref() == Some("a"))
        .await;
    scene.nominate("web", Some("b")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.nominee("web").await.as_deref(), Some("b"));
    scene.stop().await;
}

/// A server may answer a creation with a conflict that has nothing to do with the object's name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_could_not_be_made_is_made_later() {
    let scene = Scene::start().await;
    // Only the stand-in misbehaves at will.
    if let Some(plane) = scene.cluster.control_plane() {
        plane.faults().set(vec![Rule {
            user_agent: String::new(),
            verbs: vec!["create"],
            resource: "nodes".to_owned(),
            percent: 100,
            fault: Fault::Conflict,
        }]);
        let _running = scene.run();
        let plan = json!({ "tenon.sh/offerings": "c-4x-amd64-linux/test-zone-b/on-demand" });
        scene.claim("a", plan, json!({})).await;
        until("the server refuses the node", async || {
            let records = plane.audit().records();
            records.iter().any(|one| (one.verb, &*one.resource) == ("create", "nodes"))
        })
        .await;
        plane.faults().set(vec![]);
        scene.until_initialized("a").await;
    }
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_moves_to_the_next_offering_and_is_remembered() {
    let mut scene = Scene::start().await;
    scene.cloud.faults.refuse = vec!["c-4x-*".parse().expect("rule")];
    let _running = scene.run();
    let offerings = "c-4x-amd64-linux/test-zone-a/spot,s-4x-amd64-linux/test-zone-a/spot";
    scene.claim("a", json!({ "tenon.sh/offerings": offerings }), json!({})).await;
    scene.until_initialized("a").await;
    let node = scene.nodes().get("a").await.expect("is there");
    assert_eq!(node.labels()["node.kubernetes.io/instance-type"], "s-4x-amd64-linux");
    let refused = scene.refusals.list(jiff::Timestamp::now());
    let named: Vec<&str> = refused.iter().map(|it| it.offering.instance_type.as_str()).collect();
    assert_eq!(named, ["c-4x-amd64-linux"]);

    let only = "c-4x-amd64-linux/test-zone-b/spot";
    scene.claim("b", json!({ "tenon.sh/offerings": only }), json!({})).await;
    scene.until_gone("b").await;
    until("the event is told", async || {
        scene.event_reasons().await.iter().any(|one| one == "InsufficientCapacityError")
    })
    .await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_register_in_time_is_given_up() {
    let mut scene = Scene::start().await;
    scene.cloud.node_registration_delay = jiff::SignedDuration::from_hours(1);
    scene.settings.registration_timeout = jiff::SignedDuration::from_secs(2);
    let _running = scene.run();
    let offerings = "c-4x-amd64-linux/test-zone-a/spot";
    scene.claim("a", json!({ "tenon.sh/offerings": offerings }), json!({})).await;
    until("the machine is launched", async || {
        let claim = scene.claims().get("a").await.expect("is there");
        is_true(claim.conditions(), "Launched")
    })
    .await;
    scene.until_gone("a").await;
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_of_karpenter_gets_the_cheapest_that_suits_it() {
    let scene = Scene::start().await;
    let _running = scene.run();
    let spec = json!({
        "requirements": [
            { "key": "kubernetes.io/os", "operator": "In", "values": ["linux"] },
            { "key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"] },
        ],
        "resources": { "requests": { "cpu": "3", "memory": "10Gi" } },
    });
    scene.claim("a", json!({}), spec).await;
    scene.until_initialized("a").await;
    let node = scene.nodes().get("a").await.expect("is there");
    assert_eq!(node.labels()["node.kubernetes.io/instance-type"], "s-4x-amd64-linux");
    assert_eq!(node.labels()["karpenter.sh/capacity-type"], "on-demand");
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_at_any_point_neither_leak_nor_double_machines() {
    const CLAIMS: usize = 10;
    let scene = Scene::start().await;
    let offerings = "c-4x-amd64-linux/test-zone-a/spot";
    for number in 0..CLAIMS {
        let name = format!("a{number}");
        scene.claim(&name, json!({ "tenon.sh/offerings": offerings }), json!({})).await;
    }
    for life in 0..12 {
        let running = scene.run();
        tokio::time::sleep(Duration::from_millis(20 + 7 * life)).await;
        drop(running);
    }
    let running = scene.run();
    for number in 0..CLAIMS {
        scene.until_initialized(&format!("a{number}")).await;
    }
    assert_eq!(scene.count_nodes().await, CLAIMS);
    drop(running);

    for number in 0..CLAIMS {
        let api = scene.claims();
        api.delete(&format!("a{number}"), &Default::default()).await.expect("is there");
    }
    for life in 0..12 {
        let running = scene.run();
        tokio::time::sleep(Duration::from_millis(20 + 7 * life)).await;
        drop(running);
    }
    let _running = scene.run();
    for number in 0..CLAIMS {
        scene.until_gone(&format!("a{number}")).await;
    }
    assert_eq!(scene.count_nodes().await, 0);
    scene.stop().await;
}
