//! How a session takes control of a run: the lock is free, or its holder is frozen and is killed. And what that
//! proves: if the holder ran on another machine or in another pid namespace, a free lock does not prove that it is
//! dead, and it cannot be killed. docs/design/wheel.md explains this. Start with [`Control`].

use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Holder, Lock, LockError, RunDir, Stopped};

/// The shortest silence after which a runner may count as frozen. On a busy machine, a healthy runner may be silent
/// for some seconds.
pub const LEAST_FROZEN: Duration = Duration::from_secs(10);
/// A killed process releases its lock within moments.
const ENDS: Duration = Duration::from_secs(10);
/// How often the heartbeat is read. Runners write it once a second.
const LOOK: Duration = Duration::from_millis(500);
/// At least this many reads must find it unchanged: a watcher that was itself suspended has not read it often enough.
const LOOKS: u32 = 6;

/// How control of a run was obtained.
#[derive(Debug)]
pub enum Control {
    /// This session has the lock, and the earlier session is proven to be dead.
    Dead(Lock),
    /// This session has the lock, but the earlier holder may be alive where that cannot be checked.
    Unproven(Lock),
    /// The lock is still held, and its holder may continue to act.
    Held(Option<Holder>),
}

impl Control {
    /// With a lock that was free.
    pub fn free(lock: Lock) -> Self {
        if lock.proves_death() { Self::Dead(lock) } else { Self::Unproven(lock) }
    }

    /// Takes control of a run for a person who asks for it, but only from a session that is dead or frozen.
    ///
    /// # Errors
    /// The session is alive, or its lock cannot be opened.
    pub async fn get(dir: &RunDir) -> Result<Self, LockError> {
        match Lock::acquire(dir) {
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

    /// Kills a frozen session, if it runs on this machine, and waits for its lock.
    pub async fn stop(dir: &RunDir) -> Self {
        let stopped = Lock::stop_holder(dir);
        let began = Instant::now();
        loop {
            match Lock::acquire(dir) {
                Ok(lock) => return Self::free(lock),
                Err(LockError::Held { holder, .. }) if stopped != Stopped::Killed || began.elapsed() > ENDS => {
                    return Self::Held(holder);
                }
                Err(_) if began.elapsed() > ENDS => return Self::Held(None),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Whether the earlier session cannot do anything any more.
    pub fn is_dead(&self) -> bool {
        matches!(self, Self::Dead(_))
    }

    /// The lock, if this session has it, and what is known about the holder, if it does not.
    pub fn into_parts(self) -> (Option<Lock>, Option<Holder>) {
        match self {
            Self::Dead(lock) | Self::Unproven(lock) => (Some(lock), None),
            Self::Held(holder) => (None, holder),
        }
    }
}

/// Whether a run shows no sign of life for long enough to count as frozen.
async fn silent(dir: &RunDir) -> bool {
    let mut pulse = Pulse::new(dir);
    loop {
        tokio::time::sleep(LOOK).await;
        match pulse.read() {
            Beat::Heard => return false,
            Beat::Silent(time) if time >= LEAST_FROZEN => return true,
            Beat::Silent(_) => {}
        }
    }
}

/// The sign of life of a run: a counter that its runner writes once a second. It is compared only with its own earlier
/// values, never with a clock. The silence is measured with this machine's CLOCK_MONOTONIC, which stops while the
/// machine is suspended.
pub struct Pulse {
    dir: RunDir,
    last: Option<String>,
    since: Instant,
    looks: u32,
}

/// The result of reading the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// It has changed since the last read.
    Heard,
    /// It has not changed for this long, not counting times when this process was suspended.
    Silent(Duration),
}

impl Pulse {
    /// Starts to watch.
    pub fn new(dir: &RunDir) -> Self {
        Self { dir: dir.clone(), last: read(dir), since: Instant::now(), looks: 0 }
    }

    /// Reads the counter. If it cannot be read, that is not silence.
    pub fn read(&mut self) -> Beat {
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

/// The file with the counter.
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
        // The watcher was suspended for an hour, and has read the counter once.
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(pulse.read(), Beat::Silent(Duration::ZERO));
        beat(&dir, 2);
        assert_eq!(pulse.read(), Beat::Heard);
        for _ in 0..LOOKS {
            tokio::time::advance(LOOK).await;
            pulse.read();
        }
        tokio::time::advance(LEAST_FROZEN).await;
        assert!(matches!(pulse.read(), Beat::Silent(time) if time >= LEAST_FROZEN));
        // A counter that cannot be read does not prove silence.
        std::fs::remove_file(dir.file(HEARTBEAT)).expect("it is there");
        assert_eq!(pulse.read(), Beat::Heard);
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_is_alive_is_not_taken_over() {
        let (_temp, dir) = dir();
        beat(&dir, 1);
        let lock = Lock::acquire(&dir).expect("it is free");
        let beating = async {
            for count in 2..40 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                beat(&dir, count);
            }
        };
        let got = async { Control::get(&dir).await };
        let (got, ()) = tokio::join!(got, beating);
        assert!(matches!(got, Err(LockError::Held { .. })));
        // This process itself holds the lock. The test must not kill itself, so the record in the lock file is emptied.
        std::fs::write(dir.file("lock"), "").expect("it can be written");
        assert!(matches!(Control::get(&dir).await, Ok(Control::Held(None))), "silent, and out of reach");
        drop(lock);
        assert!(Control::get(&dir).await.expect("it is free").is_dead());
    }
}
