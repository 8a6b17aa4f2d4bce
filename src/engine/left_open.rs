//! What the journal of an unfinished run shows to the session that takes it over.

use std::time::Duration;

use jiff::Timestamp;

use super::RecoverError;
use crate::{
    event::Kind,
    journal::{RunDir, RunState, follow},
    model::{ClockMark, Exit, Plan, WayBack},
    world::Clock,
};

/// How a run ended that left nothing to do.
pub(super) fn over(state: &RunState) -> Option<Exit> {
    state.ended.filter(|_| state.still_open().next().is_none() && state.holder_lives.is_none())
}

/// What an unfinished run left.
pub(super) struct LeftOpen {
    pub plan: Plan,
    pub run_id: String,
    pub operator: String,
    pub way_back: WayBack,
    /// How long its undo may take.
    pub unwind_within: Duration,
    /// The start of the run by the wall clock, which is before its first line.
    began: Timestamp,
    /// The start of the run by the clock of its machine's boot.
    mark: Option<ClockMark>,
    /// The time of its last line.
    last_us: u64,
}

impl LeftOpen {
    /// Reads the journal. If the run left nothing open, returns how it ended.
    pub(super) fn read(dir: &RunDir) -> Result<Result<Self, Exit>, RecoverError> {
        let (mut state, mut first, mut illegal) = (RunState::default(), None, None);
        follow(dir, |event, _| {
            illegal = illegal.take().or_else(|| state.add(&event).err());
            first.get_or_insert(event);
        })?;
        if let Some(illegal) = illegal {
            return Err(RecoverError::Illegal(dir.0.display().to_string(), illegal));
        }
        let plan = state.plan.clone().map(|p| *p);
        let (Some(plan), Some(first)) = (plan, first) else {
            return Ok(Err(Exit::Passed));
        };
        if let Some(exit) = over(&state) {
            return Ok(Err(exit));
        }
        let Kind::RunStarted { run_id, way_back, operator, clock, .. } = first.event.clone() else {
            return Ok(Err(Exit::Passed));
        };
        let since = jiff::SignedDuration::from_micros(i64::try_from(first.t_us).unwrap_or(0));
        let began = first.at.checked_sub(since).unwrap_or(first.at);
        let unwind_within = state.unwind_within;
        Ok(Ok(Self {
            plan,
            run_id,
            operator,
            way_back: *way_back,
            unwind_within,
            began,
            mark: clock,
            last_us: state.last_us,
        }))
    }

    /// A clock that continues the clock of the run: exactly, on the machine that began it and during the same boot;
    /// otherwise by the wall clock, which may have been changed. It never shows an earlier time than the run's last
    /// line.
    pub(super) fn clock(&self, own: Clock) -> Clock {
        let same = self.mark.as_ref().and_then(Clock::resume);
        same.unwrap_or_else(|| own.since(self.began)).at_least(self.last_us)
    }
}
