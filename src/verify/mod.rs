//! Checks that a run directory is unchanged since its run: the hash chain of the journal, the plan, the scenario and
//! the samples against their hashes in the journal, and the verdict against the events. It only reads files. There is
//! no key, so it cannot detect every forgery; docs/verdicts.md explains its limits. Start with [`verify`].

mod directory;
mod exercise;
mod files;
mod found;
mod kept;
mod previous;
mod samples;
mod scenario;

pub use directory::{Progress, Verified, verify, verify_with};
pub use exercise::{VerifiedExercise, verify_exercise};
pub use found::Differs;
pub use previous::{Before, NearbyRuns, neighbours};
