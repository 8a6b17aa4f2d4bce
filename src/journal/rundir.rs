//! The directory of one run: its permissions, and the names of the files in it.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{files, model::is_run_name};

/// The directory of what a run keeps as evidence.
pub const KEPT: &str = "kept";
/// The size limit for files that are read at once.
const LARGEST: u64 = 1 << 30;

/// A run directory. Only its owner may read it: journals contain names of objects, addresses and commands of a
/// production cluster.
#[derive(Clone, Debug)]
pub struct RunDir(pub PathBuf);

impl RunDir {
    /// Creates the directory of a new run.
    ///
    /// # Errors
    /// The directory cannot be created, or its name would not be a valid directory name.
    pub fn create(runs: &Path, run_id: &str) -> io::Result<Self> {
        if !is_run_name(run_id) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{run_id}` is not a valid name for a run"),
            ));
        }
        let dir = runs.join(run_id);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(runs)?;
        fs::DirBuilder::new().mode(0o700).create(&dir)?;
        fs::DirBuilder::new().mode(0o700).create(dir.join("samples"))?;
        Ok(Self(fs::canonicalize(dir)?))
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The journal's first segment.
    pub fn journal(&self) -> PathBuf {
        self.file("journal.jsonl")
    }

    /// The first file in it that does not belong to a run; none if all of them do.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn foreign(&self) -> io::Result<Option<String>> {
        const OWN: [&str; 12] = [
            "answers",
            "samples",
            "kept",
            "lock",
            "heartbeat",
            "epoch",
            "plan.json",
            "reaper.log",
            "head-not-kept.txt",
            "junit.xml",
            "notes.jsonl",
            "evidence",
        ];
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let starts = ["journal.", "report.", "scenario."].iter().any(|own| name.starts_with(own));
            let next = name.starts_with('.') && name.ends_with(".next");
            if !starts && !next && !OWN.contains(&name.as_str()) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Writes a file completely or not at all. Only its owner may read it.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        files::replace(&self.file(name), content)
    }

    /// Reads a file that drillmaster wrote here. A link in its place is not followed.
    ///
    /// # Errors
    /// The file does not exist, is not a regular file, or is too large.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        files::own(&self.file(name), LARGEST)
    }

    /// Opens a file of samples. Neither the file nor its directory may be a link.
    ///
    /// # Errors
    /// The file does not exist, or is not a regular file.
    pub fn sample(&self, name: &str) -> io::Result<fs::File> {
        let folder = self.file("samples");
        if fs::symlink_metadata(&folder)?.is_symlink() {
            return Err(io::Error::other("the directory `samples` is a symbolic link"));
        }
        files::own_file(&folder.join(name))
    }

    /// Writes a file into the directory of what the run keeps as evidence. The name is cut to plain characters by the
    /// caller; a link in place of the directory is refused.
    ///
    /// # Errors
    /// The name is not plain, or the file cannot be written.
    pub fn keep(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.kept_path(name)?;
        let folder = self.file(KEPT);
        match fs::symlink_metadata(&folder) {
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Err(io::Error::other("the directory `kept` exists and is not a directory")),
            Err(_) => fs::DirBuilder::new().mode(0o700).create(&folder)?,
        }
        files::replace(&path, content)
    }

    /// Reads a file of that directory. Neither the file nor the directory may be a link.
    ///
    /// # Errors
    /// The file does not exist, is not a regular file, or is too large.
    pub fn kept(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.kept_path(name)?;
        if fs::symlink_metadata(self.file(KEPT))?.is_symlink() {
            return Err(io::Error::other("the directory `kept` is a symbolic link"));
        }
        files::own(&path, LARGEST)
    }

    fn kept_path(&self, name: &str) -> io::Result<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(plain) {
            return Err(io::Error::other(format!("`{name}` is not the name of a file that a run keeps")));
        }
        Ok(self.file(KEPT).join(name))
    }

    /// Reads a file that drillmaster wrote here, as text.
    ///
    /// # Errors
    /// As [`RunDir::read`], or the file is not text.
    pub fn text(&self, name: &str) -> io::Result<String> {
        self.read(name).and_then(files::text_of_bytes)
    }
}
