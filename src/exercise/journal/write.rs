//! Writes the journal of an exercise: takes the lock, and appends to the segment of this machine or to a new one. Start
//! with [`open`].

use std::{
    fs::File,
    io::{self, Write},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    super::what::{Line, What},
    error::{JournalError, PATIENCE, io_error},
    read::{Lines, NOT_ONE, read},
};
use crate::{
    event::Continues,
    files,
    journal::{Holder, Lock, LockError, RunDir, hash_line, segment},
};

/// How often a command looks whether the lock is free.
const LOOK: Duration = Duration::from_millis(20);

/// A journal that is open for writing. The lock is released when this is dropped.
#[derive(Debug)]
pub struct Open {
    dir: RunDir,
    /// What it contains.
    pub read: Lines,
    file: Option<File>,
    began: Option<Timestamp>,
    _lock: Lock,
}

/// Creates the journal of a new exercise with its first line.
///
/// # Errors
/// The directory has a journal already, or cannot be written.
pub fn create(dir: &RunDir, at: Timestamp, first: What) -> Result<Open, JournalError> {
    let lock = Lock::acquire(dir).map_err(JournalError::Lock)?;
    let file = segment::create(&dir.0, 1, true).map_err(|e| io_error(dir, 1, e))?;
    let read = Lines { at: Continues { segment: 1, ..Continues::default() }, ..Lines::default() };
    let mut open = Open { dir: dir.clone(), read, file: Some(file), began: Some(at), _lock: lock };
    open.line(at, 1, first)?;
    open.line(at, 1, What::SessionOpened { epoch: 1, holder: Some(Holder::own()), continues: None })?;
    open.sync()?;
    Ok(open)
}

/// Takes the lock and reads the journal. Nothing is written yet.
///
/// # Errors
/// Another command holds the lock for too long, or the journal cannot be read.
pub fn open(dir: &RunDir) -> Result<Open, JournalError> {
    // The lock file would be created in any directory.
    if !dir.journal().is_file() {
        return Err(io_error(dir, 1, io::Error::new(io::ErrorKind::NotFound, NOT_ONE)));
    }
    let lock = locked(dir)?;
    let read = read(dir)?;
    Ok(Open { dir: dir.clone(), read, file: None, began: None, _lock: lock })
}

fn locked(dir: &RunDir) -> Result<Lock, JournalError> {
    #[expect(clippy::disallowed_methods, reason = "how long a person waits at a prompt is not an event")]
    let began = Instant::now();
    loop {
        match Lock::acquire(dir) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held { holder, .. }) if began.elapsed() > PATIENCE => {
                let by = holder.map(|h| format!(" (pid {} on {})", h.pid, h.host)).unwrap_or_default();
                return Err(JournalError::Busy { by });
            }
            #[expect(clippy::disallowed_methods, reason = "no task waits for this thread")]
            Err(LockError::Held { .. }) => std::thread::sleep(LOOK),
            Err(error) => return Err(JournalError::Lock(error)),
        }
    }
}

impl Lines {
    /// The number of lines up to and including the one with a hash; none if no line has it.
    pub fn upto(&self, hash: &str) -> Option<usize> {
        // Each line contains the hash of the one before.
        let after = self.lines.iter().position(|line| line.seq > 0 && line.prev == hash);
        after.or_else(|| (self.head == hash && !hash.is_empty()).then_some(self.lines.len()))
    }
}

impl Open {
    /// Appends lines. When this returns, they are on disk.
    ///
    /// # Errors
    /// They could not be written, or another machine continued the exercise meanwhile.
    pub fn append(&mut self, events: impl IntoIterator<Item = (Timestamp, What)>) -> Result<(), JournalError> {
        let mut events = events.into_iter().peekable();
        let Some((first, _)) = events.peek() else { return Ok(()) };
        let epoch = self.session(*first)?;
        for (at, event) in events {
            self.line(at, epoch, event)?;
        }
        self.sync()
    }

