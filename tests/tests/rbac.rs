//! The roles that `deploy/` installs, held to by the API server while the controllers do all that
//! they ever do: nothing is refused, and nothing is granted that is not needed.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Node, Pod},
    storage::v1::VolumeAttachment,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use provisioner::{
    api::v1::{NodeClaim, NodePool},
    leader::{Candidate, End, Timing},
};
use serde_json::{Value, json};
use tenon_tests::{
    cluster::{Cluster, Options},
    control_plane::Grant,
    engine::{self, Engine},
    objects,
};

/// Generous, for a slow machine; nothing waits that long when all is well.
const SOON: Duration = Duration::from_secs(120);
/// As who the controllers ask.
const TENON: &str = "tenon";

fn roles() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/manifests/tenon.yaml");
    let text = std::fs::read_to_string(path).expect("the manifests are there");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("they are YAML");
    let is_role = |one: &Value| matches!(one["kind"].as_str(), Some("ClusterRole" | "Role"));
    objects.into_iter().filter(is_role).collect()
}

/// A definition with nothing in it but names.
fn definition(group: &str, version: &str, kind: &str) -> String {
    let (singular, plural) = (kind.to_lowercase(), format!("{}es", kind.to_lowercase()));
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Cluster",
            "names": {"kind": kind, "plural": plural, "singular": singular},
            "versions": [{"name": version, "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}
            }}]
        }
    })
    .to_string()
}

/// A pool whose node class is of another cloud.
fn foreign_pool(name: &str, group: &str, kind: &str) -> String {
    let class = json!({"group": group, "kind": kind, "name": "default"});
    json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name},
        "spec": {"template": {"spec": {"nodeClassRef": class, "requirements": []}}}
    })
    .to_string()
}

/// The shop.
fn web(replicas: usize) -> String {
    let labels = json!({"app": "web", "shop": "web"});
    objects::deployment("web", &labels, replicas, &json!({"cpu": "700m"})).to_string()
}

/// A pod that stays on a node to its end, with a volume; and another volume that is attached.
fn volumes(node: &str) -> Vec<String> {
    let volume = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                     "csi": {"driver": "disk.example.com", "volumeHandle": name}}
        })
    };
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "kept", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "volumeName": "kept",
                 "resources": {"requests": {"storage": "1Gi"}}}
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stays", "namespace": "default"},
        "spec": {
            "nodeName": node, "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "app", "image": "agent"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}]
        }
    });
    let attachment = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment",
        "metadata": {"name": "attached"},
        "spec": {"attacher": "disk.example.com", "nodeName": node,
                 "source": {"persistentVolumeName": "other"}}
    });
    [volume("kept"), volume("other"), claim, pod, attachment].map(|one| one.to_string()).into()
}

