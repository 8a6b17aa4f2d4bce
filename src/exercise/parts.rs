//! What the state of an exercise consists of: stages, items, notes, actions. Start with [`StageState`].

use jiff::{Timestamp, civil::Date};

use super::what::{ActionStatus, Attached, By, DrillMoment, Judged, NoteOn, StageEnd};
use crate::model::{Exit, Readiness, Told};

/// A stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageState {
    /// When it was opened.
    pub opened: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How.
    pub end: Option<StageEnd>,
    /// What was said about it.
    pub detail: Told,
    /// The SHA-256 of the evidence.
    pub evidence: Option<String>,
    /// The folder of its drill.
    pub folder: Option<String>,
    /// When its drill was started last.
    pub launched: Option<Timestamp>,
    /// The drill's end.
    pub drill: Option<DrillEnd>,
    /// The review that the program made.
    pub review: Option<ReviewState>,
}

impl StageState {
    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.opened.is_some() && self.end.is_none()
    }
}

/// The end of a drill.
#[derive(Clone, Debug, PartialEq)]
pub struct DrillEnd {
    /// The run.
    pub run: String,
    /// The hash of its last line.
    pub head: String,
    /// Its exit code.
    pub exit: Exit,
    /// When it ended.
    pub at: Timestamp,
    /// What was judged.
    pub judged: Vec<Judged>,
}

/// A readiness review that the program makes.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewState {
    /// When it was started.
    pub launched: Timestamp,
    /// Its end.
    pub end: Option<ReviewEnd>,
}

/// The end of a review.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewEnd {
    /// When it ended.
    pub at: Timestamp,
    /// The exit code of `check`; none if it did not end in time, or could not be started.
    pub exit: Option<Exit>,
    /// Its verdict; none if there is no review that can be read.
    pub readiness: Option<Readiness>,
    /// What was said about it.
    pub why: Told,
    /// The result file.
    pub evidence: Option<Attached>,
}

/// An objective that was dropped after the authorisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: By,
    /// Why.
    pub why: Told,
}

/// The end of a pause.
#[derive(Clone, Debug, PartialEq)]
pub struct Resumption {
    /// When.
    pub at: Timestamp,
    /// What was checked before.
    pub checked: Vec<Told>,
    /// What was not.
    pub unchecked: Vec<Told>,
}

/// An item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemState {
    /// When it was due.
    pub due: Option<Timestamp>,
    /// When an inject was given.
    pub given: Option<Timestamp>,
    /// When it was answered, or ended without an answer.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub end: Option<ItemEnd>,
    /// The option that was chosen, of a decision.
    pub option: String,
    /// The option that keeps the drill waiting, if it was chosen while the decision is open.
    pub kept: Option<String>,
    /// The words of the answer.
    pub answer: Told,
    /// Who answered.
    pub by: Option<By>,
    /// The SHA-256 of the evidence.
    pub evidence: Option<String>,
}

/// How an item ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemEnd {
    /// Answered in time.
    Answered,
    /// Answered after its time.
    Late,
    /// Not answered.
    Missed,
    /// Nobody decided in time, so the default counts.
    Defaulted,
    /// Left out.
    Skipped,
}

impl ItemEnd {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered in time",
            Self::Late => "answered late",
            Self::Missed => "not answered",
            Self::Defaulted => "nobody decided in time: the default counts",
            Self::Skipped => "skipped",
        }
    }
}

impl ItemState {
    /// Whether an answer is still expected.
    pub fn is_open(&self) -> bool {
        self.due.is_some() && self.end.is_none()
    }
}

/// A moment of a drill.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The stage of the drill.
    pub stage: String,
    /// The step.
    pub step: String,
    /// What happened with it.
    pub moment: DrillMoment,
    /// When.
    pub at: Timestamp,
}

/// Something that a person wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
    /// What about.
    pub on: NoteOn,
    /// The words.
    pub text: Told,
}

/// An action of the improvement plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Action {
    /// Its id.
    pub id: String,
    /// What is to be done.
    pub text: Told,
    /// Who does it.
    pub owner: Told,
    /// Until when: 2027-01-31.
    pub due: String,
    /// What shows that it is done.
    pub proven_when: Told,
    /// Its ticket.
    pub ticket: Told,
    /// Its status.
    pub status: ActionStatus,
    /// The exercise from which it was carried over; empty if it is of this one.
    pub from: String,
}

impl Action {
    /// Whether it is still open after its due date. A date that cannot be read has no day on which it would be in time.
    pub fn is_overdue(&self, today: Date) -> bool {
        let late = match self.due.parse::<Date>() {
            Ok(due) => due < today,
            Err(_) => !self.due.is_empty(),
        };
        self.status == ActionStatus::Open && late
    }
}

/// An inject that was added on the day.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// Its id.
    pub id: String,
    /// Its words.
    pub text: Told,
    /// Why it was added.
    pub why: Told,
    /// When.
    pub at: Timestamp,
}
