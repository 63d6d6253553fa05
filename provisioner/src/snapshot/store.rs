//! The objects read so far, by kind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::{
    core::v1::{LimitRange, Namespace, Node, PersistentVolume, PersistentVolumeClaim},
    node::v1::RuntimeClass,
    policy::v1::PodDisruptionBudget,
    scheduling::v1::PriorityClass,
    storage::v1::{CSINode, StorageClass},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    PodTemplate, SkipReason, Skipped, Snapshot, admission,
    error::{Fault, InputError, Place},
    intern::Interner,
    nomination,
    pod::{self, PodEntry},
    quantity,
    typed::{Meta, nameless, typed},
    volumes,
    workload::{self, MOST_PODS, Workloads},
};
use crate::api::node_pool::{AksNodeClass, NodeClaim, NodePool};

/// Namespace and name.
pub type Key = (String, String);

/// The objects read so far.
#[derive(Debug, Default)]
pub struct Store {
    pub cron_jobs: bool,
    pub interner: Interner,
    pub pods: BTreeMap<(Arc<str>, Arc<str>), PodEntry>,
    pub nodes: BTreeMap<String, Arc<Node>>,
    pub node_pools: BTreeMap<String, NodePool>,
    pub node_claims: BTreeMap<String, Arc<NodeClaim>>,
    pub node_classes: BTreeMap<String, AksNodeClass>,
    pub daemon_sets: BTreeMap<String, Arc<PodTemplate>>,
    pub workloads: Workloads,
    pub namespaces: BTreeMap<String, Namespace>,
    pub volume_claims: BTreeMap<Key, PersistentVolumeClaim>,
    pub volumes: BTreeMap<String, PersistentVolume>,
    pub storage_classes: BTreeMap<String, StorageClass>,
    pub csi_nodes: BTreeMap<String, CSINode>,
    pub runtime_classes: BTreeMap<String, RuntimeClass>,
    pub priority_classes: BTreeMap<String, PriorityClass>,
    pub limit_ranges: BTreeMap<Key, LimitRange>,
    pub disruption_budgets: BTreeMap<Key, PodDisruptionBudget>,
    pub skipped: Vec<Skipped>,
    /// How many pods the workloads want in all.
    pub wanted: i64,
}

/// What became of an object.
enum Outcome {
    New,
    /// It took the place of one that was read before.
    Replaced,
    Skipped(SkipReason, String),
}

/// Kinds that live in a namespace, `default` when they name none.
const NAMESPACED: [&str; 11] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "LimitRange",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

impl Store {
    /// Takes in one object.
    pub fn add(&mut self, place: &Place, mut object: Value) -> Result<(), InputError> {
        let Some(kind) = object.get("kind").and_then(Value::as_str).map(str::to_owned) else {
            return self.without_kind(place, &object);
        };
        let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let label = label(&kind, &object);
        strip(&mut object);
        let outcome =
            self.take(&group, &kind, &mut object).map_err(|fault| fault.at(place, &label))?;
        match outcome {
            Outcome::New => {}
            Outcome::Replaced => {
                self.skip(label, SkipReason::Duplicate, format!("read again from {place}"));
            }
            Outcome::Skipped(reason, detail) => self.skip(label, reason, detail),
        }
        Ok(())
    }

    /// Takes in one object of a known kind, as a watch gives it; an object of the same name makes
    /// room for it.
    pub fn update(&mut self, group: &str, kind: &str, mut object: Value) -> Result<(), Fault> {
        strip(&mut object);
        self.take(group, kind, &mut object).map(drop)
    }

    /// The same for a node that others share.
    pub fn update_node(&mut self, read: Arc<Node>) -> Result<(), Fault> {
        node(&read)?;
        let name = read.metadata.name.clone().filter(|name| !name.is_empty());
        let name = name.ok_or_else(nameless)?;
        self.nodes.insert(name, read);
        Ok(())
    }

