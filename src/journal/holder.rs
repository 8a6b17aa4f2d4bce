//! Who holds the lock on a run: enough to know the process again, and to stop it should
//! it be frozen. A frozen process cannot be asked; one that is ended does nothing more.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::files;

/// A lock file names one process; a larger file is refused.
const LARGEST: u64 = 64 << 10;

/// A process, told from any other: pids are used again, and each machine has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its pid.
    pub pid: u32,
    /// When it began, in ticks since the machine's start.
    started: u64,
    /// The machine's start: another one each time.
    boot: String,
    /// The pid namespace.
    pids: String,
    /// The machine's name, for people.
    pub host: String,
}

/// What became of an attempt to stop a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// SIGKILL was sent to the very process that holds the lock.
    Killed,
    /// It is not this machine's, or cannot be told from another: nobody was touched.
    OutOfReach(String),
}

impl Holder {
    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id();
        let host = nix::unistd::gethostname().ok().and_then(|h| h.into_string().ok());
        Self { pid, started: started(pid).unwrap_or(0), boot: boot(), pids: pids(), host: host.unwrap_or_default() }
    }

    /// The process that took a lock last, by the lock's own record.
    pub(super) fn of(lock: &Path) -> Option<Self> {
        serde_json::from_slice(&files::own(lock, LARGEST).ok()?).ok()
    }

    /// Whether its pid means the same process here.
    pub fn is_on_this_machine(&self) -> bool {
        let known = |text: &str| !text.is_empty();
        known(&self.boot) && self.boot == boot() && known(&self.pids) && self.pids == pids()
    }

    /// Ends it, if it is the one that holds this lock and lives on this machine.
    pub(super) fn stop(&self, lock: &Path) -> Stopped {
        let beyond = |why: &str| Stopped::OutOfReach(format!("{why} (pid {} on {})", self.pid, self.host));
        if !self.is_on_this_machine() {
            return beyond("it is not a process of this machine");
        }
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return beyond("it has no pid") };
        // From here on the number cannot come to mean another process.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return beyond("it cannot be opened") };
        if started(self.pid) != Some(self.started) {
            return beyond("its pid is another process now");
        }
        if !holds(self.pid, lock) {
            return beyond("the kernel does not name it as the holder of the lock");
        }
        match pidfd_send_signal(&process, Signal::KILL) {
            Ok(()) => Stopped::Killed,
            Err(error) => beyond(&format!("it cannot be ended: {error}")),
        }
    }
}

/// Whether the kernel's table of locks names a process as the holder of a file's lock.
/// By the inode alone: what the table says of devices differs on some file systems.
fn holds(pid: u32, lock: &Path) -> bool {
    let (Ok(meta), Ok(table)) = (fs::metadata(lock), fs::read_to_string("/proc/locks")) else { return false };
    let inode = format!(":{}", meta.ino());
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, "FLOCK", _, _, holder, file, ..] if holder == pid.to_string() && file.ends_with(&inode))
    })
}

/// When a process began. Its name may hold anything, so that fields count from behind it.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|t| t.trim().to_owned()).unwrap_or_default()
}

fn pids() -> String {
    fs::read_link("/proc/self/ns/pid").map(|p| p.display().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_process_is_ended() {
        let own = Holder::own();
        assert!(own.is_on_this_machine() && own.started > 0);
        let dir = tempfile::tempdir().expect("a directory");
        let lock = dir.path().join("lock");
        fs::write(&lock, "").expect("it can be written");
        let beyond = |holder: &Holder| matches!(holder.stop(&lock), Stopped::OutOfReach(_));
        // It does not hold the lock, is of another start, of another machine, of another time.
        assert!(beyond(&own));
        assert!(beyond(&Holder { started: own.started + 1, ..own.clone() }));
        assert!(beyond(&Holder { boot: "another".into(), ..own.clone() }));
        assert!(beyond(&Holder { pids: "another".into(), ..own.clone() }));
        assert!(beyond(&Holder { pid: 0, ..own }));
    }
}
