//! The product's controllers against a control plane, embedded or real: pods that cannot be
//! scheduled get nodes, the plan comes true, and nodes that nobody needs leave.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt, api::ListParams};
use provisioner::api::{
    crd,
    v1::{NodeClaim, NodePool},
};
use serde_json::{Value, json};
use tenon_tests::{
    cluster::{self, Cluster, Options},
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

/// Takes the rules in CEL out of a definition, as definitions were before they had any.
fn forget_rules(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("x-kubernetes-validations");
        fields.values_mut().for_each(forget_rules);
    }
    schema.as_array_mut().into_iter().flatten().for_each(forget_rules);
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

/// Every pod that a claim was planned for is bound to the claim's node, and the counter says so too.
/// On the embedded control plane these are all; on a real one all but a few, for a pod that comes late
/// may find room that a node has to spare.
async fn all_landed_where_planned(cluster: &Cluster, engine: &Engine, pods: usize) {
    let claims = Api::<NodeClaim>::all(cluster.client());
    let claims = claims.list(&ListParams::default()).await.expect("an answer");
    let planned: usize = claims.iter().map(|claim| claim.planned_pods().len()).sum();
    let least = if cluster::is_real() { pods - pods / 10 } else { pods };
    assert!((least..=pods).contains(&planned), "{planned} of {pods} planned");
    for pod in cluster.pods("shop=web").await.expect("an answer") {
        let host = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).expect("it runs");
        let lists = |claim: &&NodeClaim| {
            claim.planned_pods().iter().any(|planned| planned.name == pod.name_any())
        };
        let Some(claim) = claims.iter().find(lists) else { continue };
        let status = claim.status.as_ref().expect("it has a node");
        assert_eq!(status.node_name.as_deref(), Some(host.as_str()), "{}", pod.name_any());
    }
    let landed = |place| engine.metric("tenon_pods_landed_total", Some(("where", place)));
    let counted = cluster.wait_until("all pods are counted as landed", SOON, |_| {
        let count = landed("planned") + landed("elsewhere");
        async move { Ok(count >= planned as f64) }
    });
    counted.await.expect("they are");
    assert!((planned as f64..=pods as f64).contains(&landed("planned")));
    assert_eq!(landed("elsewhere"), 0.0);
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

/// The definitions do not look at objects that they are older than, so that the pool itself has to
/// tell. It would be preferred if it could be used.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_from_before_the_rules_says_what_is_wrong_and_holds_up_no_other() {
    let cluster = Cluster::start(Options::seeded(1)).await.unwrap();
    for (_, mut definition) in crd::all() {
        forget_rules(&mut definition);
        cluster.apply(&crd::to_yaml(&definition)).await.unwrap();
    }
    let own = json!({ "key": "karpenter.sh/own", "operator": "Exists" });
    let mut old = objects::pool("old", &[own]);
    old["spec"]["weight"] = json!(100);
    cluster.apply(&old.to_string()).await.unwrap();
    let engine = Engine::start(&cluster, engine::Options::default()).await.unwrap();
    old["metadata"]["name"] = json!("new");
    cluster.apply(&old.to_string()).await.expect_err("by now there are rules");

    cluster.apply(&objects::general_pool()).await.unwrap();
    cluster.apply(&shop("web", 3, "1", "1Gi")).await.unwrap();
    cluster.pods_running("shop=web", 3, SOON).await.unwrap();
    let claims = Api::<NodeClaim>::all(cluster.client());
    for claim in claims.list(&ListParams::default()).await.unwrap() {
        assert_eq!(claim.pool(), Some("general"));
    }
    let pools = Api::<NodePool>::all(cluster.client());
    let (field, key) = ("spec.template.spec.requirements[3].key", "\"karpenter.sh/own\"");
    let told = cluster.wait_until("the pool says what is wrong", SOON, |_| async {
        let conditions = pools.get_status("old").await?.status.unwrap_or_default().conditions;
        let says = |kind: &str, reason: &str| {
            let mut found = conditions.iter().filter(|one| one.type_ == kind);
            found.any(|one| {
                (one.status.as_str(), one.reason.as_str()) == ("False", reason)
                    && one.message.contains(field)
                    && one.message.contains(key)
            })
        };
        Ok(says("ValidationSucceeded", "NodePoolValidationFailed")
            && says("Ready", "UnhealthyDependents"))
    });
    told.await.unwrap();
    engine.stop().await;
    cluster.stop().await;
}
