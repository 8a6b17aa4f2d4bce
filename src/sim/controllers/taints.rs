//! The taint eviction controller: it deletes the pods on a node with a NoExecute taint when their toleration is over.
//! Read [`changed`] first.

use std::time::Duration;

use serde::Deserialize;

use super::{
    super::{
        fields::{self, list, text},
        resources,
        state::{State, Timer},
        value::Value,
    },
    Changes, of,
};
use crate::kubernetes::{objects::Toleration, toleration_seconds};

fn no_execute(node: &Value) -> Vec<String> {
    list(node, "/spec/taints")
        .iter()
        .filter(|t| t["effect"] == "NoExecute")
        .map(|t| text(t, "/key").to_owned())
        .collect()
}

/// How many seconds a pod may stay. None means for ever.
fn patience(pod: &Value, keys: &[String]) -> Option<u64> {
    let tolerations: Vec<Toleration> = Vec::deserialize(&pod["spec"]["tolerations"]).unwrap_or_default();
    keys.iter().filter_map(|key| toleration_seconds(&tolerations, key)).min()
}

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let tainted: Vec<(String, Vec<String>)> = of(changes, "nodes")
        .map(|(key, node)| (key.2.to_string(), no_execute(node)))
        .filter(|(_, keys)| !keys.is_empty())
        .collect();
    for (node, keys) in tainted {
        for pod in state.store.pods_on(&node) {
            if let Some(seconds) = patience(&pod, &keys).filter(|_| !fields::is_terminating(&pod)) {
                let id = |f: fn(&Value) -> &str| f(&pod).to_owned();
                let timer = Timer::Evict(id(fields::namespace), id(fields::name), id(fields::uid));
                state.schedule(Duration::from_secs(seconds), timer);
            }
        }
    }
}

pub(super) fn evict(state: &mut State, namespace: &str, name: &str, uid: &str) {
    let Some(pod) = state.store.get("pods", namespace, name).cloned() else { return };
    let node = state.store.get("nodes", "", text(&pod, "/spec/nodeName"));
    let still = node.is_some_and(|n| !no_execute(n).is_empty());
    if fields::uid(&pod) != uid || fields::is_terminating(&pod) || !still {
        return;
    }
    state.disrupt(namespace, name, "DeletionByTaintManager");
    let Some(pod) = state.store.get("pods", namespace, name).cloned() else { return };
    state.delete(resources::known("pods"), &pod, None, false);
}
