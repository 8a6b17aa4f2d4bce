//! The queue of backups, as the server of Velero (1.18.3) keeps it. One backup runs at a time. Which backups are
//! ReadyToStart or InProgress is known only to the memory of the server process. A Backup that is deleted while it is
//! ReadyToStart therefore keeps its place until the server restarts. A Backup that was ReadyToStart when the server
//! died waits until it is changed, because the server only reacts to changes. Start with [`Server`].

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    super::value::{Value, json},
    AGAIN, backup, invalid, next, now, phase,
    restore::Filling,
};
use crate::sim::{
    controllers::Changes,
    fields::{self, list, number, text},
    state::State,
};

/// From one phase to the next (measured).
const STEP: Duration = Duration::from_millis(33);
/// How often the queue is checked.
const LOOK: Duration = Duration::from_secs(60);
/// How many backups run at a time.
const CONCURRENT: usize = 1;

/// What the server process remembers. A new process remembers nothing.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Server {
    /// Whether it runs outside the cluster.
    outside: bool,
    /// One backup or restore in this number fails partially. 0 turns this off.
    errs_once_in: u64,
    process: Option<String>,
    /// Backups that the process knows. It treats a change of any other backup as its creation.
    known: BTreeSet<String>,
    ready: BTreeSet<String>,
    /// Backups that were changed while they were ReadyToStart and the server was watching.
    changed: BTreeSet<String>,
    /// When each backup that is InProgress is done, in microseconds.
    running: BTreeMap<String, u64>,
    /// Restores that are filling volumes.
    pub(super) restoring: BTreeMap<String, Filling>,
}

impl Server {
    /// Whether it is running this backup.
    pub(super) fn runs(&self, backup: &str) -> bool {
        self.running.contains_key(backup)
    }
}

impl State {
    /// Makes one backup or restore in this number fail partially.
    pub(in crate::sim) fn velero_errs(&mut self, once_in: u64) {
        self.velero.errs_once_in = once_in;
    }

    /// Whether this backup or restore fails partially.
    pub(super) fn errs(&mut self) -> bool {
        self.velero.errs_once_in > 0 && self.dice.once_in(self.velero.errs_once_in)
    }
}

/// Identifies the server process: one of its pods is Ready on a machine that has power. None if there is no such pod.
pub(super) fn server(state: &State) -> Option<String> {
    if state.velero.outside {
        return Some("outside".into());
    }
    let pod = state.store.within("pods", "velero").find(|p| {
        fields::labels(p).get("component").is_some_and(|c| c == "velero")
            && fields::condition(p, "Ready") == "True"
            && state.lives(text(p, "/spec/nodeName"))
    })?;
    let since = state.machines.by_node.get(text(pod, "/spec/nodeName")).and_then(|m| m.reports_from_us);
    Some(format!("{} {} {since:?}", fields::uid(pod), text(pod, "/status/containerStatuses/0/state/running/startedAt")))
}

/// Decides whether the server runs outside: it does if no Deployment of the cluster should have pods of Velero.
pub(in crate::sim) fn placed(state: &mut State) {
    let wanted = state
        .store
        .within("deployments", "velero")
        .any(|d| text(d, "/spec/template/metadata/labels/component") == "velero" && number(d, "/spec/replicas") > 0);
    state.velero.outside = !wanted;
    server_changed(state);
}

fn backups(state: &State) -> Vec<(String, String)> {
    let all = state.store.within("backups", "velero");
    all.map(|b| (fields::name(b).to_owned(), text(b, "/status/phase").to_owned())).collect()
}

/// Reacts to a new server process: it fails what another process had begun, and continues with what is queued.
pub(super) fn server_changed(state: &mut State) {
    let process = server(state);
    if process.is_none() || process == state.velero.process {
        return;
    }
    let first = state.velero.process.is_none();
    let known = backups(state);
    let names = known.iter().map(|(name, _)| name.clone()).collect();
    state.velero = Server {
        outside: state.velero.outside,
        errs_once_in: state.velero.errs_once_in,
        process,
        known: names,
        ..Server::default()
    };
    for (name, word) in known {
        match word.as_str() {
            "" | "New" => next(state, "backups", &name, STEP),
            "Queued" => next(state, "backups", &name, LOOK),
            "InProgress" if !first => failed(state, "backups", &name),
            _ => {}
        }
    }
    let restores: Vec<String> = state
        .store
        .within("restores", "velero")
        .filter(|r| !first && text(r, "/status/phase") == "InProgress")
        .map(|r| fields::name(r).to_owned())
        .collect();
    for name in restores {
        failed(state, "restores", &name);
    }
}

fn failed(state: &mut State, resource: &'static str, name: &str) {
    let kind = resource.trim_end_matches('s');
    phase(state, resource, name, "Failed", |s| {
        s["failureReason"] =
            format!("found a {kind} with status \"InProgress\" during the server starting, mark it as \"Failed\"")
                .into();
    });
}

/// Reacts to Backups that were created or changed.
pub(super) fn changed(state: &mut State, changes: &Changes) {
    if server(state).is_none() {
        return;
    }
    for (key, object) in changes.iter().filter(|(k, _)| k.0 == "backups") {
        let new = state.velero.known.insert(key.2.to_string());
        match text(object, "/status/phase") {
            "" | "New" => next(state, "backups", &key.2, STEP),
            "ReadyToStart" if !new => {
                state.velero.changed.insert(key.2.to_string());
                next(state, "backups", &key.2, STEP);
            }
            _ => {}
        }
    }
}

/// Reacts to a Backup that is gone. A running backup frees its place, a ready one does not.
pub(super) fn missed(state: &mut State, resource: &'static str, name: &str) {
    if resource == "backups" && state.velero.running.remove(name).is_some() {
        start_next(state);
    }
}

