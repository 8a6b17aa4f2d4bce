//! Velero of the simulated cluster: its phases and their times, what it captures
//! of volumes and what it silently does not, what a restore brings back.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    controllers::Changes,
    fields::{self, list, text},
    resources::{self, Resource},
    state::{State, Timer},
    vault::Kept,
};

/// Times of Velero 1.18 (measured).
const QUEUED: Duration = Duration::from_millis(100);
const BACKUP: Duration = Duration::from_millis(700);
const RESTORE: Duration = Duration::from_millis(1100);
/// File-system copies run one at a time.
const VOLUME: Duration = Duration::from_secs(5);
const DOWNLOAD: Duration = Duration::from_millis(120);
const STATUS: Duration = Duration::from_millis(900);
/// A server that is away is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// What it does not back up.
const LEFT_OUT: [&str; 2] = ["events", "leases"];
/// Made anew by their controllers, with the same names or others.
const DERIVED: [&str; 3] = ["pods", "replicasets", "endpointslices"];

/// Whether its server runs: one of its pods is Ready on a machine that has power.
fn lives(state: &State) -> bool {
    state.store.within("pods", "velero").any(|p| {
        fields::labels(p).get("component").is_some_and(|c| c == "velero")
            && fields::condition(p, "Ready") == "True"
            && state.lives(text(p, "/spec/nodeName"))
    })
}

const KINDS: [&str; 5] = ["backups", "restores", "downloadrequests", "serverstatusrequests", "deletebackuprequests"];

