//! The files below a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// An entry below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File(PathBuf),
    /// A link to something that does not exist.
    Dangling(PathBuf),
}

impl Entry {
    /// Its path.
    pub fn path(self) -> PathBuf {
        match self {
            Self::File(path) | Self::Dangling(path) => path,
        }
    }
}

/// The YAML and JSON files below a folder, in order, and `Kustomization` files. Hidden files and folders are left out.
///
/// # Errors
/// A folder cannot be read.
pub fn below(folder: &Path) -> Result<Vec<Entry>, String> {
    let mut files = vec![];
    walk(folder, &mut files)?;
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<Entry>) -> Result<(), String> {
    let say = |e: std::io::Error| format!("cannot read {}: {e}", folder.display());
    let entries = fs::read_dir(folder).map_err(say)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<Result<Vec<PathBuf>, _>>().map_err(say)?;
    entries.sort();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // A link could lead back to one of its parents.
        if hidden || entry.is_symlink() && entry.is_dir() {
            continue;
        }
        if entry.is_dir() {
            walk(&entry, files)?;
        } else if entry.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
            || entry.file_name().is_some_and(|name| name == "Kustomization")
        {
            files.push(if entry.exists() { Entry::File(entry) } else { Entry::Dangling(entry) });
        }
    }
    Ok(())
}
