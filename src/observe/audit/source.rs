//! The source of an audit log: a file that grows and is rotated, or an address that is requested.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use super::record::{Deletion, Found, Lines, LogLine};
use crate::{files, model::is_address, world::World};

/// How many bytes are read at once.
const AT_ONCE: u64 = 16 << 20;
/// How many times that is done in the last read. In every other read it is done once; a log that grows faster is read
/// later.
const LAST_READS: usize = 32;
/// The limit for the answer of an address. The log of one drill is not longer.
const LONGEST_ANSWER: usize = 32 << 20;
/// How many records of an address are remembered, because its answers repeat them. All records of its last answer are
/// remembered too.
const REMEMBERED: usize = 100_000;

/// A log, and how much of it was read.
pub(super) struct AuditLog {
    place: LogPlace,
    records: u64,
    damaged: u64,
}

enum LogPlace {
    File {
        tail: Tail,
        lines: Lines,
    },
    /// It returns all its lines each time.
    Address {
        url: String,
        seen: Seen,
    },
    /// A rehearsal does not read files.
    Nothing,
}

impl AuditLog {
    pub(super) fn of(given: &str, world: &World) -> Self {
        let place = if is_address(given) {
            LogPlace::Address { url: given.to_owned(), seen: Seen::default() }
        } else if world.simulated().is_some() {
            LogPlace::Nothing
        } else {
            LogPlace::File { tail: Tail::at_end(given.into()), lines: Lines::default() }
        };
        Self::at(place)
    }

    fn at(place: LogPlace) -> Self {
        Self { place, records: 0, damaged: 0 }
    }

    #[cfg(test)]
    pub(super) fn nothing() -> Self {
        Self::at(LogPlace::Nothing)
    }

    /// The number of records that were read, and of lines that are not records.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.records, self.damaged)
    }

    /// Reads the new deletions. `began_us`: records that an address already had at that time are ignored.
    pub(super) async fn read(
        &mut self,
        world: &World,
        began_us: u64,
        to_its_end: bool,
    ) -> Result<Vec<Deletion>, String> {
        let new = match &mut self.place {
            LogPlace::Nothing => vec![],
            LogPlace::Address { url, seen } => {
                let mut bytes = world.http.bounded(url, LONGEST_ANSWER).await.map_err(|e| e.to_string())?;
                // The answer of an address is complete, even without a line end.
                bytes.push(b'\n');
                let old = |found: &Found| found.at.is_none_or(|at| world.clock.at_wall(at) < began_us);
                seen.new_of(Lines::default().parse(&bytes), old)
            }
            LogPlace::File { tail, lines } => {
                let mut found = vec![];
                let reads = if to_its_end { LAST_READS } else { 1 };
                let mut left = true;
                for _ in 0..reads {
                    let bytes = tail.read_beside().await?;
                    left = bytes.len() as u64 >= AT_ONCE;
                    found.extend(lines.parse(&bytes));
                    if !left {
                        break;
                    }
                }
                if to_its_end && left {
                    return Err(format!(
                        "more than {} MiB of it could not be read in time",
                        reads as u64 * (AT_ONCE >> 20)
                    ));
                }
                found
            }
        };
        self.records += new.iter().filter(|line| line.record.is_some()).count() as u64;
        self.damaged += new.iter().filter(|line| line.record.is_none()).count() as u64;
        Ok(new.into_iter().filter_map(|line| line.record?.deletion).collect())
    }
}

/// Hashes of the records that an address has returned, with the number of the last answer that contained each.
#[derive(Default)]
struct Seen {
    marks: BTreeMap<u64, u64>,
    answers: u64,
}

impl Seen {
    /// The new lines of an answer. `old` shows which records of the first answer are from before the drill.
    fn new_of(&mut self, answer: Vec<LogLine>, old: impl Fn(&Found) -> bool) -> Vec<LogLine> {
        self.answers += 1;
        let (first, answers) = (self.answers == 1, self.answers);
        let stood = |line: &LogLine| first && line.record.as_ref().is_none_or(&old);
        let new = answer.into_iter().filter(|line| self.marks.insert(line.mark, answers).is_none() && !stood(line));
        let new = new.collect();
        if self.marks.len() > REMEMBERED {
            self.marks.retain(|_, last| *last == answers);
        }
        new
    }
}

