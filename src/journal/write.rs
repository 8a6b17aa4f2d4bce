//! Appends events to a journal. Either a line is complete and chained to the previous one, or the run learns that it
//! is not. After a failed sync the journal is never written again, because the content of the disk is unknown (the
//! kernel may have dropped the page).
//!
//! Each session has its own file, so a line that a frozen session still writes does no harm: its successor continues
//! from an earlier line. Start with [`Journal`].

use std::{
    fs::File,
    io::{self, Write},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    JournalError, Lock, LockError, RunDir,
    about::About,
    read::{follow, follow_below},
    segment,
    tail::{Late, Tail},
};
use crate::{
    event::{Continues, Event, Kind},
    model::sha256,
};

/// Why an event could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system returned an error.
    #[error("cannot write the journal {path}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed.
    #[error("an earlier write to the journal {path} failed ({why}), so it is not written any more")]
    Poisoned {
        /// The file.
        path: String,
        /// The error of that write.
        why: String,
    },
    /// Another session has taken over.
    #[error("session {theirs} has taken over from session {mine}")]
    Fenced {
        /// The number of this session.
        mine: u64,
        /// The number of the session that has taken over.
        theirs: u64,
    },
    /// Another process holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The earlier segments cannot be read.
    #[error(transparent)]
    Read(#[from] JournalError),
}

/// A journal that is open for appending: the segment of one session.
#[derive(Debug)]
pub struct Journal {
    dir: RunDir,
    file: Arc<File>,
    /// Number of the segment.
    number: u64,
    epoch: u64,
    seq: u64,
    prev: String,
    unsynced: bool,
    /// Whether it need not survive a crash, as in a rehearsal.
    fleeting: bool,
    /// The error after which nothing is written any more.
    poisoned: Option<String>,
    /// Where it continues, if it is not the first.
    continues: Option<Continues>,
    tails: Vec<Tail>,
    /// None if the holder of the lock may still be alive.
    _lock: Option<Lock>,
}

impl Journal {
    /// Creates the journal of a new run, as session 1.
    pub fn create(dir: &RunDir) -> Result<Self, WriteError> {
        Self::create_as(dir, 1)
    }

    /// Creates a journal whose first session has a given number, for a run whose earlier sessions wrote elsewhere.
    pub fn create_as(dir: &RunDir, epoch: u64) -> Result<Self, WriteError> {
        let lock = Lock::acquire(dir)?;
        let file = segment::create(&dir.0, 1, true).map_err(|e| io_error(dir, 1, e))?;
        Ok(Self::open(dir, file, (1, epoch), About::default(), Some(lock)))
    }

