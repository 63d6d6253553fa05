//! Whole-system tests of tenon: scenarios, properties and command lines.

pub mod cluster;
pub mod control_plane;
pub mod controllers;
pub mod engine;
pub mod generate;
pub mod kubelet;
pub mod objects;
pub mod process;
pub mod scenario;
pub mod scheduler;
pub mod watch;
