//! The product: from Kubernetes objects to a priced, checked plan.
//!
//! The street: `snapshot` (objects as read) → `formulate` (a solver problem and the way back) →
//! `solver` → `plan` (node claims and placements in Kubernetes' words) → `plan::check`.

pub mod act;
pub mod api;
pub mod cli;
pub mod clock;
pub mod cloud;
pub mod config;
pub mod control;
pub mod disruption;
pub mod engine;
mod events;
pub mod formulate;
pub mod instance;
pub mod leader;
pub mod lifecycle;
pub mod nominate;
pub mod pipeline;
pub mod plan;
pub mod pools;
pub mod refusals;
pub mod report;
pub mod saved;
pub mod serve;
pub mod snapshot;
pub mod source;
mod standby;
pub mod telemetry;
pub mod timer;
pub mod watch;
pub mod why_cost;
