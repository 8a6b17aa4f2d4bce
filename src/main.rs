//! Starts the program. Everything else is in the library.

use std::process::ExitCode;

/// Objects as JSON consist of many small allocations: the system's allocator took a quarter of the time of a
/// rehearsal.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(drillmaster::cli::main())
}
