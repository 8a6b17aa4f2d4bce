//! Watches that do not report what happens, although lists do. How they misbehave is in `sim::watch`. Read [`begin`]
//! first.

use super::{WatchDoes, WatchLie, What, objects};
use crate::sim::{
    resources::Resource,
    state::State,
    watch::{Mood, Sullen},
};

/// Makes the watches misbehave until the entry ends.
pub(super) fn begin(state: &mut State, entry: usize, it: &WatchLie) {
    let of = it.of.as_deref().and_then(objects::kind).map(|r| r.plural);
    let mood = match it.does {
        WatchDoes::Stall => Mood::Stalls,
        WatchDoes::Lag => Mood::Lags,
        WatchDoes::Nonsense => Mood::Rambles,
        WatchDoes::Refused => Mood::Ends,
    };
    state.store.sulk(Sullen { entry, of, mood });
}

impl State {
    /// Whether new watches of a resource are refused.
    pub(in crate::sim) fn refuses_watch(&self, resource: &Resource) -> bool {
        self.script.in_force().any(|(_, what)| match what {
            What::Watches(lie) if lie.does == WatchDoes::Refused => {
                lie.of.as_deref().and_then(objects::kind).is_none_or(|r| r.plural == resource.plural)
            }
            _ => false,
        })
    }
}
