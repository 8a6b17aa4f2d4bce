//! The lock on a journal. The kernel releases it when its holder dies, however
//! that happens: a free lock is the proof of death that the reaper waits for.

use std::{
    fs::{File, OpenOptions},
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("another process holds {0}: the run is still going on (`drillmaster status` tells more)")]
    Held(String),
    /// The file could not be opened.
    #[error("cannot open the lock {path}")]
    Open {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A held lock; released when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] Flock<File>);

impl Lock {
    /// Takes the lock, or says at once that somebody else holds it.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let name = path.display().to_string();
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|source| LockError::Open { path: name.clone(), source })?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map(Self).map_err(|_| LockError::Held(name))
    }
}
