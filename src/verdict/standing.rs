//! Which rules made a written verdict: the current ones, or others. A verdict by other rules is never shown as if the
//! current rules had made it. So a forger gains nothing by calling a forged verdict an old one.

use std::cmp::Ordering;

use super::{RULES, again};
use crate::{
    event::Event,
    model::{Outcome, RunVerdict},
};

/// Which rules made the last verdict of a journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standing {
    /// There is no verdict.
    #[default]
    Unjudged,
    /// The current rules.
    Today(Outcome),
    /// Older rules.
    Older {
        /// The version that judged.
        by: String,
        /// The outcome that was written.
        outcome: Outcome,
        /// What the current rules give for the same events.
        today: Box<RunVerdict>,
    },
    /// Rules that this version does not know.
    Newer {
        /// The version that judged.
        by: String,
        /// The outcome that was written.
        outcome: Outcome,
    },
}

/// Finds out which rules made the last verdict of a journal.
pub fn standing(events: &[Event]) -> Standing {
    again(events).standing
}

impl Standing {
    /// The standing of a verdict that was written by these rules and this program. `now` is what the current rules give.
    pub(super) fn of(rules: u32, tool: &str, outcome: Outcome, now: impl FnOnce() -> RunVerdict) -> Self {
        // The tool `drillmaster 0.1.0` has the version 0.1.0.
        let by = tool.rsplit(' ').next().unwrap_or(tool).to_owned();
        match rules.cmp(&RULES) {
            Ordering::Equal => Self::Today(outcome),
            Ordering::Less => Self::Older { by, outcome, today: Box::new(now()) },
            Ordering::Greater => Self::Newer { by, outcome },
        }
    }

    /// Whether the written verdict was made by other rules than the current ones.
    pub fn is_by_others(&self) -> bool {
        matches!(self, Self::Older { .. } | Self::Newer { .. })
    }

    /// The note about a verdict that was made by other rules.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Unjudged | Self::Today(_) => None,
            Self::Older { by, outcome, today } => {
                Some(format!("{outcome} by the rules of {by}; by today's rules {}", in_short(today)))
            }
            Self::Newer { by, outcome } => {
                Some(format!("{outcome} by the rules of {by}, a newer version: this version cannot judge it again"))
            }
        }
    }
}

/// The outcome, and the first reason that is not a pass.
fn in_short(verdict: &RunVerdict) -> String {
    let reason = verdict.judgements.iter().find(|j| j.outcome == verdict.outcome && j.outcome != Outcome::Pass);
    let because = reason.map(|j| format!(": {}: {}", j.expectation, j.because)).unwrap_or_default();
    format!("{}{because}", verdict.outcome)
}
