//! Services that answer with something else, late, or never. `web` asks for it by `State::answers_instead`.

use super::{Answers, What};
use crate::sim::state::State;

impl State {
    /// How a Service answers instead of normally, if an entry is in force.
    pub(in crate::sim) fn answers_instead(&self, namespace: &str, service: &str) -> Option<&Answers> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Answers(it) if it.service == service && it.namespace == namespace => Some(it),
            _ => None,
        })
    }
}