    /// Takes over the run: creates the next segment, after which no earlier session acts any more, and then reads
    /// everything that they wrote. The segment's number is larger than `floor`. `lock` is none if its holder may still
    /// be alive; `take` gets the events of the earlier sessions, in order.
    ///
    /// # Errors
    /// Another session took over at the same moment, or the earlier segments are damaged, which is checked before
    /// anything is created.
    pub fn take_over(
        dir: &RunDir,
        lock: Option<Lock>,
        floor: u64,
        mut take: impl FnMut(Event),
    ) -> Result<Self, WriteError> {
        let seen = follow(dir, |_, _| ())?;
        let numbers = segment::numbers(&dir.0).map_err(|e| io_error(dir, 1, e))?;
        let highest = numbers.into_iter().max().unwrap_or(1).max(seen.last_epoch).max(floor);
        let number = highest + 1;
        let file = match segment::create(&dir.0, number, true) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(WriteError::Fenced { mine: highest, theirs: number });
            }
            other => other.map_err(|e| io_error(dir, number, e))?,
        };
        if seen.old {
            // A runner of version 0.1.0 reads this file to find out which session is in control.
            dir.write("epoch", number.to_string().as_bytes()).map_err(|e| io_error(dir, number, e))?;
        }
        let about = follow_below(dir, number, &mut |event, _| take(event))?;
        Ok(Self::open(dir, file, (number, number), about, lock))
    }

    fn open(dir: &RunDir, file: File, (number, epoch): (u64, u64), read: About, lock: Option<Lock>) -> Self {
        let goes_on = read.end.segment > 0;
        Self {
            dir: dir.clone(),
            file: Arc::new(file),
            number,
            epoch,
            seq: read.end.seq,
            prev: read.end.hash.clone(),
            unsynced: false,
            fleeting: false,
            poisoned: None,
            continues: goes_on.then_some(read.end),
            tails: read.tails,
            _lock: lock,
        }
    }

    /// Does not wait for the disk any more. For a rehearsal, which need not survive a crash.
    pub fn survive_nothing(&mut self) {
        self.fleeting = true;
    }

    /// The number of this session.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The number of the next event.
    pub(super) fn next_seq(&self) -> u64 {
        self.seq
    }

    /// SHA-256 of the last line.
    pub fn head(&self) -> &str {
        &self.prev
    }

    /// The line from which this session continues; none for the first session.
    pub fn continues(&self) -> Option<&Continues> {
        self.continues.as_ref()
    }

    /// Fails if another session has taken over. The directory is listed again each time, because an NFS client may
    /// cache for half a minute that a name does not exist.
    pub fn check_fence(&self) -> Result<(), WriteError> {
        let numbers = segment::numbers(&self.dir.0).map_err(|e| io_error(&self.dir, self.number, e))?;
        match numbers.into_iter().filter(|n| *n > self.epoch).max() {
            Some(theirs) => Err(WriteError::Fenced { mine: self.epoch, theirs }),
            None => Ok(()),
        }
    }

    /// A quick form of the same check, before each line: it looks only for the next segment number. A line that is
    /// written in spite of a take-over does no harm.
    pub(super) fn look_for_successor(&self) -> Result<(), WriteError> {
        if segment::path(&self.dir.0, self.epoch + 1).exists() { self.check_fence() } else { Ok(()) }
    }

    /// What earlier sessions have written since the last call, although this session has taken over.
    pub fn late(&mut self) -> Late {
        let mut late = Late::default();
        self.tails.iter_mut().for_each(|tail| tail.read_new(&mut late));
        late
    }

    /// Appends one event. When this returns, a durable event is on disk.
    pub fn append(&mut self, t_us: u64, at: Timestamp, kind: Kind) -> Result<Event, WriteError> {
        if let Some(why) = &self.poisoned {
            return Err(WriteError::Poisoned { path: self.path(), why: why.clone() });
        }
        let durable = kind.is_durable() && !self.fleeting;
        let event = Event {
            seq: self.seq,
            at,
            t_us,
            epoch: self.epoch,
            prev: self.prev.clone(),
            must: kind.must(),
            event: kind,
        };
        let mut line = serde_json::to_vec(&event).expect("events have string keys only");
        line.push(b'\n');
        let written = (&*self.file).write_all(&line);
        self.unsynced = true;
        let synced = written.and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        if let Err(source) = synced {
            return Err(self.poison(source));
        }
        self.unsynced &= !durable;
        self.seq += 1;
        line.pop();
        self.prev = hash_line(&line);
        // Whoever follows the run gets the event as it was written, without secrets. Observations hold none and are the
        // same after they were read again, so that is not done for a million of them.
        if event.event.is_observation() { Ok(event) } else { Ok(Event::of_line(&line).unwrap_or(event)) }
    }

    /// The file, if it contains observations that are not on disk yet. The caller syncs it without holding a lock, and
    /// reports a failure to [`Journal::poison`].
    pub(super) fn unsynced(&mut self) -> Option<Arc<File>> {
        (std::mem::take(&mut self.unsynced) && self.poisoned.is_none()).then(|| Arc::clone(&self.file))
    }

    /// Marks the journal as unusable: after a failed sync, the content of the disk is unknown.
    pub(super) fn poison(&mut self, source: io::Error) -> WriteError {
        self.poisoned = Some(source.to_string());
        io_error(&self.dir, self.number, source)
    }

    fn path(&self) -> String {
        segment::path(&self.dir.0, self.number).display().to_string()
    }
}

/// The hash that the next line contains as `prev`.
pub(crate) fn hash_line(line: &[u8]) -> String {
    sha256(line)
}

fn io_error(dir: &RunDir, number: u64, source: io::Error) -> WriteError {
    WriteError::Io { path: segment::path(&dir.0, number).display().to_string(), source }
}
