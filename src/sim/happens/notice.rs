//! Finds the events in the cluster for which entries wait. Called at every instant in which something changes. Read
//! [`notice`] first.

use super::{super::value::Value, After, ObjectSeen, Seen, objects};
use crate::sim::{controllers::Changes, fields, state::State, store::Key};

/// Checks whether the events for which entries wait have happened. Before `zero_us` the cluster is still being created:
/// what appears then counts as having been there always.
pub(in crate::sim) fn notice(state: &mut State, changes: &Changes, zero_us: u64) {
    if state.script.waiting.is_empty() {
        return;
    }
    let made = state.now_us >= zero_us;
    if made {
        let waits = state.script.waiting.iter().copied();
        let due: Vec<usize> = waits
            .filter(|entry| match &state.script.entries[*entry].after {
                Some(After::Seen(seen)) => is_seen(state, seen, changes),
                _ => false,
            })
            .collect();
        due.into_iter().for_each(|entry| state.due(entry));
    }
    state.script.known.extend(changes.values().map(|o| fields::uid(o).to_owned()));
    let unready = state.store.all("nodes").filter(|n| made && !is_ready(n)).map(|n| fields::name(n).to_owned());
    let unready: Vec<String> = unready.collect();
    state.script.unready.extend(unready);
}

fn is_ready(node: &Value) -> bool {
    fields::condition(node, "Ready") == "True"
}

fn is_seen(state: &State, seen: &Seen, changes: &Changes) -> bool {
    let nodes = |wanted: &String, is: &dyn Fn(&Value) -> bool| {
        state.store.all("nodes").any(|n| (wanted == "any" || wanted == fields::name(n)) && is(n))
    };
    match seen {
        Seen::NodeSilent(node) => nodes(node, &|n| state.machines.is_silent(fields::name(n))),
        Seen::NodeNotReady(node) => nodes(node, &|n| !is_ready(n)),
        Seen::NodeReadyAgain(node) => nodes(node, &|n| is_ready(n) && state.script.unready.contains(fields::name(n))),
        Seen::ObjectMade(object) => changes.iter().any(|(key, o)| {
            is_meant(object, key) && is_there(state, key) && !state.script.known.contains(fields::uid(o))
        }),
        Seen::ObjectGone(object) => changes.iter().any(|(key, o)| is_meant(object, key) && is_gone(state, key, o)),
        Seen::AlertFires(alert) => state.monitor.active.values().any(|active| active.fires_as(alert)),
    }
}

fn is_there(state: &State, key: &Key) -> bool {
    state.store.get(key.0, &key.1, &key.2).is_some()
}

/// Whether an object is gone. Its controller may have created another one with the same name in the same instant.
fn is_gone(state: &State, key: &Key, object: &Value) -> bool {
    state.store.get(key.0, &key.1, &key.2).is_none_or(|now| fields::uid(now) != fields::uid(object))
}

fn is_meant(object: &ObjectSeen, key: &Key) -> bool {
    let (kind, name) = object.object.split_once('/').unwrap_or((&object.object, "*"));
    let named = name.strip_suffix('*').map_or(key.2 == name, |prefix| key.2.starts_with(prefix));
    objects::kind(kind).is_some_and(|r| r.plural == key.0 && named && (!r.namespaced || object.namespace == key.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_meant_by_its_name_its_prefix_or_its_kind() {
        let key: Key = ("pods", "shop".into(), "web-1".into());
        let meant = |object: &str| is_meant(&ObjectSeen { object: object.into(), namespace: "shop".into() }, &key);
        assert!(meant("pod/web-1") && meant("pod/web-*") && meant("Pod") && meant("pods/*"));
        assert!(!meant("pod/web") && !meant("service/web-1") && !meant("nothing"));
    }
}
