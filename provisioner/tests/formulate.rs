//! Cases of the scheduler's rules, seen on the problem that comes out.

#![expect(clippy::unwrap_used, reason = "a builder that fails has failed the test")]

#[path = "formulate/assemble.rs"]
mod assemble;
#[path = "formulate/builders.rs"]
mod builders;
#[path = "formulate/constraints.rs"]
mod constraints;
#[path = "formulate/market.rs"]
mod market;
#[path = "formulate/nodes.rs"]
mod nodes;
#[path = "formulate/pods.rs"]
mod pods;
#[path = "common/sizes.rs"]
mod sizes;
