//! Parses, runs, prints the error, exits with a code. Nothing else.

use std::process::ExitCode;

/// Objects as JSON are many small pieces: a quarter of a rehearsal went into the system's own
/// allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(drillmaster::cli::main())
}
