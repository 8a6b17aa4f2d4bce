//! The process that holds the lock of a run: how to recognise it, and how to kill it if it is frozen. A frozen process
//! cannot be asked to stop, but a process that was killed does nothing more.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::files;

/// A lock file names one process, so a larger file is refused.
const LARGEST: u64 = 64 << 10;

/// A process, identified uniquely: pids are reused, and each machine has its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its pid.
    pub pid: u32,
    /// When it started, in ticks since the machine's boot.
    started: u64,
    /// The id of the machine's boot.
    boot: String,
    /// Its pid namespace.
    pids: String,
    /// The machine's host name, for people.
    pub host: String,
}

/// The result of an attempt to kill a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// SIGKILL was sent to the process that holds the lock.
    Killed,
    /// The process runs on another machine, or cannot be identified with certainty. Nothing was killed.
    OutOfReach(String),
}

impl Holder {
    /// This process.
    pub fn own() -> Self {
        let pid = std::process::id();
        let host = nix::unistd::gethostname().ok().and_then(|h| h.into_string().ok());
        Self { pid, started: started(pid).unwrap_or(0), boot: boot(), pids: pids(), host: host.unwrap_or_default() }
    }

    /// The process that last took a lock, according to the lock file.
    pub fn of(lock: &Path) -> Option<Self> {
        serde_json::from_slice(&files::own(lock, LARGEST).ok()?).ok()
    }

    /// Whether its pid refers to the same process on this machine.
    pub fn is_on_this_machine(&self) -> bool {
        let known = |text: &str| !text.is_empty();
        known(&self.boot) && self.boot == boot() && known(&self.pids) && self.pids == pids()
    }

    /// Kills the process, if it runs on this machine and holds this lock.
    pub(super) fn stop(&self, lock: &Path) -> Stopped {
        let beyond = |why: &str| Stopped::OutOfReach(format!("{why} (pid {} on {})", self.pid, self.host));
        if !self.is_on_this_machine() {
            return beyond("it is not a process on this machine");
        }
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return beyond("it has no pid") };
        // The pidfd keeps the pid from being reused for another process.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return beyond("it cannot be opened") };
        if started(self.pid) != Some(self.started) {
            return beyond("its pid now belongs to another process");
        }
        if !holds(self.pid, lock) {
            return beyond("according to the kernel, it does not hold the lock");
        }
        match pidfd_send_signal(&process, Signal::KILL) {
            Ok(()) => Stopped::Killed,
            Err(error) => beyond(&format!("it cannot be killed: {error}")),
        }
    }
}

/// Whether the kernel's table of locks lists the process as the holder of the lock of this file. Only the inode is
/// compared, because the device numbers in the table are wrong on some file systems.
fn holds(pid: u32, lock: &Path) -> bool {
    let (Ok(meta), Ok(table)) = (fs::metadata(lock), fs::read_to_string("/proc/locks")) else { return false };
    let inode = format!(":{}", meta.ino());
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[..], [_, "FLOCK", _, _, holder, file, ..] if holder == pid.to_string() && file.ends_with(&inode))
    })
}

/// The start time of a process. Its name may contain any character, so the fields are counted from behind the name.
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
        // Each of these differs in one point: it does not hold the lock, or comes from another boot, machine or time.
        assert!(beyond(&own));
        assert!(beyond(&Holder { started: own.started + 1, ..own.clone() }));
        assert!(beyond(&Holder { boot: "another".into(), ..own.clone() }));
        assert!(beyond(&Holder { pids: "another".into(), ..own.clone() }));
        assert!(beyond(&Holder { pid: 0, ..own }));
    }
}
