//! The control plane, if the cluster shows which machines run it. Without it, the API server does not answer, no
//! controller acts and no kubelet is heard. Containers, Services and monitoring continue. It comes back in two steps:
//! first the API server answers, then the controllers and the scheduler act, because they must wait for the leases of
//! their predecessors to expire. Start with [`ControlPlane`].

use std::{collections::BTreeSet, time::Duration};

use super::{
    controllers::Changes,
    fields,
    happens::What,
    state::{State, Timer},
    value::Value,
};
use crate::model::PowerState;

/// The label of the nodes that run the control plane.
const ROLE: &str = "node-role.kubernetes.io/control-plane";

/// The state of the control plane, and what waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct ControlPlane {
    nodes: BTreeSet<String>,
    standing: Standing,
    /// Timers that are due but cannot run yet.
    held: Vec<Timer>,
    /// Changes that the controllers have not seen yet.
    unseen: Changes,
    /// When its present state ends by itself. A timer of an earlier start means nothing.
    next_us: u64,
    /// When the present controllers started. They know nothing of the time before.
    acts_from_us: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Acts,
    /// Too few of its machines run. Machines that are frozen keep their connections open.
    Away { frozen: bool },
    /// Enough of its machines have power again, but the API server does not answer yet.
    Starts,
    /// The API server answers, but no controller acts yet.
    Answers,
}

/// What a client of the API server experiences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    Refuses,
    /// The connection is open, but nobody answers.
    Hangs,
}

/// The part of the control plane that a timer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Needs {
    Nothing,
    ApiServer,
    Controllers,
}

impl ControlPlane {
    /// What the clients of the API server experience.
    pub(super) fn door(&self) -> Door {
        match self.standing {
            Standing::Acts | Standing::Answers => Door::Open,
            Standing::Away { frozen: true } => Door::Hangs,
            Standing::Away { frozen: false } | Standing::Starts => Door::Refuses,
        }
    }

    /// Whether a node runs a part of the control plane.
    pub(super) fn is_on(&self, node: &str) -> bool {
        self.nodes.contains(node)
    }

    /// The machines that run the control plane.
    pub(super) fn machines(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(String::as_str)
    }

    /// Since when the present controllers act.
    pub(super) fn acts_from_us(&self) -> u64 {
        self.acts_from_us
    }

    fn running(&self) -> Needs {
        match self.standing {
            Standing::Acts => Needs::Controllers,
            Standing::Answers => Needs::ApiServer,
            Standing::Away { .. } | Standing::Starts => Needs::Nothing,
        }
    }
}

/// Registers a node of the description.
pub(super) fn joins(state: &mut State, node: &Value) {
    if fields::labels(node).contains_key(ROLE) {
        state.control_plane.nodes.insert(fields::name(node).to_owned());
    }
}

/// Reacts to a change of the power of a machine. etcd needs more than half of its members.
pub(super) fn power_changed(state: &mut State) {
    let powers: Vec<&PowerState> =
        state.control_plane.nodes.iter().filter_map(|n| Some(&state.machines.by_node.get(n)?.state)).collect();
    let running = powers.iter().filter(|power| ***power == PowerState::Running).count();
    let quorum = powers.is_empty() || running * 2 > powers.len();
    let frozen = !powers.contains(&&PowerState::Off);
    match (state.control_plane.standing, quorum) {
        (_, false) => {
            if !frozen {
                state.store.drop_watches();
            }
            state.control_plane.standing = Standing::Away { frozen };
        }
        (Standing::Away { frozen: true }, true) => answers(state),
        (Standing::Away { frozen: false }, true) => {
            becomes(state, Standing::Starts, state.settings.api_server, Timer::ApiServerAnswers);
        }
        _ => {}
    }
}

/// Changes the state; the timer ends it.
fn becomes(state: &mut State, standing: Standing, lasts: Duration, timer: Timer) {
    state.control_plane.standing = standing;
    state.control_plane.next_us = state.now_us + lasts.as_micros() as u64;
    state.schedule(lasts, timer);
}

