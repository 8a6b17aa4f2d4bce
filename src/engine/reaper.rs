//! The reaper: a separate process, in its own process session, that outlives the runner. It waits until the runner's
//! lock becomes free (which proves that the runner is dead) or its heartbeat stops (it is frozen), and then undoes
//! what is open.

use std::{
    io::{self, Write},
    process::Stdio,
    time::Duration,
};

use super::{
    Overrides, RecoverError,
    control::{Beat, Control, Pulse},
    recover::recover,
};
use crate::{
    event::Actor,
    files,
    journal::{JournalError, Lock, LockError, RunDir, RunState, WriteError, follow},
    model::{Dur, Exit, with_causes},
    world::Clock,
};

/// How often the runner is checked.
const LOOK: Duration = Duration::from_millis(500);
/// The pause before a failed attempt is repeated.
const AGAIN: Duration = Duration::from_secs(5);

/// Where a detached process ends together with the process that started it, so that it cannot be a reaper.
pub fn reaper_dies_with() -> Option<&'static str> {
    let set = |name: &str| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "false");
    if set("CI") || set("GITHUB_ACTIONS") || set("GITLAB_CI") || set("TEKTON_PIPELINE_RUN") {
        return Some("a CI job");
    }
    let inside = ["/.dockerenv", "/run/.containerenv"].iter().any(|p| std::path::Path::new(p).exists());
    (inside || set("KUBERNETES_SERVICE_HOST")).then_some("a container")
}

/// Starts the reaper of a run as a detached process.
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

/// Waits, and takes over if necessary. Returns when nothing is left to do.
pub async fn reap(dir: &RunDir, frozen_after: Duration) -> Result<Exit, RecoverError> {
    // In its own process session, the reaper does not receive a Ctrl-C or the end of the terminal.
    let _ = nix::unistd::setsid();
    let clock = Clock::start();
    let mut pulse = Pulse::new(dir);
    let mut said = String::new();
    loop {
        tokio::time::sleep(LOOK).await;
        // The run directory was removed, so nothing is left to read or to undo.
        if !dir.journal().is_file() {
            return Ok(Exit::Passed);
        }
        let beat = pulse.read();
        let control = match Lock::acquire(dir) {
            // The last heartbeat may be just this recent.
            Ok(_) if is_over(dir) => return Ok(Exit::Passed),
            Err(LockError::Held { .. }) if beat != Beat::Heard && is_over(dir) => return Ok(Exit::Passed),
            Ok(lock) => {
                say(&clock, "the runner is dead: taking over");
                Control::free(lock)
            }
            Err(LockError::Held { .. }) if matches!(beat, Beat::Silent(time) if time >= frozen_after) => {
                say(&clock, "the runner is frozen: killing it and taking over");
                Control::stop(dir).await
            }
            Err(LockError::Held { .. }) => continue,
            Err(error) => {
                once(&clock, &mut said, &with_causes(&error));
                continue;
            }
        };
        match recover(dir, Actor::Reaper, Some(control), &Overrides::default(), |_, _| {}).await {
            // For example, the disk may be full now and have space at the next attempt.
            Err(error) if may_pass(&error) => {
                once(&clock, &mut said, &with_causes(&error));
                tokio::time::sleep(AGAIN).await;
            }
            other => return other,
        }
    }
}

/// Whether the run has recorded its end. Then it is over, even if something is stuck: a person was asked to act, and
/// the reaper must not interfere.
fn is_over(dir: &RunDir) -> bool {
    let (mut state, mut legal) = (RunState::default(), true);
    let read = follow(dir, |event, _| legal &= state.add(&event).is_ok());
    read.is_ok() && legal && state.ended.is_some()
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

/// The reaper's standard error is the file reaper.log.
fn say(clock: &Clock, text: &str) {
    let _ = writeln!(io::stderr(), "{} {text}", clock.wall());
}
