//! Snapshots, pools and plans from objects, without the readers of the product.

use std::sync::Arc;

use catalog::Resources;
use k8s_openapi::api::core::v1::Taint;
use provisioner::{
    api::node_pool::{NodeClaim, NodePool},
    plan::{ExistingNode, Launch, Plan},
    snapshot::{Nomination, Pod, PodTemplate, Snapshot},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A small cluster, its one pool `new`, and a plan that grows.
pub struct World {
    pub snapshot: Snapshot,
    pub pools: Vec<NodePool>,
    pub plan: Plan,
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn template(metadata: &Value, spec: &Value) -> Arc<PodTemplate> {
    Arc::new(PodTemplate {
        labels: read(&metadata["labels"]),
        spec: read(spec),
        ..PodTemplate::default()
    })
}

fn pod(object: &Value) -> Pod {
    let metadata = &object["metadata"];
    let name = |value: &Value| value.as_str().map(Arc::from);
    Pod {
        namespace: Arc::from(text(&metadata["namespace"])),
        name: text(&metadata["name"]).into(),
        uid: "".into(),
        template: template(metadata, &object["spec"]),
        node_name: name(&object["spec"]["nodeName"]),
        nominated_node: name(&object["status"]["nominatedNodeName"])
            .map(|node| Nomination { node, planned_at: None }),
        terminal: object["status"]["phase"] == "Succeeded",
        deleting: !metadata["deletionTimestamp"].is_null(),
        created: 0,
        resized: object["resizedCpu"]
            .as_i64()
            .map(|cpu| Box::new(Resources::from([("cpu", cpu), ("pods", 1)]))),
        expanded_from: None,
    }
}

/// A claim for 2 cores.
fn claim(object: &Value) -> NodeClaim {
    NodeClaim {
        name: text(&object["metadata"]["name"]),
        provider_id: object["status"]["providerID"].as_str().map(str::to_owned),
        allocatable: Resources::from([("cpu", 2000), ("memory", 4 << 30), ("pods", 10)]),
        ..NodeClaim::default()
    }
}

impl World {
    pub fn new(objects: &[Value]) -> Self {
        let mut snapshot = Snapshot::default();
        for object in objects {
            let metadata = &object["metadata"];
            let name = text(&metadata["name"]);
            match object["kind"].as_str().unwrap() {
                "Pod" => snapshot.pods.push(pod(object).into()),
                "Node" => snapshot.nodes.push(Arc::new(read(object))),
                "NodeClaim" => snapshot.node_claims.push(claim(object).into()),
                "Namespace" => drop(snapshot.namespaces.insert(name, read(object))),
                "PersistentVolume" => drop(snapshot.volumes.insert(name, read(object))),
                "StorageClass" => drop(snapshot.storage_classes.insert(name, read(object))),
                "CSINode" => drop(snapshot.csi_nodes.insert(name, read(object))),
                "RuntimeClass" => drop(snapshot.runtime_classes.insert(name, read(object))),
                "PersistentVolumeClaim" => {
                    let key = (text(&metadata["namespace"]), name);
                    snapshot.volume_claims.insert(key, read(object));
                }
                "DaemonSet" => snapshot
                    .daemon_sets
                    .push((format!("default/{name}"), template(metadata, &object["spec"]))),
                kind => panic!("{kind}"),
            }
        }
        let pool = NodePool { name: "new".to_owned(), ..NodePool::default() };
        Self { snapshot, pools: vec![pool], plan: Plan::default() }
    }

    /// Plans a pod for a launch (`new-<zone>-<n>`) or for an existing node.
    pub fn place(&mut self, pod: &str, node: &str) {
        let index = self.snapshot.pods.iter().position(|other| *other.name == *pod).unwrap();
        let index = u32::try_from(index).unwrap();
        let Some(rest) = node.strip_prefix("new-") else {
            let (node, pods) = (Arc::from(node), vec![index]);
            self.plan.existing.push(ExistingNode { node, in_flight: false, pods });
            return;
        };
        let zone = rest.split('-').next().unwrap();
        self.launch(node, zone).pods.push(index);
    }

    /// The launch of that name, made when it is not there.
    pub fn launch(&mut self, name: &str, zone: &str) -> &mut Launch {
        let found = self.plan.launches.iter().position(|launch| launch.name == name);
        let position = found.unwrap_or_else(|| {
            self.plan.launches.push(launch(name, zone));
            self.plan.totals.hourly += 100;
            self.plan.launches.len() - 1
        });
        &mut self.plan.launches[position]
    }
}

/// A launch of 2 cores in pool `new`.
fn launch(name: &str, zone: &str) -> Launch {
    let labels = [
        ("karpenter.sh/nodepool", "new"),
        ("karpenter.sh/capacity-type", "spot"),
        ("node.kubernetes.io/instance-type", "two"),
        ("topology.kubernetes.io/zone", zone),
        ("kubernetes.io/arch", "amd64"),
    ];
    Launch {
        name: name.to_owned(),
        node_pool: Arc::from("new"),
        instance_type: Arc::from("two"),
        zone: Arc::from(zone),
        capacity_type: "spot",
        price: 100,
        labels: labels.map(|(key, value)| (Arc::from(key), Arc::from(value))).into(),
        allocatable: Resources::from([("cpu", 2000), ("memory", 4 << 30), ("pods", 10)]),
        ..Launch::default()
    }
}

/// A NoSchedule taint.
pub fn taint(key: &str) -> Taint {
    let (key, effect) = (key.to_owned(), "NoSchedule".to_owned());
    Taint { key, effect, ..Taint::default() }
}
