//! What happens in an exercise: the kinds of lines in its journal. The fields of a line around it are those of a
//! drill's journal. Start with [`What`].

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::{
    fields::{Attached, Carried, ClusterAccess, Judged, KeptHolding, Seat},
    words::{ActionStatus, DrillMoment, Known, NoteOn, Rating, StageEnd, StopFor},
};
use super::{people::PersonId, playbook::Role};
use crate::{
    event::Continues,
    journal::Holder,
    model::{Exit, Readiness, Told},
};

/// The format of an exercise's journal.
pub const FORMAT: &str = "exercise-1.0";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// 0, 1, 2 … without gaps.
    pub seq: u64,
    /// Wall clock; in an exercise without people on a simulated cluster, the simulated time.
    pub at: Timestamp,
    /// Microseconds since the session began. They count within one session only.
    pub t_us: u64,
    /// The session that wrote it.
    pub epoch: u64,
    /// SHA-256 of the line before.
    pub prev: String,
    /// A reader that does not know this kind must refuse the journal.
    pub must: bool,
    /// What happened.
    pub event: What,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct By {
    /// The person.
    pub person: PersonId,
    /// In which role.
    pub role: Role,
    /// How that was known.
    pub known: Known,
    /// Why the person acts for another role; empty for the own role.
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub because: Told,
}

/// Something that happened in an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[expect(missing_docs, reason = "the field names are the documentation; docs/design/exercise.md has the table")]
pub enum What {
    ExercisePrepared {
        format: String,
        exercise: String,
        tool: String,
        playbook_hash: String,
        /// The values that were given for the playbook's variables.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        set: BTreeMap<String, String>,
        /// SHA-256 of each frozen scenario, by its file.
        scenarios: BTreeMap<String, String>,
        seats: Vec<Seat>,
        place: ClusterAccess,
        /// When the exercise is to begin.
        planned: Option<Timestamp>,
        /// Actions of the last exercise that are still open.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carried: Vec<Carried>,
        /// SHA-256 of each paper as it is without names, by its file.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        papers: BTreeMap<String, String>,
    },
    SessionOpened {
        epoch: u64,
        holder: Option<Holder>,
        continues: Option<Continues>,
    },
    Authorised {
        by: By,
        hash: String,
    },
    Started {
        by: By,
        unattended: bool,
    },
    /// The cluster behind the context, when the exercise began.
    ClusterIdentified {
        context: String,
        uid: String,
    },
    StageOpened {
        stage: String,
        by: By,
    },
    StageClosed {
        stage: String,
        end: StageEnd,
        /// When it ended; the line was written when somebody noticed.
        ended: Timestamp,
        by: Option<By>,
        detail: Told,
        evidence: Option<Attached>,
    },
    CheckLaunched {
        stage: String,
    },
    CheckEnded {
        stage: String,
        happened: Timestamp,
        /// The exit code of `check`; none if it did not end in time, or could not be started.
        exit: Option<Exit>,
        /// The verdict of the review; none if there is no review that can be read.
        readiness: Option<Readiness>,
        why: Told,
        /// The result file.
        evidence: Option<Attached>,
    },
    DrillLaunched {
        stage: String,
        folder: String,
    },
    DrillSeen {
        stage: String,
        step: String,
        moment: DrillMoment,
        happened: Timestamp,
    },
    DrillEnded {
        stage: String,
        run: String,
        /// SHA-256 of the last line of its journal.
        head: String,
        exit: Exit,
        happened: Timestamp,
        judged: Vec<Judged>,
    },
    ItemDue {
        item: String,
        due: Timestamp,
    },
    InjectGiven {
        item: String,
        by: By,
    },
    Answered {
        item: String,
        option: String,
        answer: Told,
        by: By,
        late: bool,
        evidence: Option<Attached>,
    },
    Missed {
        item: String,
        due: Timestamp,
    },
    Defaulted {
        item: String,
        option: String,
        due: Timestamp,
    },
    Skipped {
        item: String,
        by: Option<By>,
        why: Told,
    },
    InjectAdded {
        item: String,
        text: Told,
        by: By,
        why: Told,
    },
    Noted {
        by: By,
        on: NoteOn,
        text: Told,
        /// The answer to a decision, if the note was written for one: the drill goes on waiting, and so does the decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kept: Option<KeptHolding>,
    },
    Rated {
        objective: String,
        rating: Rating,
        by: By,
        why: Told,
    },
    /// An objective that counts no longer, although it was authorised.
    ObjectiveDropped {
        objective: String,
        by: By,
        why: Told,
    },
    Said {
        question: String,
        text: Told,
        by: By,
    },
    RoleAbsent {
        role: Role,
        by: By,
        why: Told,
    },
    Paused {
        by: By,
        why: Told,
    },
    Resumed {
        by: By,
        /// What was checked before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        checked: Vec<Told>,
        /// What was not checked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unchecked: Vec<Told>,
    },
    Stopped {
        by: Option<By>,
        how: StopFor,
        why: Told,
        /// Whether the words of the playbook were said.
        phrase: bool,
    },
    Reviewed {
        by: By,
    },
    ActionAdded {
        id: String,
        text: Told,
        owner: Told,
        due: String,
        proven_when: Told,
        by: By,
    },
    ActionChanged {
        id: String,
        status: Option<ActionStatus>,
        owner: Option<Told>,
        due: Option<String>,
        ticket: Option<Told>,
        by: By,
    },
    Signed {
        by: By,
        /// The head of the journal and the hash of the report that were signed.
        head: String,
        report: String,
    },
    Closed {
        by: By,
    },
    Erased {
        person: PersonId,
    },
}

