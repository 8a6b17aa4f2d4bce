//! The closed lists of words in an exercise's journal, each with its meaning for people. Start with [`StageEnd`].

use serde::{Deserialize, Serialize};

/// How it was known who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// The command said so, and nobody checked it.
    Asserted,
    /// The account of the machine is the person's.
    Account,
    /// The role was known by its token; the name was chosen from the people with that role.
    Token,
    /// Nobody: the policy of an exercise without people.
    Policy,
}

impl Known {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Account => "account of the machine",
            Self::Token => "token of the role",
            Self::Policy => "policy, without people",
        }
    }
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageEnd {
    /// It is done.
    Done,
    /// It was done without the required result.
    Failed,
    /// The director left it out.
    Skipped,
    /// Nobody answered in time, so the default counts.
    Defaulted,
    /// The exercise was stopped.
    Cut,
}

impl StageEnd {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Defaulted => "default, because nobody answered in time",
            Self::Cut => "cut short by the stop",
        }
    }
}

/// How an exercise is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopFor {
    /// Something in the exercise is not safe.
    Safety,
    /// Something real happened.
    Incident,
    /// There is no time left.
    Schedule,
    /// A gate was answered with no, or nobody answered it.
    Gate,
}

impl StopFor {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Safety => "for safety",
            Self::Incident => "for a real incident",
            Self::Schedule => "for lack of time",
            Self::Gate => "at a gate",
        }
    }
}

/// How an objective is rated, as HSEEP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rating {
    /// Performed without challenges.
    P,
    /// Performed with some challenges.
    S,
    /// Performed with major challenges.
    M,
    /// Unable to be performed.
    U,
}

impl Rating {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::P => "performed without challenges",
            Self::S => "performed with some challenges",
            Self::M => "performed with major challenges",
            Self::U => "unable to be performed",
        }
    }
}

/// What a note is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the command explains each")]
pub enum NoteOn {
    #[default]
    Observation,
    Declared,
    Communicated,
    PlanWrong,
    Strength,
    Gap,
}

impl NoteOn {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Observation => "observation",
            Self::Declared => "disaster declared",
            Self::Communicated => "communicated",
            Self::PlanWrong => "the plan was wrong",
            Self::Strength => "strength",
            Self::Gap => "gap",
        }
    }
}

/// A moment of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillMoment {
    /// A step began.
    Began,
    /// A step is done.
    Done,
    /// Alertmanager has the first alert since the step began.
    Alert,
}

/// The status of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum ActionStatus {
    #[default]
    Open,
    Done,
    Dropped,
}

impl ActionStatus {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Dropped => "dropped",
        }
    }
}
