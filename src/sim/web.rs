//! Everything that answers HTTP requests, except the API server: Services by way of their EndpointSlices, monitoring,
//! downloads, webhooks. Read [`reach`] first.

use std::time::Duration;

use super::{
    fields::{self, list, text},
    happens::{self, LogFate, Nonsense},
    monitoring,
    state::State,
    value::Value,
};
use crate::{
    model::PowerState,
    world::{WebAnswer, WebRequest},
};

/// The result of a request.
pub(super) enum Reach {
    /// It gets an answer after this time.
    ApiAnswer(Duration, WebAnswer),
    /// The connection breaks after this time.
    Broken(Duration, &'static str),
    /// Nothing ever comes back.
    Silence,
}

impl Reach {
    fn later(self, late: Duration) -> Self {
        match self {
            Self::ApiAnswer(after, answer) => Self::ApiAnswer(after + late, answer),
            other => other,
        }
    }
}

const NEAR: Duration = Duration::from_millis(3);
/// How long a connection attempt takes to fail if the host is off.
const NO_HOST: Duration = Duration::from_millis(900);

fn ok(body: Vec<u8>) -> Reach {
    Reach::ApiAnswer(NEAR, WebAnswer { status: 200, body })
}

fn document(body: Option<Vec<u8>>) -> Reach {
    match body {
        Some(body) => ok(body),
        None => Reach::ApiAnswer(NEAR, WebAnswer { status: 404, body: vec![] }),
    }
}

/// Splits a URL, or `host:port`, into its host and its path.
pub(super) fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    (authority.split(':').next().unwrap_or(""), path.split('?').next().unwrap_or("/"))
}

/// The result of a request to a source that `happens:` has broken.
fn instead(nonsense: Nonsense) -> Reach {
    match nonsense {
        Nonsense::Gone => Reach::Broken(NEAR, "no connection"),
        Nonsense::Hangs => Reach::Silence,
        Nonsense::Says(status, body) => Reach::ApiAnswer(NEAR, WebAnswer { status, body: body.into() }),
    }
}

/// Decides where a request goes, and what its result is.
pub(super) fn reach(state: &mut State, request: &WebRequest, host: &str, path: &str) -> Reach {
    let parts: Vec<&str> = host.split('.').collect();
    if let [name, "sim"] = parts[..]
        && let Some(nonsense) = state.nonsense(name)
    {
        return instead(nonsense);
    }
    match parts[..] {
        ["prometheus", "sim"] if state.monitoring_lives("prometheus") => {
            document(monitoring::answer(state, "prometheus", path))
        }
        ["prometheus", "sim"] => Reach::Broken(NO_HOST, "no connection"),
        ["vault", "sim"] => match state.backup_store.download(path) {
            Some(bytes) => ok(bytes),
            None => Reach::ApiAnswer(NEAR, WebAnswer { status: 404, body: vec![] }),
        },
        ["webhook", "sim"] => ok(vec![]),
        [name, "sim"] if state.monitor.alertmanagers.contains_key(name) => {
            if !state.monitoring_lives(name) {
                return Reach::Broken(NO_HOST, "no connection");
            }
            document(monitoring::answer(state, name, path))
        }
        [service, namespace, "svc"] => through_service(state, service, namespace),
        [pod, _, namespace, "svc"] => match serving(state, namespace, pod) {
            Ok(late) => log(state, namespace, pod, request, path).later(late),
            Err(reach) => reach,
        },
        _ => Reach::Broken(NEAR, "no such host in the simulation"),
    }
}

/// Sends a request to one of the endpoints that are listed as ready, dead or not, as kube-proxy does.
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
    match serving(state, pod_namespace, pod) {
        Ok(late) => answer(state, namespace, service).later(late),
        Err(reach) => reach,
    }
}

/// The answer of the application.
fn answer(state: &State, namespace: &str, service: &str) -> Reach {
    const BODY: &str = "ok\n";
    let Some(other) = state.answers_instead(namespace, service) else { return ok(BODY.into()) };
    if other.hangs {
        return Reach::Silence;
    }
    let body = other.body.as_deref().unwrap_or(BODY).into();
    Reach::ApiAnswer(NEAR + other.takes.unwrap_or_default().0, WebAnswer { status: other.status.unwrap_or(200), body })
}

/// The extra delay of a pod's answers, or the result if it cannot answer.
fn serving(state: &State, namespace: &str, pod: &str) -> Result<Duration, Reach> {
    let Some(found) = state.store.get("pods", namespace, pod) else { return Err(Reach::Broken(NEAR, "no connection")) };
    let node = text(found, "/spec/nodeName");
    match state.machines.by_node.get(node).map(|m| &m.state) {
        Some(PowerState::Running) => {
            let serves =
                fields::condition(found, "Ready") == "True" || found.pointer("/status/containerStatuses").is_some();
            if state.is_cut_off(node) {
                return Err(Reach::Silence);
            }
            if serves { Ok(state.late(node).unwrap_or_default()) } else { Err(Reach::Broken(NEAR, "no connection")) }
        }
        Some(PowerState::Paused | PowerState::Isolated) => Err(Reach::Silence),
        _ => Err(Reach::Broken(NO_HOST, "no connection")),
    }
}

/// The append log on the volume of a pod. Lines that a restore does not bring back are lost.
fn log(state: &mut State, namespace: &str, pod: &str, request: &WebRequest, path: &str) -> Reach {
    let Some(volume) = happens::volume(state, namespace, pod) else { return document(None) };
    let appends = (request.method.as_str(), path) == ("POST", "/append");
    let fate = if appends { state.fate_of_line(namespace, pod) } else { LogFate::Kept };
    let content = state.contents.entry(volume).or_default();
    match (request.method.as_str(), path) {
        ("POST", "/append") => {
            let line = String::from_utf8_lossy(&request.body).into_owned() + "\n";
            match fate {
                LogFate::Lost => {}
                LogFate::Twice => content.log.push_str(&line.repeat(2)),
                LogFate::Torn => content.log.extend(line.chars().take(line.chars().count() / 2).chain(['\n'])),
                LogFate::Kept | LogFate::Unanswered => content.log.push_str(&line),
            }
            if fate == LogFate::Unanswered { Reach::Silence } else { ok(vec![]) }
        }
        ("GET", "/all") => ok(content.log.clone().into_bytes()),
        _ => document(None),
    }
}
