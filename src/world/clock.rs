//! The one clock. Durations come from CLOCK_BOOTTIME: it neither jumps with NTP
//! nor stops while a laptop sleeps (correctness 54). Wall time is for labels.

use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// Microseconds since a run began, and wall time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero_us: u64,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { zero_us: boot_us() }
    }

    /// A clock of a run that began at `wall`: for another process, or after a reboot.
    pub fn since(wall: Timestamp) -> Self {
        let ago = wall_now().duration_since(wall);
        let ago = u64::try_from(ago.as_micros()).unwrap_or(0);
        Self { zero_us: boot_us().saturating_sub(ago) }
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        boot_us().saturating_sub(self.zero_us)
    }

    /// Time since an earlier reading.
    pub fn since_us(&self, earlier_us: u64) -> Duration {
        Duration::from_micros(self.now_us().saturating_sub(earlier_us))
    }

    /// Wall time.
    pub fn wall(&self) -> Timestamp {
        wall_now()
    }

    /// The reading of this clock at a wall time.
    pub fn at_wall(&self, wall: Timestamp) -> u64 {
        let ago = u64::try_from(wall_now().duration_since(wall).as_micros()).unwrap_or(0);
        self.now_us().saturating_sub(ago)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_now() -> Timestamp {
    Timestamp::now()
}

fn boot_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has CLOCK_BOOTTIME since 2.6.39");
    let secs = u64::try_from(now.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec()).unwrap_or(0);
    secs * 1_000_000 + nanos / 1000
}
