//! Services that answer something else, or late.

use super::{Answers, What};
use crate::sim::state::State;

impl State {
    /// What a service answers instead, if it does.
    pub(in crate::sim) fn answers_instead(&self, namespace: &str, service: &str) -> Option<&Answers> {
        self.script.in_force().find_map(|(_, what)| match what {
            What::Answers(it) if it.service == service && it.namespace == namespace => Some(it),
            _ => None,
        })
    }
}
