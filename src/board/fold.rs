//! What the board knows of a drill: the fold of its journal, event by event. A large drill has millions of events, so
//! none of them is kept. Start with [`DrillFold::take`].

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{
    alerts::Alerts,
    log::{Log, LogLine},
    strip::Strip,
};
use crate::{
    event::{Event, Kind, ProbeRun, StepEnd},
    exercise::{At, Timing},
    journal::RunState,
    model::{ClusterIdentity, FaultId, Judgement, StepName},
    report::event_words,
};

/// A step, in the time of the drill.
#[derive(Clone, Debug, Default)]
pub(super) struct StepTimes {
    pub from_us: Option<u64>,
    pub end: Option<(u64, StepEnd)>,
    pub waiting: String,
}

/// A gate or hold that waits for an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillWaits {
    /// The name of the step or of the hold.
    pub name: String,
    /// The question.
    pub question: String,
    /// When the drill decides by itself, in the time of the drill.
    pub until_us: u64,
}

/// A drill so far.
#[derive(Debug, Default)]
pub(super) struct DrillFold {
    pub run: String,
    pub title: String,
    pub began: Option<Timestamp>,
    pub rehearsal: bool,
    pub state: RunState,
    pub steps: BTreeMap<StepName, StepTimes>,
    pub strips: BTreeMap<String, Strip>,
    pub alerts: Alerts,
    /// When the undo of a step's faults began.
    pub healed_us: BTreeMap<StepName, u64>,
    pub waits: Option<DrillWaits>,
    pub judged: Vec<Judgement>,
    pub ended_us: Option<u64>,
    pub stopping: bool,
    pub log: Log,
    pub time: DrillTime,
    /// Something happened that an exercise writes down, or that a decision waits for.
    pub news: bool,
}

/// How the time of a drill is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrillTime {
    /// How it becomes the time that the log shows.
    pub timing: Timing,
    /// Nobody knows how fast it goes, such as in a rehearsal without people: the newest event tells the time.
    pub jumps: bool,
}

impl Default for DrillTime {
    fn default() -> Self {
        Self { timing: Timing::Wall, jumps: true }
    }
}

impl DrillTime {
    /// When an event happened, for people.
    fn of(self, event: &Event) -> Timestamp {
        self.timing.of(At { wall: event.at, us: event.t_us })
    }
}

impl DrillFold {
    /// Forgets the events, because all of them come again.
    pub(super) fn again(&mut self) {
        let mut log = std::mem::take(&mut self.log);
        log.clear();
        *self = Self { log, news: true, time: self.time, ..Self::default() };
    }

    /// Adds an event.
    pub(super) fn take(&mut self, event: &Event) {
        // An impossible transition is shown by `status` and `verify`; the board goes on with what it can see.
        let _ = self.state.add(event);
        match &event.event {
            Kind::RunStarted { run_id, title, clusters, .. } => {
                self.run.clone_from(run_id);
                self.title.clone_from(title);
                self.rehearsal = ClusterIdentity::all_simulated(clusters);
                let since = i64::try_from(event.t_us).unwrap_or_default();
                self.began = event.at.checked_sub(SignedDuration::from_micros(since)).ok();
            }
            Kind::SessionOpened { .. } => self.ended_us = None,
            Kind::RevertStarted { fault, .. } => self.heals(fault, event.t_us),
            Kind::Judged { judgements, .. } => self.judged.clone_from(judgements),
            Kind::RunEnded { .. } => (self.ended_us, self.waits) = (Some(event.t_us), None),
            Kind::SignalCaught { .. } | Kind::StopAsked { .. } => self.stopping = true,
            Kind::GateOpened { step, prompt, times_out_us } => {
                let (name, question) = (step.0.clone(), prompt.to_string());
                self.waits = Some(DrillWaits { name, question, until_us: *times_out_us });
            }
            Kind::GateAnswered { .. } => self.waits = None,
            Kind::ProbeSegment { probe, runs, .. } => self.probed(event, probe, runs),
            Kind::AlertSeen { .. } | Kind::AlertGone { .. } => self.alerts.take(event),
            Kind::StepStarted { .. } | Kind::StepProgress { .. } | Kind::StepFinished { .. } => self.step(event),
            _ => {}
        }
        self.news |= is_news(&event.event);
        if is_story(&event.event)
            && let Some(text) = event_words(&event.event)
        {
            self.log.add([LogLine::new(self.time.of(event), "drill", text)]);
        }
    }

    fn heals(&mut self, fault: &FaultId, us: u64) {
        if let Some(record) = self.state.fault(fault) {
            self.healed_us.entry(record.step.clone()).or_insert(us);
        }
    }

