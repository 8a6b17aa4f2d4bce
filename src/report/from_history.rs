//! What a story takes from the history of a run, and not from single events: the recoveries, the undo log, the changes
//! from outside, the unexpected alerts and the caveats. Start with [`undo_log`].

use std::collections::BTreeSet;

use super::story::{OutsideLine, Recovery, Story, UndoLine};
use crate::{
    event::is_alertmanager,
    journal::FaultState,
    model::{Basis, Expectation, OutsideChange, StepResult},
    verdict::{History, phases},
};

/// At most this many accepted losses are named.
const LOSSES: usize = 100;

/// The recovery of each expected service.
pub(super) fn recoveries(history: &History) -> Vec<Recovery> {
    let Some(plan) = &history.state.plan else { return vec![] };
    plan.expectations()
        .filter_map(|e| match e {
            Expectation::Service(s) => Some(s),
            _ => None,
        })
        .map(|s| Recovery {
            of: history.fault_step(s.of.as_ref()).map(|n| n.0).unwrap_or_default(),
            phases: phases(&s.probe, s.of.as_ref(), history),
            probe: s.probe.clone(),
        })
        .filter(|r| !r.phases.is_empty())
        .collect()
}

/// Every fault, with what was observed of its undo.
pub(super) fn undo_log(history: &History) -> Vec<UndoLine> {
    history
        .state
        .faults
        .iter()
        .map(|f| UndoLine {
            fault: f.id.0.clone(),
            target: f.target.clone(),
            state: match f.state {
                FaultState::Reverted => "put back".to_owned(),
                FaultState::Replaced => "replaced by a new one".to_owned(),
                FaultState::Left => {
                    format!("left: {}", f.left.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
                }
                FaultState::Kept => "kept, as the scenario asks".to_owned(),
                FaultState::Stuck => "STUCK: a person has to put it back".to_owned(),
                _ => "OPEN".to_owned(),
            },
            is_open: f.state.is_open(),
            at: f.closed.as_ref().map(|(t, _)| *t as f64 / 1e6),
            evidence: f.closed.as_ref().map(|(_, e)| e.to_string()).unwrap_or_default(),
            // What is kept on purpose is listed under "Left behind", with the commands to remove it.
            commands: if f.state.is_open() { f.revert.commands() } else { vec![] },
        })
        .collect()
}

/// The changes from outside, in the order of time.
pub(super) fn changed_outside(history: &History) -> Vec<OutsideLine> {
    let remaining: BTreeSet<*const OutsideChange> =
        history.state.outside.remaining().into_iter().map(std::ptr::from_ref).collect();
    let line = |change: &OutsideChange| OutsideLine {
        at: change.seen_us as f64 / 1e6,
        said: change.sentence(),
        remains: remaining.contains(&std::ptr::from_ref(change)),
        change: change.clone(),
    };
    let mut lines: Vec<OutsideLine> = history.state.outside.iter().map(line).collect();
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    lines
}

/// The alerts after the first fault that no expectation names.
pub(super) fn unexpected(history: &History) -> Vec<String> {
    let Some(plan) = &history.state.plan else { return vec![] };
    let expected: Vec<&String> = plan
        .expectations()
        .filter_map(|e| match e {
            Expectation::Alert(alert) => Some(&alert.name),
            _ => None,
        })
        .collect();
    let t0 =
        history.state.faults.iter().filter(|f| f.revert.disturbs()).filter_map(|f| f.sent_us).min().unwrap_or(u64::MAX);
    let mut names: Vec<String> = history
        .alerts
        .iter()
        .filter(|a| a.at >= t0 && is_alertmanager(&a.source) && !a.state.is_empty() && !expected.contains(&&a.name))
        .map(|a| {
            let labels: Vec<String> =
                a.labels.iter().filter(|(k, _)| *k != "alertname").map(|(k, v)| format!("{k}={v}")).collect();
            format!("{} ({})", a.name, labels.join(", "))
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Adds what limits the meaning of the result.
pub(super) fn caveats(story: &mut Story, history: &History) {
    if story.is_rehearsal() {
        story.caveats.push(
            "This was a simulated cluster. It shows how a drill would go, but proves nothing; docs/fidelity.md lists the limits of the simulation."
                .into(),
        );
    }
    if story.flavour == "kind" {
        story
            .caveats
            .push("This was a kind cluster, whose nodes share one machine, kernel and disk. The RTO does not apply to other clusters.".into());
    }
    let short = history.state.plan.iter().flat_map(|p| &p.predictions).any(|p| p.basis == Basis::Bindings);
    if short {
        story
            .caveats
            .push("The node lifecycle controller of this cluster does not use the default timing of Kubernetes. The RTO does not apply to other clusters.".into());
    }
    let lost: Vec<_> = history.state.results.values().filter_map(StepResult::deletion).flat_map(|d| &d.lost).collect();
    story.caveats.extend(lost.iter().take(LOSSES).map(|loss| format!("Lost, as the scenario allows: {loss}")));
    if let Some(more) = lost.len().checked_sub(LOSSES).filter(|more| *more > 0) {
        story.caveats.push(format!("Lost, as the scenario allows: {more} more objects (see journal.jsonl)"));
    }
    if !story.blind.is_empty() {
        story.caveats.push("There were observation gaps. The report makes no claims about these times.".into());
    }
}
