//! The command `tenon`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A thread of the runtime takes in what another keeps, and most of what is taken in is thrown away
/// at once. The C library's allocator keeps a heap per thread and the holes in each of them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    provisioner::cli::main()
}
