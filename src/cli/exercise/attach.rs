//! Files that people give as evidence. They are kept by their hash, and their names are never used as paths.

use std::path::Path;

use super::super::{Failure, shown};
use crate::{
    exercise::Attached,
    files,
    model::{Exit, Redactor, Review, printable, sha256},
    told,
};

/// The size limit of an attachment.
const LARGEST: u64 = 16 << 20;

/// Copies a file into the attachments of an exercise.
pub(super) fn attach(dir: &Path, file: &Path) -> Result<Attached, Failure> {
    use std::io::Read;
    let wrong = |why: String| Failure::new(Exit::Invalid, format!("--file {}: {why}", shown(file)));
    let folder = dir.join("attachments");
    if !std::fs::symlink_metadata(&folder).is_ok_and(|there| there.is_dir()) {
        return Err(wrong(format!("{} is not a directory of this exercise", shown(&folder))));
    }
    let mut bytes = vec![];
    let opened = files::regular(file).map_err(|e| wrong(e.to_string()))?;
    opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| wrong(e.to_string()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    keep(dir, &name, &bytes).map_err(|e| wrong(e.to_string()))
}

/// Keeps content by its hash.
pub(super) fn keep(dir: &Path, name: &str, bytes: &[u8]) -> std::io::Result<Attached> {
    if bytes.len() as u64 > LARGEST {
        return Err(std::io::Error::other(format!("it is larger than {} MiB, which is the limit", LARGEST >> 20)));
    }
    let sha256 = sha256(bytes);
    files::replace(&dir.join("attachments").join(&sha256), bytes)?;
    let review = serde_json::from_slice::<Review>(bytes).ok().map(|review| review.verdict);
    let name = told!(Redactor::default(), "{}", printable(name));
    Ok(Attached { sha256, name, bytes: bytes.len() as u64, review })
}
