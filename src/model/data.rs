//! Append logs of the application. The drill writes numbered lines to them and reads them back: a line that was
//! acknowledged and is missing after a disaster is lost data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dur;

/// A drill writes at most this many lines to one log, because every reader of its journal counts them one by one.
pub const MOST_LINES: u64 = 1_000_000;

/// One append log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// The name that expectations use.
    pub name: String,
    /// How the log is reached.
    pub http: DataHttp,
    /// Time between two writes. Default 500ms.
    #[serde(default = "half_second")]
    pub every: Dur,
    /// A write without an answer for this long counts as not acknowledged. Default 2s.
    #[serde(default = "two_seconds")]
    pub timeout: Dur,
}

/// The application's side of an append log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataHttp {
    /// Takes one line by POST, and answers 2xx only after the line is durable.
    pub append: String,
    /// Returns all lines by GET, in the order in which they were written.
    pub read: String,
}

fn half_second() -> Dur {
    Dur(std::time::Duration::from_millis(500))
}

fn two_seconds() -> Dur {
    Dur::secs(2)
}
