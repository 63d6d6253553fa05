//! The custom resources that tenon reads, with Karpenter's names and fields.

pub mod node_pool;