    /// The session in which this command writes: the newest one, if it is this machine's and its last line is complete;
    /// otherwise the next one.
    fn session(&mut self, at: Timestamp) -> Result<u64, JournalError> {
        let own = self.read.holder.as_ref().is_some_and(Holder::is_on_this_machine);
        let newest = self.read.at.segment;
        if self.file.is_some() {
            return Ok(newest);
        }
        self.began = self.read.lines.iter().rev().take_while(|l| l.epoch == newest).last().map(|line| line.at);
        let highest = segment::numbers(&self.dir.0).map_err(|e| io_error(&self.dir, newest, e))?.into_iter().max();
        let highest = highest.unwrap_or(newest);
        if own && !self.read.torn && highest == newest {
            let path = segment::path(&self.dir.0, newest);
            let file = files::private().append(true).open(path).map_err(|e| io_error(&self.dir, newest, e))?;
            self.file = Some(file);
            return Ok(newest);
        }
        let number = highest + 1;
        let file = match segment::create(&self.dir.0, number, true) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(JournalError::Fenced),
            other => other.map_err(|e| io_error(&self.dir, number, e))?,
        };
        self.file = Some(file);
        self.began = Some(at);
        let continues = Some(self.read.at.clone());
        self.read.at.segment = number;
        let opened = What::SessionOpened { epoch: number, holder: Some(Holder::own()), continues };
        self.line(at, number, opened)?;
        Ok(number)
    }

    fn line(&mut self, at: Timestamp, epoch: u64, event: What) -> Result<(), JournalError> {
        let began = self.began.unwrap_or(at);
        let t_us = u64::try_from(at.duration_since(began).as_micros()).unwrap_or(0);
        let line = Line {
            seq: self.read.lines.len() as u64,
            at,
            t_us,
            epoch,
            prev: self.read.head.clone(),
            must: event.must(),
            event,
        };
        let text = serde_json::to_string(&line).expect("lines have string keys only");
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(format!("{text}\n").as_bytes()).map_err(|e| io_error(&self.dir, self.read.at.segment, e))?;
        self.read.head = hash_line(text.as_bytes());
        self.read.lines.push(line);
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
        synced.map_err(|e| io_error(&self.dir, self.read.at.segment, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exercise::{
            people::PersonId,
            playbook::Role,
            what::{By, ClusterAccess, FORMAT, Known, NoteOn},
        },
        model::Told,
    };

    fn first() -> What {
        What::ExercisePrepared {
            format: FORMAT.into(),
            exercise: "e".into(),
            tool: "t".into(),
            playbook_hash: String::new(),
            set: Default::default(),
            scenarios: Default::default(),
            seats: vec![],
            place: ClusterAccess::Nowhere,
            planned: None,
            carried: vec![],
            papers: Default::default(),
        }
    }

    fn note(text: &'static str) -> (Timestamp, What) {
        let by =
            By { person: PersonId("p".into()), role: Role::Scribe, known: Known::Asserted, because: Told::default() };
        (Timestamp::UNIX_EPOCH, What::Noted { by, on: NoteOn::Observation, text: text.into(), kept: None })
    }

    fn begun() -> (tempfile::TempDir, RunDir) {
        let dir = tempfile::tempdir().expect("a directory");
        let run = RunDir(dir.path().to_owned());
        create(&run, Timestamp::UNIX_EPOCH, first()).expect("created");
        (dir, run)
    }

    #[test]
    fn each_command_goes_on_where_the_last_one_ended() {
        let (_dir, run) = begun();
        for text in ["one", "two"] {
            open(&run).expect("opened").append([note(text)]).expect("written");
        }
        let lines = read(&run).expect("read");
        assert_eq!((lines.lines.len(), lines.stray, lines.torn), (4, 0, false));
        assert!(create(&run, Timestamp::UNIX_EPOCH, first()).is_err(), "a journal is not begun twice");
    }

    /// A command that was killed in the middle of any line loses that line only.
    #[test]
    fn a_line_that_was_cut_off_anywhere_loses_nothing_else() {
        let (_dir, run) = begun();
        open(&run).expect("opened").append([note("before")]).expect("written");
        let whole = std::fs::read(run.journal()).expect("read");
        let from = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').expect("a line") + 1;
        for cut in from..whole.len() {
            let _ = std::fs::remove_file(run.file("journal.2.jsonl"));
            std::fs::write(run.journal(), &whole[..cut]).expect("cut");
            let mut opened = open(&run).expect("opened");
            assert_eq!((opened.read.lines.len(), opened.read.torn), (2, cut > from), "{cut}");
            opened.append([note("after")]).expect("written");
            drop(opened);
            let lines = read(&run).expect("read again");
            assert!(matches!(&lines.lines.last().expect("a line").event, What::Noted { text, .. } if *text == "after"));
            assert_eq!(run.file("journal.2.jsonl").exists(), cut > from);
        }
    }

    #[test]
    fn damage_is_refused_with_its_line() {
        let (_dir, run) = begun();
        open(&run).expect("opened").append([note("one"), note("two")]).expect("written");
        let text = std::fs::read_to_string(run.journal()).expect("read");
        for (from, to, line) in
            [("one", "0ne", ":4:"), ("\"seq\":2", "\"seq\":9", ":3:"), ("{\"seq\":3", "{x\"seq\":3", ":4:")]
        {
            std::fs::write(run.journal(), text.replacen(from, to, 1)).expect("changed");
            let error = read(&run).expect_err("damaged").to_string();
            assert!(error.contains(line) && error.contains("nothing was changed"), "{from}: {error}");
        }
    }

    #[test]
    fn a_folder_outside_the_exercise_is_refused() {
        for (folder, inside) in [
            ("drills/drill", true),
            ("drills/../..", false),
            ("drills/..", false),
            ("drills/a/b", false),
            ("/etc", false),
        ] {
            let (_dir, run) = begun();
            let launched = What::DrillLaunched { stage: "drill".into(), folder: folder.into() };
            open(&run).expect("opened").append([(Timestamp::UNIX_EPOCH, launched)]).expect("written");
            assert_eq!(read(&run).is_ok(), inside, "{folder}");
        }
    }

    /// What a machine writes after another one took over counts for nothing, and does no harm.
    #[test]
    fn a_later_segment_wins() {
        let (_dir, run) = begun();
        let mut frozen = open(&run).expect("opened");
        frozen.append([note("one")]).expect("written");
        let at = read(&run).expect("read").at;
        let other = What::SessionOpened { epoch: 2, holder: None, continues: Some(at.clone()) };
        let line =
            Line { seq: at.seq, at: Timestamp::UNIX_EPOCH, t_us: 0, epoch: 2, prev: at.hash, must: true, event: other };
        std::fs::write(run.file("journal.2.jsonl"), serde_json::to_string(&line).expect("json") + "\n")
            .expect("written");
        frozen.append([note("late")]).expect("it does not know yet");
        drop(frozen);
        let lines = read(&run).expect("read");
        assert_eq!((lines.lines.len(), lines.stray), (4, 1));
        open(&run).expect("opened").append([note("here")]).expect("written");
        assert!(run.file("journal.3.jsonl").exists(), "the other machine's segment is not continued");
        assert_eq!(read(&run).expect("read").lines.len(), 6);
    }

    #[test]
    fn a_link_in_place_of_the_journal_is_not_followed() {
        let (dir, run) = begun();
        let away = dir.path().join("away");
        std::fs::rename(run.journal(), &away).expect("moved");
        std::os::unix::fs::symlink(&away, run.journal()).expect("linked");
        assert!(read(&run).is_err());
    }
}
