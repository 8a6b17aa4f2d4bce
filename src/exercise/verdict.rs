//! The verdict on a whole exercise, from its objectives and its drills. The report, the history and the evidence use the
//! same one. Start with [`Verdict::of`].

use super::{
    judge::{Judgement, Measured, judge},
    playbook::{JudgedBy, Objective, Playbook},
    state::{DrillEnd, State},
    what::Rating,
};
use crate::model::Exit;

/// What came of an objective, when measurement and rating are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// It was met.
    Met,
    /// It was not met.
    Missed,
    /// Nothing shows whether it was met.
    Open,
    /// It was dropped after the authorisation.
    Dropped,
}

impl Came {
    /// What came of an objective. A measurement counts more than a rating.
    pub fn of(objective: &Objective, result: &Judgement) -> Self {
        let by_people = matches!(objective.judge.one(), Some(JudgedBy::Rating(_)));
        match (result.measured, result.rating) {
            (Measured::Dropped, _) => Self::Dropped,
            (Measured::Missed, _) | (_, Some(Rating::M | Rating::U)) => Self::Missed,
            (Measured::Met, _) => Self::Met,
            (Measured::Rated, Some(Rating::P | Rating::S)) if by_people => Self::Met,
            _ => Self::Open,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "not met",
            Self::Open => "not proven",
            Self::Dropped => "dropped",
        }
    }
}

/// How many objectives came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "`Came` says what each is")]
pub struct Count {
    pub met: usize,
    pub missed: usize,
    pub open: usize,
    pub dropped: usize,
}

impl Count {
    /// Counts the objectives.
    pub fn of(playbook: &Playbook, state: &State) -> Self {
        let mut count = Self::default();
        for objective in &playbook.objectives {
            match Came::of(objective, &judge(playbook, state, objective)) {
                Came::Met => count.met += 1,
                Came::Missed => count.missed += 1,
                Came::Open => count.open += 1,
                Came::Dropped => count.dropped += 1,
            }
        }
        count
    }

    /// All of them.
    pub fn all(self) -> usize {
        self.met + self.missed + self.open + self.dropped
    }
}

/// The verdict on an exercise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict<'a> {
    /// A drill left something open.
    NotRestored(&'a DrillEnd),
    /// It was stopped early.
    Stopped,
    /// It did not start.
    NotStarted,
    /// An objective was not met.
    Failed,
    /// An objective could not be judged.
    NotProven,
    /// Nothing failed, and an objective was dropped after the authorisation: what it asked for was not shown.
    Dropped,
    /// All objectives were met, and a drill did not pass. An expectation that no objective names counts too.
    DrillNotPassed(&'a DrillEnd),
    /// All objectives were met, and all drills passed.
    Passed,
}

impl<'a> Verdict<'a> {
    /// In words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::NotRestored(_) => "cluster not restored",
            Self::Stopped => "stopped",
            Self::NotStarted => "not started",
            Self::Failed => "failed",
            Self::NotProven | Self::Dropped | Self::DrillNotPassed(_) => "not proven",
            Self::Passed => "passed",
        }
    }

    /// The verdict on an exercise, as far as it has come.
    pub fn of(playbook: &Playbook, state: &'a State) -> Self {
        let drills = || state.stages.values().filter_map(|stage| stage.drill.as_ref());
        let count = Count::of(playbook, state);
        if let Some(drill) = drills().find(|drill| matches!(drill.exit, Exit::Residue | Exit::Left)) {
            return Self::NotRestored(drill);
        }
        if state.stopped.is_some() {
            return Self::Stopped;
        }
        if state.started.is_none() {
            return Self::NotStarted;
        }
        match count {
            Count { missed: 1.., .. } => Self::Failed,
            Count { open: 1.., .. } => Self::NotProven,
            Count { dropped: 1.., .. } => Self::Dropped,
            _ => drills().find(|drill| drill.exit != Exit::Passed).map_or(Self::Passed, Self::DrillNotPassed),
        }
    }
}
