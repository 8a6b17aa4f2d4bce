//! The reaper: a process of its own, in a session of its own, that outlives the
//! runner. It waits for the runner's lock to fall free (the kernel's proof of
//! death) or for its heartbeat to stop (frozen), and then undoes what is open.

use std::{
    io::{self, Write},
    process::Stdio,
    time::Duration,
};

use super::{
    hand::{Beat, Hand, Pulse},
    recover::{Overrides, RecoverError, recover},
};
use crate::{
    event::Actor,
    files,
    journal::{JournalError, Lock, LockError, RunDir, RunState, WriteError, read},
    model::{Dur, Exit},
    world::Clock,
};

/// How often the runner is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The pause before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Starts the reaper of a run, detached.
pub fn spawn_reaper(dir: &RunDir, frozen_after: Duration) -> io::Result<()> {
    let log = files::private().append(true).open(dir.file("reaper.log"))?;
    #[expect(clippy::disallowed_methods, reason = "the one program that must outlive us")]
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command
        .arg("reap")
        .arg(&dir.0)
        .arg("--frozen-after")
        .arg(Dur(frozen_after).exact())
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
    let mut pulse = Pulse::new(dir);
    let mut said = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        // The run directory was removed: there is nothing left to read, and to undo from.
        if !dir.journal().is_file() {
            return Ok(Exit::Passed);
        }
        let beat = pulse.look();
        let hand = match Lock::take(dir) {
            // Its last beat may be this young.
            Ok(_) if is_over(dir) => return Ok(Exit::Passed),
            Err(LockError::Held { .. }) if beat != Beat::Heard && is_over(dir) => return Ok(Exit::Passed),
            Ok(lock) => {
                say(&clock, "the runner is dead: taking over");
                Hand::free(lock)
            }
            Err(LockError::Held { .. }) if matches!(beat, Beat::Silent(time) if time >= frozen_after) => {
                say(&clock, "the runner is frozen: ending it and taking over");
                Hand::stop(dir).await
            }
            Err(LockError::Held { .. }) => continue,
            Err(error) => {
                once(&clock, &mut said, &error.to_string());
                continue;
            }
        };
        match recover(dir, Actor::Reaper, Some(hand), &Overrides::default(), |_, _| {}).await {
            // The disk, for one: the next try may find room.
            Err(error) if may_pass(&error) => {
                once(&clock, &mut said, &error.to_string());
                tokio::time::sleep(AGAIN).await;
            }
            other => return other,
        }
    }
}

/// A run that said how it ended is over, even with something stuck: a human was asked for,
/// and must not find the reaper working against them. It is asked when it may have ended.
fn is_over(dir: &RunDir) -> bool {
    read(dir).ok().and_then(|j| RunState::of(&j.events).ok()).is_some_and(|s| s.ended.is_some())
}

fn may_pass(error: &RecoverError) -> bool {
    matches!(
        error,
        RecoverError::Write(WriteError::Io { .. })
            | RecoverError::Journal(JournalError::Io { .. })
            | RecoverError::Bindings(_)
            | RecoverError::Lock(LockError::Open { .. })
    )
}

fn once(clock: &Clock, said: &mut String, text: &str) {
    if said != text {
        say(clock, &format!("trying again: {text}"));
        text.clone_into(said);
    }
}

/// Its standard error is reaper.log.
fn say(clock: &Clock, text: &str) {
    let _ = writeln!(io::stderr(), "{} {text}", clock.wall());
}
