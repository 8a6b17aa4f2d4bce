//! What happened, in the past tense. An [`Event`] is one line of the journal and
//! the only thing that the live terminal, the verdict and the reports are told.
//! This room knows nothing of how an event came about.

mod ends;
mod kind;
mod seen;

pub use ends::{Actor, Continues, StepEnd, Wake};
pub use kind::Kind;
pub use seen::{BudgetSays, LineRun, MOST_ROWS, PodView, ProbeRun, ProbeSample, Unseen};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The journal's format: readers take the same major and any minor, and format 1.
pub const FORMAT: &str = "2.1";

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 0, 1, 2 … without gaps.
    pub seq: u64,
    /// Wall clock, for people and for comparing with other systems.
    pub at: Timestamp,
    /// Microseconds since the run began, on a clock that neither jumps nor sleeps.
    pub t_us: u64,
    /// The session that wrote it: a higher one has taken over.
    pub epoch: u64,
    /// SHA-256 of the line before.
    pub prev: String,
    /// A reader that does not know this kind must refuse the journal.
    pub must: bool,
    /// What happened.
    pub event: Kind,
}
