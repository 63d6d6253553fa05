//! Whole-system tests of tenon: scenarios, properties and command lines.

pub mod control_plane;
pub mod generate;
