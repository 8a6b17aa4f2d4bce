//! The namespace controller: it removes a namespace when everything in it is gone. A pod on a machine without power
//! keeps the namespace for ever (measured). Read [`empty_namespace`] first.

use std::{collections::BTreeSet, time::Duration};

use super::{
    super::{
        fields,
        state::{State, Timer},
        value::{Value, json},
    },
    Changes,
};

/// How long the controller waits before it removes anything, so that every API server knows of the deletion
/// (namespaceDeletionGracePeriod of the real one).
const GRACE: Duration = Duration::from_secs(5);
/// The time before the second try. It doubles with each try, as with the rate limiter of the real controller.
const BACKOFF: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(60);

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let touched: BTreeSet<&str> =
        changes.keys().map(|k| if k.0 == "namespaces" { k.2.as_str() } else { k.1.as_str() }).collect();
    for name in touched {
        let Some(namespace) = state.store.get("namespaces", "", name).cloned() else { continue };
        if !fields::is_terminating(&namespace) {
            if state.store.get("configmaps", name, "kube-root-ca.crt").is_none() {
                furnish(state, name);
            }
        } else if changes.contains_key(&("namespaces", "".into(), name.into())) {
            leaves(state, name);
        }
    }
}

/// Creates the objects that every namespace has.
fn furnish(state: &mut State, name: &str) {
    let now = state.wall();
    for (resource, object, content) in [
        ("configmaps", "kube-root-ca.crt", json!({"data": {"ca.crt": "simulated"}})),
        ("serviceaccounts", "default", json!({})),
    ] {
        let mut made: Value = content;
        made["metadata"] = json!({"name": object, "namespace": name});
        if state.store.get(resource, name, object).is_none() {
            state.store.create(super::super::resources::known(resource), made, now);
        }
    }
}

/// What the controller remembers of a namespace that is being deleted.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Leaving {
    /// When its contents may be removed, in microseconds.
    from_us: u64,
    /// How many times something was still left.
    tries: u32,
}

/// Schedules the removal of the contents after the grace period. A later change of the namespace schedules it again
/// after the same time.
fn leaves(state: &mut State, name: &str) {
    let from_us = state.now_us + GRACE.as_micros() as u64;
    state.leaving.entry(name.to_owned()).or_insert(Leaving { from_us, tries: 0 });
    state.schedule(GRACE, Timer::NamespaceEmpties(name.to_owned()));
}

/// Removes the pods first, then the rest. Tries again for as long as something is left.
pub(super) fn empty_namespace(state: &mut State, name: &str) {
    let Some(leaving) = state.leaving.get(name).copied().filter(|l| l.from_us <= state.now_us) else { return };
    if !state.store.get("namespaces", "", name).is_some_and(|ns| fields::is_terminating(ns)) {
        state.leaving.remove(name);
        return;
    }
    if empty(state, name) {
        state.store.remove("namespaces", "", name);
        state.leaving.remove(name);
        return;
    }
    let again = BACKOFF.saturating_mul(1 << leaving.tries.min(20)).min(LONGEST);
    state.leaving.insert(name.to_owned(), Leaving { tries: leaving.tries + 1, ..leaving });
    state.schedule(again, Timer::NamespaceEmpties(name.to_owned()));
}

/// Deletes the contents of a namespace. Returns whether nothing is left.
fn empty(state: &mut State, name: &str) -> bool {
    for pods in [true, false] {
        for (resource, object) in state.store.content_of(name) {
            if (resource.plural == "pods") == pods && !fields::is_terminating(&object) {
                state.delete(resource, &object, None, false);
            }
        }
        if pods && state.store.within("pods", name).next().is_some() {
            break;
        }
    }
    let rest = state.store.content_of(name);
    if rest.is_empty() {
        return true;
    }
    let mut kinds: Vec<&str> = rest.iter().map(|(r, _)| r.plural).collect();
    kinds.dedup();
    let message = format!(
        "Some resources are remaining: {}",
        kinds
            .iter()
            .map(|k| format!("{k} has {} resource instances", rest.iter().filter(|(r, _)| r.plural == *k).count()))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let now = state.wall();
    state.store.edit("namespaces", "", name, |ns| {
        fields::set_condition(ns, "NamespaceContentRemaining", "True", "SomeResourcesRemain", now);
        if let Some(condition) = ns["status"]["conditions"].as_array_mut().and_then(|c| c.first_mut()) {
            condition["message"] = message.into();
        }
    });
    false
}
