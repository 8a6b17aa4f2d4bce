//! Why the journal of an exercise cannot be read or written. Start with [`JournalError`].

use std::{io, time::Duration};

use crate::journal::{LockError, RunDir, segment};

/// How long a command waits for another command on the same exercise.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why the journal of an exercise cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory is not that of an exercise, or a file cannot be read or written.
    #[error("cannot use the journal {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A line is damaged.
    #[error("{path}:{line}: {problem}; nothing was changed. Put back a copy of the file from before the damage")]
    Damaged {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Another command holds the lock.
    #[error("another command has been working on this exercise for {} s{by}: wait for it, or end it, and try again", PATIENCE.as_secs())]
    Busy {
        /// Who holds it.
        by: String,
    },
    /// The lock cannot be taken.
    #[error(transparent)]
    Lock(LockError),
    /// Another machine continued the exercise at the same moment.
    #[error("another machine continued this exercise at the same moment; nothing was written. Try again")]
    Fenced,
}

pub(super) fn io_error(dir: &RunDir, number: u64, source: io::Error) -> JournalError {
    JournalError::Io { path: segment::path(&dir.0, number).display().to_string(), source }
}

pub(super) fn damaged(dir: &RunDir, number: u64, line: usize, problem: &str) -> JournalError {
    JournalError::Damaged {
        path: segment::path(&dir.0, number).display().to_string(),
        line,
        problem: problem.to_owned(),
    }
}
