//! Whether a run directory is what its run left: the chain of the journal, the plan, the
//! scenario and the samples against the hashes that the journal holds of them, and the
//! verdict against the events. It reads files only. What it cannot know is told in
//! docs/verdicts.md: there is no key. Start with [`verify`].

mod directory;
mod files;
mod found;
mod previous;
mod samples;
mod scenario;

pub use directory::{Progress, Verified, verify};
pub use found::Differs;
pub use previous::{Before, Neighbours, neighbours};
