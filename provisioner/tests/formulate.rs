//! Cases of the scheduler's rules, seen on the problem that comes out.

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
