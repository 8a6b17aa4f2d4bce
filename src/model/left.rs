//! Why the drill did not undo one of its changes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the object of a fault differs from before although its undo has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LeftBecause {
    /// Changed outside the drill in the meantime, and left in that state.
    Others,
    /// Restored without what the scenario lists under `mayBeLost`.
    Losses,
    /// Restored with objects that differ from before.
    Differences,
}

impl fmt::Display for LeftBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Others => "changed from outside",
            Self::Losses => "without what may be lost",
            Self::Differences => "with differences",
        })
    }
}
