//! How a run ended, according to its journal: the exit code and its description. Sessions that took over are part of
//! the journal like the first one.

use super::{History, steps};
use crate::{
    event::{EndReason, Event, StepEnd},
    journal::{FaultState, RunState},
    model::{Exit, LeftBecause, Outcome, OutsideChange, StepName, few},
};

/// At most this many changes from outside are named at the end.
const NAMED: usize = 5;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What ended the run.
    pub how: How,
    /// The state of the cluster.
    pub left: Left,
}

/// What ended a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The pre-flight or another check refused the first act.
    Refused,
    /// It was stopped before the first act.
    NotBegun,
    /// All steps were done, so the verdict counts.
    Judged(Outcome),
    /// A step failed.
    StepFailed(Option<StepName>),
    /// Somebody answered a gate with no.
    GateRefused(Option<StepName>),
    /// A signal, a stop, an abort condition, or the time limit.
    Stopped,
    /// The session died or froze, and another one put everything back.
    Recovered,
    /// Another session has taken over, and will end the run.
    TakenOver,
    /// A bug, or a journal that could not be written.
    Internal,
}

/// The state of the cluster after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing was touched.
    Untouched,
    /// All undos have ended. Contains what differs from before.
    Remaining(Remaining),
    /// The number of undos that a person has to do.
    Stuck(usize),
    /// Everything is undone, but this process may still act.
    HolderLives(Option<u32>, String),
    /// The number of undos that are still to be done.
    Open(usize),
}

/// What differs from before although every undo has ended. Each kind is listed separately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remaining {
    /// The number of changes by the drill whose target was changed from outside, or whose node was replaced.
    pub by_others: usize,
    /// The number of targets that were restored without what the scenario allows to be lost.
    pub losses: usize,
    /// The number of targets that were restored with differences.
    pub differences: usize,
    /// Namespaces of the drill that are kept, because the scenario asks for it.
    pub kept: Vec<String>,
    /// Other changes from outside, and their current state.
    pub outside: Vec<String>,
    /// What could not be watched to the end, so that changes from outside are unknown there.
    pub unseen: Vec<String>,
}

impl Ending {
    /// How the run ended, or would end if it ended now.
    pub fn of(events: &[Event]) -> Self {
        Self::after(&History::of(events))
    }

