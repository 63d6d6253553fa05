//! `tenon run` as a process of its own: killed at any moment, started again, one of several.

#[path = "crashes/faulty.rs"]
mod faulty;
#[path = "crashes/killed.rs"]
mod killed;
#[path = "crashes/replicas.rs"]
mod replicas;
#[path = "crashes/shop.rs"]
mod shop;
#[path = "crashes/starting.rs"]
mod starting;
