//! What is watched.

use kube::core::ApiResource;

/// A kind of object that plans depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group, empty for the core.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// The name in paths.
    pub plural: &'static str,
}

impl Kind {
    const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self { group, version, kind, plural }
    }

    /// How a client asks for it.
    pub fn resource(&self) -> ApiResource {
        let api_version = match self.group {
            "" => self.version.to_owned(),
            group => format!("{group}/{}", self.version),
        };
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version,
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }
}

/// Pods.
pub const POD: Kind = Kind::new("", "v1", "Pod", "pods");
/// Nodes.
pub const NODE: Kind = Kind::new("", "v1", "Node", "nodes");
/// Node pools.
pub const NODE_POOL: Kind = Kind::new("karpenter.sh", "v1", "NodePool", "nodepools");
/// Node claims.
pub const NODE_CLAIM: Kind = Kind::new("karpenter.sh", "v1", "NodeClaim", "nodeclaims");

/// Attachments of volumes, which only a node's end has to wait for.
pub const VOLUME_ATTACHMENT: Kind =
    Kind::new("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments");

/// Everything that `formulate` reads, and what admission would have filled in.
pub const WATCHED: [Kind; 15] = [
    POD,
    NODE,
    NODE_POOL,
    NODE_CLAIM,
    Kind::new("karpenter.azure.com", "v1beta1", "AKSNodeClass", "aksnodeclasses"),
    Kind::new("apps", "v1", "DaemonSet", "daemonsets"),
    Kind::new("", "v1", "Namespace", "namespaces"),
    Kind::new("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Kind::new("", "v1", "PersistentVolume", "persistentvolumes"),
    Kind::new("storage.k8s.io", "v1", "StorageClass", "storageclasses"),
    Kind::new("storage.k8s.io", "v1", "CSINode", "csinodes"),
    Kind::new("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses"),
    Kind::new("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses"),
    Kind::new("", "v1", "LimitRange", "limitranges"),
    Kind::new("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
];
