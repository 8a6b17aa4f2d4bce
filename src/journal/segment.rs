//! The files of a journal, one for each session: `journal.jsonl` belongs to the first session, `journal.2.jsonl` to
//! the session that took over from it, and so on. A session takes over by creating the next file. The file system lets
//! only one process create it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

const FIRST: &str = "journal.jsonl";

/// The file of a segment.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(if number == 1 { FIRST.to_owned() } else { format!("journal.{number}.jsonl") })
}

/// The numbers of the segments in a run directory, ascending.
pub(crate) fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        found.extend(entry?.file_name().to_str().and_then(number));
    }
    found.sort_unstable();
    Ok(found)
}

fn number(name: &str) -> Option<u64> {
    if name == FIRST {
        return Some(1);
    }
    let number = name.strip_prefix("journal.")?.strip_suffix(".jsonl")?.parse().ok()?;
    // Each number has exactly one name: no leading zeros and no sign.
    (number > 1 && name == format!("journal.{number}.jsonl")).then_some(number)
}

/// Creates a segment and syncs its name to disk. Fails if the file exists.
pub(crate) fn create(dir: &Path, number: u64, durable: bool) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path(dir, number))?;
    if durable {
        File::open(dir)?.sync_all()?;
    }
    Ok(file)
}

/// Opens a segment for reading. A link in its place is not followed, and opening a pipe does not wait.
pub(crate) fn open(dir: &Path, number: u64) -> io::Result<File> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path(dir, number))?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Reads a segment from a byte to its end.
pub(crate) fn read_from(dir: &Path, number: u64, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = open(dir, number)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_name() {
        assert_eq!(number("journal.jsonl"), Some(1));
        assert_eq!(number("journal.12.jsonl"), Some(12));
        for other in ["journal.1.jsonl", "journal.02.jsonl", "journal.+2.jsonl", "journal.jsonl.bak", "journal.x.jsonl"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn one_process_creates_a_segment_and_no_other() {
        let dir = tempfile::tempdir().expect("a directory");
        for number in [1, 2] {
            assert!(create(dir.path(), number, false).is_ok());
            let again = create(dir.path(), number, false).map(drop).map_err(|error| error.kind());
            assert_eq!(again, Err(io::ErrorKind::AlreadyExists));
        }
    }
}
