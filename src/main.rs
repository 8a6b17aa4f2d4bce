//! Parses, runs, prints the error, exits with a code. Nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(drillmaster::cli::main())
}
