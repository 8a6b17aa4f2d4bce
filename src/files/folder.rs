//! The files below a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The YAML and JSON files below a folder, in order. Hidden files and folders are left out.
///
/// # Errors
/// A folder cannot be read.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = vec![];
    walk(folder, &mut files)?;
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
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
        } else if entry.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json") {
            files.push(entry);
        }
    }
    Ok(())
}
