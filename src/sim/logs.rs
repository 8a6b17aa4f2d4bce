//! What the drill's own short-lived pods print: checksums of a volume, and what can be
//! reached from a namespace. No other container of a simulated cluster writes anything.

use super::{
    controllers,
    fields::{list, text},
    policies,
    state::State,
    value::Value,
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
    let mut lines = String::from("begin\n");
    for target in words.get(4..).unwrap_or_default().chunks(2) {
        let [host, port] = target else { continue };
        let said = if policies::lets_out(state, namespace, pod, (host, port)) { "open" } else { "shut" };
        lines.push_str(&format!("{said} {host} {port}\n"));
    }
    lines + "end\n"
}
