//! The manifest: every file of the run that the evidence rests on, with its size and SHA-256. The reports are not among
//! them, because anybody can make them again from the journal; notes are not either, because people add them later.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    event::{Event, Keepsake, Kind},
    files::own_file,
    journal::{KEPT, RunDir},
    model::hex,
};

/// The version of the format.
pub(super) const FORMAT: &str = "1.0";

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub format: String,
    /// The run.
    pub run: String,
    /// SHA-256 of the journal's last line.
    pub head: String,
    /// The files, by name.
    pub files: Vec<Entry>,
    /// The drills of an exercise, which have evidence of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drills: Vec<Linked>,
    /// What is not part of the evidence.
    pub missing: Vec<String>,
}

/// A drill of an exercise, by the end of its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// The stage of the exercise.
    pub stage: String,
    /// The run.
    pub run: String,
    /// SHA-256 of its journal's last line.
    pub head: String,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path in the run directory.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// SHA-256 of its content.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of a run directory as it is now.
    ///
    /// # Errors
    /// A file cannot be read, or is a link.
    pub fn of(dir: &RunDir, run: &str, head: &str, events: &[Event]) -> io::Result<Self> {
        let mut files = vec![];
        let mut missing = missing(events);
        for name in names(dir)? {
            let (size, sha256) =
                content(dir, &name).and_then(sum).map_err(|e| io::Error::new(e.kind(), format!("{name}: {e}")))?;
            files.push(Entry { size, sha256, name });
        }
        for name in ["plan.json", "scenario.yaml"] {
            if !files.iter().any(|f| f.name == name) {
                missing.push(name.to_owned());
            }
        }
        Ok(Self::with(run, head, files, vec![], missing))
    }

    /// A manifest in the format of this version.
    pub fn with(run: &str, head: &str, files: Vec<Entry>, drills: Vec<Linked>, missing: Vec<String>) -> Self {
        Self { format: FORMAT.into(), run: run.into(), head: head.into(), files, drills, missing }
    }

    /// The manifest as it is written and signed.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// What is not part of the evidence, and why: an auditor must not look for it.
fn missing(events: &[Event]) -> Vec<String> {
    let mut all: Vec<String> = vec![];
    for what in Keepsake::ALL {
        let why = events.iter().filter_map(|e| match &e.event {
            Kind::EvidenceMissing { what: named, why } if *named == what => Some(format!("{}: {why}", what.words())),
            _ => None,
        });
        let before = all.len();
        all.extend(why);
        let kept = events.iter().any(|e| matches!(&e.event, Kind::EvidenceKept { what: named, .. } if *named == what));
        if !kept && all.len() == before {
            all.push(format!("{}: the run did not keep it", what.words()));
        }
    }
    all
}

/// The size of a file, and the SHA-256 of its content. A journal can be large, so it is read in parts.
///
/// # Errors
/// The file cannot be read.
pub fn sum(file: impl Read) -> io::Result<(u64, String)> {
    let (mut reader, mut sum, mut size) = (BufReader::new(file), Sha256::new(), 0);
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            return Ok((size, hex(sum.finalize())));
        }
        sum.update(part);
        let length = part.len();
        size += length as u64;
        reader.consume(length);
    }
}

/// Opens a file of the evidence. Only names that drillmaster gives are read, and no link is followed.
pub(super) fn content(dir: &RunDir, name: &str) -> io::Result<fs::File> {
    if let Some(kept) = name.strip_prefix("kept/").filter(|kept| is_plain(kept)) {
        not_a_link(dir, KEPT)?;
        return own_file(&dir.file(KEPT).join(kept));
    }
    match name.strip_prefix("samples/") {
        Some(sample) if is_plain(sample) => dir.sample(sample),
        None if is_own(name) => own_file(&dir.file(name)),
        _ => Err(io::Error::other("this is not the name of a file of a run")),
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '%');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

fn is_own(name: &str) -> bool {
    let segment = name.strip_prefix("journal.").and_then(|rest| rest.strip_suffix(".jsonl"));
    let numbered = segment.is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    matches!(name, "journal.jsonl" | "plan.json" | "scenario.yaml") || numbered
}

/// The names of all files that belong to the evidence, in order.
pub(super) fn names(dir: &RunDir) -> io::Result<Vec<String>> {
    let mut all = vec![];
    for entry in fs::read_dir(&dir.0)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if is_own(&name) {
            all.push(name);
        }
    }
    for folder in ["samples", KEPT] {
        let there = fs::symlink_metadata(dir.file(folder));
        if there.is_err() {
            continue;
        }
        not_a_link(dir, folder)?;
        for entry in fs::read_dir(dir.file(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            // A file that a session was writing when it was killed.
            if name.starts_with('.') && name.ends_with(".next") {
                continue;
            }
            if !is_plain(&name) {
                return Err(io::Error::other(format!("{folder}/{name} is not a file of a run")));
            }
            all.push(format!("{folder}/{name}"));
        }
    }
    all.sort();
    Ok(all)
}

/// A link in place of a directory could lead anywhere.
fn not_a_link(dir: &RunDir, folder: &str) -> io::Result<()> {
    if fs::symlink_metadata(dir.file(folder))?.is_dir() {
        return Ok(());
    }
    Err(io::Error::other(format!("the directory `{folder}` is a symbolic link or a file")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_not_complete_does_not_prevent_a_seal() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir(folder.path().to_owned());
        dir.keep("rules.json", b"{}").expect("kept");
        fs::write(dir.file(KEPT).join(".a1b2.next"), "{").expect("written");
        assert_eq!(names(&dir).expect("names"), ["kept/rules.json"]);
        fs::write(dir.file(KEPT).join(".other"), "{").expect("written");
        assert!(names(&dir).is_err());
    }

    #[test]
    fn only_names_of_a_run_are_read() {
        for name in ["journal.jsonl", "journal.2.jsonl", "plan.json", "scenario.yaml"] {
            assert!(is_own(name), "{name}");
        }
        for name in ["journal..jsonl", "journal.x.jsonl", "../journal.jsonl", "/etc/passwd", "report.html", ""] {
            assert!(!is_own(name), "{name}");
        }
        let dir = RunDir("/nowhere".into());
        for name in [
            "samples/../lock",
            "samples//etc/passwd",
            "samples/",
            "samples/.next",
            "/etc/passwd",
            "../x",
            "kept/../lock",
            "kept/",
        ] {
            let why = content(&dir, name).expect_err("refused").to_string();
            assert!(why.contains("not the name"), "{name}: {why}");
        }
    }
}
