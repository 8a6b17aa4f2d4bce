//! The controllers of the simulated cluster. Each is a state machine with timers that turns changes and due timers into
//! new changes. Within one instant they run in a fixed order, again and again, until nothing changes any more. Their
//! intervals are those of the real controllers. They do not know the drill. Read [`reconcile`] first.

pub(super) mod budgets;
mod endpoints;
mod garbage;
mod kubelets;
pub(super) mod namespaces;
mod nodes;
mod other_pods;
mod placement;
mod preemption;
mod rollout;
mod search;
mod selected;
mod sets;
mod taints;
pub(super) mod volumes;
mod workloads;

use std::{collections::BTreeMap, sync::Arc};

use smol_str::SmolStr;

use super::{
    SETTLED_US, control_plane, happens, monitoring,
    state::{State, Timer},
    store::Key,
    value::Value,
    velero,
};

/// What changed since the controllers last ran.
pub(in crate::sim) type Changes = BTreeMap<Key, Arc<Value>>;

/// The largest number of rounds in one instant. A new cluster needs many rounds until it settles.
const ROUNDS: u32 = 400;

/// Lets all controllers do their work of this instant.
pub(super) fn reconcile(state: &mut State) {
    for _ in 0..ROUNDS {
        let due = state.take_due();
        let due = control_plane::possible(state, due);
        let changes = state.store.take_dirty();
        if due.is_empty() && changes.is_empty() {
            return;
        }
        for timer in &due {
            fire(state, timer);
        }
        let mut changes = changes;
        changes.extend(state.store.take_dirty());
        if !control_plane::controllers_see(state, &changes) {
            kubelets::changed(state, &changes);
            velero::changed(state, &changes);
            happens::notice(state, &changes, SETTLED_US);
            continue;
        }
        nodes::changed(state, &changes);
        taints::changed(state, &changes);
        garbage::changed(state, &changes);
        workloads::changed(state, &changes);
        sets::changed(state, &changes);
        volumes::changed(state, &changes);
        placement::changed(state, &changes);
        kubelets::changed(state, &changes);
        budgets::changed(state, &changes);
        endpoints::changed(state, &changes);
        namespaces::changed(state, &changes);
        velero::changed(state, &changes);
        happens::notice(state, &changes, SETTLED_US);
    }
}

fn fire(state: &mut State, timer: &Timer) {
    match timer {
        Timer::Monitor => nodes::find_silent(state),
        Timer::ZoneTurn(zone) => nodes::turn(state, zone),
        Timer::NodeReports(node) => nodes::reports(state, node),
        Timer::PodReady(namespace, name, uid) => kubelets::ready(state, namespace, name, uid),
        Timer::PodStopped(namespace, name, uid) => kubelets::stopped(state, namespace, name, uid),
        Timer::Evict(namespace, name, uid) => taints::evict(state, namespace, name, uid),
        Timer::CollectPods => garbage::collect_pods(state),
        Timer::Evaluate => monitoring::evaluate(state),
        Timer::Velero(resource, name) => velero::go_on(state, resource, name),
        Timer::Sync => velero::sync(state),
        Timer::VolumeFilled(restore, claim) => velero::filled(state, restore, claim),
        Timer::NamespaceEmpties(name) => namespaces::empty_namespace(state, name),
        Timer::Claim(namespace, name) => volumes::provision(state, namespace, name),
        Timer::ApiServerAnswers => control_plane::started(state),
        Timer::ControllersAct => control_plane::act(state),
        Timer::Happens(entry, turn) => happens::turn(state, *entry, *turn),
    }
}

/// The changes of one resource.
fn of<'a>(changes: &'a Changes, resource: &'static str) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
    changes.iter().filter(move |(key, _)| key.0 == resource)
}

/// The namespace and name of each controller of a kind that owns a changed object of a resource. UIDs are not compared.
fn owners<'a>(
    changes: &'a Changes,
    resource: &'static str,
    kind: &'a str,
) -> impl Iterator<Item = (SmolStr, SmolStr)> + 'a {
    of(changes, resource).filter_map(move |(key, object)| {
        let (owner_kind, name, _) = super::fields::controller(object)?;
        (owner_kind == kind).then(|| (key.1.clone(), name.into()))
    })
}
