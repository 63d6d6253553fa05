//! Labels, annotations, taints and finalizers, with Karpenter's names (karpenter.md, section 1.2)
//! and tenon's own under `tenon.sh`.

pub use catalog::well_known::{CAPACITY_TYPE, NODE_POOL};

/// Label of nodes that carry their claim's labels and taints.
pub const REGISTERED: &str = "karpenter.sh/registered";
/// Label of nodes that are ready for pods.
pub const INITIALIZED: &str = "karpenter.sh/initialized";
/// Label of nodes whose taints the claim's must not replace.
pub const DO_NOT_SYNC_TAINTS: &str = "karpenter.sh/do-not-sync-taints";
/// Label that load balancers look for, on nodes that are going away.
pub const EXCLUDE_FROM_LOAD_BALANCERS: &str =
    "node.kubernetes.io/exclude-from-external-load-balancers";

/// Annotation of pods and nodes that nobody may disrupt.
pub const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
/// Annotation: hash of the pool's template at the time of the claim.
pub const NODE_POOL_HASH: &str = "karpenter.sh/nodepool-hash";
/// Annotation: which version of the hash that is.
pub const NODE_POOL_HASH_VERSION: &str = "karpenter.sh/nodepool-hash-version";
/// Annotation: when a claim's grace ends (RFC 3339).
pub const TERMINATION_TIMESTAMP: &str = "karpenter.sh/nodeclaim-termination-timestamp";
/// Annotation: the claim was made with fewer distinct values than `minValues` asks for.
pub const MIN_VALUES_RELAXED: &str = "karpenter.sh/nodeclaim-min-values-relaxed";

/// Annotation of tenon's claims: the offerings to try, in order ([`super::v1::OfferingRef`]).
pub const OFFERINGS: &str = "tenon.sh/offerings";
/// Annotation of tenon's claims: the pods planned for the node ([`super::v1::PodRef`]). A pod
/// whose nominated node belongs to a claim that lists the pod was nominated by tenon, any other by
/// the scheduler.
pub const PLANNED_PODS: &str = "tenon.sh/planned-pods";
/// Annotation of tenon's claims: the round that made them.
pub const ROUND: &str = "tenon.sh/round";
/// Annotation of tenon's claims: the node's turn among those of its round, when they are opened for
/// pods.
pub const TURN: &str = "tenon.sh/turn";
/// Annotation of tenon's claims: what the planned offering has and what pods may use of it (JSON:
/// `capacity` and `allocatable`, amounts by resource). It counts until the status says more.
pub const PROMISE: &str = "tenon.sh/promise";
/// Annotation of node pools: nodes to keep at least.
pub const MIN_NODES: &str = "tenon.sh/min-nodes";
/// Annotation of node pools: nodes to have at most.
pub const MAX_NODES: &str = "tenon.sh/max-nodes";
/// Annotation of node pools: of how many sizes its nodes may be at most.
pub const MAX_INSTANCE_TYPES: &str = "tenon.sh/max-instance-types";
/// Annotation of node pools: of how many families (`karpenter.azure.com/sku-family`) its nodes may
/// be at most.
pub const MAX_FAMILIES: &str = "tenon.sh/max-families";

/// Taint of nodes that are about to go (NoSchedule).
pub const DISRUPTED: &str = "karpenter.sh/disrupted";
/// Taint of nodes until registration (NoExecute).
pub const UNREGISTERED: &str = "karpenter.sh/unregistered";
/// Finalizer of nodes and claims.
pub const TERMINATION: &str = "karpenter.sh/termination";
/// The field manager of everything tenon writes.
pub const FIELD_MANAGER: &str = "tenon";
