//! Instances by formula: what they are made of is written here, so that anyone can make them.

pub mod limited;
pub mod mixed;
pub mod web;

pub use limited::Limited;
pub use mixed::Mixed;
pub use web::{Prices, Web};