    fn step(&mut self, event: &Event) {
        match &event.event {
            Kind::StepStarted { step, .. } => {
                self.steps.insert(step.clone(), StepTimes { from_us: Some(event.t_us), ..StepTimes::default() });
            }
            Kind::StepProgress { step, waiting_for, last_seen } => {
                let waiting =
                    if last_seen.is_empty() { waiting_for.to_string() } else { format!("{waiting_for}: {last_seen}") };
                self.steps.entry(step.clone()).or_default().waiting = waiting;
            }
            Kind::StepFinished { step, end, .. } => {
                let times = self.steps.entry(step.clone()).or_default();
                (times.end, times.waiting) = (Some((event.t_us, *end)), String::new());
            }
            _ => {}
        }
    }

    fn probed(&mut self, event: &Event, probe: &str, runs: &[ProbeRun]) {
        let (rule, at) = (self.state.up_rule(probe), self.time.of(event));
        let strip = self.strips.entry(probe.to_owned()).or_default();
        for run in runs {
            let was_down = strip.state.down_since.is_some();
            let ended = strip.add(run, &rule);
            let said = match (ended, strip.state.down_since) {
                (Some(outage), _) => {
                    let lasted = outage.to_us.unwrap_or(outage.from_us).saturating_sub(outage.from_us);
                    format!("{probe} answers again, after {:.1} s", lasted as f64 / 1e6)
                }
                (None, Some(_)) if !was_down => format!("{probe} does not answer"),
                _ => continue,
            };
            self.log.add([LogLine::new(at, "probe", said)]);
        }
    }
}

/// What an exercise writes down, or what decides whether it may go on.
fn is_news(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::RunStarted { .. }
            | Kind::StepStarted { .. }
            | Kind::StepFinished { .. }
            | Kind::AlertSeen { .. }
            | Kind::GateOpened { .. }
            | Kind::GateAnswered { .. }
            | Kind::SignalCaught { .. }
            | Kind::StopAsked { .. }
            | Kind::Judged { .. }
            | Kind::RunEnded { .. }
    )
}

/// What has a line in the log. Pods, nodes, samples and alerts have their own parts of the board.
fn is_story(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::RunStarted { .. }
            | Kind::PreflightDone { .. }
            | Kind::Armed { .. }
            | Kind::RunWoken { .. }
            | Kind::Judged { .. }
            | Kind::RunEnded { .. }
            | Kind::LeftBehind { .. }
            | Kind::StepStarted { .. }
            | Kind::StepFinished { .. }
            | Kind::FaultLeft { .. }
            | Kind::FaultKept { .. }
            | Kind::FaultStuck { .. }
            | Kind::FaultReopened { .. }
            | Kind::ContactLost { .. }
            | Kind::ContactRegained { .. }
            | Kind::SourceLost { .. }
            | Kind::SourceRegained { .. }
            | Kind::ChangedOutside { .. }
            | Kind::GateOpened { .. }
            | Kind::GateAnswered { .. }
            | Kind::Notified { .. }
            | Kind::StopAsked { .. }
            | Kind::SignalCaught { .. }
            | Kind::AbortTriggered { .. }
            | Kind::LeaseTrouble { .. }
            | Kind::HolderLives { .. }
            | Kind::Noted { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock of a simulated cluster starts on a day of its own.
    #[test]
    fn the_log_has_the_time_of_the_exercise() {
        let opened: Timestamp = "2026-12-03T09:00:00Z".parse().expect("a time");
        let time = DrillTime { timing: Timing::Simulated(opened, 1.0), jumps: true };
        let mut fold = DrillFold { time, ..DrillFold::default() };
        let event = Kind::Noted { text: "x".into() };
        let (at, prev) = (Timestamp::UNIX_EPOCH, String::new());
        fold.take(&Event { seq: 0, at, t_us: 5_000_000, epoch: 1, prev, must: false, event });
        assert_eq!(fold.log.lines[0].at_ms, opened.as_millisecond() + 5_000);
    }

    /// With `--pace`, a drill decides in another time than the wall clock tells.
    #[test]
    fn a_question_has_its_end_in_the_time_of_the_drill() {
        let mut fold = DrillFold::default();
        let mut take = |event| {
            let (at, prev) = (Timestamp::UNIX_EPOCH, String::new());
            fold.take(&Event { seq: 0, at, t_us: 1, epoch: 1, prev, must: false, event });
            fold.waits.clone()
        };
        let step = StepName("ask".into());
        let waits = take(Kind::GateOpened { step: step.clone(), prompt: "Go?".into(), times_out_us: 90 });
        assert_eq!(waits, Some(DrillWaits { name: "ask".into(), question: "Go?".into(), until_us: 90 }));
        assert_eq!(take(Kind::GateAnswered { step, approved: true, by: String::new() }), None);
    }
}
