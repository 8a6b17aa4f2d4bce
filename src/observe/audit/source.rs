//! Where an audit log is: a file that grows and is rotated, or an address that is asked.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use crate::{files, model::is_address, world::World};

/// So much is read at a look; a log that grows faster is read later.
const AT_ONCE: u64 = 16 << 20;
/// A longer answer is refused: it is no log of a drill's time.
const LONGEST_ANSWER: usize = 32 << 20;
/// So many ids are remembered of an address, whose answers hold the same records again.
const REMEMBERED: usize = 100_000;

pub(super) enum Source {
    File(Tail),
    /// It answers with all its lines each time.
    Address {
        url: String,
        seen: BTreeSet<String>,
    },
    /// A rehearsal reads no file.
    Nothing,
}

impl Source {
    pub(super) fn of(given: &str, world: &World) -> Self {
        if is_address(given) {
            Self::Address { url: given.to_owned(), seen: BTreeSet::new() }
        } else if world.stage().is_some() {
            Self::Nothing
        } else {
            Self::File(Tail::at_end(given.into()))
        }
    }

    pub(super) async fn read(&mut self, world: &World) -> Result<Vec<u8>, String> {
        match self {
            Self::Nothing => Ok(vec![]),
            Self::Address { url, .. } => {
                let mut bytes = world.http.bounded(url, LONGEST_ANSWER).await.map_err(|e| e.to_string())?;
                // An answer is whole, whatever it ends with.
                bytes.push(b'\n');
                Ok(bytes)
            }
            Self::File(tail) => {
                let mut taken = std::mem::take(tail);
                let read = tokio::task::spawn_blocking(move || {
                    let read = taken.read();
                    (taken, read)
                });
                let (back, read) = read.await.map_err(|e| e.to_string())?;
                *tail = back;
                read.map_err(|e| format!("{}: {e}", tail.path.display()))
            }
        }
    }

    /// Whether a record was not read before. Of a file each line is read once.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        match self {
            Self::Address { seen, .. } => {
                if seen.len() >= REMEMBERED {
                    seen.pop_first();
                }
                seen.insert(id.to_owned())
            }
            _ => true,
        }
    }
}

/// A file from where it ended when the drill began.
#[derive(Default)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<File>,
    at: u64,
}

impl Tail {
    pub(super) fn at_end(path: PathBuf) -> Self {
        let open = files::regular(&path).ok();
        let at = open.as_ref().and_then(|f| f.metadata().ok()).map_or(0, |m| m.len());
        Self { path, open, at }
    }

    /// What came since the last look. The rest of a file that was rotated is read before the new
    /// one is.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        if let Some(file) = &mut self.open {
            if file.metadata()?.len() < self.at {
                // Cut off in place.
                self.at = 0;
            }
            file.seek(SeekFrom::Start(self.at))?;
            self.at += file.take(AT_ONCE).read_to_end(&mut bytes)? as u64;
        }
        let new = std::fs::metadata(&self.path)?;
        let same = match &self.open {
            Some(file) => file.metadata().is_ok_and(|old| (old.dev(), old.ino()) == (new.dev(), new.ino())),
            None => false,
        };
        if !same && (bytes.len() as u64) < AT_ONCE {
            let mut file = files::regular(&self.path)?;
            self.at = file.by_ref().take(AT_ONCE).read_to_end(&mut bytes)? as u64;
            self.open = Some(file);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn append(path: &std::path::Path, text: &str) {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.expect("it can be opened").write_all(text.as_bytes()).expect("it can be written");
    }

    #[test]
    fn a_log_is_read_from_its_end_on_and_across_its_rotation() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("audit.log");
        append(&path, "before\n");
        let mut tail = Tail::at_end(path.clone());
        let mut read = || String::from_utf8(tail.read().expect("it can be read")).expect("it is text");
        assert_eq!(read(), "");
        append(&path, "one\ntw");
        assert_eq!(read(), "one\ntw");
        append(&path, "o\n");
        std::fs::rename(&path, dir.path().join("audit.1.log")).expect("it is rotated");
        append(&path, "three\n");
        assert_eq!(read(), "o\nthree\n");
        std::fs::write(&path, "four\n").expect("it is cut off in place");
        assert_eq!(read(), "four\n");
        std::fs::write(&path, "5\n").expect("it is cut off");
        assert_eq!(read(), "5\n");
    }

    #[test]
    fn a_file_that_comes_later_is_read_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("audit.log");
        let mut tail = Tail::at_end(path.clone());
        assert!(tail.read().is_err(), "it is not there");
        append(&path, "one\n");
        assert_eq!(tail.read().expect("it can be read"), b"one\n");
    }
}
