//! Signed evidence: a manifest of the files of a run with their SHA-256, and statements about it that are signed with an
//! ed25519 key (DSSE envelopes with in-toto statements). A signature shows who signed and that nothing was changed
//! since; it does not show when. docs/evidence.md describes the files. Start with [`seal`], then [`check`].

mod check;
mod dsse;
mod exercise;
mod key;
mod manifest;
mod seal;
mod statement;

pub use check::{Sealed, check};
pub use exercise::{ExerciseFacts, check_exercise, seal_exercise};
pub use key::{Fingerprint, KeyError, Private, Public, keygen};
pub use manifest::{Entry, Linked, Manifest, sum};
pub use seal::{SealError, seal};

/// The directory of the evidence, in the run directory.
pub const EVIDENCE: &str = "evidence";
