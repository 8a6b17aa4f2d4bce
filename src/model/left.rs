//! Why the drill did not undo one of its changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the object of a fault is not as before, although its undo is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftBecause {
    /// Somebody else changed it meanwhile, and it is left as they made it.
    Others,
    /// It came back without what the scenario lets be lost.
    Losses,
    /// Its restore brought back objects that are other than before.
    Differences,
}

impl fmt::Display for LeftBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Others => "changed by others",
            Self::Losses => "without what may be lost",
            Self::Differences => "with differences",
        })
    }
}
