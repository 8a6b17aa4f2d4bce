//! How a session gets the wheel: the lock is free, or its holder is frozen and is ended.
//! And what is proven by that: on another machine, or in another pid namespace, a free
//! lock proves no death, and nobody can be ended.

use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Holder, Lock, LockError, RunDir, Stopped};

/// A runner that gives no sign of life for this long may be called frozen; less would
/// call a busy machine one.
pub const LEAST_FROZEN: Duration = Duration::from_secs(10);
/// A process that was ended lets go of its lock within moments.
const ENDS: Duration = Duration::from_secs(10);
/// How often the heartbeat is looked at; runners write it once a second.
const LOOK: Duration = Duration::from_millis(500);
/// At least as many looks must find it unchanged: a watcher that slept itself has seen nothing.
const LOOKS: u32 = 6;

/// How the wheel was got.
#[derive(Debug)]
pub enum Hand {
    /// The lock is ours, and the session before is proven dead.
    Dead(Lock),
    /// The lock is ours, but whoever had it may live where we cannot see it.
    Unproven(Lock),
    /// The lock is still held: whoever has it may go on to act.
    Held(Option<Holder>),
}

impl Hand {
    /// By a lock that was free.
    pub fn free(lock: Lock) -> Self {
        if lock.proves_death() { Self::Dead(lock) } else { Self::Unproven(lock) }
    }

    /// Gets the wheel of a run for a person who asks for it: from a session that is dead,
    /// or frozen, and from no other.
    ///
    /// # Errors
    /// The session is alive; or its lock cannot be opened.
    pub async fn get(dir: &RunDir) -> Result<Self, LockError> {
        match Lock::take(dir) {
            Ok(lock) if lock.proves_death() => Ok(Self::Dead(lock)),
            Ok(lock) => {
                let (path, holder) = (dir.file("lock").display().to_string(), lock.before().cloned());
                if silent(dir).await { Ok(Self::Unproven(lock)) } else { Err(LockError::Held { path, holder }) }
            }
            Err(held @ LockError::Held { .. }) => {
                if silent(dir).await {
                    Ok(Self::stop(dir).await)
                } else {
                    Err(held)
                }
            }
            Err(other) => Err(other),
        }
    }

    /// Ends a frozen session, if it is one of this machine, and waits for its lock.
    pub async fn stop(dir: &RunDir) -> Self {
        let stopped = Lock::stop_holder(dir);
        let began = Instant::now();
        loop {
            match Lock::take(dir) {
                Ok(lock) => return Self::free(lock),
                Err(LockError::Held { holder, .. }) if stopped != Stopped::Killed || began.elapsed() > ENDS => {
                    return Self::Held(holder);
                }
                Err(_) if began.elapsed() > ENDS => return Self::Held(None),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Whether the session before can do nothing more.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Dead(_))
    }

    /// The lock, where we have it, and what is known of the holder where we have not.
    pub fn into_parts(self) -> (Option<Lock>, Option<Holder>) {
        match self {
            Self::Dead(lock) | Self::Unproven(lock) => (Some(lock), None),
            Self::Held(holder) => (None, holder),
        }
    }
}

/// Whether a run gives no sign of life for as long as makes it frozen.
async fn silent(dir: &RunDir) -> bool {
    let mut pulse = Pulse::new(dir);
    loop {
        tokio::time::sleep(LOOK).await;
        match pulse.look() {
            Beat::Heard => return false,
            Beat::Silent(time) if time >= LEAST_FROZEN => return true,
            Beat::Silent(_) => {}
        }
    }
}

/// The sign of life of a run: a counter that its runner writes once a second. It is
/// compared with itself and never with a clock, and the silence is timed by our own
/// CLOCK_MONOTONIC, which stands still while this machine sleeps.
pub struct Pulse {
    dir: RunDir,
    last: Option<String>,
    since: Instant,
    looks: u32,
}

/// What a look at the pulse found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// It changed since the look before.
    Heard,
    /// It did not change for so long, as far as this watcher was awake.
    Silent(Duration),
}

impl Pulse {
    /// Begins to watch.
    pub fn new(dir: &RunDir) -> Self {
        Self { dir: dir.clone(), last: read(dir), since: Instant::now(), looks: 0 }
    }

    /// Looks. What cannot be read is not silence.
    pub fn look(&mut self) -> Beat {
        let now = read(&self.dir);
        if now.is_none() || now != self.last {
            (self.last, self.since, self.looks) = (now, Instant::now(), 0);
            return Beat::Heard;
        }
        self.looks += 1;
        if self.looks < LOOKS { Beat::Silent(Duration::ZERO) } else { Beat::Silent(self.since.elapsed()) }
    }
}

fn read(dir: &RunDir) -> Option<String> {
    dir.text(HEARTBEAT).ok()
}

/// The file of the counter.
pub(super) const HEARTBEAT: &str = "heartbeat";

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, RunDir) {
        let temp = tempfile::tempdir().expect("a directory");
        let dir = RunDir::create(temp.path(), "run").expect("it can be made");
        (temp, dir)
    }

    fn beat(dir: &RunDir, count: u32) {
        std::fs::write(dir.file(HEARTBEAT), count.to_string()).expect("it can be written");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_timed_by_looks_and_by_nothing_that_a_clock_says() {
        let (_temp, dir) = dir();
        beat(&dir, 1);
        let mut pulse = Pulse::new(&dir);
        // The watcher slept for an hour: it has looked once.
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(pulse.look(), Beat::Silent(Duration::ZERO));
        beat(&dir, 2);
        assert_eq!(pulse.look(), Beat::Heard);
        for _ in 0..LOOKS {
            tokio::time::advance(LOOK).await;
            pulse.look();
        }
        tokio::time::advance(LEAST_FROZEN).await;
        assert!(matches!(pulse.look(), Beat::Silent(time) if time >= LEAST_FROZEN));
        // A beat that cannot be read is no proof of silence.
        std::fs::remove_file(dir.file(HEARTBEAT)).expect("it is there");
        assert_eq!(pulse.look(), Beat::Heard);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_alive_is_not_taken_over() {
        let (_temp, dir) = dir();
        beat(&dir, 1);
        let lock = Lock::take(&dir).expect("it is free");
        let beating = async {
            for count in 2..40 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                beat(&dir, count);
            }
        };
        let got = async { Hand::get(&dir).await };
        let (got, ()) = tokio::join!(got, beating);
        assert!(matches!(got, Err(LockError::Held { .. })));
        // This very process holds the lock: the test must not end itself, so the record says otherwise.
        std::fs::write(dir.file("lock"), "").expect("it can be written");
        assert!(matches!(Hand::get(&dir).await, Ok(Hand::Held(None))), "silent, and out of reach");
        drop(lock);
        assert!(Hand::get(&dir).await.expect("it is free").is_dead());
    }
}
