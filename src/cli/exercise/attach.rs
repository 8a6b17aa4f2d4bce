//! Files that people give as evidence. They are kept by their hash, and their names are never used as paths.

use std::path::Path;

use super::super::{Failure, shown};
use crate::{
    exercise::Attached,
    files,
    model::{Exit, Redactor, printable, sha256},
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
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("it is larger than {} MiB, which is the limit", LARGEST >> 20)));
    }
    let sha256 = sha256(&bytes);
    files::replace(&folder.join(&sha256), &bytes).map_err(|e| wrong(e.to_string()))?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Attached { sha256, name: told!(Redactor::default(), "{}", printable(&name)), bytes: bytes.len() as u64 })
}
