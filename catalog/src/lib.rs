//! What can be bought, what it holds, what it costs. No I/O: bytes in, values out.

pub mod azure;
pub mod instance_type;
pub mod requirement;
pub mod resources;

pub use instance_type::{CapacityType, InstanceType, Offering, Overhead};
pub use requirement::{Operator, Requirement, Requirements};
pub use resources::Resources;