pub(super) fn go_on(state: &mut State, name: &str, object: &Value) {
    match text(object, "/status/phase") {
        "" | "New" => {
            let queued = state.store.within("backups", "velero").filter(|b| text(b, "/status/phase") == "Queued");
            let last = queued.map(|b| number(b, "/status/queuePosition")).max().unwrap_or(0);
            phase(state, "backups", name, "Queued", |s| s["queuePosition"] = (last + 1).into());
            next(state, "backups", name, STEP);
        }
        "Queued" if waits(state, object) => next(state, "backups", name, LOOK),
        "Queued" => {
            state.velero.ready.insert(name.to_owned());
            phase(state, "backups", name, "ReadyToStart", |s| s["queuePosition"] = 0.into());
        }
        "ReadyToStart" if !state.velero.running.is_empty() => next(state, "backups", name, AGAIN),
        "ReadyToStart" if state.velero.changed.remove(name) => begin(state, name, object),
        "InProgress" if state.velero.running.get(name).is_some_and(|due| *due <= state.now_us) => {
            finish(state, name, object);
        }
        _ => {}
    }
}

/// Looks for the next backups in the queue.
fn start_next(state: &mut State) {
    let queued: Vec<String> = backups(state).into_iter().filter(|(_, p)| p == "Queued").map(|(n, _)| n).collect();
    for name in queued {
        next(state, "backups", &name, STEP);
    }
}

/// Whether a queued backup has to wait: for a free place, for a backup of the same namespaces, or for a backup before
/// it.
fn waits(state: &State, object: &Value) -> bool {
    let others: Vec<&Value> = state.store.within("backups", "velero").map(|b| &**b).collect();
    let conflicts = |b: &Value| before(&others, b).any(|other| overlap(other, b));
    state.velero.ready.len() + state.velero.running.len() >= CONCURRENT
        || conflicts(object)
        || before(&others, object).any(|other| text(other, "/status/phase") == "Queued" && !conflicts(other))
}

/// The backups that are before this one in the queue.
fn before<'a>(all: &'a [&'a Value], one: &'a Value) -> impl Iterator<Item = &'a Value> {
    let position = |b: &Value| number(b, "/status/queuePosition");
    all.iter().copied().filter(move |b| {
        fields::name(b) != fields::name(one)
            && matches!(text(b, "/status/phase"), "Queued" | "ReadyToStart" | "InProgress")
            && position(b) < position(one)
    })
}

fn overlap(a: &Value, b: &Value) -> bool {
    let names = |v| list(v, "/spec/includedNamespaces").iter().filter_map(Value::as_str).collect::<BTreeSet<_>>();
    let (a, b) = (names(a), names(b));
    let all = |s: &BTreeSet<&str>| s.is_empty() || s.contains("*");
    all(&a) || all(&b) || !a.is_disjoint(&b)
}

fn begin(state: &mut State, name: &str, object: &Value) {
    state.velero.ready.remove(name);
    let now = now(state);
    let location = state.store.within("backupstoragelocations", "velero").next().cloned();
    if location.as_ref().is_none_or(|l| text(l, "/status/phase") != "Available") {
        let why = "backup can't be created because BackupStorageLocation default is in Unavailable status.";
        invalid(state, "backups", name, why);
        start_next(state);
        return;
    }
    let expires = fields::stamp(state.by_clock_of(
        "velero",
        state.now_us.saturating_add(seconds(text(object, "/spec/ttl")).saturating_mul(1_000_000)),
    ));
    let location = location.map(|l| fields::name(&l).to_owned()).unwrap_or_default();
    state.store.edit("backups", "velero", name, |b| b["spec"]["storageLocation"] = location.into());
    phase(state, "backups", name, "InProgress", |s| {
        s["startTimestamp"] = now.into();
        s["expiration"] = expires.into();
    });
    backup::capture_backup(state, name, object);
    let kept = state.backup_store.backup(name);
    let copied = kept.map_or(0, |k| k.volumes.iter().filter(|v| v["skipped"] == false).count());
    let by_files = object.pointer("/spec/defaultVolumesToFsBackup") == Some(&Value::Bool(true));
    // Velero copies the files of one volume at a time.
    let copied = if by_files { u32::try_from(copied).unwrap_or(0) } else { 0 };
    let takes = state.settings.backup + state.settings.volume * copied;
    state.velero.running.insert(name.to_owned(), state.now_us + takes.as_micros() as u64);
    next(state, "backups", name, takes);
}

fn finish(state: &mut State, name: &str, object: &Value) {
    let now = now(state);
    let items = state.backup_store.backup(name).map_or(0, |k| k.objects.len());
    let missing = list(object, "/spec/includedNamespaces")
        .iter()
        .filter_map(Value::as_str)
        .any(|ns| state.store.get("namespaces", "", ns).is_none() && items == 0);
    let word = if missing || state.errs() || state.backups_fail() { "PartiallyFailed" } else { "Completed" };
    phase(state, "backups", name, word, |s| {
        s["completionTimestamp"] = now.into();
        s["progress"] = json!({"totalItems": items, "itemsBackedUp": items});
    });
    if let Some(backup) = state.store.get("backups", "velero", name) {
        state.backup_store.ended(backup);
    }
    state.velero.running.remove(name);
    start_next(state);
}

/// Parses a Go duration, in seconds. If it is missing or zero, returns thirty days, the default of Velero.
fn seconds(text: &str) -> u64 {
    let told = text.parse::<jiff::SignedDuration>().ok().and_then(|d| u64::try_from(d.as_secs()).ok());
    told.filter(|s| *s > 0).unwrap_or(720 * 3600)
}
