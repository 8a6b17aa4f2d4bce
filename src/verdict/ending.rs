//! How a run ended, read off its journal: the exit code, and the words for it.
//! Sessions that took over are part of the journal like the first one.

use super::judge;
use crate::{
    event::{Actor, Event, Kind, StepEnd, Wake},
    journal::{FaultRecord, FaultState, RunState},
    model::{Exit, Outcome, OutsideChange, Revert, StepName},
};

/// As many changes from outside are named at the end.
const NAMED: usize = 5;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What ended it.
    pub how: How,
    /// What became of the cluster.
    pub left: Left,
}

/// What ended a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Something stood in the way of the first act.
    Refused,
    /// It was stopped before the first act.
    NotBegun,
    /// All steps were done: the verdict counts.
    Judged(Outcome),
    /// A step could not do its work.
    StepFailed(Option<StepName>),
    /// A gate was answered with no.
    GateRefused(Option<StepName>),
    /// A signal, a stop, an abort condition, or the time limit.
    Stopped,
    /// The session died or froze, and another one put everything back.
    Recovered,
    /// Another session has the wheel; it ends the run.
    TakenOver,
    /// A bug, or a journal that could not be written.
    Internal,
}

/// What became of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was touched.
    Untouched,
    /// It is as it was before.
    AsBefore,
    /// So many changes of the drill's are not as before: somebody else made them so, or a node
    /// was replaced.
    ByOthers(usize),
    /// The drill undid all of its own; others changed something, and it is so still.
    ChangedOutside(Vec<String>),
    /// It is as it was before, but for what the scenario lets be lost.
    ButForLosses,
    /// These namespaces of the drill's own are kept, as the scenario asks; so many of its changes
    /// are not as before besides.
    Kept(Vec<String>, usize),
    /// So many undos need a human.
    Stuck(usize),
    /// All is undone, but this process may still act.
    HolderLives(Option<u32>, String),
    /// So many undos are still to be done.
    Open(usize),
}

impl Ending {
    /// How the run ended, or would end if it ended now.
    pub fn of(events: &[Event]) -> Self {
        let state = RunState::of(events).unwrap_or_default();
        let left = Left::of(&state);
        Self { how: How::of(events, &state), left }
    }

    /// Its exit code.
    pub fn exit(&self) -> Exit {
        let exit = match &self.how {
            How::Refused => Exit::Refused,
            How::Judged(Outcome::Fail) | How::StepFailed(_) => Exit::Failed,
            How::Judged(Outcome::Inconclusive) => Exit::Inconclusive,
            How::Judged(Outcome::Pass | Outcome::Skipped | Outcome::Waived) => Exit::Passed,
            How::NotBegun | How::GateRefused(_) | How::Stopped | How::Recovered => Exit::Aborted,
            How::TakenOver => Exit::Left,
            How::Internal => Exit::Internal,
        };
        match self.left {
            Left::Stuck(_) | Left::HolderLives(..) => exit.worse(Exit::Residue),
            Left::Open(_) => exit.worse(Exit::Left),
            _ => exit,
        }
    }

    /// What is to be said of it, in a line.
    pub fn words(&self) -> String {
        let named = |step: &Option<StepName>| step.as_ref().map_or("a step".to_owned(), |s| format!("step `{s}`"));
        let how = match &self.how {
            How::Refused => "the pre-flight refused".to_owned(),
            How::NotBegun => "stopped before the first act".to_owned(),
            How::Judged(Outcome::Fail) => "an expectation was not met".to_owned(),
            How::Judged(Outcome::Inconclusive) => {
                "inconclusive: nothing failed, something required could not be proven".to_owned()
            }
            How::Judged(_) => "passed".to_owned(),
            How::StepFailed(step) => format!("{} failed", named(step)),
            How::GateRefused(step) => format!("{} was refused", named(step)),
            How::Stopped => "aborted or interrupted".to_owned(),
            How::Recovered => "interrupted, and picked up by another session".to_owned(),
            How::TakenOver => "another session has taken over".to_owned(),
            How::Internal => "internal error".to_owned(),
        };
        let left = match (&self.how, &self.left) {
            // A session that recovers a run has no observers.
            (How::Recovered, Left::AsBefore) => {
                "the drill undid its own changes; what others changed meanwhile was not watched".to_owned()
            }
            _ => self.left.words(),
        };
        format!("{how}; {left}")
    }
}

