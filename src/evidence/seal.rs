//! Makes the evidence of a run: manifest, signed statements, the public key, and one archive with everything in it.
//! The same run and key give the same bytes.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::DirBuilderExt,
};

use super::{
    EVIDENCE,
    dsse::Envelope,
    key::{Private, Public},
    manifest::{Manifest, content},
    statement::{Facts, MANIFEST, statements},
};
use crate::{event::Kind, files, journal::RunDir, verdict::ReadRun};

/// Why a run cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is not a drill.
    #[error("this was a rehearsal: nothing real was tested, so there is nothing to sign")]
    Rehearsal,
    /// It has no verdict or no end.
    #[error("the run has no verdict or no end: run `drillmaster recover` first")]
    Open,
    /// The key cannot be used.
    #[error("the private key has no public key")]
    Key,
    /// A file cannot be read or written.
    #[error("cannot seal the run")]
    File(#[from] io::Error),
}

/// The public key, beside the statements.
pub(super) const KEY: &str = "key.pub";
/// The archive with the whole evidence.
const SEALED: &str = "sealed.tar";

/// Seals a run, and returns the public key.
///
/// # Errors
/// The run is a rehearsal, is not over, or a file cannot be read or written.
pub fn seal(dir: &RunDir, reading: &ReadRun, key: &Private) -> Result<Public, SealError> {
    let facts = Facts::of(reading).ok_or(SealError::Open)?;
    let head = end(reading).ok_or(SealError::Open)?;
    let run = reading.kept.iter().find_map(|e| match &e.event {
        Kind::RunStarted { run_id, clusters, .. } => Some((run_id, clusters.iter().any(|c| c.is_simulated()))),
        _ => None,
    });
    let run = match run {
        Some((_, true)) => return Err(SealError::Rehearsal),
        Some((run, false)) => run,
        None => return Err(SealError::Open),
    };
    let public = key.public().ok_or(SealError::Key)?;
    let manifest = Manifest::of(dir, run, head, &reading.kept)?;
    let mut all =
        vec![(MANIFEST.to_owned(), manifest.text().into_bytes()), (KEY.to_owned(), public.pem().into_bytes())];
    for (name, statement) in statements(&manifest, &facts) {
        let payload = serde_json::to_vec(&statement).map_err(io::Error::other)?;
        let envelope = Envelope::sign(&payload, key);
        all.push((name.to_owned(), serde_json::to_vec_pretty(&envelope).map_err(io::Error::other)?));
    }
    let archive = archive(dir, &manifest, &all)?;
    all.push((SEALED.to_owned(), archive));
    folder(dir)?;
    for (name, bytes) in &all {
        files::replace(&dir.file(EVIDENCE).join(name), bytes)?;
    }
    Ok(public)
}

/// Creates the directory. A link in its place is refused.
fn folder(dir: &RunDir) -> io::Result<()> {
    let path = dir.file(EVIDENCE);
    match fs::symlink_metadata(&path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(io::Error::other(format!("{} exists and is not a directory", path.display()))),
        Err(_) => fs::DirBuilder::new().mode(0o700).create(&path),
    }
}

/// An archive with fixed times and owners, in the order of the names.
fn archive(dir: &RunDir, manifest: &Manifest, evidence: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(vec![]);
    let mut add = |name: &str, size: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{}/{name}", manifest.run), content)
    };
    for (name, bytes) in evidence {
        add(&format!("{EVIDENCE}/{name}"), bytes.len() as u64, &mut bytes.as_slice())?;
    }
    for entry in &manifest.files {
        add(&entry.name, entry.size, &mut content(dir, &entry.name)?.take(entry.size))?;
    }
    archive.into_inner()
}

/// SHA-256 of the line with which the run ended. In runs of version 0.1.0, observations may follow it.
pub(super) fn end(reading: &ReadRun) -> Option<&str> {
    reading.about.ends.last().map(|end| end.hash.as_str())
}
