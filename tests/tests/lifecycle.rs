//! The lifecycle of node claims on the kwok cloud, against a control plane, embedded or real.

#[path = "lifecycle/ending.rs"]
mod ending;
#[path = "lifecycle/launching.rs"]
mod launching;
#[path = "lifecycle/scene.rs"]
mod scene;
