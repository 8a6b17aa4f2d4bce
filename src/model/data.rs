//! Append logs of the application, which a drill writes to and reads back: what
//! was acknowledged and is not there after a disaster is lost (correctness 52).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dur;

/// No drill writes more lines to one log: a reader of its journal counts them one by one.
pub const MOST_LINES: u64 = 1_000_000;

/// One append log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataSpec {
    /// Its name, for expectations.
    pub name: String,
    /// How it is reached.
    pub http: DataHttp,
    /// Time between two writes. Default 500ms.
    #[serde(default = "half_second")]
    pub every: Dur,
    /// No answer for this long: the write counts as not acknowledged. Default 2s.
    #[serde(default = "two_seconds")]
    pub timeout: Dur,
}

/// The application's side of an append log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataHttp {
    /// Takes one line by POST, and answers 2xx only when it is durable.
    pub append: String,
    /// Gives all lines back by GET, in the order in which they were taken.
    pub read: String,
}

fn half_second() -> Dur {
    Dur(std::time::Duration::from_millis(500))
}

fn two_seconds() -> Dur {
    Dur::secs(2)
}
