//! Who writes to the journal, and how steps and runs end.

use serde::{Deserialize, Serialize};

/// Who opened a session of the journal.
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

/// Where a session continues the journal: after the last complete line that it read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continues {
    /// The segment that contains this line.
    pub segment: u64,
    /// The byte at which the line ends in the segment.
    pub bytes: u64,
    /// The next sequence number.
    pub seq: u64,
    /// The hash of the line.
    pub hash: String,
}

/// Why the forward part of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndReason {
    /// All steps ended.
    Finished,
    /// A check before the first act refused the run, so nothing was touched.
    Refused,
    /// A step failed.
    StepFailed,
    /// Somebody answered a gate with no.
    GateRefused,
    /// The process received a signal.
    Signal,
    /// `drillmaster stop`, or the annotation on the Lease, asked for it.
    StopRequested,
    /// An abort condition became true.
    Aborted,
    /// The time limit of the drill passed.
    Deadline,
    /// Another session took over.
    Fenced,
    /// Another run holds the Lease of the cluster, or nobody could find out who holds it.
    LeaseLost,
    /// A bug in drillmaster: a step panicked.
    Panicked,
    /// The journal could no longer be written.
    JournalFailed,
    /// drillmaster could not start a task or listen for signals.
    Internal,
    /// The run died, and another process took it over.
    Recovered,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepEnd {
    /// It was successful.
    Done,
    /// It failed.
    Failed,
    /// It is a gate, and the answer was no.
    Refused,
    /// A rehearsal cannot run this step.
    NotRun,
    /// The drill ended for another reason while the step ran.
    Interrupted,
    /// A bug in drillmaster.
    Panicked,
}

impl StepEnd {
    /// Whether the step should have succeeded and did not.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Done | Self::NotRun)
    }

    /// The character that stands for it in lines and reports.
    pub fn mark(self) -> char {
        match self {
            Self::Done => '✔',
            Self::NotRun => '–',
            _ => '✘',
        }
    }
}
