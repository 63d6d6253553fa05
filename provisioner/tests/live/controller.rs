//! The whole loop, from the first listing to claims on the server.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::http::StatusCode;
use prometheus::{Encoder, Registry, TextEncoder};
use provisioner::{
    control::{Controller, Settings, Window},
    refusals::Refusals,
};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    feed::pod,
    rounds::{catalog, plain_pool, settings},
    server::Server,
};

/// A controller at work.
struct Run {
    registry: Registry,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Run {
    fn start(server: &Server) -> Self {
        let registry = Registry::new();
        let (idle, most) = (Duration::from_millis(50), Duration::from_secs(5));
        let settings = Settings {
            window: Window { idle, most },
            period: Duration::from_millis(100),
            ..Settings::new(settings())
        };
        let refusals = Arc::new(Refusals::default());
        let catalog = Arc::new(catalog());
        let controller =
            Controller::new(server.client(), settings, catalog, refusals, &registry).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(controller.run(async move { drop(stopped.await) }));
        Self { registry, stop, task }
    }

    async fn end(self) -> String {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
        let mut text = vec![];
        TextEncoder::new().encode(&self.registry.gather(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }
}

/// Waits until something holds; a test that waits for ever is ended by its runner.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn planned(claims: &[Value]) -> Vec<String> {
    let listed = claims
        .iter()
        .filter_map(|claim| claim["metadata"]["annotations"]["tenon.sh/planned-pods"].as_str());
    listed.flat_map(|list| list.split(',').map(str::to_owned)).collect()
}

#[tokio::test]
async fn pending_pods_get_claims_once() {
    let server = Server::default();
    // Kinds that are not installed are no reason to wait.
    server.refuse("aksnodeclasses", StatusCode::NOT_FOUND);
    server.put("nodepools", plain_pool());
    for at in 0..200 {
        server.put("pods", pod(&format!("web-{at}"), "1"));
    }
    let run = Run::start(&server);
    until(|| planned(&server.objects("nodeclaims")).len() == 200).await;
    let first = server.objects("nodeclaims");
    let rounds: BTreeSet<&str> = first
        .iter()
        .map(|claim| claim["metadata"]["annotations"]["tenon.sh/round"].as_str().unwrap())
        .collect();
    assert_eq!(rounds.len(), 1, "one round made them all");
    // A pod too large for what is left has a later round make one more claim, and only that.
    server.put("pods", pod("late", "7"));
    until(|| planned(&server.objects("nodeclaims")).len() == 201).await;
    let claims = server.objects("nodeclaims");
    assert_eq!(claims.len(), first.len() + 1);
    let pods = planned(&claims);
    assert_eq!(pods.iter().collect::<BTreeSet<_>>().len(), pods.len(), "no pod is listed twice");
    let metrics = run.end().await;
    let created = format!(
        "karpenter_nodeclaims_created_total{{min_values_relaxed=\"false\",nodepool=\"general\",\
         reason=\"provisioned\"}} {}",
        claims.len()
    );
    assert!(metrics.contains(&created), "{metrics}");
}

#[tokio::test]
async fn pods_that_fit_a_standing_node_are_nominated_and_told_apart_when_they_land() {
    let server = Server::default();
    server.put("nodepools", plain_pool());
    server.put(
        "nodes",
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1"}},
            "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "30"}}
        }),
    );
    for name in ["web-0", "web-1"] {
        server.put("pods", pod(name, "1"));
    }
    let run = Run::start(&server);
    let nominated = || {
        let pods = server.objects("pods");
        pods.iter().filter(|pod| pod["status"]["nominatedNodeName"] == "node-1").count()
    };
    until(|| nominated() == 2).await;
    assert!(server.objects("nodeclaims").is_empty());
    for (name, node) in [("web-0", "node-1"), ("web-1", "node-2")] {
        let mut bound = pod(name, "1");
        bound["spec"]["nodeName"] = json!(node);
        server.put("pods", bound);
    }
    // Something that calls for a round, so that the landings have been counted before the end.
    server.put("pods", pod("large", "8"));
    until(|| !server.objects("events").is_empty()).await;
    let metrics = run.end().await;
    for place in ["planned", "elsewhere"] {
        let line = format!("tenon_pods_landed_total{{where=\"{place}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    let events = server.objects("events");
    assert_eq!(events[0]["reason"], "FailedScheduling");
    assert_eq!(events[0]["regarding"]["name"], "large");
}

#[tokio::test]
async fn static_pools_get_their_nodes() {
    let server = Server::default();
    let mut fixed = plain_pool();
    fixed["spec"]["replicas"] = json!(3);
    server.put("nodepools", fixed);
    let run = Run::start(&server);
    until(|| server.objects("nodeclaims").len() == 3).await;
    let claims = server.objects("nodeclaims");
    for claim in &claims {
        let offerings = claim["metadata"]["annotations"]["tenon.sh/offerings"].as_str().unwrap();
        assert!(offerings.starts_with("small/"), "the cheapest first: {offerings}");
    }
    let metrics = run.end().await;
    assert!(metrics.contains("reason=\"static\"} 3"), "{metrics}");
}
