//! Judges whether every step was successful. A drill that did not do all its steps has not shown what it was meant to
//! show.

use super::History;
use crate::{
    event::StepEnd,
    model::{Evidence, Judgement, Outcome, StepName, Told, Verb, WaitUntil},
};

/// What counts is the end of a wait: until then, it may have seen that nothing had recovered.
const LAST_US: u64 = 2_000_000;

/// Whether every step that failed is a wait that could not see what it waited for. Then nothing is known to have failed.
pub(super) fn are_unseen(history: &History) -> bool {
    let mut failed = history.state.finished.iter().filter(|(_, end)| *end == StepEnd::Failed).peekable();
    failed.peek().is_some() && failed.all(|(step, _)| unseen(history, step).is_some())
}

/// Why a step could not see what it waited for when it gave up; none if it saw, or was another step.
fn unseen(history: &History, step: &StepName) -> Option<String> {
    let Some(Verb::Wait(wait)) = history.state.plan.as_ref()?.step(step)?.verb() else { return None };
    let end = history.steps.get(step)?.to()?;
    let from = end.saturating_sub(LAST_US);
    if let Some(blind) = wait.until.and_then(|_| history.blind_in(from, end)) {
        return Some(blind);
    }
    if wait.until == Some(WaitUntil::Alerted) {
        let mut sources = ["prometheus", "alertmanager"].into_iter();
        let source = sources.find(|source| history.source_blind_in(source, from, end))?;
        return Some(format!("{source} gave no usable answer"));
    }
    let is_lost = |probe: &&String| {
        let last = history.probes.get(*probe).and_then(|runs| runs.iter().rfind(|run| run.from_us <= end));
        last.is_some_and(|run| run.lost)
    };
    wait.of.iter().find(is_lost).map(|probe| format!("{probe} could not be tested from this machine"))
}

/// The judgement if a step failed or was not run; none otherwise.
pub(super) fn judgement(history: &History) -> Option<Judgement> {
    let ended = |wanted: StepEnd| -> Vec<&(StepName, StepEnd)> {
        history.state.finished.iter().filter(|(_, end)| *end == wanted).collect()
    };
    let (failed, not_run) = (ended(StepEnd::Failed), ended(StepEnd::NotRun));
    let (unseen, failed): (Vec<_>, Vec<_>) =
        failed.into_iter().map(|(step, _)| (step, unseen(history, step))).partition(|(_, why)| why.is_some());
    let gave_up = unseen.iter().filter_map(|(step, why)| Some(format!("step `{step}` gave up: {}", why.as_ref()?)));
    let named: Vec<String> = failed
        .iter()
        .map(|(step, _)| format!("step `{step}` failed"))
        .chain(gave_up)
        .chain(not_run.iter().map(|(step, _)| format!("step `{step}` was not run: a rehearsal does not run programs")))
        .collect();
    if named.is_empty() {
        return None;
    }
    let outcome = if failed.is_empty() { Outcome::Inconclusive } else { Outcome::Fail };
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::small_journal::{S, SmallJournal};
    use crate::{
        event::{EndReason, Kind, StepEnd},
        model::{Exit, Outcome, StepName},
        verdict::Ending,
    };

    /// A wait for web and the alert that gives up at 60 s.
    fn gave_up(until: &str, seen: impl Fn(SmallJournal) -> SmallJournal) -> (Outcome, Exit) {
        let wait = json!({"until": until, "of": ["deployment/web"], "atMost": "40s"});
        let step = json!({"name": "night", "step": {"wait": wait}, "class": "observe", "acts": [], "on_stop": ""});
        let name = || StepName("night".into());
        let journal = SmallJournal::new(&json!({}), &[]).plans("steps", json!([step]));
        let started = Kind::StepStarted { step: name(), verb: String::new(), does: "".into(), expected_us: None };
        let ended = Kind::StepFinished { step: name(), end: StepEnd::Failed, detail: "".into() };
        let woken = Kind::RunWoken { why: EndReason::StepFailed, detail: "".into() };
        let journal = journal.at(1, Kind::Armed { unwind_deadline_us: 1 }).at(20, started).at(60, ended).at(61, woken);
        let history = seen(journal).history(70);
        (history.judge().judgements[0].outcome, Ending::after(&history).exit())
    }

    #[test]
    fn a_wait_that_could_not_see_has_not_failed() {
        let gap = |from: u64, to: u64| (to, Kind::ContactRegained { cluster: "c".into(), blind_from_us: from * S });
        let blind = |(to, kind): (u64, Kind)| move |j: SmallJournal| j.at(to, kind.clone());
        assert_eq!(gave_up("recovered", |j| j), (Outcome::Fail, Exit::Failed));
        assert_eq!(gave_up("recovered", blind(gap(30, 65))), (Outcome::Inconclusive, Exit::Inconclusive));
        assert_eq!(gave_up("recovered", blind(gap(30, 50))), (Outcome::Fail, Exit::Failed), "it saw the end");
        let lost = Kind::SourceLost { source: "prometheus".into(), why: "500".into(), blind_from_us: Some(30 * S) };
        assert_eq!(gave_up("alerted", |j| j.at(31, lost.clone())).0, Outcome::Inconclusive);
        assert_eq!(gave_up("recovered", |j| j.at(31, lost.clone())).0, Outcome::Fail, "it did not wait for that");
    }
}
