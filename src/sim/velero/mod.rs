//! Velero in the simulated cluster: its server and its requests. Backups wait in a queue (`queue`), capture what they
//! can (`backup`), and are restored (`restore`). The content of backups is in `backup_store`. Read [`changed`] and
//! [`go_on`] first.

mod backup;
mod filter;
mod modifiers;
mod queue;
mod restore;

use std::time::Duration;

pub(super) use self::{
    queue::{Server, placed},
    restore::filled,
};
use super::{
    controllers::Changes,
    fields::{self, text},
    resources,
    state::{State, Timer},
    value::{Value, json},
};

/// Times of Velero 1.18 (measured).
const DOWNLOAD: Duration = Duration::from_millis(120);
const STATUS: Duration = Duration::from_millis(900);
/// How long a request waits until it checks again whether the server is back.
const AGAIN: Duration = Duration::from_secs(1);

/// How often Velero looks for backups of other clusters (its default).
const SYNC: Duration = Duration::from_secs(60);

const KINDS: [&str; 4] = ["restores", "downloadrequests", "serverstatusrequests", "deletebackuprequests"];
/// From the creation of a request to its first phase.
const QUEUED: Duration = Duration::from_millis(100);

/// Stores the content of an earlier backup: what the cluster contains now. Returns the number of its objects.
pub(super) fn keep(state: &mut State, name: &str, backup: &Value) -> usize {
    backup::capture_backup(state, name, backup);
    state.backup_store.backup(name).map_or(0, |kept| kept.objects.len())
}

/// The present time by the clock of Velero.
fn now(state: &State) -> String {
    fields::stamp(state.by_clock_of("velero", state.now_us))
}

/// Reacts to new requests.
pub(super) fn changed(state: &mut State, changes: &Changes) {
    if changes.keys().any(|k| k.0 == "pods" && k.1 == "velero") {
        queue::server_changed(state);
    }
    queue::changed(state, changes);
    let new: Vec<(&'static str, String)> = changes
        .iter()
        .filter(|(k, object)| KINDS.contains(&k.0) && text(object, "/status/phase").is_empty())
        .map(|(k, _)| (k.0, k.2.to_string()))
        .collect();
    for (resource, name) in new {
        let after = match resource {
            "downloadrequests" => DOWNLOAD,
            "serverstatusrequests" => STATUS,
            _ => QUEUED,
        };
        state.schedule(after, Timer::Velero(resource, name));
    }
}

/// Moves a request to its next phase.
pub(super) fn go_on(state: &mut State, resource: &'static str, name: &str) {
    queue::server_changed(state);
    let Some(object) = state.store.get(resource, "velero", name).cloned() else {
        return queue::missed(state, resource, name);
    };
    if queue::server(state).is_none() {
        state.schedule(AGAIN, Timer::Velero(resource, name.to_owned()));
        return;
    }
    match resource {
        "schedules" => scheduled(state, name, &object),
        "backups" => queue::go_on(state, name, &object),
        "restores" => restore::restore(state, name, &object),
        "downloadrequests" => phase(state, resource, name, "Processed", |status| {
            status["downloadURL"] = format!(
                "http://vault.sim/{}/{}",
                text(&object, "/spec/target/kind"),
                text(&object, "/spec/target/name")
            )
            .into();
        }),
        "deletebackuprequests" => {
            let backup = text(&object, "/spec/backupName").to_owned();
            if state.velero.runs(&backup) {
                phase(state, resource, name, "Processed", |s| s["errors"] = json!(["backup is still in progress"]));
                return;
            }
            state.backup_store.forget(&backup);
            state.store.remove("backups", "velero", &backup);
            state.store.remove(resource, "velero", name);
        }
        _ => phase(state, resource, name, "Processed", |status| status["serverVersion"] = "v1.18.3 (simulated)".into()),
    }
}

/// Compares the Backups with the store, once a minute. Creates a Backup for each backup that another cluster has
/// written, and removes Backups that are no longer in the store.
pub(super) fn sync(state: &mut State) {
    state.schedule(SYNC, Timer::Sync);
    let ended = state.backup_store.all_ended();
    let here: Vec<String> = state.store.within("backups", "velero").map(|b| fields::name(b).to_owned()).collect();
    for name in here.iter().filter(|name| !ended.iter().any(|backup| fields::name(backup) == *name)) {
        state.store.remove("backups", "velero", name);
    }
    let now = state.wall();
    for mut backup in ended.into_iter().filter(|backup| !here.iter().any(|name| name == fields::name(backup))) {
        backup["metadata"] = json!({"name": fields::name(&backup), "namespace": "velero",
            "labels": {"velero.io/storage-location": text(&backup, "/spec/storageLocation")}});
        state.store.create(resources::known("backups"), backup, now);
    }
}

/// Creates one Backup of a schedule, before a drill looks at the cluster.
fn scheduled(state: &mut State, name: &str, schedule: &Value) {
    let backup = json!({"metadata": {"name": format!("{name}-20260101000000"), "namespace": "velero",
            "labels": {"velero.io/schedule-name": name}}, "spec": schedule["spec"]["template"]});
    let now = state.wall();
    state.store.create(resources::known("backups"), backup, now);
}

fn phase(state: &mut State, resource: &'static str, name: &str, word: &str, more: impl FnOnce(&mut Value)) {
    state.store.edit(resource, "velero", name, |o| {
        o["status"]["phase"] = word.into();
        more(&mut o["status"]);
    });
}

fn next(state: &mut State, resource: &'static str, name: &str, after: Duration) {
    state.schedule(after, Timer::Velero(resource, name.to_owned()));
}

fn invalid(state: &mut State, resource: &'static str, name: &str, why: &str) {
    phase(state, resource, name, "FailedValidation", |s| s["validationErrors"] = json!([why]));
}
