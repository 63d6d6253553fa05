//! The commands of `tenon-bench`.

pub mod generate;
pub mod quality;
