//! The log of a board: what happened, one line each. Lines are only added. Whoever joins late gets all of them. Start
//! with [`Log`].

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

/// More lines are not kept: `drillmaster log` prints all of a drill.
const LONGEST: usize = 5_000;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who did it; empty for the drill and the clock.
    pub who: String,
    /// What happened.
    pub text: String,
}

impl LogLine {
    pub(super) fn new(at: Timestamp, who: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at_ms: at.as_millisecond(), who: who.into(), text: text.into() }
    }
}

/// All lines so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// A browser that has lines of another edition forgets them.
    pub edition: u64,
    pub lines: Vec<Arc<LogLine>>,
}

impl Log {
    /// Adds lines. The first ones go when there are too many.
    pub(super) fn add(&mut self, lines: impl IntoIterator<Item = LogLine>) {
        self.lines.extend(lines.into_iter().map(Arc::new));
        self.limit();
    }

    /// Forgets all lines.
    pub(super) fn clear(&mut self) {
        self.edition += 1;
        self.lines.clear();
    }

    /// Moves all lines to another log.
    pub(super) fn move_to(&mut self, other: &mut Self) {
        other.lines.append(&mut self.lines);
        other.limit();
        self.clear();
    }

    fn limit(&mut self) {
        if self.lines.len() > LONGEST {
            let over = self.lines.len() - LONGEST * 3 / 4;
            self.lines.drain(..over);
            self.edition += 1;
        }
    }
}
