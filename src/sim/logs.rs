//! What the drill's own short-lived pods print: checksums of a volume, and what can be
//! reached from a namespace. No other container of a simulated cluster writes anything.

use serde_json::{Value, json};

use super::{
    controllers,
    fields::{self, list, text},
    state::State,
};

/// The log of a pod.
pub(super) fn of(state: &State, namespace: &str, name: &str) -> String {
    let Some(pod) = state.store.get("pods", namespace, name) else { return String::new() };
    match text(pod, "/metadata/labels/drillmaster.dev~1role") {
        "reach" => reached(state, namespace, pod),
        _ => controllers::volumes::checksums(state, namespace, name),
    }
}

/// The addresses of the command, each of which is open unless a policy shuts it.
fn reached(state: &State, namespace: &str, pod: &Value) -> String {
    let words: Vec<&str> = list(pod, "/spec/containers/0/command").iter().filter_map(Value::as_str).collect();
    let isolated = state.settings.policies && state.store.within("networkpolicies", namespace).any(|p| denies(p, pod));
    let said = if isolated { "shut" } else { "open" };
    let mut lines = String::from("begin\n");
    for target in words.get(4..).unwrap_or_default().chunks(2) {
        lines.push_str(&format!("{said} {}\n", target.join(" ")));
    }
    lines + "end\n"
}

/// A policy for this pod that lets nothing out. One that lets something out is not looked
/// into: the drill's own lets out nothing.
fn denies(policy: &Value, pod: &Value) -> bool {
    let selected =
        fields::selector(policy.pointer("/spec/podSelector")).is_some_and(|s| s.matches(&fields::labels(pod)));
    let egress = list(policy, "/spec/policyTypes").contains(&json!("Egress"));
    selected && egress && list(policy, "/spec/egress").is_empty()
}
