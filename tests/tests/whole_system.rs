//! The product's controllers against a control plane, embedded or real: pods that cannot be
//! scheduled get nodes, the plan comes true, and nodes that nobody needs leave.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt, api::ListParams};
use provisioner::api::v1::NodeClaim;
use serde_json::json;
use tenon_tests::{
    cluster::{Cluster, Options},
    engine::{self, Engine},
    kubelet::is_fake,
    objects,
};

/// Generous, for a slow machine; nothing waits that long when all is well.
const SOON: Duration = Duration::from_secs(120);

fn shop(name: &str, replicas: usize, cpu: &str, memory: &str) -> String {
    let labels = json!({ "app": name, "shop": "web" });
    let requests = json!({ "cpu": cpu, "memory": memory });
    objects::deployment(name, &labels, replicas, &requests).to_string()
}

/// The nodes of kwok's making; a real cluster may have others.
async fn nodes(client: Client) -> Result<Vec<Node>, kube::Error> {
    let all = Api::<Node>::all(client).list(&ListParams::default()).await?;
    Ok(all.items.into_iter().filter(is_fake).collect())
}

async fn nothing_left(cluster: &Cluster) {
    let gone = cluster.wait_until("no node and no claim is left", SOON, |client| async move {
        let claims = Api::<NodeClaim>::all(client.clone()).list(&ListParams::default()).await?;
        Ok(nodes(client).await?.is_empty() && claims.items.is_empty())
    });
    gone.await.expect("every node leaves when no pod needs it");
}

/// Every planned pod is bound to its planned node, and the counter says so too.
async fn all_landed_where_planned(cluster: &Cluster, engine: &Engine, pods: usize) {
    let claims = Api::<NodeClaim>::all(cluster.client());
    let claims = claims.list(&ListParams::default()).await.expect("an answer");
    let planned: usize = claims.iter().map(|claim| claim.planned_pods().len()).sum();
    assert_eq!(planned, pods);
    for pod in cluster.pods("shop=web").await.expect("an answer") {
        let host = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).expect("it runs");
        let claim = claims.iter().find(|claim| {
            claim.planned_pods().iter().any(|planned| planned.name == pod.name_any())
        });
        let status = claim.and_then(|claim| claim.status.as_ref()).expect("it is planned");
        assert_eq!(status.node_name.as_deref(), Some(host.as_str()), "{}", pod.name_any());
    }
    let landed = |place| engine.metric("tenon_pods_landed_total", Some(("where", place)));
    let counted = cluster.wait_until("all pods are counted as landed", SOON, |_| {
        let count = landed("planned") + landed("elsewhere");
        async move { Ok(count >= pods as f64) }
    });
    counted.await.expect("they are");
    assert_eq!((landed("planned"), landed("elsewhere")), (pods as f64, 0.0));
}

/// Nodes of three sizes come up at the same time, some of them with room to spare: no pod takes
/// room on one that is planned for another.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_gets_its_nodes_and_gives_them_back() {
    let cluster = Cluster::open(Options::seeded(1)).await.unwrap();
    let engine = Engine::start(&cluster, engine::Options::default()).await.unwrap();
    cluster.apply(&objects::general_pool()).await.unwrap();
    let trades = [
        ("frontend", 6, 40, "500m", "512Mi"),
        ("cart", 4, 16, "250m", "1Gi"),
        ("checkout", 3, 12, "900m", "2Gi"),
        ("search", 2, 10, "1500m", "6Gi"),
    ];
    for (name, morning, _, cpu, memory) in trades {
        cluster.apply(&shop(name, morning, cpu, memory)).await.unwrap();
    }
    cluster.pods_running("shop=web", 15, SOON).await.unwrap();
    for (name, _, noon, ..) in trades {
        cluster.scale(name, noon).await.unwrap();
    }
    cluster.pods_running("shop=web", 78, SOON).await.unwrap();

    let nodes = nodes(cluster.client()).await.unwrap();
    let claims = Api::<NodeClaim>::all(cluster.client());
    assert_eq!(nodes.len(), claims.list(&ListParams::default()).await.unwrap().items.len());
    all_landed_where_planned(&cluster, &engine, 78).await;

    for (name, ..) in trades {
        cluster.scale(name, 0).await.unwrap();
    }
    nothing_left(&cluster).await;
    engine.stop().await;
    cluster.stop().await;
}
