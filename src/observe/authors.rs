//! Decides who made a change: from the owner of the field in `metadata.managedFields`, and from what the drill is
//! doing at that moment. Start with [`author`].

use super::facets::{Facets, Sort};
use crate::{
    journal::{FaultRecord, FaultState, Recorder, RunState},
    kubernetes::Writing,
    model::{Author, OutsideWhat, Revert, Role, Verb},
};

/// By this time, the other watches have delivered what happened at the same moment.
pub(super) const GRACE_US: u64 = 1_500_000;

/// Kind, namespace, name.
pub(super) type Key = (Sort, String, String);

/// Who made a difference.
pub(super) enum By {
    /// Somebody outside the drill.
    Outside(Role),
    /// The drill, or it follows from what the drill did.
    Follows,
}

/// A difference in an object, as it was observed.
pub(super) struct Observed<'a> {
    /// The object.
    pub key: &'a Key,
    pub what: &'a OutsideWhat,
    /// The owner of the field that differs.
    pub writing: Option<&'a Writing>,
    /// The current state of the object.
    pub now: &'a Facets,
    /// Whether a restore created it after the drill began to observe.
    pub restored: bool,
    pub seen_us: u64,
}

/// Decides from the owner of the field, and from what the drill is doing.
pub(super) fn author(state: &RunState, look: &Observed<'_>) -> By {
    let Observed { key, what, now, .. } = look;
    let role = match look.writing {
        // Velero restores an object together with its earlier `managedFields`.
        _ if look.restored && **what == OutsideWhat::Created => Role::Backup,
        Some(writing) => writing.role(),
        None => Role::Other,
    };
    // An operator that owns the object is responsible for it, like a controller of Kubernetes.
    let answers = || now.has_owner || is_undone(state, key, what) || is_taken(state, key, what);
    if follows(state, role, &key.1, look.seen_us) || role == Role::Other && answers() {
        By::Follows
    } else {
        By::Outside(role)
    }
}

/// Whether an author with this role acts for the drill, or reacts to it. `at_us`: when the change was observed or
/// made.
pub(super) fn follows(state: &RunState, role: Role, namespace: &str, at_us: u64) -> bool {
    match role {
        Role::Drill | Role::Kubernetes => true,
        Role::Backup => restores(state, namespace),
        Role::Autoscaler => false,
        Role::Person | Role::Deployer | Role::Other => by_program(state, at_us),
    }
}

pub(super) fn named(recorder: &Recorder, writing: Option<&Writing>, role: Role) -> Author {
    match writing {
        Some(writing) => Author::Manager { name: recorder.clean(&writing.manager), role },
        None => Author::Unknown,
    }
}

/// Whether the drill deleted a namespace and has not seen it complete again.
pub(super) fn is_deleted(state: &RunState, namespace: &str) -> bool {
    let own = |f: &FaultRecord| f.revert.restores(namespace);
    state.faults.iter().any(|f| own(f) && f.acknowledged_us.is_some() && f.state.is_open())
}

/// Whether the drill restores a namespace, or restores into it.
fn restores(state: &RunState, namespace: &str) -> bool {
    state.faults.iter().any(|f| f.revert.restores(namespace)) || matches!(state.running_verb(), Some(Verb::Restore(_)))
}

/// Whether a program of the drill, or its undo, was running when a change was observed. Such a program may change
/// anything, and its last changes are observed a moment after its end.
pub(super) fn by_program(state: &RunState, seen_us: u64) -> bool {
    state.programs.ran_between(seen_us.saturating_sub(GRACE_US), seen_us)
}

/// A field that the drill removes has no owner afterwards. Returns whether the drill is removing it.
fn is_undone(state: &RunState, key: &Key, what: &OutsideWhat) -> bool {
    let mine = |f: &FaultRecord| match (&f.revert, what) {
        (Revert::Cordon { node, .. }, OutsideWhat::Uncordoned)
        | (Revert::Fence { node }, OutsideWhat::Untainted { .. }) => node.name == key.2,
        _ => false,
    };
    let now = state.last_us;
    let lately = |f: &FaultRecord| match (f.state, &f.closed) {
        (FaultState::Reverting, _) => true,
        (FaultState::Reverted, Some((at, _))) => now <= at + GRACE_US,
        _ => false,
    };
    state.faults.iter().any(|f| mine(f) && lately(f))
}

/// A node that the drill takes away restarts when it comes back.
fn is_taken(state: &RunState, key: &Key, what: &OutsideWhat) -> bool {
    *what == OutsideWhat::NodeRestarted && takes_away(state, &key.2)
}

/// Whether the drill took this machine away, or broke something in it.
pub(super) fn takes_away(state: &RunState, node: &str) -> bool {
    state.faults.iter().any(|f| f.revert.takes_away().is_some_and(|target| target.name == node))
}

/// Whether an object disappears because the drill deletes its namespace, or took its node away.
pub(super) fn deletion_follows(state: &RunState, key: &Key, original: bool, seen_us: u64) -> bool {
    let namespace = || state.faults.iter().any(|f| f.state.is_open() && f.revert.restores(&key.1));
    original && namespace() || key.0 == Sort::Node && takes_away(state, &key.2) || by_program(state, seen_us)
}
