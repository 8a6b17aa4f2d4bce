//! Sources of information that are gone, hang, or answer nonsense. They are asked for by name, and this file does not
//! know what they would answer. Start with [`Nonsense`].

use super::{SourceDoes, SourceLie, VeleroDoes, What};
use crate::sim::state::State;

/// What a source does instead of answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Nonsense {
    Gone,
    Hangs,
    /// It answers with this status and body.
    Says(u16, &'static str),
}

/// The page of a login in front of a source.
const LOGIN: &str = "<!doctype html>\n<html><head><title>Sign in</title></head><body>Sign in</body></html>\n";

/// Ends or stalls the open watches if the source is the API server.
pub(super) fn begin(state: &mut State, source: &SourceLie) {
    match (source.source.as_str(), source.does) {
        ("api", SourceDoes::Hangs) => state.store.stall_watches(),
        ("api", _) => state.store.drop_watches(),
        _ => {}
    }
}

impl State {
    /// How a source misbehaves, if it does.
    pub(in crate::sim) fn nonsense(&self, source: &str) -> Option<Nonsense> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Source(lie) if lie.source == source => Some(match lie.does {
                SourceDoes::Gone => Nonsense::Gone,
                SourceDoes::Hangs => Nonsense::Hangs,
                SourceDoes::EmptyObject => Nonsense::Says(200, "{}"),
                SourceDoes::Html => Nonsense::Says(200, LOGIN),
                SourceDoes::Status500 => Nonsense::Says(500, "Internal Server Error\n"),
            }),
            What::Velero(lie) if lie.does == VeleroDoes::StoreUnavailable && source == "vault" => Some(Nonsense::Gone),
            _ => None,
        })
    }
}
