//! The reaper: a process of its own, in a session of its own, that outlives the
//! runner. It waits for the runner's lock to fall free (the kernel's proof of
//! death) or for its heartbeat to stop (frozen), and then undoes what is open.

use std::{
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::Stdio,
    time::Duration,
};

use jiff::Timestamp;

use super::recover::{Overrides, RecoverError, recover};
use crate::{
    event::Actor,
    journal::{Lock, RunDir, RunState, read},
    model::Exit,
    world::Clock,
};

/// Starts the reaper of a run, detached.
pub fn spawn_reaper(dir: &RunDir, frozen_after: Duration) -> io::Result<()> {
    let log = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(dir.file("reaper.log"))?;
    #[expect(clippy::disallowed_methods, reason = "the one program that must outlive us")]
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command
        .arg("reap")
        .arg(&dir.0)
        .arg("--frozen-after")
        .arg(format!("{}s", frozen_after.as_secs()))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map(drop)
}

/// Waits, and takes over if need be. Returns when there is nothing left to do.
pub async fn reap(dir: &RunDir, frozen_after: Duration) -> Result<Exit, RecoverError> {
    // A session of our own: a Ctrl-C or a closed terminal does not reach us.
    let _ = nix::unistd::setsid();
    let clock = Clock::start();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The run directory was removed: there is nothing left to read, and to undo from.
        if !dir.journal().is_file() {
            return Ok(Exit::Passed);
        }
        match Lock::take(&dir.file("lock")) {
            Ok(lock) => {
                if ended(&dir.journal()) {
                    return Ok(Exit::Passed);
                }
                say(&clock, "the runner is dead: taking over");
                return recover(dir, Actor::Reaper, Some(Some(lock)), &Overrides::default(), |_, _| {}).await;
            }
            Err(_) if frozen(dir, &clock, frozen_after) && !ended(&dir.journal()) => {
                say(&clock, "the runner is frozen: fencing it and taking over");
                return recover(dir, Actor::Reaper, Some(None), &Overrides::default(), |_, _| {}).await;
            }
            Err(_) => {}
        }
    }
}

/// A run that said how it ended is over, even with something stuck: a human was
/// asked for, and must not find the reaper working against them.
fn ended(journal: &Path) -> bool {
    read(journal).ok().and_then(|j| RunState::of(&j.events).ok()).is_some_and(|s| s.ended.is_some())
}

fn frozen(dir: &RunDir, clock: &Clock, after: Duration) -> bool {
    let beat: Option<Timestamp> =
        std::fs::read_to_string(dir.file("heartbeat")).ok().and_then(|t| t.trim().parse().ok());
    beat.is_some_and(|beat| clock.wall().duration_since(beat).unsigned_abs() > after)
}

/// Its standard error is reaper.log.
fn say(clock: &Clock, text: &str) {
    let _ = writeln!(io::stderr(), "{} {text}", clock.wall());
}
