//! The logs of the short-lived pods of a drill: checksums of a volume, and which addresses can be reached from a
//! namespace. No other container of a simulated cluster writes a log. Read [`of`] first.

use super::{
    controllers,
    fields::{list, text},
    policies,
    state::State,
    value::Value,
};

/// Returns the log of a pod.
pub(super) fn of(state: &State, namespace: &str, name: &str) -> String {
    let Some(pod) = state.store.get("pods", namespace, name) else { return String::new() };
    match text(pod, "/metadata/labels/drillmaster.dev~1role") {
        "reach" => reached(state, namespace, pod),
        _ => controllers::volumes::checksums(state, namespace, name),
    }
}

/// Reports each address in the command of the pod as open, or as shut if a policy forbids it.
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
