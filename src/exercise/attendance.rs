//! Who took part, in numbers. An assignment is a plan; only a command in the journal shows that somebody was there.
//! Start with [`Attendance::of`].

use std::collections::BTreeSet;

use super::{
    people::PersonId,
    playbook::Playbook,
    state::State,
    what::{Known, Line},
};

/// How many people took part in an exercise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Attendance {
    /// People who have a role, and whose role was not recorded as absent.
    pub present: usize,
    /// How many of them gave a command.
    pub acted: usize,
    /// People and functions that were kept out on purpose, and people whose role was recorded as absent.
    pub absent: usize,
}

impl Attendance {
    /// Counts the people. In an exercise without people, nobody is present.
    pub fn of(playbook: &Playbook, state: &State, lines: &[Line]) -> Self {
        let missing = |roles: &[super::playbook::Role]| state.absent.iter().any(|(role, _)| roles.contains(role));
        let (gone, here): (Vec<_>, Vec<_>) =
            state.seats.iter().partition(|seat| !seat.absent.is_empty() || missing(&seat.roles));
        let functions = playbook.roles.each().flat_map(|(_, spec)| spec.absent.iter());
        let unseated = functions.filter(|function| !state.seats.iter().any(|seat| seat.absent == **function)).count();
        let acted: BTreeSet<&PersonId> = lines
            .iter()
            .filter_map(|line| line.event.by())
            .filter(|by| by.known != Known::Policy)
            .map(|by| &by.person)
            .collect();
        if state.unattended {
            return Self { present: 0, acted: 0, absent: gone.len() + unseated };
        }
        let acted = here.iter().filter(|seat| acted.contains(&seat.person)).count();
        Self { present: here.len(), acted, absent: gone.len() + unseated }
    }
}