/// A static pool of one node, which is lost as soon as it is there.
fn doomed_pool() -> String {
    let mut pool = objects::pool("doomed", &[]);
    let spot = json!({"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]});
    pool["spec"]["template"]["spec"]["requirements"] = json!([spot]);
    pool["spec"]["disruption"] = json!({});
    pool["spec"]["replicas"] = json!(1);
    pool.to_string()
}

const BUDGET: &str = "
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec: {maxUnavailable: 0, selector: {matchLabels: {shop: web}}}
";

struct Scene {
    cluster: Cluster,
}

impl Scene {
    fn all<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = ()>,
    {
        Api::all(self.cluster.client())
    }

    async fn apply(&self, documents: impl IntoIterator<Item = String>) {
        for document in documents {
            self.cluster.apply(&document).await.expect("the server takes it");
        }
    }

    /// The claim of a node on which a pod of the shop runs, and the node.
    async fn busy(&self) -> (String, String) {
        let pods = self.cluster.pods("shop=web").await.expect("the server takes it");
        let node =
            pods.iter().find_map(|pod| pod.spec.as_ref()?.node_name.clone()).expect("one runs");
        let claims = self
            .all::<NodeClaim>()
            .list(&ListParams::default())
            .await
            .expect("the server takes it");
        let of_node = |claim: &&NodeClaim| {
            claim.status.as_ref().is_some_and(|status| status.node_name.as_deref() == Some(&node))
        };
        (claims.iter().find(of_node).expect("every node has a claim").name_any(), node)
    }

    /// Waits until `condition` holds; what was refused may tell why it does not.
    async fn until<F>(&self, what: &str, condition: impl FnMut(kube::Client) -> F)
    where
        F: Future<Output = Result<bool, kube::Error>>,
    {
        if let Err(error) = self.cluster.wait_until(what, SOON, condition).await {
            let permissions =
                self.cluster.control_plane().expect("a stand-in").authorizer().permissions(TENON);
            panic!("{error}; refused were {:?}", permissions.expect("it is bound").refused);
        }
    }

    async fn delete_claim(&self, name: &str) {
        self.all::<NodeClaim>()
            .delete(name, &DeleteParams::default())
            .await
            .expect("the server takes it");
    }

    async fn claim_is_gone(&self, name: &str) {
        self.until("the claim is gone", |client| async move {
            Ok(Api::<NodeClaim>::all(client).get_opt(name).await?.is_none())
        })
        .await;
    }

    /// Waits for a condition of a pool with this reason.
    async fn pool_says(&self, name: &str, reason: &str) {
        self.until(reason, |client| async move {
            let pool = Api::<NodePool>::all(client).get(name).await?;
            let conditions = pool.status.map(|status| status.conditions).unwrap_or_default();
            Ok(conditions.iter().any(|one| one.reason == reason))
        })
        .await;
    }

    /// A node with volumes is drained: what stays there keeps its volume, the other must go first.
    async fn drain_with_volumes(&self) {
        let (claim, node) = self.busy().await;
        self.apply(volumes(&node)).await;
        self.until("the pod runs", |client| async move {
            let pod = Api::<Pod>::namespaced(client, "default").get("stays").await?;
            Ok(tenon_tests::cluster::is_running(&pod))
        })
        .await;
        // Claims from now on do not wait for ever; this one does, so that its volume counts.
        let soon = json!({"spec": {"template": {"spec": {"terminationGracePeriod": "1s"}}}});
        let pools = self.all::<NodePool>();
        pools
            .patch("general", &PatchParams::default(), &Patch::Merge(soon))
            .await
            .expect("the server takes it");
        let old = self
            .all::<NodeClaim>()
            .list(&ListParams::default())
            .await
            .expect("the server takes it");
        for claim in &old {
            self.delete_claim(&claim.name_any()).await;
        }
        self.until("it waits for the volume", |client| {
            let claim = claim.clone();
            async move {
                let claim = Api::<NodeClaim>::all(client).get(&claim).await?;
                let conditions = claim.conditions();
                Ok(conditions.iter().any(|one| one.reason == "AwaitingVolumeDetachment"))
            }
        })
        .await;
        let attachments = self.all::<VolumeAttachment>();
        attachments
            .delete("attached", &DeleteParams::default())
            .await
            .expect("the server takes it");
        for claim in &old {
            self.claim_is_gone(&claim.name_any()).await;
        }
    }

    /// A budget that never gives way holds a drain up until the claim's time is over.
    async fn drain_against_a_budget(&self) {
        self.cluster.pods_running("shop=web", 6, SOON).await.expect("the server takes it");
        self.cluster.apply(BUDGET).await.expect("the server takes it");
        let (claim, _) = self.busy().await;
        self.delete_claim(&claim).await;
        self.claim_is_gone(&claim).await;
    }

    /// Nothing is left to do for the nodes, so they leave.
    async fn scale_to_nothing(&self) {
        self.cluster.scale("web", 0).await.expect("the server takes it");
        self.until("all nodes are gone", |client| async move {
            Ok(Api::<Node>::all(client).list(&ListParams::default()).await?.items.is_empty())
        })
        .await;
    }

    /// A machine is taken from under its node, on purpose, and the node says so.
    async fn lose_a_machine(&self) {
        self.apply([doomed_pool()]).await;
        self.until("the kubelet is silent", |client| async move {
            let nodes = Api::<Node>::all(client).list(&ListParams::default()).await?;
            let conditions = |node: Node| node.status?.conditions;
            let mut conditions = nodes.items.into_iter().filter_map(conditions).flatten();
            Ok(conditions.any(|one| one.type_ == "Ready" && one.status == "Unknown"))
        })
        .await;
    }

    /// A candidate takes the lease, renews it once and gives it back.
    async fn hold_the_lease(&self, client: kube::Client) {
        let timing = Timing { retry_period: Duration::from_millis(50), ..Timing::default() };
        let leases = Api::<Lease>::namespaced(client, "kube-system");
        let name = "karpenter-leader-election".to_owned();
        let mut candidate = Candidate::new(leases, name, "tenon-1".to_owned(), timing);
        candidate.acquire().await;
        let work = tokio::time::sleep(Duration::from_millis(200));
        assert_eq!(candidate.lead(work).await, End::Done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_suffice_and_hold_nothing_more() {
    let scene = Scene { cluster: Cluster::start(Options::seeded(1)).await.unwrap() };
    let plane = scene.cluster.control_plane().unwrap();
    plane.authorizer().bind(TENON, &roles());
    let classes = [
        definition("karpenter.azure.com", "v1beta1", "AKSNodeClass"),
        definition("karpenter.k8s.aws", "v1", "EC2NodeClass"),
    ];
    scene.apply(classes).await;
    let mut options = engine::Options::default();
    // Events that come again are counted in the first one.
    options.lifecycle.event_every = SignedDuration::ZERO;
    options.lifecycle.collect_every = SignedDuration::from_secs(1);
    options.cloud.faults.lose = vec!["*/*/spot=1@1s".parse().unwrap()];
    let engine = Engine::start(&scene.cluster, options).await.unwrap();

    scene.apply([objects::general_pool(), web(6)]).await;
    scene.cluster.pods_running("shop=web", 6, SOON).await.unwrap();
    scene.drain_with_volumes().await;
    scene.drain_against_a_budget().await;
    scene.scale_to_nothing().await;
    scene.lose_a_machine().await;
    scene.apply([foreign_pool("aks", "karpenter.azure.com", "AKSNodeClass")]).await;
    scene.pool_says("aks", "NodeClassNotFound").await;
    scene.hold_the_lease(plane.client(TENON)).await;

    let permissions = plane.authorizer().permissions(TENON).unwrap();
    let words = |grants: &BTreeSet<Grant>| grants.iter().map(Grant::to_string).collect::<Vec<_>>();
    assert_eq!(words(&permissions.refused), Vec::<String>::new(), "asked for and not granted");
    assert_eq!(words(&permissions.unused()), Vec::<String>::new(), "granted and never needed");

    // A class that the role does not name is refused, and the pool tells how to grant it.
    scene.apply([foreign_pool("ec2", "karpenter.k8s.aws", "EC2NodeClass")]).await;
    scene.pool_says("ec2", "NodeClassForbidden").await;
    let permissions = plane.authorizer().permissions(TENON).unwrap();
    let refused = words(&permissions.refused);
    assert_eq!(refused, ["get ec2nodeclasses.karpenter.k8s.aws default"]);
    engine.stop().await;
    scene.cluster.stop().await;
}
