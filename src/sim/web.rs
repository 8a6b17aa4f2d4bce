//! What answers outside the API server: services by way of their EndpointSlices,
//! monitoring, downloads, webhooks.

use std::time::Duration;

use serde_json::Value;

use super::{
    fields::{self, list, text},
    monitoring,
    state::State,
};
use crate::{
    model::PowerState,
    world::{WebAnswer, WebRequest},
};

/// What happens to a request.
pub(super) enum Reach {
    /// It is answered after a while.
    Answer(Duration, WebAnswer),
    /// The connection ends after a while.
    Broken(Duration, &'static str),
    /// Nothing ever comes back.
    Silence,
}

const NEAR: Duration = Duration::from_millis(3);
/// A host that is off: nobody answers for its address.
const NO_HOST: Duration = Duration::from_millis(900);

fn ok(body: Vec<u8>) -> Reach {
    Reach::Answer(NEAR, WebAnswer { status: 200, body })
}

fn document(value: Option<Value>) -> Reach {
    match value {
        Some(value) => ok(value.to_string().into_bytes()),
        None => Reach::Answer(NEAR, WebAnswer { status: 404, body: vec![] }),
    }
}

/// `host`, `port` and `path` of a URL, or of `host:port`.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    (authority.split(':').next().unwrap_or(""), path.split('?').next().unwrap_or("/"))
}

/// Where a request goes, and what becomes of it.
pub(super) fn reach(state: &mut State, request: &WebRequest) -> Reach {
    let (host, path) = split(&request.url);
    let (host, path) = (host.to_owned(), path.to_owned());
    let parts: Vec<&str> = host.split('.').collect();
    match parts[..] {
        ["prometheus", "sim"] if state.monitoring_lives("prometheus") => document(monitoring::prometheus(state, &path)),
        ["alertmanager", "sim"] if state.monitoring_lives("alertmanager") => {
            document(monitoring::alertmanager(state, &path))
        }
        ["prometheus" | "alertmanager", "sim"] => Reach::Broken(NO_HOST, "no connection"),
        ["vault", "sim"] => match state.vault.download(&path) {
            Some(bytes) => ok(bytes),
            None => Reach::Answer(NEAR, WebAnswer { status: 404, body: vec![] }),
        },
        ["webhook", "sim"] => ok(vec![]),
        [service, namespace, "svc"] => through_service(state, service, namespace),
        _ => Reach::Broken(NEAR, "no such host in the simulation"),
    }
}

/// As kube-proxy does: one of the endpoints that are listed as ready, dead or not.
fn through_service(state: &mut State, service: &str, namespace: &str) -> Reach {
    let Some(slice) = state.store.get("endpointslices", namespace, &format!("{service}-slice")).cloned() else {
        return Reach::Broken(NEAR, "no connection");
    };
    let ready: Vec<&Value> = list(&slice, "/endpoints").iter().filter(|e| e["conditions"]["ready"] == true).collect();
    if ready.is_empty() {
        return Reach::Broken(NEAR, "no connection");
    }
    let chosen = ready[state.dice.below(ready.len() as u64) as usize];
    let node = text(chosen, "/nodeName");
    match state.machines.by_node.get(node).map(|m| &m.state) {
        Some(PowerState::Running) => {
            let (pod_namespace, pod) = (text(chosen, "/targetRef/namespace"), text(chosen, "/targetRef/name"));
            let serves = state.store.get("pods", pod_namespace, pod).is_some_and(|p| {
                fields::condition(p, "Ready") == "True" || p.pointer("/status/containerStatuses").is_some()
            });
            if serves { ok(b"ok\n".to_vec()) } else { Reach::Broken(NEAR, "no connection") }
        }
        Some(PowerState::Paused) => Reach::Silence,
        _ => Reach::Broken(NO_HOST, "no connection"),
    }
}
