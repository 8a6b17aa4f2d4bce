//! The garbage collectors. One deletes objects whose owner is gone, and pods whose node is gone. The other deletes pods
//! on nodes that are out of service. Read [`changed`] and [`collect_pods`] first.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        fields, resources,
        state::{State, Timer},
        value::Value,
    },
    Changes,
};
use crate::model::OUT_OF_SERVICE;

const OWNERS: [&str; 5] = ["deployments", "replicasets", "statefulsets", "daemonsets", "jobs"];
/// How often the pod garbage collector checks (`gcCheckPeriod` of the real one).
const LOOK: Duration = Duration::from_secs(20);
const OWNED: [&str; 3] = ["replicasets", "jobs", "endpointslices"];

pub(super) fn changed(state: &mut State, changes: &Changes) {
    for (key, object) in changes {
        if key.0 == "nodes" && is_fenced(object) {
            let left = LOOK.as_micros() as u64 - state.now_us % LOOK.as_micros() as u64;
            state.schedule(Duration::from_micros(left), Timer::CollectPods);
        }
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

fn is_fenced(node: &Value) -> bool {
    fields::list(node, "/spec/taints").iter().any(|t| t["key"] == OUT_OF_SERVICE)
}

/// Deletes pods by force that are Terminating on nodes that are out of service and not Ready. Their controllers may
/// then create them again.
pub(super) fn collect_pods(state: &mut State) {
    let fenced: Vec<Arc<Value>> = state.store.all("nodes").filter(|n| is_fenced(n)).cloned().collect();
    if !fenced.is_empty() {
        state.schedule(LOOK, Timer::CollectPods);
    }
    for node in fenced.iter().filter(|n| fields::condition(n, "Ready") != "True") {
        for pod in state.store.pods_on(fields::name(node)) {
            if pod.terminating {
                state.delete(resources::known("pods"), &pod, Some(0), false);
            }
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