impl Left {
    fn of(state: &RunState) -> Self {
        let count = |is: fn(FaultState) -> bool| state.faults.iter().filter(|f| is(f.state)).count();
        let stuck = count(|s| s == FaultState::Stuck);
        let open = count(FaultState::is_open);
        let others = count(|s| matches!(s, FaultState::Left | FaultState::Replaced));
        let kept: Vec<String> =
            state.faults.iter().filter(|f| f.state == FaultState::Kept).map(|f| f.target.clone()).collect();
        if open > stuck {
            Self::Open(open)
        } else if stuck > 0 {
            Self::Stuck(stuck)
        } else if let Some((pid, host)) = &state.holder_lives {
            Self::HolderLives(*pid, host.clone())
        } else if state.faults.is_empty() && !state.armed {
            Self::Untouched
        } else if !kept.is_empty() {
            Self::Kept(kept, others)
        } else if others > 0 && others == state.faults.iter().filter(|f| lost(f)).count() {
            Self::ButForLosses
        } else if others > 0 {
            Self::ByOthers(others)
        } else {
            let remaining: Vec<String> = state.outside.remaining().into_iter().map(OutsideChange::state).collect();
            if remaining.is_empty() { Self::AsBefore } else { Self::ChangedOutside(remaining) }
        }
    }

    /// What is to be said of it.
    pub fn words(&self) -> String {
        match self {
            Self::Untouched => "the cluster is untouched".to_owned(),
            Self::AsBefore => "the cluster is as before".to_owned(),
            Self::ByOthers(1) => "the drill undid its own changes, but for 1 that was changed from outside".to_owned(),
            Self::ByOthers(n) => {
                format!("the drill undid its own changes, but for {n} that were changed from outside")
            }
            Self::Kept(what, others) => {
                let others = if *others > 0 { format!("; {others} were changed from outside") } else { String::new() };
                let what = what.join(", ");
                format!("the drill undid its own changes, but kept {what}: see \"Left behind\" in the report{others}")
            }
            Self::ChangedOutside(remaining) => {
                let more = remaining.len().saturating_sub(NAMED);
                let named = remaining.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
                let more = if more > 0 { format!("; and {more} more") } else { String::new() };
                format!("the drill undid its own changes; changed from outside: {named}{more}")
            }
            Self::ButForLosses => {
                "the drill undid its own changes, but for what the scenario lets be lost (mayBeLost)".to_owned()
            }
            Self::Stuck(n) => {
                format!("{n} undo(s) could not be done: the commands are printed, the journal stays open")
            }
            Self::HolderLives(Some(pid), host) => {
                format!("everything was undone, but process {pid} on {host} may still act: kill -9 {pid}")
            }
            Self::HolderLives(None, host) => {
                let place = if host.is_empty() { String::new() } else { format!(" on {host}") };
                format!("everything was undone, but the session before{place} still holds the lock and may act: end it")
            }
            Self::Open(n) => format!("{n} undo(s) are still to be done: run `drillmaster recover`"),
        }
    }
}

/// It came back without what the scenario lets be lost.
fn lost(fault: &FaultRecord) -> bool {
    fault.state == FaultState::Left && matches!(&fault.revert, Revert::Restore { lost, .. } if !lost.is_empty())
}

impl How {
    fn of(events: &[Event], state: &RunState) -> Self {
        let recovered =
            events.iter().any(|e| matches!(&e.event, Kind::SessionOpened { actor, .. } if *actor != Actor::Runner));
        let woken = events.iter().find_map(|e| match &e.event {
            Kind::RunWoken { why, .. } => Some(*why),
            _ => None,
        });
        let signalled = events.iter().any(|e| matches!(e.event, Kind::SignalCaught { .. }));
        match woken {
            Some(Wake::Refused) if state.faults.is_empty() => Self::Refused,
            _ if recovered => Self::Recovered,
            Some(Wake::Panicked | Wake::JournalFailed | Wake::Internal) => Self::Internal,
            _ if !state.armed => Self::NotBegun,
            Some(Wake::Fenced) => Self::TakenOver,
            _ if signalled => Self::Stopped,
            Some(Wake::StepFailed) => Self::StepFailed(last_step(state, StepEnd::Failed)),
            Some(Wake::GateRefused) => Self::GateRefused(last_step(state, StepEnd::Refused)),
            Some(Wake::Finished) => Self::Judged(judged(events)),
            _ => Self::Stopped,
        }
    }
}

fn last_step(state: &RunState, how: StepEnd) -> Option<StepName> {
    state.finished.iter().rev().find(|(_, end)| *end == how).map(|(step, _)| step.clone())
}

/// The verdict as it was written last; where none was, it is made now.
fn judged(events: &[Event]) -> Outcome {
    let written = events.iter().rev().find_map(|e| match &e.event {
        Kind::Judged { outcome, .. } => Some(*outcome),
        _ => None,
    });
    written.unwrap_or_else(|| judge(events).outcome)
}

/// The exit code of a run, or the one that it would have if it ended now.
pub fn exit_of(events: &[Event]) -> Exit {
    Ending::of(events).exit()
}