/// A file, from the position where it ended when the drill began.
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

    /// Reads what was added since the last call, on a thread that may wait for the disk.
    async fn read_beside(&mut self) -> Result<Vec<u8>, String> {
        let mut taken = std::mem::take(self);
        let read = tokio::task::spawn_blocking(move || {
            let read = taken.read();
            (taken, read)
        });
        let (back, read) = read.await.map_err(|e| e.to_string())?;
        *self = back;
        read.map_err(|e| format!("{}: {e}", self.path.display()))
    }

    /// Reads what was added since the last call, at most [`AT_ONCE`]. If the file was rotated, the rest of the old file
    /// is read before the new one.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        self.read_around(|| {})
    }

    /// `meanwhile` is called at the points where a log may be rotated.
    fn read_around(&mut self, meanwhile: impl FnOnce()) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        if let Some(file) = &mut self.open
            && file.metadata()?.len() < self.at
        {
            // The file was truncated in place.
            self.at = 0;
        }
        self.read_open(&mut bytes)?;
        meanwhile();
        let new = std::fs::metadata(&self.path)?;
        let same = match &self.open {
            Some(file) => file.metadata().is_ok_and(|old| (old.dev(), old.ino()) == (new.dev(), new.ino())),
            None => false,
        };
        if !same {
            // What was written between the last read and the rotation is only in the old file.
            self.read_open(&mut bytes)?;
            if (bytes.len() as u64) < AT_ONCE {
                self.open = Some(files::regular(&self.path)?);
                self.at = 0;
                self.read_open(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Continues to read the open file.
    fn read_open(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let Some(file) = &mut self.open else { return Ok(()) };
        file.seek(SeekFrom::Start(self.at))?;
        self.at += file.take(AT_ONCE - bytes.len() as u64).read_to_end(bytes)? as u64;
        Ok(())
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
    fn what_is_written_between_a_read_and_the_rotation_is_not_lost() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("audit.log");
        append(&path, "");
        let mut tail = Tail::at_end(path.clone());
        append(&path, "one\n");
        let rotates = || {
            append(&path, "two\n");
            std::fs::rename(&path, dir.path().join("audit.1.log")).expect("it is rotated");
            append(&path, "three\n");
        };
        assert_eq!(tail.read_around(rotates).expect("it can be read"), b"one\ntwo\nthree\n");
        assert_eq!(tail.read().expect("it can be read"), b"");
    }

    #[test]
    fn an_address_tells_what_is_new_of_its_answers() {
        let second = |n: i64| jiff::Timestamp::from_second(n).ok();
        let line = |mark, at: i64| LogLine { mark, record: Some(Found { at: second(at), deletion: None }) };
        let damaged = |mark| LogLine { mark, record: None };
        let old = |found: &Found| found.at < second(10);
        let marks = |new: Vec<LogLine>| new.iter().map(|line| line.mark).collect::<Vec<_>>();
        let mut seen = Seen::default();
        // The address had some records before the drill, and got one while it could not be reached.
        assert_eq!(marks(seen.new_of(vec![line(1, 5), damaged(2), line(3, 11)], old)), [3]);
        assert_eq!(marks(seen.new_of(vec![line(1, 5), damaged(2), line(3, 11), line(4, 12), damaged(5)], old)), [4, 5]);
        assert_eq!(marks(seen.new_of(vec![line(4, 12), line(4, 12), line(6, 13)], old)), [6]);
        // However many records it has, each is new only once.
        let many = || (0..REMEMBERED as u64 + 10).map(|mark| line(mark + 100, 20)).collect::<Vec<_>>();
        assert_eq!(seen.new_of(many(), old).len(), REMEMBERED + 10);
        assert_eq!(seen.new_of(many(), old).len(), 0);
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
