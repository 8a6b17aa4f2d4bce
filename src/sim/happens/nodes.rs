//! Nodes that come back by themselves, and a node host that lies.

use std::time::Duration;

use super::{HostSays, NodeHostLie, What};
use crate::{model::PowerState, sim::state::State};

/// How long a node needs, by what was taken from it.
fn takes(state: &State, from: &PowerState) -> Duration {
    match from {
        PowerState::Paused => state.settings.thaw,
        PowerState::Isolated => state.settings.rejoin,
        PowerState::Running => state.settings.kubelet,
        _ => state.settings.boot,
    }
}

/// What was taken from a node comes back.
pub(super) fn back(state: &mut State, node: &str) -> Result<(), String> {
    let away = state.machines.by_node.iter().filter(|(name, m)| (node == "any" || *name == node) && m.is_silent());
    let away: Vec<(String, PowerState)> = away.map(|(name, m)| (name.clone(), m.state.clone())).collect();
    if away.is_empty() {
        return Err("the node is not away".into());
    }
    for (name, from) in away {
        let after = takes(state, &from);
        state.revive(&name, after);
    }
    Ok(())
}

/// A machine goes off, and starts again at once.
pub(super) fn restart(state: &mut State, node: &str) -> Result<(), String> {
    let runs = state.machines.by_node.get(node).is_some_and(|m| !m.is_silent());
    if !runs {
        return Err("the node does not run".into());
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

    /// What the node host says of a machine.
    pub(in crate::sim) fn host_says(&self, node: &str, so: &PowerState) -> PowerState {
        match self.host_lies(node).find_map(|it| it.says) {
            Some(HostSays::Running) => PowerState::Running,
            Some(HostSays::Stopped) => PowerState::Off,
            None => so.clone(),
        }
    }

    /// Whether it acknowledges acts on a machine, and does nothing.
    pub(in crate::sim) fn host_ignores(&self, node: &str) -> bool {
        self.host_lies(node).any(|it| it.ignores)
    }
}
