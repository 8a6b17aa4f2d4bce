//! The only clock. Durations come from CLOCK_BOOTTIME, which NTP does not change and which continues while a laptop
//! sleeps. Wall time is used only for display. In a simulation, both come from tokio's paused clock. Start with
//! [`Clock`].

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use nix::time::{ClockId, clock_gettime};

use crate::model::ClockMark;

/// Measures microseconds since a run began, and the wall time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    source: ZeroTime,
    zero_us: u64,
}

#[derive(Clone, Copy, Debug)]
enum ZeroTime {
    Boot,
    /// tokio's clock, with the instant and the wall time at which it started.
    Simulated(tokio::time::Instant, Timestamp),
}

impl ZeroTime {
    fn us(&self) -> u64 {
        match self {
            Self::Boot => boot_us(),
            Self::Simulated(began, _) => u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn wall(&self) -> Timestamp {
        match self {
            Self::Boot => wall_now(),
            Self::Simulated(_, wall) => wall
                .saturating_add(SignedDuration::from_micros(i64::try_from(self.us()).unwrap_or(i64::MAX)))
                .unwrap_or(Timestamp::MAX),
        }
    }
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { source: ZeroTime::Boot, zero_us: boot_us() }
    }

    /// A clock of tokio's runtime, whose wall time is `wall` now.
    pub fn simulated(wall: Timestamp) -> Self {
        Self { source: ZeroTime::Simulated(tokio::time::Instant::now(), wall), zero_us: 0 }
    }

    /// A simulated clock with another wall time, such as that of another machine, or after the clock was set.
    pub fn set_by(mut self, by: SignedDuration) -> Self {
        if let ZeroTime::Simulated(_, wall) = &mut self.source {
            *wall = wall.saturating_add(by).unwrap_or(*wall);
        }
        self
    }

    /// A clock from the same source, for a run that begins now.
    pub fn restart(&self) -> Self {
        Self { source: self.source, zero_us: self.source.us() }
    }

    /// A clock from the same source, for a run that began at `wall`. Used in another process, or after a reboot.
    pub fn since(&self, wall: Timestamp) -> Self {
        let ago = self.source.wall().duration_since(wall);
        let ago = u64::try_from(ago.as_micros()).unwrap_or(0);
        Self { source: self.source, zero_us: self.source.us().saturating_sub(ago) }
    }

    /// Continues the clock of a run. None after a reboot, or on another machine.
    pub fn resume(mark: &ClockMark) -> Option<Self> {
        (mark.boot == boot_id()).then_some(Self { source: ZeroTime::Boot, zero_us: mark.zero_us })
    }

    /// The start of the run, for another process during the same boot; none for a simulated clock.
    pub fn mark(&self) -> Option<ClockMark> {
        let boot = boot_id();
        let real = matches!(self.source, ZeroTime::Boot) && !boot.is_empty();
        real.then_some(ClockMark { boot, zero_us: self.zero_us })
    }

    /// The same clock, but at least at this time: it must not run backwards after the wall clock was set back.
    pub fn at_least(mut self, us: u64) -> Self {
        self.zero_us = self.zero_us.min(self.source.us().saturating_sub(us));
        self
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        self.source.us().saturating_sub(self.zero_us)
    }

    /// Time since an earlier reading.
    pub fn since_us(&self, earlier_us: u64) -> Duration {
        Duration::from_micros(self.now_us().saturating_sub(earlier_us))
    }

    /// Wall time.
    pub fn wall(&self) -> Timestamp {
        self.source.wall()
    }

    /// The time of this clock at a wall time.
    pub fn at_wall(&self, wall: Timestamp) -> u64 {
        let ago = u64::try_from(self.wall().duration_since(wall).as_micros()).unwrap_or(0);
        self.now_us().saturating_sub(ago)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_now() -> Timestamp {
    Timestamp::now()
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|t| t.trim().to_owned()).unwrap_or_default()
}

fn boot_us() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has CLOCK_BOOTTIME since 2.6.39");
    let secs = u64::try_from(now.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec()).unwrap_or(0);
    secs * 1_000_000 + nanos / 1000
}
