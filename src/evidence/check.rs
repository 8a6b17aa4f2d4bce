//! Checks the evidence of a run: every file against the manifest, and the manifest against the signed statements.

use std::{collections::BTreeSet, fs, io, path::Path};

use serde_json::Value;

use super::{
    EVIDENCE,
    dsse::Envelope,
    key::{Fingerprint, Public},
    manifest::{Manifest, content, names, sum},
    seal::{KEY, end},
    statement::{DRILL, MANIFEST, RESULT_FILE, TEST_RESULT},
};
use crate::{files, journal::RunDir, model::sha256, verdict::ReadRun};

/// A file of the evidence is not larger.
const LARGEST: u64 = 16 << 20;

/// What the evidence of a run shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// There is none.
    Unsigned,
    /// Everything is as it was when it was signed with this key.
    Valid {
        /// The key.
        key: Fingerprint,
        /// Whether the caller trusts the key.
        trusted: bool,
        /// The number of files that were compared.
        files: usize,
    },
    /// Something differs: the file, and how.
    Broken(Vec<(String, String)>),
}

/// Checks the evidence. `trusted` are the keys that the caller vouches for; if there are none, the key beside the
/// evidence is used, which shows only that whoever signed had that key.
pub fn check(dir: &RunDir, reading: &ReadRun, trusted: &[Public]) -> Sealed {
    let compare = |manifest: &Manifest, wrong: &mut Wrong| compared(dir, reading, manifest, wrong);
    check_with(dir, [(RESULT_FILE, TEST_RESULT), ("drill.dsse.json", DRILL)], trusted, &compare)
}

/// Checks the statements in a directory with these names and kinds, and compares the files by a function.
pub(super) fn check_with(
    dir: &RunDir,
    statements: [(&str, &str); 2],
    trusted: &[Public],
    compare: &dyn Fn(&Manifest, &mut Wrong),
) -> Sealed {
    let path = dir.file(EVIDENCE);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Sealed::Unsigned,
        Ok(there) if there.is_dir() => {}
        _ => return Sealed::Broken(vec![(shown(&path), "this is not a directory".into())]),
    }
    let mut wrong = vec![];
    let found = check_signatures(dir, statements, trusted, compare, &mut wrong);
    match found {
        Some((key, files)) if wrong.is_empty() => {
            let is_trusted = trusted.contains(&key);
            Sealed::Valid { key: key.fingerprint(), trusted: is_trusted, files }
        }
        _ => Sealed::Broken(wrong),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What differs: the place, and how.
pub(super) type Wrong = Vec<(String, String)>;

fn check_signatures(
    dir: &RunDir,
    statements: [(&str, &str); 2],
    trusted: &[Public],
    compare: &dyn Fn(&Manifest, &mut Wrong),
    wrong: &mut Wrong,
) -> Option<(Public, usize)> {
    let place = |name: &str| shown(&dir.file(EVIDENCE).join(name));
    let read = |name: &str, wrong: &mut Wrong| match files::own(&dir.file(EVIDENCE).join(name), LARGEST) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            wrong.push((place(name), format!("cannot read this file: {error}")));
            None
        }
    };
    let text = read(MANIFEST, wrong)?;
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else {
        wrong.push((place(MANIFEST), "this is not a manifest".into()));
        return None;
    };
    compare(&manifest, wrong);
    let beside = read(KEY, wrong).and_then(|bytes| Public::parse_all(std::str::from_utf8(&bytes).ok()?));
    let Some([own]) = beside.as_deref() else {
        wrong.push((place(KEY), "this is not one public key".into()));
        return None;
    };
    let candidates: Vec<&Public> = if trusted.is_empty() { vec![own] } else { trusted.iter().collect() };
    let digest = sha256(&text);
    let mut signer = None;
    for (name, kind) in statements {
        let bytes = read(name, wrong)?;
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&bytes) else {
            wrong.push((place(name), "this is not an envelope".into()));
            continue;
        };
        let opened = candidates.iter().find_map(|key| Some(((*key).clone(), envelope.open(key)?)));
        let Some((key, payload)) = opened else {
            let whose = if trusted.is_empty() { "the key beside it" } else { "a key that you gave" };
            wrong.push((place(name), format!("it is not signed with {whose}")));
            continue;
        };
        if signer.as_ref().is_some_and(|known| *known != key) {
            wrong.push((place(name), "the statements are signed with different keys".into()));
        }
        signer = Some(key);
        says(&payload, kind, &digest, &place(name), wrong);
    }
    Some((signer?, manifest.files.len()))
}

/// Whether a statement is about this manifest.
fn says(payload: &[u8], kind: &str, digest: &str, place: &str, wrong: &mut Wrong) {
    let statement: Value = serde_json::from_slice(payload).unwrap_or_default();
    if statement["predicateType"] != kind {
        wrong.push((place.to_owned(), format!("it does not state a {kind}")));
    }
    if statement["subject"][0]["digest"]["sha256"] != digest {
        wrong.push((place.to_owned(), "it was signed for another manifest".into()));
    }
}

/// Compares the files with the manifest, and the manifest with the journal.
fn compared(dir: &RunDir, reading: &ReadRun, manifest: &Manifest, wrong: &mut Wrong) {
    let place = shown(&dir.file(EVIDENCE).join(MANIFEST));
    if end(reading) != Some(manifest.head.as_str()) {
        wrong.push((place.clone(), "it names another end of the journal: the run was continued or changed".into()));
    }
    let listed: BTreeSet<&str> = manifest.files.iter().map(|f| f.name.as_str()).collect();
    match names(dir) {
        Ok(there) => {
            for name in there.iter().filter(|name| !listed.contains(name.as_str())) {
                wrong.push((shown(&dir.file(name)), "the manifest does not list this file".into()));
            }
        }
        Err(error) => wrong.push((shown(&dir.0), format!("cannot list the files: {error}"))),
    }
    for entry in &manifest.files {
        match content(dir, &entry.name).and_then(sum) {
            Ok((size, sha256)) if size == entry.size && sha256 == entry.sha256 => {}
            Ok(_) => wrong.push((shown(&dir.file(&entry.name)), "it differs from the manifest".into())),
            Err(error) => wrong.push((place.clone(), format!("cannot read `{}`: {error}", entry.name))),
        }
    }
}
