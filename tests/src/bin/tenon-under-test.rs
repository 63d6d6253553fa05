//! The command `tenon`. Cargo tells the tests of a package only where its own binaries are.

use std::process::ExitCode;

fn main() -> ExitCode {
    provisioner::cli::main()
}
