//! Why an expectation was not met, as far as the journal shows it, and what to do about it. Nothing is guessed: if the
//! journal shows no cause, the report says so.

use super::context::{Context, Judged, at_most, milestone, some_of};
use crate::{
    event::StepEnd,
    model::{Expectation, FilesRead, Outcome, OutsideWhat, StepResult, WorkloadRef},
    report::words::{Words, causes as w, say},
    verdict::RecoveryPhase,
};

/// The id of the judgement about the steps.
const STEPS: &str = "steps";
/// How many observations of a kind a cause names.
const NAMED: usize = 4;

/// The cause, as far as the journal shows it.
pub(super) fn cause(c: &Context<'_>, j: &Judged<'_>) -> String {
    let mut said = missing(c, j);
    match j.expectation {
        Some(Expectation::Service(_)) => said.push(phases_of(c, j)),
        Some(Expectation::Alert(_)) => said.extend(silences(c)),
        Some(Expectation::Restore(e)) => said.extend(c.history.state.results.get(&e.of).map(|r| restored(c.words, r))),
        Some(Expectation::Budgets(_)) => said.extend(budgets(c)),
        None if j.of.id == STEPS => said.extend(steps(c)),
        _ => {}
    }
    let observed = j.of.evidence.iter().map(|e| format!("{}: {}", e.source, e.observed));
    let observed: Vec<String> = observed.collect();
    if !observed.is_empty() {
        said.push(say!(c.words, w::OBSERVED, some_of(c.words, &observed, NAMED)));
    }
    said.retain(|s| !s.is_empty());
    if said.is_empty() { say!(c.words, w::NO_CAUSE) } else { said.join(". ") }
}

/// The checks of the readiness review that are about the same as an expectation, by the beginnings of their ids; and the
/// names of its workloads, if it is about some.
pub(super) fn checks(c: &Context<'_>, j: &Judged<'_>) -> (Vec<String>, Vec<String>) {
    let name = |workload: &WorkloadRef| workload.name.clone();
    let (areas, workloads): (&[&str], Vec<String>) = match j.expectation {
        Some(Expectation::Budgets(_)) => (&["PDB-"], vec![]),
        Some(Expectation::Replicas(e)) => (&["WRK-", "AFF-", "ZON-"], vec![name(&e.workload)]),
        Some(Expectation::Placement(e)) => (&["AFF-", "ZON-"], vec![name(&e.workload)]),
        Some(Expectation::Service(e)) => {
            let probes = c.plan().map(|p| p.probes.as_slice()).unwrap_or_default();
            let backed = probes.iter().filter(|p| p.name == e.probe).flat_map(|p| &p.backed_by);
            (&["WRK-", "AFF-", "ZON-"], backed.map(name).collect())
        }
        Some(Expectation::Restore(_) | Expectation::Loss(_) | Expectation::Reprotected(_)) => {
            (&["BCK-", "STO-"], vec![])
        }
        Some(Expectation::Alert(_)) | None => (&[], vec![]),
    };
    (areas.iter().map(|area| (*area).to_owned()).collect(), workloads)
}

/// The steps that failed, and why.
fn steps(c: &Context<'_>) -> Option<String> {
    let failed = c.story.steps.iter().filter(|s| s.end.is_some_and(StepEnd::is_failure));
    let said: Vec<String> = failed.map(|s| format!("{} ({}): {}", s.name, s.verb, s.detail)).collect();
    (!said.is_empty()).then(|| some_of(c.words, &said, NAMED))
}

/// Which parts of the proof were not shown.
fn missing(c: &Context<'_>, j: &Judged<'_>) -> Vec<String> {
    let parts = j.of.parts.iter().filter(|p| p.shown == Some(false));
    let parts: Vec<String> = parts.map(|p| format!("{} ({}): {}", p.part, p.subject, p.said)).collect();
    if parts.is_empty() {
        return vec![];
    }
    vec![say!(c.words, w::NOT_SHOWN, some_of(c.words, &parts, NAMED))]
}

