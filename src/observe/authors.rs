//! Whose is a change? By the owner of the field in the API server's book, and by what the
//! drill is doing at that moment. Start with [`author`].

use super::{
    deletions::GRACE_US,
    facets::{Facets, Sort},
    outside::Key,
};
use crate::{
    journal::{FaultRecord, FaultState, Recorder, RunState},
    kubernetes::Writing,
    model::{Author, OutsideWhat, Revert, Role, Verb},
};

/// Whose a difference is.
pub(super) enum By {
    /// Somebody else's.
    Outside(Role),
    /// The drill's, or it follows from what that did.
    Follows,
}

/// By the owner of the field, and by what the drill is doing.
pub(super) fn author(
    state: &RunState,
    key: &Key,
    what: &OutsideWhat,
    writing: Option<&Writing>,
    (now, restored): (&Facets, bool),
) -> By {
    let role = match writing {
        // Velero brings an object back with the book that it had.
        _ if restored && *what == OutsideWhat::Created => Role::Backup,
        Some(writing) => writing.role(),
        None => Role::Other,
    };
    let follows = match role {
        Role::Drill | Role::Kubernetes => true,
        Role::Backup => restores(state, &key.1),
        Role::Autoscaler => false,
        // A program that the drill runs may change whatever it likes.
        Role::Person | Role::Deployer if runs_a_program(state) => true,
        Role::Person | Role::Deployer => false,
        // An operator that owns the object answers for it, as a controller of Kubernetes does.
        Role::Other => {
            runs_a_program(state) || now.has_owner || is_undone(state, key, what) || is_taken(state, key, what)
        }
    };
    if follows { By::Follows } else { By::Outside(role) }
}

pub(super) fn named(recorder: &Recorder, writing: Option<&Writing>, role: Role) -> Author {
    match writing {
        Some(writing) => Author::Manager { name: recorder.clean(&writing.manager), role },
        None => Author::Unknown,
    }
}

/// Whether the drill deleted a namespace, and has not seen it whole again.
pub(super) fn is_deleted(state: &RunState, namespace: &str) -> bool {
    let own = |f: &FaultRecord| matches!(&f.revert, Revert::Restore { namespace: of, .. } if of == namespace);
    state.faults.iter().any(|f| own(f) && f.acknowledged_us.is_some() && f.state.is_open())
}

/// Whether the drill puts a namespace back, or restores into it.
fn restores(state: &RunState, namespace: &str) -> bool {
    let own = |f: &FaultRecord| matches!(&f.revert, Revert::Restore { namespace: of, .. } if of == namespace);
    let step = state.running.as_ref().and_then(|name| state.plan.as_ref()?.step(name)?.verb());
    state.faults.iter().any(own) || matches!(step, Some(Verb::Restore(_)))
}

/// Whether a program of the drill's runs, or its undo.
pub(super) fn runs_a_program(state: &RunState) -> bool {
    let step = state.running.as_ref().and_then(|name| state.plan.as_ref()?.step(name)?.verb());
    let undoes = |f: &FaultRecord| matches!(f.revert, Revert::ExecUndo { .. }) && f.state == FaultState::Reverting;
    matches!(step, Some(Verb::Exec(_))) || state.faults.iter().any(undoes)
}

/// A field that the drill takes away has no owner any more: whether it is doing that.
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

/// A node that the drill takes away starts anew when it comes back.
fn is_taken(state: &RunState, key: &Key, what: &OutsideWhat) -> bool {
    let own = |f: &FaultRecord| f.revert.takes_away().is_some_and(|target| target.name == key.2);
    *what == OutsideWhat::NodeRestarted && state.faults.iter().any(own)
}

/// Whether an object goes because the drill deletes its namespace, or took its node away.
pub(super) fn deletion_follows(state: &RunState, key: &Key, original: bool) -> bool {
    state.faults.iter().any(|f| match &f.revert {
        Revert::Restore { namespace, .. } => original && f.state.is_open() && *namespace == key.1,
        Revert::NodePower { node, .. } | Revert::Impairment { node, .. } => key.0 == Sort::Node && node.name == key.2,
        _ => false,
    }) || runs_a_program(state)
}
