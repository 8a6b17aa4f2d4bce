//! The findings of the pre-flight.

use serde::{Deserialize, Serialize};

use super::Redactor;

/// The state of one check. Unknown is not a pass: it blocks wherever a failure would block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// Checked, and it holds.
    Pass,
    /// Checked, and it does not hold.
    Fail,
    /// Could not be checked.
    Unknown,
    /// Does not apply to this scenario on this cluster.
    Skip,
}

/// One result of the pre-flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Stable name of the check, such as `survivor-capacity`.
    pub check: String,
    /// The result.
    pub state: FindingState,
    /// Whether this result refuses the run, unless it is a pass or a skip.
    pub blocking: bool,
    /// What was observed.
    pub observed: String,
    /// What to do about it; empty for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fix: String,
}

impl Finding {
    /// The check holds.
    pub fn pass(check: &str, observed: impl Into<String>) -> Self {
        Self::new(check, FindingState::Pass, observed, "")
    }

    /// The check does not hold: the run is refused.
    pub fn fail(check: &str, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, FindingState::Fail, observed, fix)
    }

    /// The check could not be made: the run is refused as well.
    pub fn unknown(check: &str, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(check, FindingState::Unknown, observed, fix)
    }

    /// The check has nothing to look at.
    pub fn skip(check: &str, why: impl Into<String>) -> Self {
        Self::new(check, FindingState::Skip, why, "")
    }

    /// The same finding, reported only: it does not refuse the run.
    pub fn advisory(mut self) -> Self {
        self.blocking = false;
        self
    }

    /// Whether this finding refuses the run.
    pub fn refuses(&self) -> bool {
        self.blocking && matches!(self.state, FindingState::Fail | FindingState::Unknown)
    }

    /// The finding without any secret that was read meanwhile: this is how it goes into the journal.
    pub fn told(&self, redactor: &Redactor) -> Self {
        let clean = |text: &str| redactor.clean(text).into_string();
        Self { observed: clean(&self.observed), fix: clean(&self.fix), ..self.clone() }
    }

    fn new(check: &str, state: FindingState, observed: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.to_owned(), state, blocking: true, observed: observed.into(), fix: fix.into() }
    }
}
