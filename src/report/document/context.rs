//! What every section is made from. Start with [`Context`].

use std::collections::BTreeMap;

use super::{Before, Ref, Rest, Text, Tone, before::subject};
use crate::{
    event::{Event, Keepsake, Kind},
    model::{About, Expectation, Judgement, Measure, OrNewer, Outcome, Plan, Severity, StepName},
    report::{
        Field, Known, Note, Organisation, Story,
        words::{Word, Words, frame as w, say},
    },
    verdict::{History, Milestone, ReadRun},
};

/// What stands beside the journal: notes of people, and the signature.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The notes, in the order in which they were made.
    pub notes: Vec<Note>,
    /// Whether the evidence is signed.
    pub signature: Signature,
    /// The last drill of the same scenario.
    pub before: Option<Before>,
    /// The drills of the same scenario before that one, the newest first.
    pub earlier: Vec<Before>,
    /// Whom the report belongs to, and its language.
    pub organisation: Organisation,
}

/// Whether the evidence is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// There is no key.
    #[default]
    Unsigned,
    /// It will be, or is, signed with the key that has this fingerprint.
    By(String),
}

/// One judgement, with the expectation that it judges.
pub(super) struct Judged<'a> {
    /// Its place in the list.
    pub index: usize,
    /// The judgement.
    pub of: &'a Judgement,
    /// The expectation; none if the drill itself asks the question.
    pub expectation: Option<&'a Expectation>,
    /// The measured time.
    pub measured: Option<Measure>,
}

impl Judged<'_> {
    pub fn id(&self) -> Ref {
        Ref::judgement(self.index)
    }

    /// Whether it is a pass with every part of its proof.
    pub fn is_proven(&self) -> bool {
        self.of.outcome == Outcome::Pass
            && !self.of.parts.is_empty()
            && self.of.parts.iter().all(|p| p.shown != Some(false))
    }

    /// What it is about, in few words.
    pub fn subject(&self, words: &Words) -> String {
        match self.expectation {
            Some(Expectation::Service(e)) => e.probe.clone(),
            Some(Expectation::Replicas(e)) => e.workload.to_string(),
            Some(Expectation::Placement(e)) => e.workload.to_string(),
            Some(Expectation::Alert(e)) => say!(words, w::SUBJECT_ALERT, e.name),
            Some(Expectation::Loss(e)) => e.data.clone(),
            Some(Expectation::Restore(e)) => say!(words, w::SUBJECT_RESTORE, e.of),
            Some(Expectation::Reprotected(_)) => say!(words, w::SUBJECT_REPROTECTION),
            Some(Expectation::Budgets(_)) => say!(words, w::SUBJECT_BUDGETS),
            None if self.of.id == "afterwards" => say!(words, w::SUBJECT_AFTERWARDS),
            None if self.of.id == "steps" => say!(words, w::SUBJECT_STEPS),
            None => self.of.expectation.clone(),
        }
    }
}

/// The numbers of the events that lines of page one rest on.
#[derive(Debug, Default)]
pub(super) struct EventNumbers {
    pub started: Option<u64>,
    pub plan: Option<u64>,
    pub judged: Option<u64>,
    pub ended: Option<u64>,
    pub preflight: Vec<u64>,
    pub first_act: Option<u64>,
    pub results: BTreeMap<StepName, u64>,
    pub gates: Vec<Gate>,
    /// What the run kept beside its journal: kind, file, size, SHA-256.
    pub kept: Vec<(Keepsake, String, u64, String)>,
    /// What it could not keep, and why.
    pub not_kept: Vec<(Keepsake, String)>,
}

/// A decision that a person was asked for.
#[derive(Debug)]
pub(super) struct Gate {
    pub seq: u64,
    pub step: StepName,
    pub opened_us: u64,
    pub until_us: u64,
    pub answer: Option<Answered>,
}

/// The answer to a gate.
#[derive(Debug)]
pub(super) struct Answered {
    pub seq: u64,
    pub at_us: u64,
    pub approved: bool,
    pub by: String,
}

