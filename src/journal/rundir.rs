//! The folder of one run: who may read it, and what is called how in it.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::model::is_run_name;

/// A run directory. Only its owner may read it: journals hold object names,
/// addresses and commands of a production cluster.
#[derive(Clone, Debug)]
pub struct RunDir(pub PathBuf);

impl RunDir {
    /// Makes the directory of a new run.
    ///
    /// # Errors
    /// It cannot be made, or what it would be called is no name of a folder.
    pub fn create(runs: &Path, run_id: &str) -> io::Result<Self> {
        if !is_run_name(run_id) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{run_id}` is no name of a run")));
        }
        let dir = runs.join(run_id);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(runs)?;
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        fs::DirBuilder::new().mode(0o700).create(dir.join("samples"))?;
        Ok(Self(fs::canonicalize(dir)?))
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The journal's first segment.
    pub fn journal(&self) -> PathBuf {
        self.file("journal.jsonl")
    }

    /// Writes a file whole or not at all, readable by its owner only.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let next = self.file(&format!(".{name}.next"));
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&next)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(next, self.file(name))
    }
}

/// The newest run directory below `runs` that has a journal.
pub fn latest(runs: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(runs)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("journal.jsonl").is_file())
        .collect();
    found.sort();
    found.pop()
}
