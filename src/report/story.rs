//! The content of the reports: what every format shows, computed once. Start with [`Story`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    from_history::{caveats, changed_outside, recoveries, undo_log, unexpected},
    predicted::{self, Compared},
};
use crate::{
    event::{Actor, Event, Kind, StepEnd},
    model::{Exit, Finding, Head, Judgement, Outcome, OutsideChange, Reviewed},
    verdict::{ReadRun, RecoveryPhase},
};

/// The key of the audit log in the evidence.
pub(super) const AUDIT_LOG: &str = "audit log";

/// A run, in a form for reports.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    /// Version of this format.
    pub schema_version: String,
    /// The run's id.
    pub run: String,
    /// Scenario.
    pub scenario: String,
    /// The scenario file, as it was given.
    pub scenario_file: String,
    /// Title.
    pub title: String,
    /// Hypothesis.
    pub hypothesis: String,
    /// Version of the program.
    pub tool: String,
    /// SHA-256 of the scenario.
    pub scenario_hash: String,
    /// Hash of the plan.
    pub plan_hash: String,
    /// Context, server, version and UID.
    pub cluster: String,
    /// The context alone, for places with little room.
    #[serde(skip)]
    pub context: String,
    /// `kind`, `simulated` or `other`.
    pub flavour: String,
    /// Who ran it, and on which machine.
    pub operator: String,
    /// Start, UTC.
    pub started: String,
    /// End, UTC.
    pub ended: String,
    /// Seconds from start to end.
    pub seconds: f64,
    /// The verdict by the rules of this version; none if it was made by other rules.
    pub outcome: Option<Outcome>,
    /// The note about a verdict that was made by the rules of another version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_rules: Option<String>,
    /// How the run ended.
    pub exit: Option<Exit>,
    /// How the run ended, as text.
    pub ending: String,
    /// SHA-256 of the journal's last line, if the run has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The previous run on this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<Head>,
    /// What limits the meaning of the result.
    pub caveats: Vec<String>,
    /// Judgements.
    pub judgements: Vec<Judgement>,
    /// Recovery times with their phases.
    pub recoveries: Vec<Recovery>,
    /// Steps.
    pub steps: Vec<StepLine>,
    /// Pre-flight.
    pub findings: Vec<Finding>,
    /// The last readiness review before the first act.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Reviewed>,
    /// Every fault and its undo.
    pub undo_log: Vec<UndoLine>,
    /// What stays in the cluster after the run.
    pub leftovers: Vec<Leftover>,
    /// Intervals in which something could not be observed.
    pub blind: Vec<String>,
    /// Changes that were made outside the drill.
    pub changed_outside: Vec<OutsideLine>,
    /// Alerts that were not expected.
    pub unexpected_alerts: Vec<String>,
    /// Deviations: signals, stops, gates, take-overs, problems.
    pub deviations: Vec<String>,
    /// Predictions compared with measurements.
    pub predictions: Vec<String>,
    /// The same, as numbers.
    #[serde(skip)]
    pub compared: Vec<Compared>,
    /// Numbers and hashes for the evidence annex.
    pub evidence: BTreeMap<String, String>,
}

impl Story {
    /// Whether the cluster was simulated: nothing real was tested.
    pub fn is_rehearsal(&self) -> bool {
        self.flavour == "simulated"
    }
}

/// The recovery of one service after one fault.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Recovery {
    /// The service.
    pub probe: String,
    /// The fault.
    pub of: String,
    /// Its phases.
    pub phases: Vec<RecoveryPhase>,
}

impl Recovery {
    /// The time of the last phase.
    pub fn total_us(&self) -> u64 {
        self.phases.iter().map(|p| p.at_us).max().unwrap_or(0)
    }
}

/// One step.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepLine {
    /// Name.
    pub name: String,
    /// Verb.
    pub verb: String,
    /// Seconds after the start of the run.
    pub at: f64,
    /// How long it took.
    pub seconds: Option<f64>,
    /// How it ended; none if it has not ended.
    pub end: Option<StepEnd>,
    /// Its result as text.
    pub detail: String,
}

/// One fault and its undo.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UndoLine {
    /// The fault.
    pub fault: String,
    /// What was changed.
    pub target: String,
    /// The state of the fault.
    pub state: String,
    /// Whether it is not undone, so that a person has to look at it.
    #[serde(skip)]
    pub is_open: bool,
    /// Seconds after the start of the run.
    pub at: Option<f64>,
    /// What was observed.
    pub evidence: String,
    /// The commands to do it by hand.
    pub commands: Vec<String>,
}

/// A change that the drill did not make, and that does not follow from what the drill did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutsideLine {
    /// Seconds after the start of the run.
    pub at: f64,
    /// Who did what, in a sentence.
    pub said: String,
    /// Whether the object still differs from its state before the drill.
    pub remains: bool,
    /// The change itself.
    pub change: OutsideChange,
}

/// Something that stays in the cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leftover {
    /// What.
    pub what: String,
    /// How to remove it.
    pub remove_with: String,
    /// When it disappears by itself.
    pub expires: String,
}

/// The story of these events.
pub fn story_of_events(events: &[Event]) -> Story {
    story_of(&ReadRun::of(events))
}

