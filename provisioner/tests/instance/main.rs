//! Instances of other tools: what is read, what is refused, and that nothing makes a reader panic.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

mod applications;
mod fuzz;
mod refused;
mod tables;

use provisioner::instance::{Answer, Instance};
use solver::Options;

/// Solves; the answer must pass the check.
fn solved(instance: &Instance) -> Answer {
    let answer = instance.solve(&Options::default());
    assert_eq!(instance.check(&answer), []);
    answer
}