    /// Forgets an object.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        let key = || (namespace.to_owned(), name.to_owned());
        match kind {
            "Pod" => drop(self.pods.remove(&(namespace.into(), name.into()))),
            "Node" => drop(self.nodes.remove(name)),
            "NodePool" => drop(self.node_pools.remove(name)),
            "NodeClaim" => drop(self.node_claims.remove(name)),
            "AKSNodeClass" => drop(self.node_classes.remove(name)),
            "DaemonSet" => drop(self.daemon_sets.remove(&format!("{namespace}/{name}"))),
            "Namespace" => drop(self.namespaces.remove(name)),
            "PersistentVolumeClaim" => drop(self.volume_claims.remove(&key())),
            "PersistentVolume" => drop(self.volumes.remove(name)),
            "StorageClass" => drop(self.storage_classes.remove(name)),
            "CSINode" => drop(self.csi_nodes.remove(name)),
            "RuntimeClass" => drop(self.runtime_classes.remove(name)),
            "PriorityClass" => drop(self.priority_classes.remove(name)),
            "LimitRange" => drop(self.limit_ranges.remove(&key())),
            "PodDisruptionBudget" => drop(self.disruption_budgets.remove(&key())),
            _ => {}
        }
    }

    /// Namespace (empty where there is none) and name of all objects of a kind.
    pub fn keys(&self, kind: &str) -> BTreeSet<Key> {
        fn plain<V>(map: &BTreeMap<String, V>) -> BTreeSet<Key> {
            map.keys().map(|name| (String::new(), name.clone())).collect()
        }
        match kind {
            "Pod" => {
                let keys = self.pods.keys();
                keys.map(|(space, name)| (space.to_string(), name.to_string())).collect()
            }
            "Node" => plain(&self.nodes),
            "NodePool" => plain(&self.node_pools),
            "NodeClaim" => plain(&self.node_claims),
            "AKSNodeClass" => plain(&self.node_classes),
            "DaemonSet" => {
                let keys = self.daemon_sets.keys().filter_map(|key| key.split_once('/'));
                keys.map(|(space, name)| (space.to_owned(), name.to_owned())).collect()
            }
            "Namespace" => plain(&self.namespaces),
            "PersistentVolumeClaim" => self.volume_claims.keys().cloned().collect(),
            "PersistentVolume" => plain(&self.volumes),
            "StorageClass" => plain(&self.storage_classes),
            "CSINode" => plain(&self.csi_nodes),
            "RuntimeClass" => plain(&self.runtime_classes),
            "PriorityClass" => plain(&self.priority_classes),
            "LimitRange" => self.limit_ranges.keys().cloned().collect(),
            "PodDisruptionBudget" => self.disruption_budgets.keys().cloned().collect(),
            _ => BTreeSet::new(),
        }
    }

    /// A copy of the objects, without what reading them has left behind.
    pub fn copy(&self) -> Self {
        Self {
            cron_jobs: self.cron_jobs,
            interner: Interner::default(),
            pods: self.pods.clone(),
            nodes: self.nodes.clone(),
            node_pools: self.node_pools.clone(),
            node_claims: self.node_claims.clone(),
            node_classes: self.node_classes.clone(),
            daemon_sets: self.daemon_sets.clone(),
            workloads: Workloads::new(),
            namespaces: self.namespaces.clone(),
            volume_claims: self.volume_claims.clone(),
            volumes: self.volumes.clone(),
            storage_classes: self.storage_classes.clone(),
            csi_nodes: self.csi_nodes.clone(),
            runtime_classes: self.runtime_classes.clone(),
            priority_classes: self.priority_classes.clone(),
            limit_ranges: self.limit_ranges.clone(),
            disruption_budgets: self.disruption_budgets.clone(),
            skipped: self.skipped.clone(),
            wanted: 0,
        }
    }

    /// Fills in what admission would have, and hands over the objects.
    pub fn finish(mut self) -> Snapshot {
        admission::admit(&mut self);
        volumes::claim_ephemeral(&mut self);
        self.into_snapshot()
    }

    /// Records that an object plays no part.
    pub fn skip(&mut self, object: String, reason: SkipReason, detail: impl Into<String>) {
        self.skipped.push(Skipped { object, reason, detail: detail.into() });
    }

    fn without_kind(&mut self, place: &Place, object: &Value) -> Result<(), InputError> {
        if !object.is_object() {
            let help = "every item must be a map with apiVersion and kind";
            return Err(Fault::new("", "the item is not a Kubernetes object", help).at(place, ""));
        }
        let detail = "it has no kind, so it is no Kubernetes object";
        self.skip(place.to_string(), SkipReason::Malformed, detail);
        Ok(())
    }

    /// One line per kind: which function reads it and where it goes.
    fn take(&mut self, group: &str, kind: &str, it: &mut Value) -> Result<Outcome, Fault> {
        match (group, kind) {
            ("", "Pod") => self.pod(it),
            ("", "Node") => {
                let (name, node) = cluster_wide(it, node)?;
                put(&mut self.nodes, (name, Arc::new(node)))
            }
            ("", "Namespace") => put(&mut self.namespaces, cluster_wide(it, any)?),
            ("", "PersistentVolume") => put(&mut self.volumes, cluster_wide(it, any)?),
            ("", "PersistentVolumeClaim") => put(&mut self.volume_claims, namespaced(it, claim)?),
            ("", "LimitRange") => put(&mut self.limit_ranges, namespaced(it, limit_range)?),
            ("storage.k8s.io", "StorageClass") => {
                put(&mut self.storage_classes, cluster_wide(it, any)?)
            }
            ("storage.k8s.io", "CSINode") => put(&mut self.csi_nodes, cluster_wide(it, any)?),
            ("node.k8s.io", "RuntimeClass") => {
                put(&mut self.runtime_classes, cluster_wide(it, runtime_class)?)
            }
            ("scheduling.k8s.io", "PriorityClass") => {
                put(&mut self.priority_classes, cluster_wide(it, any)?)
            }
            ("policy", "PodDisruptionBudget") => {
                put(&mut self.disruption_budgets, namespaced(it, any)?)
            }
            ("karpenter.sh", "NodePool") => {
                let pool = NodePool::read(it)?;
                put(&mut self.node_pools, (pool.name.clone(), pool))
            }
            ("karpenter.sh", "NodeClaim") => {
                let mut claim = NodeClaim::read(it)?;
                claim.labels = self.interner.labels(claim.labels);
                put(&mut self.node_claims, (claim.name.clone(), Arc::new(claim)))
            }
            ("karpenter.azure.com", "AKSNodeClass") => {
                let class = AksNodeClass::read(it)?;
                put(&mut self.node_classes, (class.name.clone(), class))
            }
            ("apps" | "extensions", "DaemonSet") => {
                let read = workload::read_daemon_set(it, &mut self.interner)?;
                put(&mut self.daemon_sets, read)
            }
            ("apps" | "extensions", "Deployment") => self.workload("Deployment", it),
            ("apps" | "extensions", "ReplicaSet") => self.workload("ReplicaSet", it),
            ("apps", "StatefulSet") => self.workload("StatefulSet", it),
            ("", "ReplicationController") => self.workload("ReplicationController", it),
            ("batch", "Job") => self.workload("Job", it),
            ("batch", "CronJob") if self.cron_jobs => self.workload("CronJob", it),
            (group, kind) => Ok(passed_over(group, kind)),
        }
    }

    fn pod(&mut self, object: &mut Value) -> Result<Outcome, Fault> {
        let nth = self.pods.len() + 1;
        let entry = pod::read(object, nth, &mut self.interner)?;
        let key = (entry.pod.namespace.clone(), entry.pod.name.clone());
        put(&mut self.pods, (key, entry))
    }

    fn workload(&mut self, kind: &'static str, object: &Value) -> Result<Outcome, Fault> {
        let workload = workload::read(kind, object, &mut self.interner)?;
        self.wanted = self.wanted.saturating_add(workload.replicas);
        if self.wanted > MOST_PODS {
            let problem = format!("the workloads want more than {MOST_PODS} pods in all");
            return Err(Fault::new("spec", problem, "lower the numbers"));
        }
        let key = (kind, workload.namespace.clone(), workload.name.clone());
        put(&mut self.workloads, (key, workload))
    }
}

