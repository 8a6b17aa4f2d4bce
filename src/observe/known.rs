//! One object that is watched: how it was, how it is, and who edited it.

use super::facets::Facets;
use crate::model::{Author, OutsideChange, OutsideWhat};

/// An application may write to its ConfigMap each second: edits by one author are told once in
/// this time.
const EDITS_US: u64 = 60_000_000;

/// One object.
pub(super) struct Known {
    /// As it was when the drill began to look; none where it was not there.
    pub before: Option<Facets>,
    /// As it is; none where it is gone.
    pub now: Option<Facets>,
    /// Whether somebody else changed it.
    pub touched: bool,
    /// By whom it was last told to be edited, and when.
    pub edited: Option<(Author, u64)>,
}

impl Known {
    /// A restore made it, since the drill began to look.
    pub(super) fn is_restored(&self) -> bool {
        let of = |facets: &Option<Facets>| facets.as_ref().map(|f| f.restored_by.clone()).unwrap_or_default();
        let now = of(&self.now);
        !now.is_empty() && now != of(&self.before)
    }

    /// Whether a change is one more edit of a row by one author.
    pub(super) fn is_more_of(&mut self, change: &OutsideChange) -> bool {
        let more = self.edited.as_ref().is_some_and(|(by, at)| *by == change.by && change.seen_us < at + EDITS_US);
        if change.what != OutsideWhat::Edited || change.as_before {
            // What comes after it is told again.
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
