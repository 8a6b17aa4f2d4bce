//! What the pre-flight found.

use serde::{Deserialize, Serialize};

use super::Redactor;

/// The state of one check. Unknown is not a pass: it blocks where a fail would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// Looked at, and as it should be.
    Pass,
    /// Looked at, and not as it should be.
    Fail,
    /// Could not be looked at.
    Unknown,
    /// Does not apply to this scenario here.
    Skip,
}

/// One result of the pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Stable name of the check, such as `survivor-capacity`.
    pub check: String,
    /// The result.
    pub state: FindingState,
    /// Whether anything but a pass or a skip refuses the run.
    pub blocking: bool,
    /// What was observed.
    pub observed: String,
    /// What to do about it; empty for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
}

impl Finding {
    /// The check held.
    pub fn pass(check: &str, observed: impl Into<String>) -> Self {
        Self::new(check, FindingState::Pass, observed, "")
    }

    /// The check failed: the run is refused.
    pub fn fail(check: &str, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, FindingState::Fail, observed, fix)
    }

    /// The check could not be made: the run is refused just the same.
    pub fn unknown(check: &str, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, FindingState::Unknown, observed, fix)
    }

    /// The check has nothing to look at here.
    pub fn skip(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, FindingState::Skip, why, "")
    }

    /// Reported, but no reason to refuse.
    pub fn advisory(mut self) -> Self {
        self.blocking = false;
        self
    }

    /// Whether it refuses the run.
    pub fn refuses(&self) -> bool {
        self.blocking && matches!(self.state, FindingState::Fail | FindingState::Unknown)
    }

    /// Without any secret that was read meanwhile: how a finding goes into the journal.
    pub fn told(&self, redactor: &Redactor) -> Self {
        let clean = |text: &str| redactor.clean(text).into_string();
        Self { observed: clean(&self.observed), fix: clean(&self.fix), ..self.clone() }
    }

    fn new(check: &str, state: FindingState, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.to_owned(), state, blocking: true, observed: observed.into(), fix: fix.into() }
    }
}
