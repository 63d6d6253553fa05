//! What the API server last said, indexed by what the lifecycle asks of it.

mod pod;
mod table;
mod watch;

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use jiff::Timestamp;
use k8s_openapi::api::{core::v1::Node, storage::v1::VolumeAttachment};
use kube::{
    ResourceExt,
    runtime::reflector::{ObjectRef, Store},
};
use rustc_hash::FxHashMap;

use self::table::{Row, Table};
pub use self::{pod::Pod, watch::Watches};
use crate::api::v1::{NodeClaim, NodePool};

/// Everything the lifecycle has read.
pub struct World {
    /// The claims themselves, in the form that kube's queue wants.
    claims: Store<NodeClaim>,
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    claims: Table<ClaimRow>,
    nodes: Table<Node>,
    pods: Table<Pod>,
    attachments: Table<VolumeAttachment>,
    pools: Table<NodePool>,
    /// By node: when a pod last came to it, ended on it or began to leave it.
    pod_events: FxHashMap<String, Timestamp>,
}

/// A claim's name and machine.
#[derive(Debug)]
struct ClaimRow {
    name: String,
    provider_id: Option<String>,
}

impl World {
    fn new(claims: Store<NodeClaim>) -> Self {
        Self { claims, tables: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // Tables are changed by whole rows; whoever panicked left them whole.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every kind has been listed once. Before that, absence means nothing.
    pub fn is_ready(&self) -> bool {
        let tables = self.read();
        tables.claims.is_ready()
            && tables.nodes.is_ready()
            && tables.pods.is_ready()
            && tables.attachments.is_ready()
            && tables.pools.is_ready()
    }

    /// All claims, in order of name.
    pub fn claims(&self) -> Vec<Arc<NodeClaim>> {
        let mut claims = self.claims.state();
        claims.sort_unstable_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        claims
    }

    /// A claim by name.
    pub fn claim(&self, name: &str) -> Option<Arc<NodeClaim>> {
        self.claims.get(&ObjectRef::new(name))
    }

    /// The claims of a machine: one, unless someone made another by hand.
    pub fn claims_of(&self, provider_id: &str) -> Vec<Arc<NodeClaim>> {
        let names: Vec<String> =
            self.read().claims.indexed(provider_id).map(|row| row.name.clone()).collect();
        names.iter().filter_map(|name| self.claim(name)).collect()
    }

    /// All nodes, in order of name.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes: Vec<Arc<Node>> = self.read().nodes.all().cloned().collect();
        nodes.sort_unstable_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        nodes
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Option<Arc<Node>> {
        self.read().nodes.get(name).cloned()
    }

    /// The nodes of a machine, in order of name: at most one, if all is well.
    pub fn nodes_of(&self, provider_id: &str) -> Vec<Arc<Node>> {
        self.read().nodes.indexed(provider_id).cloned().collect()
    }

    /// The pods bound to a node.
    pub fn pods_on(&self, node: &str) -> Vec<Arc<Pod>> {
        let tables = self.read();
        let pods = tables.pods.indexed(node).filter(|pod| pod.node.as_deref() == Some(node));
        pods.cloned().collect()
    }

    /// Whether pods that are not bound yet are nominated to a node.
    pub fn is_nominated(&self, node: &str) -> bool {
        self.read().pods.indexed(node).any(|pod| pod.node.is_none() && !pod.terminal)
    }

    /// Whether a pod is still without a node.
    pub fn is_waiting(&self, namespace: &str, name: &str) -> bool {
        self.unbound(namespace, name).is_some()
    }

    /// Whether a pod is without a node, and nominated to none.
    pub fn is_adrift(&self, namespace: &str, name: &str) -> bool {
        self.unbound(namespace, name).is_some_and(|pod| pod.nominated.is_none())
    }

    /// A pod, if it is without a node and means to have one.
    fn unbound(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let tables = self.read();
        let pod = tables.pods.get(&format!("{namespace}/{name}"))?;
        let unbound = pod.node.is_none() && !pod.terminal && pod.deleting.is_none();
        unbound.then(|| Arc::clone(pod))
    }

    /// The volume attachments of a node.
    pub fn attachments_on(&self, node: &str) -> Vec<Arc<VolumeAttachment>> {
        self.read().attachments.indexed(node).cloned().collect()
    }

    /// A node pool by name.
    pub fn pool(&self, name: &str) -> Option<Arc<NodePool>> {
        self.read().pools.get(name).cloned()
    }

    /// All node pools, in order of name.
    pub fn pools(&self) -> Vec<Arc<NodePool>> {
        let mut pools: Vec<Arc<NodePool>> = self.read().pools.all().cloned().collect();
        pools.sort_unstable_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        pools
    }

    /// When a pod last came to a node, ended on it or began to leave it, as far as this process saw.
    pub fn last_pod_event(&self, node: &str) -> Option<Timestamp> {
        self.read().pod_events.get(node).copied()
    }

    /// The claims that a node concerns: those of its machine.
    fn claims_of_node(&self, node: &str) -> BTreeSet<String> {
        let Some(node) = self.node(node) else { return BTreeSet::new() };
        let claims = provider_id(&node).map(|id| self.claims_of(id)).unwrap_or_default();
        claims.iter().map(|claim| claim.name_any()).collect()
    }
}

/// spec.providerID of a node, where it has one.
pub fn provider_id(node: &Node) -> Option<&str> {
    let id = node.spec.as_ref().and_then(|spec| spec.provider_id.as_deref());
    id.filter(|id| !id.is_empty())
}

impl Row for ClaimRow {
    fn name(&self) -> &str {
        &self.name
    }

    fn index(&self) -> Option<&str> {
        self.provider_id.as_deref()
    }
}

impl Row for Node {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn index(&self) -> Option<&str> {
        provider_id(self)
    }
}

impl Row for VolumeAttachment {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn index(&self) -> Option<&str> {
        Some(&self.spec.node_name)
    }
}

impl Row for NodePool {
    fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    fn index(&self) -> Option<&str> {
        None
    }
}
