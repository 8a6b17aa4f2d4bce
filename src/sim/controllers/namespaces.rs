//! The namespace controller: a namespace goes when everything in it is gone. A
//! pod on a machine without power keeps it for ever (measured).

use serde_json::{Value, json};

use super::{
    super::{fields, state::State},
    Changes,
};

pub(super) fn changed(state: &mut State, changes: &Changes) {
    let touched: std::collections::BTreeSet<String> =
        changes.keys().map(|k| if k.0 == "namespaces" { k.2.clone() } else { k.1.clone() }).collect();
    for name in touched {
        let Some(namespace) = state.store.get("namespaces", "", &name).cloned() else { continue };
        if fields::is_terminating(&namespace) {
            empty(state, &name);
        } else if state.store.get("configmaps", &name, "kube-root-ca.crt").is_none() {
            furnish(state, &name);
        }
    }
}

/// What every namespace has.
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

fn empty(state: &mut State, name: &str) {
    let content = state.store.content_of(name);
    if content.is_empty() {
        state.store.remove("namespaces", "", name);
        return;
    }
    for (resource, object) in &content {
        if !fields::is_terminating(object) {
            state.delete(resource, object, None, false);
        }
    }
    let rest = state.store.content_of(name);
    if rest.is_empty() {
        state.store.remove("namespaces", "", name);
        return;
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
}
