//! The garbage collector: what was owned goes after its owner; pods of nodes
//! that are no more go too.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{fields, resources, state::State},
    Changes,
};

const OWNERS: [&str; 5] = ["deployments", "replicasets", "statefulsets", "daemonsets", "jobs"];
const OWNED: [&str; 3] = ["replicasets", "jobs", "endpointslices"];

pub(super) fn changed(state: &mut State, changes: &Changes) {
    for (key, object) in changes {
        let gone = state.store.get(key.0, &key.1, &key.2).is_none_or(|now| fields::uid(now) != fields::uid(object));
        if !gone {
            continue;
        }
        if key.0 == "nodes" {
            for pod in state.store.pods_on(&key.2) {
                state.delete(resources::known("pods"), &pod, Some(0), false);
            }
        }
        if OWNERS.contains(&key.0) {
            collect(state, &key.1, fields::uid(object));
        }
    }
}

fn collect(state: &mut State, namespace: &str, uid: &str) {
    for pod in state.store.pods_of(uid) {
        state.delete(resources::known("pods"), &pod, None, false);
    }
    for resource in OWNED {
        let mine: Vec<Arc<Value>> = state
            .store
            .within(resource, namespace)
            .filter(|o| fields::controller(o).is_some_and(|(_, _, owner)| owner == uid))
            .cloned()
            .collect();
        for object in mine {
            state.delete(resources::known(resource), &object, None, false);
        }
    }
}