    /// The same for events that were followed. Nothing follows from events that cannot have happened.
    pub fn after(history: &History) -> Self {
        let none = RunState::default();
        let state = if history.illegal.is_some() { &none } else { &history.state };
        Self { how: How::of(history, state), left: Left::of(state) }
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

    /// The description in one line.
    pub fn words(&self) -> String {
        let named = |step: &Option<StepName>| step.as_ref().map_or("a step".to_owned(), |s| format!("step `{s}`"));
        let how = match &self.how {
            How::Refused => "the pre-flight refused".to_owned(),
            How::NotBegun => "stopped before the first act".to_owned(),
            How::Judged(Outcome::Fail) => "an expectation was not met".to_owned(),
            How::Judged(Outcome::Inconclusive) => {
                "inconclusive: nothing failed, but something required could not be proven".to_owned()
            }
            How::Judged(_) => "passed".to_owned(),
            How::StepFailed(step) => format!("{} failed", named(step)),
            How::GateRefused(step) => format!("{} was refused", named(step)),
            How::Stopped => "aborted or interrupted".to_owned(),
            How::Recovered => "interrupted, and another session took over".to_owned(),
            How::TakenOver => "another session has taken over".to_owned(),
            How::Internal => "internal error".to_owned(),
        };
        let left = match (&self.how, &self.left) {
            // A session that recovers a run has no observers.
            (How::Recovered, Left::Remaining(settled)) if *settled == Remaining::default() => {
                "the drill undid its own changes; changes from outside were not watched after the interruption"
                    .to_owned()
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
        if open > stuck {
            Self::Open(open)
        } else if stuck > 0 {
            Self::Stuck(stuck)
        } else if let Some((pid, host)) = &state.holder_lives {
            Self::HolderLives(*pid, host.clone())
        } else if state.faults.is_empty() && !state.armed {
            Self::Untouched
        } else {
            Self::Remaining(Remaining::of(state))
        }
    }

    /// The description.
    pub fn words(&self) -> String {
        match self {
            Self::Untouched => "the cluster was not touched".to_owned(),
            Self::Remaining(settled) => settled.words(),
            Self::Stuck(n) => {
                format!("{n} undo(s) failed: run the printed commands; the journal stays open")
            }
            Self::HolderLives(Some(pid), host) => {
                format!("everything was undone, but process {pid} on {host} may still act: end it with `kill -9 {pid}`")
            }
            Self::HolderLives(None, host) => {
                let place = if host.is_empty() { String::new() } else { format!(" on {host}") };
                format!(
                    "everything was undone, but the earlier session{place} still holds the lock and may still act: end it"
                )
            }
            Self::Open(n) => format!("{n} undo(s) are not done yet: run `drillmaster recover`"),
        }
    }
}

impl Remaining {
    fn of(state: &RunState) -> Self {
        let left = |why| state.faults.iter().filter(|f| f.left.contains(&why)).count();
        let is = |wanted| state.faults.iter().filter(move |f| f.state == wanted);
        Self {
            by_others: left(LeftBecause::Others) + is(FaultState::Replaced).count(),
            losses: left(LeftBecause::Losses),
            differences: left(LeftBecause::Differences),
            kept: is(FaultState::Kept).map(|f| f.target.clone()).collect(),
            outside: state.outside.remaining().into_iter().map(OutsideChange::state).collect(),
            unseen: state.outside.unseen(),
        }
    }

    fn words(&self) -> String {
        if *self == Self::default() {
            return "the cluster is as before".to_owned();
        }
        let were = if self.by_others == 1 { "was" } else { "were" };
        let exceptions = [
            (self.by_others, format!("{} that {were} changed from outside", self.by_others)),
            (self.losses, "what the scenario allows to be lost (mayBeLost)".to_owned()),
            (self.differences, format!("{} that came back with differences", self.differences)),
        ];
        let exceptions: Vec<String> = exceptions.into_iter().filter(|(n, _)| *n > 0).map(|(_, said)| said).collect();
        let mut said = "the drill undid its own changes".to_owned();
        if !exceptions.is_empty() {
            said += &format!(", except {}", exceptions.join(", and "));
        }
        if !self.kept.is_empty() {
            said += &format!("; it kept {} (see \"Left behind\" in the report)", self.kept.join(", "));
        }
        if !self.outside.is_empty() {
            said += &format!("; changed from outside: {}", few(self.outside.iter(), NAMED, ("; ", "; and")));
        }
        if !self.unseen.is_empty() {
            let unseen = few(self.unseen.iter(), NAMED, (", ", ", and"));
            said += &format!("; {unseen} could not be watched, so changes from outside are unknown there");
        }
        said
    }
}

impl How {
    fn of(history: &History, state: &RunState) -> Self {
        match history.end_reason {
            Some(EndReason::Refused) if state.faults.is_empty() => Self::Refused,
            _ if history.recovered => Self::Recovered,
            Some(EndReason::Panicked | EndReason::JournalFailed | EndReason::Internal) => Self::Internal,
            _ if !state.armed => Self::NotBegun,
            Some(EndReason::Fenced) => Self::TakenOver,
            _ if history.signalled => Self::Stopped,
            // A wait that could not see is judged like everything else that was not seen.
            Some(EndReason::StepFailed) if steps::are_unseen(history) => {
                Self::Judged(history.written.unwrap_or_else(|| history.judge().outcome))
            }
            Some(EndReason::StepFailed) => Self::StepFailed(last_step(state, StepEnd::Failed)),
            Some(EndReason::GateRefused) => Self::GateRefused(last_step(state, StepEnd::Refused)),
            // The last written verdict; if there is none, it is made now.
            Some(EndReason::Finished) => Self::Judged(history.written.unwrap_or_else(|| history.judge().outcome)),
            _ => Self::Stopped,
        }
    }
}

fn last_step(state: &RunState, how: StepEnd) -> Option<StepName> {
    state.finished.iter().rev().find(|(_, end)| *end == how).map(|(step, _)| step.clone())
}

/// The exit code of a run, or the one that it would have if it ended now.
pub fn exit_of(events: &[Event]) -> Exit {
    Ending::of(events).exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_hides_another() {
        let one = |settled: Remaining| settled.words();
        assert_eq!(one(Remaining::default()), "the cluster is as before");
        let all = Remaining {
            by_others: 2,
            losses: 1,
            differences: 1,
            kept: vec!["drill-scratch-1".into()],
            outside: vec!["node/a is cordoned, by alice".into()],
            unseen: vec!["configmaps of shop since 12.0 s".into()],
        };
        assert_eq!(
            one(all),
            "the drill undid its own changes, except 2 that were changed from outside, and what the scenario allows to be \
             lost (mayBeLost), and 1 that came back with differences; it kept drill-scratch-1 (see \"Left behind\" in the \
             report); changed from outside: node/a is cordoned, by alice; configmaps of shop since 12.0 s could not be \
             watched, so changes from outside are unknown there"
        );
    }
}
