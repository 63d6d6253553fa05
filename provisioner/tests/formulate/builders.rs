//! Small clusters in few words.

use std::sync::Arc;

use catalog::InstanceType;
use k8s_openapi::api::core::v1::{Node, Taint};
use provisioner::{
    api::node_pool::NodePool,
    formulate::{Formulation, Options, formulate},
    snapshot::{Pod, PodTemplate, SkipReason, Snapshot},
    source::Catalog,
};
use serde_json::{Value, json};

pub use crate::sizes::{GIB, requirement, size};

/// A cluster under construction.
pub struct Cluster {
    pub snapshot: Snapshot,
    pub types: Vec<Arc<InstanceType>>,
}

/// A pool without any wish.
pub fn pool(name: &str) -> NodePool {
    NodePool { name: name.to_owned(), ..NodePool::default() }
}

/// A taint.
pub fn taint(key: &str, effect: &str) -> Taint {
    Taint { key: key.to_owned(), effect: effect.to_owned(), ..Taint::default() }
}

/// A template with labels and a spec in JSON; a container of 1 CPU and 1 GiB when it names none.
pub fn template(labels: &[(&str, &str)], mut spec: Value) -> PodTemplate {
    if spec.get("containers").is_none() {
        spec["containers"] = json!([container("1", "1Gi")]);
    }
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    PodTemplate {
        labels: labels.collect(),
        spec: serde_json::from_value(spec).unwrap(),
        ..PodTemplate::default()
    }
}

/// A container with requests.
pub fn container(cpu: &str, memory: &str) -> Value {
    json!({"name": "main", "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

/// A pending pod of a template.
pub fn pod(name: &str, template: &Arc<PodTemplate>) -> Pod {
    Pod {
        namespace: Arc::from("default"),
        name: Arc::from(name),
        uid: Box::from(""),
        template: template.clone(),
        node_name: None,
        nominated_node: None,
        terminal: false,
        deleting: false,
        created: 0,
        resized: None,
        expanded_from: None,
    }
}

/// A node of 4 CPUs and 16 GiB in a zone.
pub fn node(name: &str, zone: &str) -> Node {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "topology.kubernetes.io/zone": zone,
        }},
        "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "30"},
                   "capacity": {"cpu": "4", "memory": "16Gi", "pods": "30"}},
    }))
    .unwrap()
}

impl Cluster {
    /// One pool, two sizes, no pods and no nodes.
    pub fn new() -> Self {
        let types = vec![Arc::new(size("s2", 2, 8)), Arc::new(size("s8", 8, 32))];
        let snapshot = Snapshot { node_pools: vec![pool("main")], ..Snapshot::default() };
        Self { snapshot, types }
    }

    /// A pod to change.
    pub fn pod_mut(&mut self, at: usize) -> &mut Pod {
        Arc::make_mut(&mut self.snapshot.pods[at])
    }

    /// A node to change.
    pub fn node_mut(&mut self, at: usize) -> &mut Node {
        Arc::make_mut(&mut self.snapshot.nodes[at])
    }

    /// Adds pending pods of one template, named after their position.
    pub fn pending(mut self, count: usize, labels: &[(&str, &str)], spec: Value) -> Self {
        let template = Arc::new(template(labels, spec));
        for _ in 0..count {
            let name = format!("pod-{:03}", self.snapshot.pods.len());
            self.snapshot.pods.push(Arc::new(pod(&name, &template)));
        }
        self
    }

    /// Adds a pod bound to a node.
    pub fn bound(mut self, node: &str, labels: &[(&str, &str)], spec: Value) -> Self {
        let name = format!("pod-{:03}", self.snapshot.pods.len());
        let mut pod = pod(&name, &Arc::new(template(labels, spec)));
        pod.node_name = Some(Arc::from(node));
        self.snapshot.pods.push(Arc::new(pod));
        self
    }

    /// Adds nodes of 4 CPUs, one per zone given.
    pub fn nodes(mut self, zones: &[&str]) -> Self {
        for zone in zones {
            let name = format!("node-{}", self.snapshot.nodes.len());
            self.snapshot.nodes.push(Arc::new(node(&name, zone)));
        }
        self
    }

    /// Changes the only pool.
    pub fn pool(mut self, change: impl FnOnce(&mut NodePool)) -> Self {
        change(&mut self.snapshot.node_pools[0]);
        self
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The problem.
    pub fn formulate(&self) -> Formulation {
        let catalog = Catalog::Types { name: "test".to_owned(), types: self.types.clone() };
        formulate(&self.snapshot, &catalog, &Options::default())
    }
}

/// `size zone capacity-type` of the offerings that a group accepts, without repeats.
pub fn accepted(formulation: &Formulation, group: usize) -> Vec<String> {
    let class = formulation.problem.class_of(group as u32);
    let mut names: Vec<String> = class
        .offerings
        .iter()
        .map(|offering| {
            let offering = &formulation.index.offerings[offering];
            let terms = offering.terms();
            let kind = terms.capacity_type.as_str();
            format!("{} {} {kind}", offering.instance_type.name, terms.zone)
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Zones of the offerings that a group accepts.
pub fn zones(formulation: &Formulation, group: usize) -> String {
    let mut zones: Vec<String> = accepted(formulation, group)
        .iter()
        .filter_map(|name| name.split(' ').nth(1).map(str::to_owned))
        .collect();
    zones.sort();
    zones.dedup();
    zones.concat()
}

/// Names of the nodes that a group accepts.
pub fn accepted_nodes(formulation: &Formulation, group: usize) -> Vec<&str> {
    let class = formulation.problem.class_of(group as u32);
    class.nodes.iter().map(|node| &*formulation.index.nodes[node].name).collect()
}

/// The reason why the only skipped pod is skipped.
pub fn skip_reason(formulation: &Formulation) -> Option<SkipReason> {
    formulation.skipped.first().map(|skipped| skipped.reason)
}

/// An amount in a vector of the problem, by resource name.
pub fn amount(formulation: &Formulation, vector: &[i64], name: &str) -> i64 {
    let at = formulation.index.dims.iter().position(|dim| &**dim == name);
    vector[at.unwrap_or_else(|| panic!("no dimension {name}"))]
}