/// Whether a timer ends this state. It does not if the control plane went away again after the timer was set.
fn ends(state: &State, standing: Standing) -> bool {
    state.control_plane.standing == standing && state.now_us >= state.control_plane.next_us
}

/// The API server has had the time that it needs to start.
pub(super) fn started(state: &mut State) {
    if ends(state, Standing::Starts) {
        answers(state);
    }
}

/// Makes the API server answer again. The controllers must wait until the leases of their predecessors have expired.
fn answers(state: &mut State) {
    becomes(state, Standing::Answers, state.settings.election, Timer::ControllersAct);
    release(state, Needs::ApiServer);
}

/// Makes new controllers act. They do not know what their predecessors knew.
pub(super) fn act(state: &mut State) {
    if !ends(state, Standing::Answers) {
        return;
    }
    state.control_plane.standing = Standing::Acts;
    state.control_plane.acts_from_us = state.now_us;
    state.seen_leases.clear();
    let unseen = std::mem::take(&mut state.control_plane.unseen);
    state.store.seen_again(unseen);
    release(state, Needs::Controllers);
}

fn release(state: &mut State, there: Needs) {
    let (free, held) =
        std::mem::take(&mut state.control_plane.held).into_iter().partition(|timer| needs(state, timer) <= there);
    state.control_plane.held = held;
    let free: Vec<Timer> = free;
    for timer in free {
        state.schedule(Duration::ZERO, timer);
    }
}

/// Returns the due timers that can run now, and keeps the others.
pub(super) fn possible(state: &mut State, due: Vec<Timer>) -> Vec<Timer> {
    let there = state.control_plane.running();
    if there == Needs::Controllers {
        return due;
    }
    let (can, held): (Vec<Timer>, Vec<Timer>) = due.into_iter().partition(|timer| needs(state, timer) <= there);
    state.control_plane.held.extend(held);
    can
}

/// Whether the controllers act. While they do not, the changes are kept for them.
pub(super) fn controllers_see(state: &mut State, changes: &Changes) -> bool {
    let acts = state.control_plane.standing == Standing::Acts;
    if !acts {
        state.control_plane.unseen.extend(changes.iter().map(|(key, object)| (key.clone(), object.clone())));
    }
    acts
}

fn needs(state: &State, timer: &Timer) -> Needs {
    match timer {
        Timer::Evaluate | Timer::ApiServerAnswers | Timer::ControllersAct => Needs::Nothing,
        Timer::NodeReports(_)
        | Timer::PodReady(..)
        | Timer::PodStopped(..)
        | Timer::Velero(..)
        | Timer::VolumeFilled(..)
        | Timer::Sync => Needs::ApiServer,
        Timer::Monitor
        | Timer::ZoneTurn(_)
        | Timer::Evict(..)
        | Timer::CollectPods
        | Timer::NamespaceEmpties(_)
        | Timer::Claim(..) => Needs::Controllers,
        Timer::Happens(entry, _) => state.script.what(*entry).map_or(Needs::Nothing, asks),
    }
}

/// What an entry of `happens:` needs. Requests of other clients have to wait for the API server.
fn asks(what: &What) -> Needs {
    match what {
        What::Patch(_)
        | What::Scale(_)
        | What::Delete(_)
        | What::Label(_)
        | What::Readiness(_)
        | What::Velero(_)
        | What::Backup(_)
        | What::Autoscaler(_)
        | What::GitOps(_) => Needs::ApiServer,
        What::BudgetLags(_) => Needs::Controllers,
        What::Silence(_)
        | What::Inhibition(_)
        | What::Rule(_)
        | What::Delivery(_)
        | What::Source(_)
        | What::Skew(_)
        | What::Watches(_)
        | What::Answers(_)
        | What::Log(_)
        | What::VolumeData(_)
        | What::NodeReturns(_)
        | What::NodeRestarts(_)
        | What::NodeHost(_) => Needs::Nothing,
    }
}
