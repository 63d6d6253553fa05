//! The lifecycle of node claims against the embedded API server and the kwok cloud.

#[path = "lifecycle/cluster.rs"]
mod cluster;
#[path = "lifecycle/ending.rs"]
mod ending;
#[path = "lifecycle/launching.rs"]
mod launching;
