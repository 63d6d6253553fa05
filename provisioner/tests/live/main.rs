//! The live side, with streams made up here: no API server.

#![expect(clippy::unwrap_used, reason = "a fixture that fails has failed the test")]

mod claims;
mod feed;
mod memory;
mod rounds;
#[path = "../common/sizes.rs"]
mod sizes;
mod snapshots;
