//! What a written verdict is worth to whoever reads it now: it was made by today's rules,
//! or by others. One that was made by others is never shown as if it were made by today's,
//! so that nothing is gained by calling a forged one old.

use std::cmp::Ordering;

use super::{RULES, conclude};
use crate::{
    event::{Event, Kind},
    model::{Outcome, RunVerdict},
};

/// By whose rules the last verdict of a journal was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Standing {
    /// There is no verdict.
    #[default]
    Unjudged,
    /// By today's.
    Today(Outcome),
    /// By earlier ones.
    Older {
        /// The version that judged.
        by: String,
        /// As it was written.
        outcome: Outcome,
        /// What today's rules say of the same events.
        today: Box<RunVerdict>,
    },
    /// By rules that this version does not have.
    Newer {
        /// The version that judged.
        by: String,
        /// As it was written.
        outcome: Outcome,
    },
}

/// By whose rules the last verdict of a journal was made.
pub fn standing(events: &[Event]) -> Standing {
    let written = events.iter().enumerate().rev().find_map(|(at, e)| match &e.event {
        Kind::Judged { rules, tool, outcome, .. } => Some((at, *rules, tool, *outcome)),
        _ => None,
    });
    let Some((at, rules, tool, outcome)) = written else { return Standing::Unjudged };
    let header = events.iter().find_map(|e| match &e.event {
        Kind::RunStarted { tool, .. } => Some(tool.as_str()),
        _ => None,
    });
    let tool = if tool.is_empty() { header.unwrap_or_default() } else { tool };
    // `drillmaster 0.1.0` is 0.1.0.
    let by = tool.rsplit(' ').next().unwrap_or(tool).to_owned();
    match rules.cmp(&RULES) {
        Ordering::Equal => Standing::Today(outcome),
        Ordering::Less => Standing::Older { by, outcome, today: Box::new(conclude(&events[..at])) },
        Ordering::Greater => Standing::Newer { by, outcome },
    }
}

impl Standing {
    /// Whether the written verdict was made by other rules than today's.
    pub fn is_by_others(&self) -> bool {
        matches!(self, Self::Older { .. } | Self::Newer { .. })
    }

    /// What is to be said of a verdict that was made by other rules.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Unjudged | Self::Today(_) => None,
            Self::Older { by, outcome, today } => {
                Some(format!("{outcome} by the rules of {by}; by today's rules {}", in_short(today)))
            }
            Self::Newer { by, outcome } => {
                Some(format!("{outcome} by the rules of {by}, a newer version: it cannot be judged again here"))
            }
        }
    }
}

/// The outcome, and the first reason for it that is no pass.
fn in_short(verdict: &RunVerdict) -> String {
    let reason = verdict.judgements.iter().find(|j| j.outcome == verdict.outcome && j.outcome != Outcome::Pass);
    let because = reason.map(|j| format!(": {}: {}", j.expectation, j.because)).unwrap_or_default();
    format!("{}{because}", verdict.outcome)
}
