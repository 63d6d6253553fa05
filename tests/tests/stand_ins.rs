//! The stand-ins for the rest of a control plane do as the real ones do.

#[path = "stand_ins/filters.rs"]
mod filters;
#[path = "stand_ins/nomination.rs"]
mod nomination;
#[path = "stand_ins/objects.rs"]
mod objects;
#[path = "stand_ins/queue.rs"]
mod queue;
#[path = "stand_ins/scores.rs"]
mod scores;
