//! The lock of a run. The kernel releases it when its holder dies for any reason. On the holder's machine, a free lock
//! therefore proves that the holder is dead; the reaper waits for that.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::{Holder, RunDir, holder::Stopped};
use crate::files;

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another process holds {path}{}: the run is still in progress (see `drillmaster status`)", by(.holder))]
    Held {
        /// The lock file.
        path: String,
        /// The holder, according to the lock file.
        holder: Option<Holder>,
    },
    /// The file could not be opened.
    #[error("cannot open the lock file {path}")]
    Open {
        /// The lock file.
        path: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

fn by(holder: &Option<Holder>) -> String {
    holder.as_ref().map(|h| format!(" (pid {} on {})", h.pid, h.host)).unwrap_or_default()
}

/// A held lock. It is released when it is dropped, or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
    /// The earlier holder. If it ran on another machine it may be alive, even though the lock is free here.
    before: Option<Holder>,
}

impl Lock {
    /// Takes the lock, or returns immediately if another process holds it.
    pub fn acquire(dir: &RunDir) -> Result<Self, LockError> {
        let path = path(dir);
        let open = |source| LockError::Open { path: path.display().to_string(), source };
        let file = files::private().write(true).open(&path).map_err(open)?;
        let before = Holder::of(&path);
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((_, Errno::EWOULDBLOCK)) => {
                return Err(LockError::Held { path: path.display().to_string(), holder: before });
            }
            Err((_, errno)) => return Err(open(errno.into())),
        };
        let record = serde_json::to_vec(&Holder::own()).unwrap_or_default();
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
        file.set_len(0).and_then(|()| file.write_all(&record)).map_err(open)?;
        Ok(Self { _file: file, before })
    }

    /// Whether another process holds the lock; none if that cannot be determined.
    pub fn is_held(dir: &RunDir) -> Option<bool> {
        let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path(dir)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(false),
            Err(_) => return None,
        };
        match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Some(false),
            Err((_, Errno::EWOULDBLOCK)) => Some(true),
            Err(_) => None,
        }
    }

    /// Whether the free lock proves that its last holder is dead. A process on another machine, or in another pid
    /// namespace, may hold a lock that is not visible here.
    pub fn proves_death(&self) -> bool {
        self.before.as_ref().is_none_or(Holder::is_on_this_machine)
    }

    /// The earlier holder.
    pub fn before(&self) -> Option<&Holder> {
        self.before.as_ref()
    }

    /// Kills the process that holds the lock of a run, if it runs on this machine.
    pub fn stop_holder(dir: &RunDir) -> Stopped {
        let path = path(dir);
        match Holder::of(&path) {
            Some(holder) => holder.stop(&path),
            None => Stopped::OutOfReach("the lock file does not name its holder".into()),
        }
    }
}

fn path(dir: &RunDir) -> PathBuf {
    dir.file("lock")
}