impl EventNumbers {
    fn of(events: &[Event]) -> Self {
        let mut places = Self::default();
        for event in events {
            let seq = event.seq;
            match &event.event {
                Kind::RunStarted { .. } => places.started = Some(seq),
                Kind::PlanFrozen { .. } => places.plan = Some(seq),
                Kind::Judged { .. } => places.judged = Some(seq),
                Kind::RunEnded { .. } => places.ended = Some(seq),
                Kind::PreflightDone { .. } => places.preflight.push(seq),
                Kind::EvidenceKept { what, file, size, sha256 } => {
                    places.kept.push((*what, file.clone(), *size, sha256.clone()));
                }
                Kind::EvidenceMissing { what, why } => places.not_kept.push((*what, why.to_string())),
                Kind::FaultApplied { .. } if places.first_act.is_none() => places.first_act = Some(seq),
                Kind::StepResult { step, .. } => {
                    places.results.insert(step.clone(), seq);
                }
                Kind::GateOpened { step, times_out_us, .. } => places.gates.push(Gate {
                    seq,
                    step: step.clone(),
                    opened_us: event.t_us,
                    until_us: *times_out_us,
                    answer: None,
                }),
                Kind::GateAnswered { step, approved, by } => {
                    if let Some(gate) = places.gates.iter_mut().rev().find(|g| g.step == *step) {
                        gate.answer = Some(Answered { seq, at_us: event.t_us, approved: *approved, by: by.clone() });
                    }
                }
                _ => {}
            }
        }
        places
    }
}

/// What every section is made from.
pub(super) struct Context<'a> {
    pub story: &'a Story,
    pub history: &'a History,
    pub beside: &'a Beside,
    pub words: &'a Words,
    pub places: EventNumbers,
    pub judged: Vec<Judged<'a>>,
    /// Scenario, cluster and kind of run, and the version of Kubernetes.
    pub subject: Option<((String, String, bool), String)>,
    about: About,
}

impl<'a> Context<'a> {
    pub fn of(story: &'a Story, reading: &'a ReadRun, beside: &'a Beside) -> Self {
        let history = reading.history();
        let plan = history.state.plan.as_deref();
        let measured = measured(story, history);
        let judged = story.judgements.iter().enumerate().map(|(index, of)| Judged {
            index,
            of,
            expectation: plan.and_then(|p| p.expect.get(index)).and_then(OrNewer::known),
            measured: measured.get(index).copied().flatten(),
        });
        Self {
            story,
            history,
            beside,
            words: &beside.organisation.words,
            places: EventNumbers::of(&reading.kept),
            judged: judged.collect(),
            subject: subject(&reading.kept),
            about: plan.map(|p| p.about.clone()).unwrap_or_default(),
        }
    }

    pub fn plan(&self) -> Option<&'a Plan> {
        self.history.state.plan.as_deref()
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    /// Whether the drill changed anything.
    pub fn has_acted(&self) -> bool {
        self.places.first_act.is_some()
    }

    /// Whether the verdict is one that this version confirms.
    pub fn is_confirmed(&self) -> bool {
        self.story.other_rules.is_none() && self.places.judged.is_some()
    }

    /// The events that every line about a verdict rests on.
    pub fn base(&self) -> Vec<Rest> {
        let p = &self.places;
        [p.started, p.plan, p.judged].into_iter().flatten().map(Rest::Event).collect()
    }

    /// The notes of a field, in the order in which they were made.
    pub fn notes(&self, field: Field) -> Vec<Text> {
        self.beside.notes.iter().filter(|n| n.field == field).map(|n| self.note(n)).collect()
    }

    /// The newest note of a field, or the text for none.
    pub fn note_or(&self, field: Field, none: &Word) -> Text {
        self.notes(field).pop().unwrap_or_else(|| Text::new(self.words.say(none, &[])))
    }

    /// The newest note of a field about an action.
    pub fn note_of(&self, field: Field, of: &Ref) -> Option<Text> {
        let mut own = self.beside.notes.iter().rev();
        own.find(|n| n.field == field && n.of == of.0).map(|n| self.note(n))
    }

    /// The business function, with its tier.
    pub fn function(&self) -> String {
        let words = self.words;
        match (self.about.business_function.as_str(), self.about.tier) {
            ("", None) => say!(words, w::NO_FUNCTION),
            ("", Some(tier)) => say!(words, w::NO_FUNCTION_TIER, tier),
            (name, None) => say!(words, w::FUNCTION_NO_TIER, name),
            (name, Some(tier)) => say!(words, w::FUNCTION_TIER, name, tier),
        }
    }

    /// A note with its author, in one line.
    fn note(&self, note: &Note) -> Text {
        let known = match note.known {
            Known::Account => say!(self.words, w::BY_ACCOUNT),
            Known::Asserted => say!(self.words, w::ASSERTED),
        };
        let at = note.at.strftime("%Y-%m-%d %H:%M UTC");
        Text::new(say!(self.words, w::NOTED, note.text, note.by, known, at))
    }
}

