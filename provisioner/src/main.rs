//! The command `tenon`.

use std::process::ExitCode;

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;

/// A thread of the runtime takes in what another keeps, and most of what is taken in is thrown away
/// at once. The C library's allocator keeps a heap per thread and the holes in each of them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay`: milliseconds until unused pages go back to the system.
const PURGE_DELAY: mi_option_t = 15;

fn main() -> ExitCode {
    purge_at_once();
    provisioner::cli::main()
}

/// Gives unused pages back without delay. Events come in bursts, and what a burst needed is resident
/// until the next one otherwise; a twentieth of a replica's memory is. `MIMALLOC_PURGE_DELAY` decides
/// where it is set.
#[allow(unsafe_code, reason = "the allocator's settings are functions in C")]
fn purge_at_once() {
    // SAFETY: the option is one of the version that is linked, and there is no other thread yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 0) };
}
