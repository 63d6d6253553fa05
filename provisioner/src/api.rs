//! The custom resources that tenon reads and writes, with Karpenter's names and fields.
//!
//! [`v1`] has the objects as they travel; [`node_pool`] what planning needs of them, validated.

pub mod crd;
pub mod duration;
pub mod hash;
pub mod names;
pub mod node_pool;
pub mod v1;
