//! The readiness review of a check stage: whether it goes on, and whether its result is good enough. The review itself
//! is `drillmaster check` in a process of its own; without people who look on, its time limit is that of the stage.
//! Start with [`Standing`].

use jiff::Timestamp;

use super::{
    stage::{Check, Require, Stage},
    state::{ReviewEnd, StageState},
    time::plus,
    what::ClusterAccess,
};
use crate::{
    model::{Dur, Exit, Readiness, Redactor, Told},
    told,
};

/// After the time of its stage, the result may still need so long until it is in the journal.
const GRACE: Dur = Dur::secs(60);

/// How far the review of a stage is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing<'a> {
    /// The program makes none: the exercise has no real cluster.
    ByPeople,
    /// It was not started yet.
    Planned,
    /// It goes on, at most until this time.
    Runs(Timestamp),
    /// It ended.
    Ended(&'a ReviewEnd),
}

impl<'a> Standing<'a> {
    /// The review of a check stage.
    pub fn of(place: &ClusterAccess, stage: &Stage, own: &'a StageState) -> Self {
        match (place, &own.review) {
            (ClusterAccess::Simulated { .. } | ClusterAccess::Nowhere, _) => Self::ByPeople,
            (ClusterAccess::Real { .. }, None) => Self::Planned,
            (ClusterAccess::Real { .. }, Some(review)) => match &review.end {
                Some(end) => Self::Ended(end),
                None => Self::Runs(plus(review.launched, Dur(stage.planned().0 + GRACE.0))),
            },
        }
    }
}

/// Whether the exercise continues with this result.
pub fn suffices(check: &Check, end: &ReviewEnd) -> bool {
    match check.require {
        Require::Recorded => end.readiness.is_some(),
        Require::Ready => is_ready(end.readiness) && end.exit == Some(Exit::Passed),
    }
}

/// Whether nothing blocks the drills.
pub(super) fn is_ready(readiness: Option<Readiness>) -> bool {
    matches!(readiness, Some(Readiness::Ready | Readiness::ReadyWithWarnings))
}

/// The result in words, for the journal.
pub fn result(end: &ReviewEnd) -> Told {
    let exit = end.exit.map_or_else(|| "no exit code".to_owned(), |exit| format!("exit code {}", exit.code()));
    let said = end.readiness.map_or_else(|| "no review".to_owned(), |readiness| readiness.to_string());
    let why = if end.why.is_empty() { String::new() } else { format!("; {}", end.why) };
    told!(Redactor::default(), "`drillmaster check`: {said} ({exit}{why})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercise::{
        stage::DrillKind,
        state::{ExercisePhase, ReviewState, State},
        tick::tick,
        what::{StageEnd, What},
    };

    #[test]
    fn only_a_whole_review_that_blocks_nothing_is_ready() {
        let check = |require| Check { drills: vec![DrillKind::Zone], require };
        let end = |exit, readiness| ReviewEnd {
            at: Timestamp::UNIX_EPOCH,
            exit,
            readiness,
            why: Told::default(),
            evidence: None,
        };
        for (exit, readiness, ready, recorded) in [
            (Some(Exit::Passed), Some(Readiness::Ready), true, true),
            (Some(Exit::Passed), Some(Readiness::ReadyWithWarnings), true, true),
            (Some(Exit::Refused), Some(Readiness::NotReady), false, true),
            (Some(Exit::Inconclusive), Some(Readiness::CannotDetermine), false, true),
            // Some of the input could not be read.
            (Some(Exit::Invalid), Some(Readiness::Ready), false, true),
            (Some(Exit::Passed), None, false, false),
            (None, None, false, false),
        ] {
            let end = end(exit, readiness);
            assert_eq!(suffices(&check(Require::Ready), &end), ready, "{end:?}");
            assert_eq!(suffices(&check(Require::Recorded), &end), recorded, "{end:?}");
        }
    }

    /// The process of the review was killed, or hangs: the next command notices, and the stage stays open.
    #[test]
    fn a_review_without_an_end_ends_by_the_clock() {
        let text = crate::scenario::shipped_text(std::path::Path::new("quarterly-restore")).expect("it is shipped");
        let loaded = crate::exercise::load_str("quarterly-restore", text, &Default::default(), &|_, _| None);
        let playbook = loaded.unwrap_or_else(|problems| panic!("{problems}")).playbook;
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut state = State {
            phase: ExercisePhase::Running,
            place: ClusterAccess::Real { arguments: vec![] },
            ..State::default()
        };
        let review = ReviewState { launched: at(0), end: None };
        let own = StageState { opened: Some(at(0)), review: Some(review), ..StageState::default() };
        state.stages.insert("ready".into(), own);
        // The stage takes two minutes.
        assert!(tick(&playbook, &state, None, at(179)).is_empty());
        let lines = tick(&playbook, &state, None, at(10_000));
        let [(written, What::CheckEnded { happened, exit: None, readiness: None, .. })] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert_eq!((*written, *happened), (at(10_000), at(180)));
        state.take(at(10_000), &lines[0].1);
        assert!(tick(&playbook, &state, None, at(20_000)).is_empty(), "it stays open");
        let ended = What::CheckEnded {
            stage: "ready".into(),
            happened: at(20_001),
            exit: Some(Exit::Passed),
            readiness: Some(Readiness::Ready),
            why: Told::default(),
            evidence: None,
        };
        state.take(at(20_002), &ended);
        let lines = tick(&playbook, &state, None, at(20_003));
        assert!(matches!(&lines[..], [(_, What::StageClosed { end: StageEnd::Done, .. })]), "{lines:?}");
    }
}
