//! What answers outside the API server: services by way of their EndpointSlices,
//! monitoring, downloads, webhooks.

use std::time::Duration;

use serde_json::Value;

use super::{
    controllers::volumes::volume_of,
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
        [pod, _, namespace, "svc"] => match serving(state, namespace, pod) {
            Ok(()) => log(state, namespace, pod, request, &path),
            Err(reach) => reach,
        },
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
    let (pod_namespace, pod) = (text(chosen, "/targetRef/namespace"), text(chosen, "/targetRef/name"));
    serving(state, pod_namespace, pod).err().unwrap_or_else(|| ok(b"ok\n".to_vec()))
}

/// Whether a pod answers, or what happens instead.
fn serving(state: &State, namespace: &str, pod: &str) -> Result<(), Reach> {
    let Some(found) = state.store.get("pods", namespace, pod) else { return Err(Reach::Broken(NEAR, "no connection")) };
    let node = text(found, "/spec/nodeName");
    match state.machines.by_node.get(node).map(|m| &m.state) {
        Some(PowerState::Running) => {
            let serves =
                fields::condition(found, "Ready") == "True" || found.pointer("/status/containerStatuses").is_some();
            if serves { Ok(()) } else { Err(Reach::Broken(NEAR, "no connection")) }
        }
        Some(PowerState::Paused | PowerState::Isolated) => Err(Reach::Silence),
        _ => Err(Reach::Broken(NO_HOST, "no connection")),
    }
}

/// The append log on a pod's own volume: what a restore does not bring back is lost.
fn log(state: &mut State, namespace: &str, pod: &str, request: &WebRequest, path: &str) -> Reach {
    let claim = state.store.get("pods", namespace, pod).and_then(|p| {
        let mounted = list(p, "/spec/volumes").iter().map(|v| text(v, "/persistentVolumeClaim/claimName"));
        mounted.into_iter().find(|c| !c.is_empty()).map(str::to_owned)
    });
    let Some(claim) = claim else { return document(None) };
    let content = state.contents.entry(volume_of(state, namespace, &claim)).or_default();
    match (request.method.as_str(), path) {
        ("POST", "/append") => {
            content.log.push_str(&String::from_utf8_lossy(&request.body));
            content.log.push('\n');
            ok(vec![])
        }
        ("GET", "/all") => ok(content.log.clone().into_bytes()),
        _ => document(None),
    }
}
