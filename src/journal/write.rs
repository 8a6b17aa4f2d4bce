//! Appending. A line is either whole and chained to the one before, or the run
//! learns that it is not: after a failed sync the journal is poisoned, because
//! nobody knows what the disk holds (the kernel may have dropped the page).

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    sync::Arc,
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Lock, LockError, ReadJournal, RunDir};
use crate::event::{Event, Kind};

/// Why an event could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The disk said no.
    #[error("cannot write the journal {path}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed.
    #[error("the journal {0} failed before and is not written any more")]
    Poisoned(String),
    /// Another session holds the wheel.
    #[error("session {theirs} has taken over from session {mine}")]
    Fenced {
        /// Our epoch.
        mine: u64,
        /// The epoch in force.
        theirs: u64,
    },
    /// Somebody else holds the lock.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// A journal open for appending, with its lock.
#[derive(Debug)]
pub struct Journal {
    dir: RunDir,
    file: Arc<File>,
    epoch: u64,
    seq: u64,
    prev: String,
    unsynced: bool,
    /// Nothing of it must survive a crash: a rehearsal's.
    fleeting: bool,
    poisoned: bool,
    /// None only after the fence took over from a frozen holder.
    _lock: Option<Lock>,
}

impl Journal {
    /// Starts the journal of a new run, as epoch 1.
    pub fn create(dir: &RunDir) -> Result<Self, WriteError> {
        let lock = Lock::take(&dir.file("lock"))?;
        dir.set_epoch(1).map_err(|e| io_error(dir, e))?;
        Self::open(dir, true, 1, 0, String::new(), Some(lock))
    }

    /// Goes on where a journal that was read ended, one epoch higher. What hangs
    /// behind the last whole line is cut off first. `lock` is none only when its
    /// holder is frozen and has been fenced.
    pub fn resume(dir: &RunDir, read: &ReadJournal, lock: Option<Lock>) -> Result<Self, WriteError> {
        let epoch = dir.epoch().max(read.last_epoch()) + 1;
        dir.set_epoch(epoch).map_err(|e| io_error(dir, e))?;
        let journal = Self::open(dir, false, epoch, read.next_seq(), read.last_hash.clone(), lock)?;
        if journal._lock.is_some() {
            journal.file.set_len(read.whole_bytes).map_err(|e| io_error(dir, e))?;
        } else {
            // A frozen writer may have left half a line: end it, so that ours stand alone.
            (&*journal.file).write_all(if read.torn { b"\n" } else { b"" }).map_err(|e| io_error(dir, e))?;
        }
        Ok(journal)
    }

    fn open(
        dir: &RunDir,
        new: bool,
        epoch: u64,
        seq: u64,
        prev: String,
        lock: Option<Lock>,
    ) -> Result<Self, WriteError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(new)
            .mode(0o600)
            .open(dir.journal())
            .map_err(|e| io_error(dir, e))?;
        if let Ok(parent) = File::open(&dir.0) {
            let _ = parent.sync_all();
        }
        Ok(Self {
            dir: dir.clone(),
            file: Arc::new(file),
            epoch,
            seq,
            prev,
            unsynced: false,
            fleeting: false,
            poisoned: false,
            _lock: lock,
        })
    }

    /// Stops waiting for the disk: for a rehearsal, which a crash may take with it.
    pub fn survive_nothing(&mut self) {
        self.fleeting = true;
    }

    /// This session's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Fails when another session has taken over.
    pub fn check_fence(&self) -> Result<(), WriteError> {
        let theirs = self.dir.epoch();
        if theirs > self.epoch {
            return Err(WriteError::Fenced { mine: self.epoch, theirs });
        }
        Ok(())
    }

    /// Appends one event. `clean` is applied to the finished line's text, so that
    /// no secret reaches the disk. When it returns, a durable event is on the disk.
    pub fn append(
        &mut self,
        t_us: u64,
        at: Timestamp,
        kind: Kind,
        clean: impl Fn(String) -> String,
    ) -> Result<Event, WriteError> {
        if self.poisoned {
            return Err(WriteError::Poisoned(self.dir.journal().display().to_string()));
        }
        self.check_fence()?;
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
        let line = clean(serde_json::to_string(&event).expect("events have string keys only"));
        let written = (&*self.file).write_all(format!("{line}\n").as_bytes());
        self.unsynced = true;
        let synced = written.and_then(|()| if durable { self.file.sync_data() } else { Ok(()) });
        if let Err(source) = synced {
            self.poisoned = true;
            return Err(io_error(&self.dir, source));
        }
        self.unsynced &= !durable;
        self.seq += 1;
        self.prev = hash_line(&line);
        // What is shown live is what was written, secrets already taken out.
        Ok(serde_json::from_str(&line).unwrap_or(event))
    }

    /// The file, if it holds observations that are not on the disk yet. The caller
    /// syncs it without holding anybody up, and reports a failure to [`Journal::poison`].
    pub(super) fn unsynced(&mut self) -> Option<Arc<File>> {
        (std::mem::take(&mut self.unsynced) && !self.poisoned).then(|| Arc::clone(&self.file))
    }

    /// After a failed sync nobody knows what the disk holds.
    pub(super) fn poison(&mut self, source: io::Error) -> WriteError {
        self.poisoned = true;
        io_error(&self.dir, source)
    }
}

/// The hash that the next line names as `prev`.
pub(super) fn hash_line(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

fn io_error(dir: &RunDir, source: io::Error) -> WriteError {
    WriteError::Io { path: dir.journal().display().to_string(), source }
}
