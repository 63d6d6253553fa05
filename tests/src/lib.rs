//! Whole-system tests of tenon: scenarios, properties and command lines.

pub mod generate;
pub mod scheduler;
pub mod watch;