/// New requests are taken up.
pub(super) fn changed(state: &mut State, changes: &Changes) {
    let new: Vec<(&'static str, String)> = changes
        .iter()
        .filter(|(k, object)| KINDS.contains(&k.0) && text(object, "/status/phase").is_empty())
        .map(|(k, _)| (k.0, k.2.clone()))
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

/// One phase after another.
pub(super) fn go_on(state: &mut State, resource: &'static str, name: &str) {
    let Some(object) = state.store.get(resource, "velero", name).cloned() else { return };
    if !lives(state) {
        state.schedule(AGAIN, Timer::Velero(resource, name.to_owned()));
        return;
    }
    match resource {
        "schedules" => scheduled(state, name, &object),
        "backups" => backup(state, name, &object),
        "restores" => restore(state, name, &object),
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
            state.vault.backups.remove(&backup);
            state.store.remove("backups", "velero", &backup);
            state.store.remove(resource, "velero", name);
        }
        _ => phase(state, resource, name, "Processed", |status| status["serverVersion"] = "v1.18.3 (simulated)".into()),
    }
}

/// A schedule's backup: one, before anybody looks.
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

fn backup(state: &mut State, name: &str, backup: &Value) {
    let now = fields::stamp(state.wall());
    let location = state.store.within("backupstoragelocations", "velero").next().cloned();
    match text(backup, "/status/phase") {
        "" => {
            let usable = location.as_ref().is_some_and(|l| text(l, "/status/phase") == "Available");
            if !usable {
                invalid(
                    state,
                    "backups",
                    name,
                    "backup can't be created because BackupStorageLocation default is in Unavailable status.",
                );
                return;
            }
            let ttl = seconds(text(backup, "/spec/ttl"));
            let expires = fields::stamp(state.at(state.now_us + ttl * 1_000_000));
            let location = location.map(|l| fields::name(&l).to_owned()).unwrap_or_default();
            state.store.edit("backups", "velero", name, |b| b["spec"]["storageLocation"] = location.into());
            phase(state, "backups", name, "InProgress", |s| {
                s["startTimestamp"] = now.into();
                s["expiration"] = expires.into();
            });
            take(state, name, backup);
            let copied =
                state.vault.backups.get(name).map_or(0, |k| k.volumes.iter().filter(|v| v["skipped"] == false).count());
            let by_files = backup.pointer("/spec/defaultVolumesToFsBackup") == Some(&Value::Bool(true));
            let volumes = if by_files { VOLUME * u32::try_from(copied).unwrap_or(0) } else { Duration::ZERO };
            next(state, "backups", name, BACKUP + volumes);
        }
        "InProgress" => {
            let items = state.vault.backups.get(name).map_or(0, |k| k.objects.len());
            let missing = list(backup, "/spec/includedNamespaces")
                .iter()
                .filter_map(Value::as_str)
                .any(|ns| state.store.get("namespaces", "", ns).is_none() && items == 0);
            let word = if missing { "PartiallyFailed" } else { "Completed" };
            phase(state, "backups", name, word, |s| {
                s["completionTimestamp"] = now.into();
                s["progress"] = json!({"totalItems": items, "itemsBackedUp": items});
            });
        }
        _ => {}
    }
}

fn seconds(text: &str) -> u64 {
    if let Some(hours) = text.strip_suffix('h') {
        return hours.parse::<u64>().unwrap_or(720) * 3600;
    }
    text.trim_end_matches('s').parse().unwrap_or(720 * 3600)
}

/// Takes the picture.
fn take(state: &mut State, name: &str, backup: &Value) {
    let mut kept = Kept::default();
    for namespace in list(backup, "/spec/includedNamespaces").iter().filter_map(Value::as_str) {
        kept.objects.extend(state.store.get("namespaces", "", namespace).map(|o| (**o).clone()));
        for (resource, object) in state.store.content_of(namespace) {
            let excluded = fields::labels(&object).get("velero.io/exclude-from-backup").is_some_and(|v| v == "true");
            if !excluded && !LEFT_OUT.contains(&resource.plural) {
                kept.objects.push((*object).clone());
            }
        }
        let claims: Vec<Arc<Value>> = state.store.within("persistentvolumeclaims", namespace).cloned().collect();
        for claim in claims {
            let volume = state.store.get("persistentvolumes", "", text(&claim, "/spec/volumeName")).cloned();
            let captured = capture(state, &claim, volume.as_deref(), backup);
            if captured.as_ref().is_some_and(|info| info["skipped"] == false)
                && let Some(content) = state.contents.get(text(&claim, "/spec/volumeName"))
            {
                kept.contents.insert((namespace.to_owned(), fields::name(&claim).to_owned()), content.clone());
            }
            kept.volumes.extend(captured);
            kept.objects.extend(volume.map(|v| (*v).clone()));
        }
    }
    state.vault.backups.insert(name.to_owned(), kept);
}

/// What becomes of one volume's content; none where Velero says nothing at all.
fn capture(state: &State, claim: &Value, volume: Option<&Value>, backup: &Value) -> Option<Value> {
    let volume = volume?;
    let flag = |pointer: &str| backup.pointer(pointer) == Some(&Value::Bool(true));
    let (files, snapshots) = (flag("/spec/defaultVolumesToFsBackup"), flag("/spec/snapshotVolumes"));
    let host_path = volume.pointer("/spec/hostPath").is_some();
    let csi = volume.pointer("/spec/csi").is_some();
    let mounted = state.store.within("pods", fields::namespace(claim)).any(|p| {
        text(p, "/status/phase") == "Running"
            && list(p, "/spec/volumes")
                .iter()
                .any(|v| text(v, "/persistentVolumeClaim/claimName") == fields::name(claim))
    });
    // Velero's file-system backup passes over hostPath volumes without a word.
    if files && (host_path || !mounted) {
        return None;
    }
    let (method, skipped, why) = if files {
        ("PodVolumeBackup", false, "")
    } else if snapshots && csi {
        ("CSISnapshot", false, "")
    } else {
        ("", true, "podvolume: opted out; volumeSnapshot: no applicable volumesnapshotter found;")
    };
    Some(
        json!({"pvcName": fields::name(claim), "pvcNamespace": fields::namespace(claim), "pvName": fields::name(volume),
        "backupMethod": method, "skipped": skipped, "skippedReason": why, "result": if skipped { "" } else { "succeeded" }}),
    )
}

fn restore(state: &mut State, name: &str, restore: &Value) {
    let now = fields::stamp(state.wall());
    let source = text(restore, "/spec/backupName").to_owned();
    match text(restore, "/status/phase") {
        "" if state.store.get("backups", "velero", &source).is_none() => {
            invalid(state, "restores", name, &format!("Error retrieving backup: can't find backup velero/{source}"));
        }
        "" => {
            phase(state, "restores", name, "InProgress", |s| s["startTimestamp"] = now.into());
            let volumes = state
                .vault
                .backups
                .get(&source)
                .map_or(0, |k| k.volumes.iter().filter(|v| v["backupMethod"] == "PodVolumeBackup").count());
            next(state, "restores", name, RESTORE + VOLUME * u32::try_from(volumes).unwrap_or(0));
        }
        "InProgress" => {
            let Some(items) = bring_back(state, name, restore, &source) else {
                phase(state, "restores", name, "Failed", |s| {
                    s["failureReason"] = "the backup's data is not in the object store".into()
                });
                return;
            };
            phase(state, "restores", name, "Completed", |s| {
                s["completionTimestamp"] = now.into();
                s["progress"] = json!({"totalItems": items, "itemsRestored": items});
                // kube-root-ca.crt is always there already.
                s["warnings"] = 1.into();
            });
        }
        _ => {}
    }
}

/// Creates what is not there; what exists is left alone.
fn bring_back(state: &mut State, name: &str, restore: &Value, source: &str) -> Option<usize> {
    let kept = state.vault.backups.get(source)?;
    let (objects, volumes, contents) = (kept.objects.clone(), kept.volumes.clone(), kept.contents.clone());
    let included: Vec<&str> = list(restore, "/spec/includedNamespaces").iter().filter_map(Value::as_str).collect();
    let excluded: Vec<&str> = list(restore, "/spec/excludedResources").iter().filter_map(Value::as_str).collect();
    for ((namespace, claim), content) in contents {
        let home = mapped(restore, &namespace);
        if included.contains(&namespace.as_str()) && state.store.get("persistentvolumeclaims", &home, &claim).is_none()
        {
            state.promised.insert((home, claim), content);
        }
    }
    let mut made = 0;
    for object in &objects {
        let Some(resource) = resources::of_kind(text(object, "/kind")) else { continue };
        let full = format!("{}.{}", resource.plural, resource.group);
        if DERIVED.contains(&resource.plural) || excluded.iter().any(|e| *e == resource.plural || *e == full) {
            continue;
        }
        made += usize::from(put_back(state, name, restore, resource, object, &included));
    }
    for volume in volumes
        .iter()
        .filter(|v| v["backupMethod"] == "PodVolumeBackup" && included.contains(&text(v, "/pvcNamespace")))
    {
        let object = json!({"metadata": {"name": format!("{name}-{}", text(volume, "/pvcName")), "namespace": "velero",
                "labels": {"velero.io/restore-name": name}},
            "status": {"phase": "Completed", "progress": {"totalBytes": 1, "bytesDone": 1}}});
        let now = state.wall();
        state.store.create(resources::known("podvolumerestores"), object, now);
    }
    Some(made)
}

/// The namespace that a restore puts another's objects into.
fn mapped(restore: &Value, namespace: &str) -> String {
    let pointer = format!("/spec/namespaceMapping/{namespace}");
    restore.pointer(&pointer).and_then(Value::as_str).unwrap_or(namespace).to_owned()
}

fn put_back(
    state: &mut State,
    name: &str,
    restore: &Value,
    resource: &'static Resource,
    object: &Value,
    included: &[&str],
) -> bool {
    let mut copy = object.clone();
    let map = |namespace: &str| mapped(restore, namespace);
    let mut home = String::new();
    if resource.namespaced {
        if !included.contains(&fields::namespace(object)) {
            return false;
        }
        home = map(fields::namespace(object));
        copy["metadata"]["namespace"] = home.clone().into();
    } else if resource.plural == "namespaces" {
        copy["metadata"]["name"] = map(fields::name(object)).into();
    } else {
        // A deleted volume is provisioned anew by its class.
        return false;
    }
    let own = fields::name(&copy).to_owned();
    if state.store.get(resource.plural, &home, &own).is_some() {
        return false;
    }
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "ownerReferences"] {
        if let Some(meta) = copy["metadata"].as_object_mut() {
            meta.remove(field);
        }
    }
    copy["metadata"]["labels"]["velero.io/restore-name"] = name.into();
    copy["metadata"]["labels"]["velero.io/backup-name"] = restore["spec"]["backupName"].clone();
    if resource.plural == "persistentvolumeclaims" {
        copy["status"] = json!({"phase": "Pending"});
        // A volume that is no more is provisioned anew, with or without its content.
        let volume = text(&copy, "/spec/volumeName").to_owned();
        let captured = state.promised.contains_key(&(home.clone(), own.clone()));
        let moved = home != fields::namespace(object);
        if (captured || moved || state.store.get("persistentvolumes", "", &volume).is_none())
            && let Some(spec) = copy["spec"].as_object_mut()
        {
            spec.remove("volumeName");
        }
    } else if let Some(fields) = copy.as_object_mut() {
        fields.remove("status");
    }
    if resource.plural == "namespaces" {
        copy["status"] = json!({"phase": "Active"});
    }
    if resource.plural == "cronjobs" && restore.pointer("/spec/resourceModifier").is_some() {
        copy["spec"]["suspend"] = true.into();
    }
    if resource.plural == "services"
        && restore.pointer("/spec/resourceModifier").is_some()
        && !text(&copy, "/spec/type").is_empty()
    {
        copy["spec"]["type"] = "ClusterIP".into();
    }
    let now = state.wall();
    state.store.create(resource, copy, now);
    true
}
