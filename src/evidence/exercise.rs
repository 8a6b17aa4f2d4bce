//! The evidence of an exercise: the same manifest, envelopes and keys as for a run, with a statement of its own. What
//! belongs to an exercise is decided where exercises are read; here it is signed, and the signature is checked.

use std::{fs, io};

use serde_json::json;

use super::{
    check::{Sealed, check_with},
    key::{Private, Public},
    manifest::Manifest,
    seal::{Package, SealError},
    statement::{RESULT_FILE, TEST_RESULT, statement},
};
use crate::journal::RunDir;

/// The predicate of our own statement.
const EXERCISE: &str = "https://drillmaster.dev/attestation/exercise/v1";
/// Its file.
const FILE: &str = "exercise.dsse.json";

/// What the statements say about an exercise.
#[derive(Clone, Debug, Default)]
pub struct ExerciseFacts {
    /// Whether the exercise passed.
    pub passed: bool,
    /// The verdict, in words.
    pub verdict: String,
    /// Name and SHA-256 of the playbook.
    pub playbook: (String, String),
    /// The hash that was authorised.
    pub authorised: String,
    /// The program that prepared it.
    pub tool: String,
    /// The ids of the objectives that were met.
    pub met: Vec<String>,
    /// Those that were not met.
    pub missed: Vec<String>,
    /// Those that nothing shows.
    pub open: Vec<String>,
    /// Those that were dropped after the authorisation.
    pub dropped: Vec<String>,
}

/// Signs an exercise, and returns the public key. `open` opens the files of the manifest.
///
/// # Errors
/// A file cannot be read or written.
pub fn seal_exercise(
    dir: &RunDir,
    manifest: &Manifest,
    facts: &ExerciseFacts,
    open: &dyn Fn(&str) -> io::Result<fs::File>,
    key: &Private,
) -> Result<Public, SealError> {
    let (name, sha256) = &facts.playbook;
    // Readers who know only passed and failed must not take for passed what nothing shows.
    let failed: Vec<&String> = facts.missed.iter().chain(&facts.open).chain(&facts.dropped).collect();
    let result = json!({
        "result": if facts.passed { "PASSED" } else { "FAILED" },
        "configuration": [{"name": "playbook.yaml", "digest": {"sha256": sha256}}],
        "passedTests": facts.met,
        "warnedTests": [],
        "failedTests": failed,
    });
    let own = json!({
        "exercise": manifest.run, "head": manifest.head, "verdict": facts.verdict, "playbook": name,
        "authorised": facts.authorised, "tool": facts.tool, "drills": manifest.drills, "missing": manifest.missing,
        "objectives": {"met": facts.met, "notMet": facts.missed, "notProven": facts.open, "dropped": facts.dropped},
    });
    let statements =
        [(RESULT_FILE, statement(manifest, TEST_RESULT, result)), (FILE, statement(manifest, EXERCISE, own))];
    Package { dir, manifest, statements: &statements, open }.sign(key)
}

/// Checks the evidence of an exercise. `compare` returns what differs from the manifest: place and how.
pub fn check_exercise(
    dir: &RunDir,
    trusted: &[Public],
    compare: &dyn Fn(&Manifest) -> Vec<(String, String)>,
) -> Sealed {
    let statements = [(RESULT_FILE, TEST_RESULT), (FILE, EXERCISE)];
    check_with(dir, statements, trusted, &|manifest, wrong| wrong.extend(compare(manifest)))
}
