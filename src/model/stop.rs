//! How a run is stopped from outside.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopHow {
    /// Put everything back.
    Unwind,
    /// Stand still until told otherwise.
    Hold,
    /// Put everything back, and page: this is no drill any more.
    RealIncident,
}

impl StopHow {
    /// By the word of the annotation. A word that is not one of them stops the run all the
    /// same, in the way that puts the cluster back.
    pub fn of(word: &str) -> Self {
        match word.trim() {
            "hold" => Self::Hold,
            "real-incident" => Self::RealIncident,
            _ => Self::Unwind,
        }
    }
}

impl fmt::Display for StopHow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
