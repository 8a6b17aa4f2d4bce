//! What happened, in the past tense. An [`Event`] is one line of the journal. The live terminal, the verdict and the
//! reports get no other input. This module does not know how an event comes about.

#[cfg(test)]
mod any;
mod classes;
mod ends;
mod keepsake;
mod kind;
mod observation;
mod seen;

#[cfg(test)]
pub(crate) use any::any_observation;
pub use ends::{Actor, Continues, EndReason, StepEnd};
pub use keepsake::Keepsake;
pub use kind::Kind;
pub use seen::{BudgetSays, LineRun, MOST_ROWS, PodView, ProbeRun, ProbeSample, Unseen, lines_in};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether an alert was seen in an Alertmanager, and not in Prometheus: its source is then `alertmanager-0` and so on.
pub fn is_alertmanager(source: &str) -> bool {
    source.starts_with("alertmanager")
}

/// The format of the journal. A reader accepts the same major version with any minor version, and format 1.
pub const FORMAT: &str = "2.1";

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 0, 1, 2 … without gaps.
    pub seq: u64,
    /// Wall clock, for people and for comparing with other systems.
    pub at: Timestamp,
    /// Microseconds since the run began, on a clock that continues during suspend and is never set.
    pub t_us: u64,
    /// The session that wrote it. A session with a higher number has taken over from it.
    pub epoch: u64,
    /// SHA-256 of the line before.
    pub prev: String,
    /// A reader that does not know this kind must refuse the journal.
    pub must: bool,
    /// What happened.
    pub event: Kind,
}
