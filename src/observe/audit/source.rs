//! Where an audit log is: a file that grows and is rotated, or an address that is asked.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

use super::record::{Deletion, Found, Lines, Read as Line};
use crate::{files, model::is_address, world::World};

/// So much is read at once.
const AT_ONCE: u64 = 16 << 20;
/// So many times at the last look; at the others once, and a log that grows faster is read later.
const LAST_READS: usize = 32;
/// A longer answer is refused: it is no log of a drill's time.
const LONGEST_ANSWER: usize = 32 << 20;
/// So many records of an address are remembered, whose answers hold the same ones again; and
/// all of its last answer.
const REMEMBERED: usize = 100_000;

/// A log, and how much of it was read.
pub(super) struct Source {
    place: Place,
    records: u64,
    damaged: u64,
}

enum Place {
    File {
        tail: Tail,
        lines: Lines,
    },
    /// It answers with all its lines each time.
    Address {
        url: String,
        seen: Seen,
    },
    /// A rehearsal reads no file.
    Nothing,
}

impl Source {
    pub(super) fn of(given: &str, world: &World) -> Self {
        let place = if is_address(given) {
            Place::Address { url: given.to_owned(), seen: Seen::default() }
        } else if world.stage().is_some() {
            Place::Nothing
        } else {
            Place::File { tail: Tail::at_end(given.into()), lines: Lines::default() }
        };
        Self::at(place)
    }

    fn at(place: Place) -> Self {
        Self { place, records: 0, damaged: 0 }
    }

    #[cfg(test)]
    pub(super) fn nothing() -> Self {
        Self::at(Place::Nothing)
    }

    /// How many records were read, and how many lines could not be read as records.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.records, self.damaged)
    }

    /// The new deletions. `began_us`: records that an address already had at that time are old.
    pub(super) async fn read(
        &mut self,
        world: &World,
        began_us: u64,
        to_its_end: bool,
    ) -> Result<Vec<Deletion>, String> {
        let new = match &mut self.place {
            Place::Nothing => vec![],
            Place::Address { url, seen } => {
                let mut bytes = world.http.bounded(url, LONGEST_ANSWER).await.map_err(|e| e.to_string())?;
                // An answer is whole, whatever it ends with.
                bytes.push(b'\n');
                let old = |found: &Found| found.at.is_none_or(|at| world.clock.at_wall(at) < began_us);
                seen.new_of(Lines::default().take(&bytes), old)
            }
            Place::File { tail, lines } => {
                let mut found = vec![];
                let reads = if to_its_end { LAST_READS } else { 1 };
                let mut left = true;
                for _ in 0..reads {
                    let bytes = tail.read_beside().await?;
                    left = bytes.len() as u64 >= AT_ONCE;
                    found.extend(lines.take(&bytes));
                    if !left {
                        break;
                    }
                }
                if to_its_end && left {
                    return Err(format!("more than {} MiB of it were not read", reads as u64 * (AT_ONCE >> 20)));
                }
                found
            }
        };
        self.records += new.iter().filter(|line| line.record.is_some()).count() as u64;
        self.damaged += new.iter().filter(|line| line.record.is_none()).count() as u64;
        Ok(new.into_iter().filter_map(|line| line.record?.deletion).collect())
    }
}

/// Marks of what an address has answered with, and the number of the last answer that held each.
#[derive(Default)]
struct Seen {
    marks: BTreeMap<u64, u64>,
    answers: u64,
}

impl Seen {
    /// The new lines of an answer. `old` tells which records of the first answer are from before
    /// the drill.
    fn new_of(&mut self, answer: Vec<Line>, old: impl Fn(&Found) -> bool) -> Vec<Line> {
        self.answers += 1;
        let (first, answers) = (self.answers == 1, self.answers);
        let stood = |line: &Line| first && line.record.as_ref().is_none_or(&old);
        let new = answer.into_iter().filter(|line| self.marks.insert(line.mark, answers).is_none() && !stood(line));
        let new = new.collect();
        if self.marks.len() > REMEMBERED {
            self.marks.retain(|_, last| *last == answers);
        }
        new
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

    /// What came since the last look, on a thread that may wait for a disk.
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

    /// What came since the last look, [`AT_ONCE`] at most. The rest of a file that was rotated
    /// is read before the new one is.
    pub(super) fn read(&mut self) -> io::Result<Vec<u8>> {
        self.read_around(|| {})
    }

    /// `meanwhile` is called where a log may be rotated.
    fn read_around(&mut self, meanwhile: impl FnOnce()) -> io::Result<Vec<u8>> {
        let mut bytes = vec![];
        if let Some(file) = &mut self.open
            && file.metadata()?.len() < self.at
        {
            // Cut off in place.
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
            // What was written between the read and the rotation stands in the old one only.
            self.read_open(&mut bytes)?;
            if (bytes.len() as u64) < AT_ONCE {
                self.open = Some(files::regular(&self.path)?);
                self.at = 0;
                self.read_open(&mut bytes)?;
            }
        }
        Ok(bytes)
    }

    /// Reads on in the file that is open.
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
        let line = |mark, at: i64| Line { mark, record: Some(Found { at: second(at), deletion: None }) };
        let damaged = |mark| Line { mark, record: None };
        let old = |found: &Found| found.at < second(10);
        let marks = |new: Vec<Line>| new.iter().map(|line| line.mark).collect::<Vec<_>>();
        let mut seen = Seen::default();
        // It held some before the drill, and one came while nobody could ask it.
        assert_eq!(marks(seen.new_of(vec![line(1, 5), damaged(2), line(3, 11)], old)), [3]);
        assert_eq!(marks(seen.new_of(vec![line(1, 5), damaged(2), line(3, 11), line(4, 12), damaged(5)], old)), [4, 5]);
        assert_eq!(marks(seen.new_of(vec![line(4, 12), line(4, 12), line(6, 13)], old)), [6]);
        // However many it holds, each is new once.
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