/// `Kind namespace/name`.
fn label(kind: &str, object: &Value) -> String {
    let field = |name: &str| {
        let field = object.get("metadata").and_then(|meta| meta.get(name));
        field.and_then(Value::as_str).filter(|text| !text.is_empty())
    };
    let Some(name) = field("name").or_else(|| field("generateName")) else {
        return format!("{kind} without a name");
    };
    let default = NAMESPACED.contains(&kind).then_some("default");
    match field("namespace").or(default) {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// Takes out what is large and never looked at, and the type, which the caller knows (typed reading
/// would otherwise insist on one version).
fn strip(object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    object.remove("apiVersion");
    object.remove("kind");
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        nomination::keep_only(meta);
        if let Some(notes) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            notes.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, (key, value): (K, V)) -> Result<Outcome, Fault> {
    Ok(match map.insert(key, value) {
        None => Outcome::New,
        Some(_) => Outcome::Replaced,
    })
}

type Check<T> = fn(&T) -> Result<(), Fault>;

fn cluster_wide<T: DeserializeOwned>(
    object: &mut Value,
    check: Check<T>,
) -> Result<(String, T), Fault> {
    namespaced(object, check).map(|((_, name), value)| (name, value))
}

fn namespaced<T: DeserializeOwned>(object: &mut Value, check: Check<T>) -> Result<(Key, T), Fault> {
    let meta = Meta::of(object)?;
    let key = (meta.namespace().to_owned(), meta.name()?.to_owned());
    // A node lists its container images, which takes more room than all the rest.
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("images");
    }
    let value = typed(object)?;
    check(&value)?;
    Ok((key, value))
}

fn any<T>(_: &T) -> Result<(), Fault> {
    Ok(())
}

fn node(node: &Node) -> Result<(), Fault> {
    let Some(status) = &node.status else { return Ok(()) };
    quantity::check(status.capacity.as_ref(), "status.capacity")?;
    quantity::check(status.allocatable.as_ref(), "status.allocatable")
}

fn claim(claim: &PersistentVolumeClaim) -> Result<(), Fault> {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    quantity::check(requests, "spec.resources.requests")
}

fn runtime_class(class: &RuntimeClass) -> Result<(), Fault> {
    let overhead = class.overhead.as_ref().and_then(|overhead| overhead.pod_fixed.as_ref());
    quantity::check(overhead, "overhead.podFixed")
}

fn limit_range(range: &LimitRange) -> Result<(), Fault> {
    for item in range.spec.iter().flat_map(|spec| &spec.limits) {
        for amounts in [&item.default_request, &item.default, &item.max, &item.min] {
            quantity::check(amounts.as_ref(), "spec.limits")?;
        }
    }
    Ok(())
}

/// Kinds that do bear on a cluster's size, but that are not modelled.
fn passed_over(group: &str, kind: &str) -> Outcome {
    let unsupported = match (group, kind) {
        ("karpenter.sh", "NodeOverlay") => "prices and capacities are taken as they are",
        ("karpenter.sh", "Provisioner") => "it is replaced by NodePool (karpenter.sh/v1)",
        ("autoscaling.x-k8s.io", "CapacityBuffer") => "buffers are not planned",
        ("resource.k8s.io", _) => "dynamic resource allocation is not planned",
        ("autoscaling", "HorizontalPodAutoscaler") | ("keda.sh", "ScaledObject") => {
            "the replicas of the workload itself count"
        }
        ("argoproj.io", "Rollout") => "only Kubernetes' own workloads are expanded",
        ("", "ResourceQuota") => "pods are not held against quotas",
        ("batch", "CronJob") => {
            let detail = "CronJobs are expanded only with --cron-jobs";
            return Outcome::Skipped(SkipReason::NotWanted, detail.to_owned());
        }
        _ => {
            let detail = format!("the kind {kind} has no bearing on a plan");
            return Outcome::Skipped(SkipReason::IrrelevantKind, detail);
        }
    };
    Outcome::Skipped(SkipReason::Unsupported, unsupported.to_owned())
}

impl Store {
    /// The objects in their final order.
    fn into_snapshot(mut self) -> Snapshot {
        self.skipped.sort();
        self.skipped.dedup();
        Snapshot {
            pods: self.pods.into_values().map(|entry| entry.pod).collect(),
            nodes: self.nodes.into_values().collect(),
            node_pools: self.node_pools.into_values().collect(),
            node_claims: self.node_claims.into_values().collect(),
            node_classes: self.node_classes.into_values().collect(),
            daemon_sets: self.daemon_sets.into_iter().collect(),
            namespaces: self.namespaces,
            volume_claims: self.volume_claims,
            volumes: self.volumes,
            storage_classes: self.storage_classes,
            csi_nodes: self.csi_nodes,
            runtime_classes: self.runtime_classes,
            disruption_budgets: self.disruption_budgets.into_values().collect(),
            skipped: self.skipped,
            refused: Vec::new(),
            taken_at: 0,
        }
    }
}