impl What {
    /// Who did it; none if the program wrote it down by itself.
    pub fn by(&self) -> Option<&By> {
        match self {
            Self::Authorised { by, .. }
            | Self::Started { by, .. }
            | Self::StageOpened { by, .. }
            | Self::InjectGiven { by, .. }
            | Self::Answered { by, .. }
            | Self::InjectAdded { by, .. }
            | Self::Noted { by, .. }
            | Self::Rated { by, .. }
            | Self::ObjectiveDropped { by, .. }
            | Self::Said { by, .. }
            | Self::RoleAbsent { by, .. }
            | Self::Paused { by, .. }
            | Self::Resumed { by, .. }
            | Self::Reviewed { by }
            | Self::ActionAdded { by, .. }
            | Self::ActionChanged { by, .. }
            | Self::Signed { by, .. }
            | Self::Closed { by } => Some(by),
            Self::StageClosed { by, .. } | Self::Skipped { by, .. } | Self::Stopped { by, .. } => by.as_ref(),
            Self::ExercisePrepared { .. }
            | Self::SessionOpened { .. }
            | Self::ClusterIdentified { .. }
            | Self::CheckLaunched { .. }
            | Self::CheckEnded { .. }
            | Self::DrillLaunched { .. }
            | Self::DrillSeen { .. }
            | Self::DrillEnded { .. }
            | Self::ItemDue { .. }
            | Self::Missed { .. }
            | Self::Defaulted { .. }
            | Self::Erased { .. } => None,
        }
    }

    /// The file that was given with it.
    pub fn attached(&self) -> Option<&Attached> {
        match self {
            Self::StageClosed { evidence, .. }
            | Self::Answered { evidence, .. }
            | Self::CheckEnded { evidence, .. } => evidence.as_ref(),
            _ => None,
        }
    }

    /// Whether it may come after the exercise was closed: it changes nothing that was signed.
    pub fn may_follow_the_end(&self) -> bool {
        matches!(self, Self::SessionOpened { .. } | Self::ActionChanged { .. } | Self::Erased { .. })
    }

    /// Whether a reader must know this kind to continue the exercise.
    pub fn must(&self) -> bool {
        !matches!(self, Self::Noted { .. } | Self::Said { .. } | Self::Erased { .. } | Self::ClusterIdentified { .. })
    }
}
