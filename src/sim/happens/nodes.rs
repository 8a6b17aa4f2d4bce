//! Nodes that come back or restart by themselves, and a node host that reports or does the wrong thing. Read [`back`]
//! and `State::host_says` first.

use std::time::Duration;

use super::{HostSays, NodeHostLie, What};
use crate::{model::PowerState, sim::state::State};

/// How long a node needs to come back, depending on what was taken from it.
fn takes(state: &State, from: &PowerState) -> Duration {
    match from {
        PowerState::Paused => state.settings.thaw,
        PowerState::Isolated => state.settings.rejoin,
        PowerState::Running => state.settings.kubelet,
        _ => state.settings.boot,
    }
}

/// Gives back what was taken from a node.
pub(super) fn back(state: &mut State, node: &str) -> Result<(), String> {
    let away = state.machines.by_node.iter().filter(|(name, m)| (node == "any" || *name == node) && m.is_silent());
    let away: Vec<(String, PowerState)> = away.map(|(name, m)| (name.clone(), m.state.clone())).collect();
    if away.is_empty() {
        return Err("the node is not down".into());
    }
    for (name, from) in away {
        let after = takes(state, &from);
        state.revive(&name, after);
    }
    Ok(())
}

/// Switches a machine off and starts it again at once.
pub(super) fn restart(state: &mut State, node: &str) -> Result<(), String> {
    let runs = state.machines.by_node.get(node).is_some_and(|m| !m.is_silent());
    if !runs {
        return Err("the node is not running".into());
    }
    state.silence(node, PowerState::Off);
    state.revive(node, state.settings.boot);
    Ok(())
}

impl State {
    fn host_lies(&self, node: &str) -> impl Iterator<Item = &NodeHostLie> {
        self.script.in_force().filter_map(move |(_, what)| match what {
            What::NodeHost(it) if it.node == "any" || it.node == node => Some(it),
            _ => None,
        })
    }

    /// The state of a machine as the node host reports it.
    pub(in crate::sim) fn host_says(&self, node: &str, so: &PowerState) -> PowerState {
        match self.host_lies(node).find_map(|it| it.says) {
            Some(HostSays::Running) => PowerState::Running,
            Some(HostSays::Stopped) => PowerState::Off,
            None => so.clone(),
        }
    }

    /// Whether the node host acknowledges acts on a machine without doing them.
    pub(in crate::sim) fn host_ignores(&self, node: &str) -> bool {
        self.host_lies(node).any(|it| it.ignores)
    }
}