/// The story of a journal.
pub fn story_of(reading: &ReadRun) -> Story {
    let history = reading.history();
    let mut story = Story { schema_version: "1.0".into(), ..Story::default() };
    for event in &reading.kept {
        add_event(&mut story, event);
    }
    if let Some((first, last)) = reading.span {
        story.started = first.to_string();
        story.ended = last.to_string();
        story.seconds = reading.last_us as f64 / 1e6;
    }
    story.head = reading.about.head().map(str::to_owned);
    if story.judgements.is_empty() {
        story.judgements = history.judge().judgements;
    }
    story.other_rules = reading.again().standing.words();
    if story.other_rules.is_some() {
        story.outcome = None;
    }
    if let Some(plan) = &history.state.plan {
        story.hypothesis.clone_from(&plan.hypothesis);
        story.recoveries = recoveries(history);
        story.compared = predicted::compared(history);
        story.predictions = story.compared.iter().map(Compared::line).collect();
        story.unexpected_alerts = unexpected(history);
    }
    story.undo_log = undo_log(history);
    story.changed_outside = changed_outside(history);
    story.blind = history
        .blind()
        .filter(|(from, to)| to.saturating_sub(*from) > 1_500_000)
        .map(|(from, to)| format!("API server, {:.1} s to {:.1} s", from as f64 / 1e6, to as f64 / 1e6))
        .collect();
    for (source, list) in &history.source_blind {
        story.blind.extend(list.iter().map(|(from, to)| {
            let to = if *to == u64::MAX { "the end".into() } else { format!("{:.1} s", *to as f64 / 1e6) };
            format!("{source}, {:.1} s to {to}", *from as f64 / 1e6)
        }));
    }
    caveats(&mut story, history);
    story.evidence.insert("journal events".into(), reading.count.to_string());
    story
}

fn add_event(story: &mut Story, event: &Event) {
    let at = event.t_us as f64 / 1e6;
    match &event.event {
        Kind::RunStarted {
            run_id,
            tool,
            scenario,
            title,
            scenario_hash,
            plan_hash,
            clusters,
            operator,
            host,
            way_back,
            previous,
            ..
        } => {
            story.previous.clone_from(previous);
            story.scenario_file.clone_from(&way_back.scenario);
            story.run.clone_from(run_id);
            story.tool.clone_from(tool);
            story.scenario.clone_from(scenario);
            story.title.clone_from(title);
            story.scenario_hash.clone_from(scenario_hash);
            story.plan_hash.clone_from(plan_hash);
            story.operator = format!("{operator} on {host}");
            if let Some(c) = clusters.first() {
                story.cluster =
                    format!("{} ({}, Kubernetes {}, kube-system {})", c.context, c.server, c.version, c.uid);
                story.context.clone_from(&c.context);
                story.flavour.clone_from(&c.flavour);
            }
        }
        Kind::SessionOpened { actor, why, epoch, .. } if *actor != Actor::Runner => {
            story.deviations.push(format!("{at:.1} s: session {epoch} ({actor:?}) took over: {why}"));
        }
        Kind::PreflightDone { findings, review, .. } => {
            story.findings.extend(findings.clone());
            if let Some(review) = review {
                story.review = Some((**review).clone());
            }
        }
        Kind::StepStarted { step, verb, .. } => story.steps.push(StepLine {
            name: step.0.clone(),
            verb: verb.clone(),
            at,
            seconds: None,
            end: None,
            detail: String::new(),
        }),
        Kind::StepFinished { step, end, detail } => {
            if let Some(line) = story.steps.iter_mut().rev().find(|s| s.name == step.0) {
                line.seconds = Some(at - line.at);
                line.end = Some(*end);
                line.detail = detail.to_string();
            }
        }
        Kind::Judged { outcome, judgements, .. } => {
            story.outcome = Some(*outcome);
            story.judgements.clone_from(judgements);
        }
        Kind::RunEnded { exit, detail } => {
            story.exit = Some(*exit);
            story.ending = detail.to_string();
        }
        Kind::LeftBehind { what, remove_with, expires } => story.leftovers.push(Leftover {
            what: what.clone(),
            remove_with: remove_with.clone(),
            expires: expires.clone(),
        }),
        Kind::LeftoverGone { what, why } => {
            story.leftovers.retain(|l| l.what != *what);
            story.deviations.push(format!("{at:.1} s: {what} was removed again: {why}"));
        }
        Kind::SignalCaught { signal, count } => story.deviations.push(format!("{at:.1} s: {signal} ({count})")),
        Kind::StopAsked { by, how } => story.deviations.push(format!("{at:.1} s: stop ({how}) requested by {by}")),
        Kind::AbortTriggered { condition, detail } => {
            story.deviations.push(format!("{at:.1} s: abort condition `{condition}`: {detail}"))
        }
        Kind::GateAnswered { step, approved, by } => {
            let word = if *approved { "approved" } else { "refused" };
            story.deviations.push(format!("{at:.1} s: gate `{step}` {word} by {by}"));
        }
        Kind::MirrorFailed { why } => {
            story.deviations.push(format!("{at:.1} s: the run record in the cluster could not be written: {why}"))
        }
        Kind::LeaseTrouble { why } => story.deviations.push(format!("{at:.1} s: lease: {why}")),
        Kind::FaultReopened { .. } | Kind::HolderLives { .. } | Kind::Unconfirmed { .. } => {
            let said = super::line::words(&event.event).unwrap_or_default();
            story.deviations.push(format!("{at:.1} s: {said}"));
        }
        Kind::StrayLines { count, .. } => story.deviations.push(format!(
            "{at:.1} s: {count} journal line(s) were left out: their session had lost control of the run"
        )),
        Kind::AuditRead { records, damaged, error } => {
            story.evidence.insert(AUDIT_LOG.into(), format!("{records} records read, {damaged} damaged"));
            if !error.is_empty() {
                story.deviations.push(format!("{at:.1} s: the audit log could not be read to its end: {error}"));
            }
        }
        Kind::Noted { text } => story.deviations.push(format!("{at:.1} s: {text}")),
        _ => {}
    }
}
