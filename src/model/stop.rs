//! How a person stops a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopHow {
    /// Put everything back.
    Unwind,
    /// Leave everything as it is until the next order.
    Hold,
    /// Put everything back and page: this is a real incident, not a drill.
    RealIncident,
}

impl StopHow {
    /// Reads the value of the annotation. Any unknown value also stops the run, and puts the cluster back.
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
