//! Makes the evidence of a run: manifest, signed statements, the public key, and one archive with everything in it.
//! The same run and key give the same bytes.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::DirBuilderExt,
};

use serde_json::Value;

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
    /// The exercise goes on.
    #[error("the exercise is not closed: `drillmaster exercise close` first")]
    NotClosed,
    /// A file is not what the journal says.
    #[error("{0}: nothing was signed")]
    Differs(String),
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
    let manifest = Manifest::of(dir, run, head, &reading.kept)?;
    let statements = statements(&manifest, &facts);
    let open = |name: &str| content(dir, name);
    Package { dir, manifest: &manifest, statements: &statements, open: &open }.sign(key)
}

/// A directory, and what is stated about its files.
pub(super) struct Package<'a> {
    pub dir: &'a RunDir,
    pub manifest: &'a Manifest,
    /// Each statement, with the name of its file.
    pub statements: &'a [(&'static str, Value)],
    /// Opens a file of the manifest.
    pub open: &'a dyn Fn(&str) -> io::Result<fs::File>,
}

impl Package<'_> {
    /// Writes the evidence, and returns the public key.
    pub fn sign(&self, key: &Private) -> Result<Public, SealError> {
        let public = key.public().ok_or(SealError::Key)?;
        let manifest = (MANIFEST.to_owned(), self.manifest.text().into_bytes());
        let mut all = vec![manifest, (KEY.to_owned(), public.pem().into_bytes())];
        for (name, statement) in self.statements {
            let payload = serde_json::to_vec(statement).map_err(io::Error::other)?;
            let envelope = Envelope::sign(&payload, key);
            all.push(((*name).to_owned(), serde_json::to_vec_pretty(&envelope).map_err(io::Error::other)?));
        }
        let archive = self.archive(&all)?;
        all.push((SEALED.to_owned(), archive));
        folder(self.dir)?;
        for (name, bytes) in &all {
            files::replace(&self.dir.file(EVIDENCE).join(name), bytes)?;
        }
        Ok(public)
    }

    /// An archive with fixed times and owners, in the order of the names.
    fn archive(&self, evidence: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(vec![]);
        let mut add = |name: &str, size: u64, content: &mut dyn Read| {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o600);
            header.set_mtime(0);
            archive.append_data(&mut header, format!("{}/{name}", self.manifest.run), content)
        };
        for (name, bytes) in evidence {
            add(&format!("{EVIDENCE}/{name}"), bytes.len() as u64, &mut bytes.as_slice())?;
        }
        for entry in &self.manifest.files {
            add(&entry.name, entry.size, &mut (self.open)(&entry.name)?.take(entry.size))?;
        }
        archive.into_inner()
    }
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

/// SHA-256 of the line with which the run ended. In runs of version 0.1.0, observations may follow it.
pub(super) fn end(reading: &ReadRun) -> Option<&str> {
    reading.about.ends.last().map(|end| end.hash.as_str())
}
