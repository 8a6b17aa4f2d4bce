//! The states of one watched object: earlier, current, and who edited it.

use super::facets::Facets;
use crate::model::{Author, OutsideChange, OutsideWhat};

/// An application may write to its ConfigMap every second. Edits by the same author are reported once in this time.
const EDITS_US: u64 = 60_000_000;

/// One object.
pub(super) struct Known {
    /// Its state when the drill began to observe; none if it did not exist.
    pub before: Option<Facets>,
    /// Its current state; none if it is gone.
    pub now: Option<Facets>,
    /// Whether it was changed outside the drill.
    pub touched: bool,
    /// The author of the last reported edit, and its time.
    pub edited: Option<(Author, u64)>,
}

impl Known {
    /// Whether a restore created it after the drill began to observe.
    pub(super) fn is_restored(&self) -> bool {
        let of = |facets: &Option<Facets>| facets.as_ref().map(|f| f.restored_by.clone()).unwrap_or_default();
        let now = of(&self.now);
        !now.is_empty() && now != of(&self.before)
    }

    /// Whether a change is another edit in a series of edits by the same author.
    pub(super) fn is_more_of(&mut self, change: &OutsideChange) -> bool {
        let more = self.edited.as_ref().is_some_and(|(by, at)| *by == change.by && change.seen_us < at + EDITS_US);
        if change.what != OutsideWhat::Edited || change.as_before {
            // A later edit is reported again.
            self.edited = None;
            return false;
        }
        if !more {
            self.edited = Some((change.by.clone(), change.seen_us));
        }
        more
    }

    pub(super) fn is_as_before(&self, what: &OutsideWhat) -> bool {
        match (&self.before, &self.now) {
            (None, None) => true,
            (Some(before), Some(now)) => before.agrees(now, what),
            _ => false,
        }
    }
}
