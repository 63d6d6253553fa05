//! What can be bought, what it holds, what it costs. No I/O: bytes in, values out.

pub mod azure;
pub mod instance_type;
pub mod kwok;
pub mod label_syntax;
pub mod quantity;
pub mod requirement;
pub mod resources;
pub mod select;
mod shape;
pub mod synthetic;
pub mod types_file;
pub mod well_known;

pub use instance_type::{CapacityType, InstanceType, Offering, Overhead};
pub use quantity::{Quantity, QuantityError};
pub use requirement::{
    Conflict, Incompatible, Operator, Requirement, RequirementError, Requirements,
};
pub use resources::Resources;
