//! Why an expectation was not met, as far as the journal shows it, and what to do about it. Nothing is guessed: if the
//! journal shows no cause, the report says so.

use super::context::{Context, Judged, at_most};
use crate::{
    event::StepEnd,
    model::{Expectation, FilesRead, Outcome, OutsideWhat, StepResult, few},
    verdict::RecoveryPhase,
};

/// The id of the judgement about the steps.
const STEPS: &str = "steps";
/// How many observations of a kind a cause names.
const NAMED: usize = 4;

/// The cause, as far as the journal shows it.
pub(super) fn cause(c: &Context<'_>, j: &Judged<'_>) -> String {
    let mut said = missing(j);
    match j.expectation {
        Some(Expectation::Service(_)) => said.push(phases_of(c, j)),
        Some(Expectation::Alert(_)) => said.extend(silences(c)),
        Some(Expectation::Restore(e)) => said.extend(c.history.state.results.get(&e.of).map(restored)),
        Some(Expectation::Budgets(_)) => said.extend(budgets(c)),
        None if j.of.id == STEPS => said.extend(steps(c)),
        _ => {}
    }
    let observed = j.of.evidence.iter().map(|e| format!("{}: {}", e.source, e.observed));
    let observed: Vec<String> = observed.collect();
    if !observed.is_empty() {
        said.push(format!("Observed: {}", few(observed.iter(), NAMED, ("; ", "; and"))));
    }
    said.retain(|s| !s.is_empty());
    if said.is_empty() { "The journal does not show a cause.".into() } else { said.join(". ") }
}

/// The steps that failed, and why.
fn steps(c: &Context<'_>) -> Option<String> {
    let failed = c.story.steps.iter().filter(|s| s.end.is_some_and(StepEnd::is_failure));
    let said: Vec<String> = failed.map(|s| format!("{} ({}): {}", s.name, s.verb, s.detail)).collect();
    (!said.is_empty()).then(|| few(said.iter(), NAMED, ("; ", "; and")))
}

/// Which parts of the proof were not shown.
fn missing(j: &Judged<'_>) -> Vec<String> {
    let parts = j.of.parts.iter().filter(|p| p.shown == Some(false));
    let parts: Vec<String> = parts.map(|p| format!("{} ({}): {}", p.part, p.subject, p.said)).collect();
    if parts.is_empty() {
        return vec![];
    }
    vec![format!("Not shown: {}", few(parts.iter(), NAMED, ("; ", "; and")))]
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
        format!("The longest phase was until `{name}`: {} of {}", at_most(at_us - from), at_most(recovery.total_us()))
    })
}

/// Silences, with their authors.
fn silences(c: &Context<'_>) -> Option<String> {
    let silenced = c.story.changed_outside.iter().filter(|l| matches!(l.change.what, OutsideWhat::Silenced { .. }));
    let said: Vec<&str> = silenced.map(|l| l.said.as_str()).collect();
    (!said.is_empty()).then(|| few(said.iter(), NAMED, ("; ", "; and")))
}

/// What a restore did not bring back, and what Velero says about it.
fn restored(result: &StepResult) -> String {
    let StepResult::Restore(r) = result else { return String::new() };
    let mut said = vec![format!(
        "Velero reports {} error(s) and {} warning(s)",
        r.errors.map_or("an unknown number of".into(), |n| n.to_string()),
        r.warnings.map_or("an unknown number of".into(), |n| n.to_string())
    )];
    if !r.differences.is_empty() {
        let differs = few(r.differences.iter(), NAMED, ("; ", "; and"));
        said.push(format!("{} of {} objects differ: {differs}", r.differences.len(), r.objects));
    }
    match &r.files {
        FilesRead::Unreadable { why } => said.push(format!("the files of the volumes could not be read: {why}")),
        files if !files.wrong().is_empty() => {
            said.push(format!("files differ: {}", few(files.wrong().iter(), NAMED, ("; ", "; and"))));
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
        Some(format!("{namespace}/{name}: {wanted} healthy pods required, {least} at the lowest"))
    });
    let lowest: Vec<String> = lowest.collect();
    (!lowest.is_empty()).then(|| few(lowest.iter(), NAMED, ("; ", "; and")))
}

/// What to change.
pub(super) fn recommendation(c: &Context<'_>, j: &Judged<'_>) -> String {
    if j.of.outcome == Outcome::Inconclusive {
        return observe_better(j).into();
    }
    match j.expectation {
        Some(Expectation::Service(_)) => {
            "Shorten the longest phase of the recovery, or agree on another objective with the owner of the function."
                .into()
        }
        Some(Expectation::Replicas(e)) => format!(
            "Check the room on the other nodes and the start time of the pods of {}: `drillmaster check --for zone`.",
            e.workload
        ),
        Some(Expectation::Placement(e)) => format!("Spread {} with topologySpreadConstraints.", e.workload),
        Some(Expectation::Budgets(_)) => {
            "Give each critical workload exactly one budget that allows a disruption: `drillmaster check --for drain`."
                .into()
        }
        Some(Expectation::Alert(e)) => format!(
            "Correct the rule, the route or the silence of {}: `drillmaster check --prometheus URL --alertmanager URL`.",
            e.name
        ),
        Some(Expectation::Loss(_)) => "Make backups more often than the objective, or replicate the data.".into(),
        Some(Expectation::Restore(_)) => {
            "Correct the backup so that it holds what the comparison names; try it with `restore-to-scratch`.".into()
        }
        None => format!("Read the steps and the return to normal of run {}, and correct what they name.", c.story.run),
    }
}

/// What would make an inconclusive judgement conclusive, by the first part of the proof that is missing.
fn observe_better(j: &Judged<'_>) -> &'static str {
    let missing = j.of.parts.iter().find(|p| p.shown == Some(false)).map(|p| p.part.as_str());
    match missing {
        Some("baseline") => {
            "Start the drill only when the subject is healthy, and let it observe longer before it acts."
        }
        Some("reach") => "Choose a fault that hits the subject, or name what answers the probe with `backedBy`.",
        Some("sight") => "Give the observers a way that survives the fault, so that they see the whole time.",
        Some("denominator") => "Make the backup or the count cover everything that should be there.",
        Some("bound") => "Measure more often, so that the error bar is smaller than the distance to the objective.",
        Some("own recovery") => "Let the fault last longer than the objective before anything is undone.",
        _ => "Read the reason, and change the drill so that it can be observed.",
    }
}
