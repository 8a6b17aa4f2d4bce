//! The lock on a run. The kernel releases it when its holder dies, however that
//! happens: on the machine of the holder, a free lock is the proof of death that the
//! reaper waits for.

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

/// Why a lock could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("another process holds {path}{}: the run is still going on (`drillmaster status` tells more)", by(.holder))]
    Held {
        /// Which file.
        path: String,
        /// Who, by the lock's own record.
        holder: Option<Holder>,
    },
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

fn by(holder: &Option<Holder>) -> String {
    holder.as_ref().map(|h| format!(" (pid {} on {})", h.pid, h.host)).unwrap_or_default()
}

/// A held lock; released when dropped or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
    /// Who had it before: another machine's process may live on, whatever this lock says.
    before: Option<Holder>,
}

impl Lock {
    /// Takes the lock, or says at once that somebody else holds it.
    pub fn take(dir: &RunDir) -> Result<Self, LockError> {
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

    /// Whether somebody holds the lock; none where that cannot be found out.
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

    /// Whether that the lock was free proves its last holder dead: on another machine, or
    /// in another pid namespace, a lock may not be seen.
    pub fn proves_death(&self) -> bool {
        self.before.as_ref().is_none_or(Holder::is_on_this_machine)
    }

    /// Who held it before.
    pub fn before(&self) -> Option<&Holder> {
        self.before.as_ref()
    }

    /// Ends the process that holds a run's lock, if it is one of this machine.
    pub fn stop_holder(dir: &RunDir) -> Stopped {
        let path = path(dir);
        match Holder::of(&path) {
            Some(holder) => holder.stop(&path),
            None => Stopped::OutOfReach("the lock does not say whose it is".into()),
        }
    }
}

fn path(dir: &RunDir) -> PathBuf {
    dir.file("lock")
}