/// Where the time of a recovery went.
pub(super) fn phases_of(c: &Context<'_>, j: &Judged<'_>) -> String {
    let Some(Expectation::Service(e)) = j.expectation else { return String::new() };
    let of = c.history.fault_step(e.of.as_ref()).map(|step| step.0).unwrap_or_default();
    let Some(recovery) = c.story.recoveries.iter().find(|r| r.probe == e.probe && r.of == of) else {
        return String::new();
    };
    let before = std::iter::once(0).chain(recovery.phases.iter().map(|p| p.at_us));
    let longest = before.zip(&recovery.phases).max_by_key(|(from, p)| p.at_us.saturating_sub(*from));
    longest.map_or_else(String::new, |(from, RecoveryPhase { name, at_us })| {
        say!(c.words, w::LONGEST_PHASE, milestone(c.words, *name), at_most(at_us - from), at_most(recovery.total_us()))
    })
}

/// Silences, with their authors.
fn silences(c: &Context<'_>) -> Option<String> {
    let silenced = c.story.changed_outside.iter().filter(|l| matches!(l.change.what, OutsideWhat::Silenced { .. }));
    let said: Vec<&str> = silenced.map(|l| l.said.as_str()).collect();
    (!said.is_empty()).then(|| some_of(c.words, &said, NAMED))
}

/// What a restore did not bring back, and what Velero says about it.
fn restored(words: &Words, result: &StepResult) -> String {
    let StepResult::Restore(r) = result else { return String::new() };
    let count = |n: Option<u64>| n.map_or_else(|| say!(words, w::MANY), |n| n.to_string());
    let mut said = vec![say!(words, w::VELERO, count(r.errors), count(r.warnings))];
    if !r.differences.is_empty() {
        let differs = some_of(words, &r.differences, NAMED);
        said.push(say!(words, w::DIFFER, r.differences.len(), r.objects, differs));
    }
    match &r.files {
        FilesRead::Unreadable { why } => said.push(say!(words, w::UNREADABLE, why)),
        files if !files.wrong().is_empty() => {
            said.push(say!(words, w::FILES_DIFFER, some_of(words, files.wrong(), NAMED)));
        }
        _ => {}
    }
    said.join("; ")
}

/// The arithmetic of the budgets when they were seen last.
fn budgets(c: &Context<'_>) -> Option<String> {
    let lowest = c.history.budgets.iter().filter_map(|((namespace, name), (healthy, desired))| {
        let least = healthy.0.iter().map(|(_, v)| *v).min()?;
        let wanted = desired.0.last()?.1;
        Some(say!(c.words, w::BUDGET, namespace, name, wanted, least))
    });
    let lowest: Vec<String> = lowest.collect();
    (!lowest.is_empty()).then(|| some_of(c.words, &lowest, NAMED))
}

/// What to change.
pub(super) fn recommendation(c: &Context<'_>, j: &Judged<'_>) -> String {
    if j.of.outcome == Outcome::Inconclusive {
        return observe_better(c.words, j);
    }
    let words = c.words;
    match j.expectation {
        Some(Expectation::Service(_)) => say!(words, w::DO_SERVICE),
        Some(Expectation::Replicas(e)) => say!(words, w::DO_REPLICAS, e.workload),
        Some(Expectation::Placement(e)) => say!(words, w::DO_PLACEMENT, e.workload),
        Some(Expectation::Budgets(_)) => say!(words, w::DO_BUDGETS),
        Some(Expectation::Alert(e)) => say!(words, w::DO_ALERT, e.name),
        Some(Expectation::Loss(_)) => say!(words, w::DO_LOSS),
        Some(Expectation::Restore(_)) => say!(words, w::DO_RESTORE),
        Some(Expectation::Reprotected(_)) => say!(words, w::DO_REPROTECTED),
        None => say!(words, w::DO_STEPS, c.story.run),
    }
}

/// What would make an inconclusive judgement conclusive, by the first part of the proof that is missing.
fn observe_better(words: &Words, j: &Judged<'_>) -> String {
    let missing = j.of.parts.iter().find(|p| p.shown == Some(false)).map(|p| p.part.as_str());
    match missing {
        Some("baseline") => say!(words, w::SEE_BASELINE),
        Some("reach") => say!(words, w::SEE_REACH),
        Some("sight") => say!(words, w::SEE_SIGHT),
        Some("denominator") => say!(words, w::SEE_DENOMINATOR),
        Some("bound") => say!(words, w::SEE_BOUND),
        Some("own recovery") => say!(words, w::SEE_OWN),
        _ => say!(words, w::SEE_REASON),
    }
}
