//! Clocks that are wrong: whose clock, and by how much. Read `State::by_clock_of` first, which everything calls that
//! writes a time.

use jiff::{SignedDuration, Timestamp};

use super::{Skew, What};
use crate::{model::Dur, sim::state::State};

/// By how much a clock is ahead. Negative if it is behind.
fn ahead(skew: &Skew) -> SignedDuration {
    let signed = |dur: Option<Dur>| SignedDuration::try_from(dur.unwrap_or_default().0).unwrap_or_default();
    signed(skew.ahead) - signed(skew.behind)
}

impl State {
    fn skew(&self, source: &str) -> Option<&Skew> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Skew(skew) if skew.source == source => Some(skew),
            _ => None,
        })
    }

    /// Whether the clock of a source is wrong.
    pub(in crate::sim) fn clock_is_wrong(&self, source: &str) -> bool {
        self.skew(source).is_some()
    }

    /// Converts an instant to the clock of a source: prometheus, velero, api, or a node.
    pub(in crate::sim) fn by_clock_of(&self, source: &str, us: u64) -> Timestamp {
        let at = self.at(us);
        self.skew(source).map_or(at, |skew| at.saturating_add(ahead(skew)).unwrap_or(at))
    }
}
