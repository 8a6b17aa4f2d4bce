//! Who writes, and how things end: the closed words of the journal.

use serde::{Deserialize, Serialize};

/// Who opened a session on the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The run itself.
    Runner,
    /// A person, with `recover`.
    Recover,
    /// The detached reaper.
    Reaper,
}

/// The line from which a session goes on: the last whole one that it read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// The segment that it stands in.
    pub segment: u64,
    /// Where it ends there, in bytes.
    pub bytes: u64,
    /// The sequence number after it.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// Why the forward part ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wake {
    /// All steps done.
    Finished,
    /// Something stood in the way before the first act: nothing was begun.
    Refused,
    /// A step failed.
    StepFailed,
    /// A gate was answered with no.
    GateRefused,
    /// A signal.
    Signal,
    /// `stop`, or the annotation on the Lease.
    StopRequested,
    /// An abort condition.
    Aborted,
    /// The drill's time was over.
    Deadline,
    /// Another session took over.
    Fenced,
    /// Another run has the cluster's Lease, or nobody could say who has.
    LeaseLost,
    /// A bug: a step panicked.
    Panicked,
    /// The journal could not be written any more.
    JournalFailed,
    /// The program could not do what it always can: start a task, listen for signals.
    Internal,
    /// The run died; somebody picked it up.
    Recovered,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepEnd {
    /// It did its work.
    Done,
    /// It could not.
    Failed,
    /// It is a gate, and the answer was no.
    Refused,
    /// A rehearsal cannot do it.
    NotRun,
    /// Something else ended the drill meanwhile.
    Interrupted,
    /// A bug of this program.
    Panicked,
}

impl StepEnd {
    /// Whether it should have done its work and did not.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Done | Self::NotRun)
    }

    /// One sign for it.
    pub fn mark(self) -> char {
        match self {
            Self::Done => '✔',
            Self::NotRun => '–',
            _ => '✘',
        }
    }
}
