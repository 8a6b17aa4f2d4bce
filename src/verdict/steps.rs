//! Judges whether every step was successful. A drill that did not do all its steps has not shown what it was meant to
//! show.

use super::History;
use crate::{
    event::StepEnd,
    model::{Evidence, Judgement, Outcome, StepName, Told},
};

/// The judgement if a step failed or was not run; none otherwise.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let ended = |wanted: StepEnd| -> Vec<&(StepName, StepEnd)> {
        history.state.finished.iter().filter(|(_, end)| *end == wanted).collect()
    };
    let (failed, not_run) = (ended(StepEnd::Failed), ended(StepEnd::NotRun));
    let (outcome, which, word) = match (failed.is_empty(), not_run.is_empty()) {
        (false, _) => (Outcome::Fail, failed, "failed"),
        (true, false) => (Outcome::Inconclusive, not_run, "was not run: a rehearsal does not run programs"),
        (true, true) => return None,
    };
    let named: Vec<String> = which.iter().map(|(step, _)| format!("step `{step}` {word}")).collect();
    Some(Judgement {
        id: "steps".into(),
        expectation: "every step is successful".into(),
        of: None,
        outcome,
        because: Told::of_journal(named.join("; ")),
        parts: vec![],
        measured: None,
        evidence: vec![Evidence {
            source: "the drill itself".into(),
            observed: Told::of_journal(format!("{} steps ended", history.state.finished.len())),
            ..Evidence::default()
        }],
    })
}
