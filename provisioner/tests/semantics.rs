//! The rules of kube-scheduler and Karpenter as tables of cases, each of which goes down the whole
//! street: read, formulate, solve, check, plan, check. `runner.rs` says how rows are read.
//!
//! | subject | table |
//! |---|---|
//! | what an existing node is asked, filter by filter | `existing_nodes.rs` |
//! | what a node to launch is asked, filter by filter | `new_nodes.rs` |
//! | requirements of pods against labels of pools and sizes, minValues | `requirements.rs` |
//! | what may be given up: preferences, soft spreads, soft taints | `preferences.rs` |
//! | the policies that give up more, or less | `policies.rs` |
//! | topology spread: counting, domains, policies | `topology_spread.rs` |
//! | pod affinity and anti-affinity, in both directions | `pod_affinity.rs` |
//! | volumes: zones, binding, attach limits | `volumes.rs` |
//! | daemon sets: overhead and host ports | `daemon_sets.rs` |
//!
//! The algebra of requirements itself has its tables in `catalog/tests/requirement_algebra.rs`.
//! Rows whose name says "unlike Karpenter" hold what tenon does differently on purpose.

#![expect(clippy::unwrap_used, reason = "a builder that fails has failed the test")]

#[path = "common/objects.rs"]
mod objects;
#[path = "semantics/runner.rs"]
mod runner;
#[path = "common/sizes.rs"]
mod sizes;

#[path = "semantics/daemon_sets.rs"]
mod daemon_sets;
#[path = "semantics/existing_nodes.rs"]
mod existing_nodes;
#[path = "semantics/new_nodes.rs"]
mod new_nodes;
#[path = "semantics/pod_affinity.rs"]
mod pod_affinity;
#[path = "semantics/policies.rs"]
mod policies;
#[path = "semantics/preferences.rs"]
mod preferences;
#[path = "semantics/requirements.rs"]
mod requirements;
#[path = "semantics/topology_spread.rs"]
mod topology_spread;
#[path = "semantics/volumes.rs"]
mod volumes;