/// The measured times. Journals of versions before 0.2.0 do not hold them; then they are measured again.
fn measured(story: &Story, history: &History) -> Vec<Option<Measure>> {
    let written: Vec<Option<Measure>> = story.judgements.iter().map(|j| j.measured).collect();
    if written.iter().any(Option::is_some) || story.judgements.is_empty() {
        return written;
    }
    let again = history.judge().judgements;
    let same = |(index, old): (usize, &Judgement)| {
        again.get(index).filter(|new| new.expectation == old.expectation && new.outcome == old.outcome)?.measured
    };
    story.judgements.iter().enumerate().map(same).collect()
}

/// An outcome as a cell.
pub(super) fn outcome(words: &Words, outcome: Outcome) -> Text {
    let said = match outcome {
        Outcome::Pass => say!(words, w::PASS),
        Outcome::Fail => say!(words, w::FAIL),
        Outcome::Inconclusive => say!(words, w::INCONCLUSIVE),
        Outcome::Skipped => say!(words, w::SKIPPED),
        Outcome::Waived => say!(words, w::WAIVED),
    };
    Text::new(said).tone(tone(outcome))
}

/// A severity in words.
pub(super) fn severity(words: &Words, severity: Severity) -> String {
    match severity {
        Severity::Critical => say!(words, w::CRITICAL),
        Severity::High => say!(words, w::HIGH),
        Severity::Medium => say!(words, w::MEDIUM),
        Severity::Low => say!(words, w::LOW),
    }
}

/// The end of a phase in words.
pub(super) fn milestone(words: &Words, milestone: Milestone) -> String {
    match milestone {
        Milestone::FirstFailure => say!(words, w::MILESTONE_FIRST_FAILURE),
        Milestone::NodesNotReady => say!(words, w::MILESTONE_NOT_READY),
        Milestone::Alerted => say!(words, w::MILESTONE_ALERTED),
        Milestone::UndoBegan => say!(words, w::MILESTONE_UNDO),
        Milestone::RestoreCompleted => say!(words, w::MILESTONE_RESTORED),
        Milestone::RestoredReady => say!(words, w::MILESTONE_RESTORED_READY),
        Milestone::Recovered => say!(words, w::MILESTONE_RECOVERED),
    }
}

/// How many names one line contains.
const NAMES: usize = 8;

/// The first names of a list and the number of the others, for use within a line.
pub(super) fn names<T: std::fmt::Display>(words: &Words, all: &[T]) -> String {
    let shown: Vec<String> = all.iter().take(NAMES).map(ToString::to_string).collect();
    let (shown, more) = (shown.join(", "), all.len().saturating_sub(NAMES));
    if more > 0 { say!(words, w::NAMES_MORE, shown, more) } else { shown }
}

/// The first texts of a list, and how many more there are.
pub(super) fn some_of<T: std::fmt::Display>(words: &Words, all: &[T], most: usize) -> String {
    let shown: Vec<String> = all.iter().take(most).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(most);
    let more = if more > 0 { say!(words, w::AND_MORE, more) } else { String::new() };
    shown.join("; ") + &more
}

pub(super) fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Fail => Tone::Bad,
        Outcome::Inconclusive => Tone::Warn,
        Outcome::Skipped | Outcome::Waived => Tone::Soft,
    }
}

/// A time since the run began.
pub(super) fn clock(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

/// A length of time, rounded up to a tenth of a second: `50.5 s`, `7 min 9 s`.
pub(super) fn at_most(us: u64) -> String {
    match us.div_ceil(100_000) {
        tenths if tenths < 1_000 => length(tenths),
        _ if us > 3_600_000_000 => length(us.div_ceil(60_000_000) * 600),
        _ => length(us.div_ceil(1_000_000) * 10),
    }
}

/// A length of time, rounded down.
pub(super) fn at_least(us: u64) -> String {
    length(us / 100_000)
}

fn length(tenths: u64) -> String {
    match (tenths / 36_000, tenths / 600 % 60, tenths % 600) {
        _ if tenths < 1_000 => format!("{}.{} s", tenths / 10, tenths % 10),
        (0, minutes, rest) => format!("{minutes} min {} s", rest / 10),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A text with at most this many characters.
pub(super) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worst_case_is_rounded_up_and_a_margin_down() {
        let said = |us| (at_most(us), at_least(us));
        assert_eq!(said(50_460_000), ("50.5 s".into(), "50.4 s".into()));
        assert_eq!(said(99_900_000), ("99.9 s".into(), "99.9 s".into()));
        assert_eq!(said(429_500_000), ("7 min 10 s".into(), "7 min 9 s".into()));
        assert_eq!(said(7_230_000_000), ("2 h 1 min".into(), "2 h 0 min".into()));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!((short("äöü", 3), short("äöüß", 3)), ("äöü".into(), "äö…".into()));
    }
}
