//! Restores a namespace from a backup, whatever state it is in, and verifies that it is complete. The restore step and
//! the undo of deleteNamespace both use this function, so a drill practises exactly what an emergency would run.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    ATTEMPT, Closing, Direction, StepContext, StepError, backup, checksums, losses, namespace,
    whole::{left, whole},
};
use crate::{
    inventory::objects_in,
    journal::FaultRecord,
    kubernetes::{
        Objects,
        objects::{Claim, Named},
    },
    model::{
        Checksums, Difference, Differs, FileWrong, FilesRead, LeftBecause, LeftObject, RUN_LABEL, Restored, Revert,
        StepResult, VolumeInfo, VolumesDone, WorkloadRef, clauses,
    },
};

/// How long one attempt of an undo waits for one thing. If it takes longer, the next attempt finds the deletion or the
/// restore in progress and continues to wait.
const WAIT: Duration = Duration::from_secs(150);
const _: () = assert!(WAIT.as_secs() < ATTEMPT.as_secs(), "an attempt sees its end");

/// What to restore.
pub(super) struct Order<'a> {
    pub namespace: &'a str,
    pub backup: &'a str,
    /// Name of the Restore. If it is taken, a suffix is added.
    pub restore: String,
    pub ready: &'a [(WorkloadRef, u32)],
    pub limit: Duration,
}

/// Checks that the backup can be restored: Completed, not about to expire, storage location available.
pub(super) async fn usable(context: &StepContext, name: &str) -> Result<Value, String> {
    let velero = &context.world.velero;
    let backup = velero
        .find("backups", name)
        .await
        .map_err(|e| e.to_string())?
        .ok_or_else(|| format!("backup {name} no longer exists (its data may be gone from the bucket)"))?;
    let text = |pointer: &str| backup.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let phase = text("/status/phase");
    if phase != "Completed" {
        return Err(format!("backup {name} is {phase}, not Completed"));
    }
    let expires: Option<jiff::Timestamp> = text("/status/expiration").parse().ok();
    let needed = context.plan.limits.duration.0.as_secs() + 3600;
    // An undo does not check the expiry date: whatever still exists is restored.
    if let Some(expires) = expires.filter(|_| context.direction == Direction::Forward) {
        let left = expires.as_second() - context.world.clock.wall().as_second();
        if left < i64::try_from(needed).unwrap_or(i64::MAX) {
            return Err(format!("backup {name} expires at {expires}, which may be before this drill and its undo end"));
        }
    }
    let location = text("/spec/storageLocation");
    let bsl = velero.find("backupstoragelocations", &location).await.map_err(|e| e.to_string())?;
    match bsl.as_ref().and_then(|b| b.pointer("/status/phase")).and_then(Value::as_str) {
        Some("Available") => Ok(backup),
        other => Err(format!("storage location {location} of backup {name} is {}", other.unwrap_or("missing"))),
    }
}

/// Restores and verifies. Returns what it found, for the verdict.
pub(super) async fn restore_namespace(context: &StepContext, order: &Order<'_>) -> Result<Restored, StepError> {
    let velero = &context.world.velero;
    usable(context, order.backup).await.map_err(StepError::Failed)?;
    let labels = json!({RUN_LABEL: context.run});
    let spec = json!({
        "backupName": order.backup, "includedNamespaces": [order.namespace],
        "includeClusterResources": null, "restorePVs": true,
    });
    let sent_us = context.recorder.now_us();
    // An earlier attempt or session may have created the Restore. If so, only its end is waited for.
    let earlier = velero.find("restores", &order.restore).await.map_err(StepError::failed)?;
    if let Some(earlier) = earlier {
        let of = earlier.pointer("/spec/backupName").and_then(Value::as_str).unwrap_or_default();
        if of != order.backup {
            return Err(StepError::Failed(format!(
                "a restore {} exists already, and was made from backup {of}, not from {}: delete it",
                order.restore, order.backup
            )));
        }
    } else {
        context.leaves(
            &LeftObject::Restore(order.restore.clone()),
            format!("velero --namespace {} restore delete {} --confirm", velero.namespace, order.restore),
            "with its backup",
        )?;
        context.send(&velero.creation("Restore", &order.restore, &labels, spec)).await?;
    }
    see_through(context, order, order.namespace, (sent_us, None), |_| false).await
}

/// Waits for the end of a Restore that was requested at `sent_us` for namespace `to`, and verifies that its result is
/// complete. Returns what it found, for the verdict. `held` is the content of the backup, if it was already read. If
/// not, it is read only after the restore, so that nothing but Velero can keep the restore from being made. `meant`
/// lists differences that the drill itself caused.
pub(super) async fn see_through(
    context: &StepContext,
    order: &Order<'_>,
    to: &str,
    (sent_us, held): (u64, Option<Objects>),
    meant: impl Fn(&Difference) -> bool,
) -> Result<Restored, StepError> {
    let restore = backup::finished(context, "restores", &order.restore, order.limit).await?;
    let completed_us = context.recorder.now_us();
    let phase = restore.pointer("/status/phase").and_then(Value::as_str).unwrap_or("").to_owned();
    if phase != "Completed" {
        let why = backup::results(context, "RestoreResults", &order.restore, &restore).await;
        return Err(StepError::Failed(format!("restore {} ended {phase}: {why}", order.restore)));
    }
    let ready = whole(context, to, order.ready, order.limit).await?;
    let ready_us = context.recorder.now_us();
    let held = match held {
        Some(held) => held,
        None => losses::objects_held(context, order.backup, order.namespace, to).await?,
    };
    let now = objects_in(&context.world.kube, to).await.map_err(StepError::failed)?;
    let lost = losses::allowed(context, order.namespace);
    let mut differences = held.compare(&now);
    let left_out_of_compared = differences.iter().filter(|d| d.is_missing() && meant(d)).count() as u64;
    differences.retain(|d| !meant(d) && !lost.iter().any(|l| l.object.matches(&d.object)));
    if !ready.scaled.is_empty() {
        differences.retain_mut(|d| !only_replicas(d));
    }
    let volumes = context.world.velero.volumes(order.backup).await.map_err(StepError::failed)?;
    let volumes: Vec<VolumeInfo> = volumes.into_iter().filter(|v| v.pvc_namespace == order.namespace).collect();
    let count = |pointer| restore.pointer(pointer).and_then(Value::as_u64);
    Ok(Restored {
        restore: order.restore.clone(),
        backup: order.backup.to_owned(),
        namespace: order.namespace.to_owned(),
        into: None,
        sent_us,
        completed_us,
        ready_us,
        warnings: count("/status/warnings"),
        errors: count("/status/errors"),
        objects: held.len() as u64,
        differences,
        claims: claims(context, order, &volumes).await?,
        velero: restored_by_velero(context, order, &volumes).await?,
        files: files(context, order, to).await?,
        ready: ready.said,
        scaled: ready.scaled,
        lost,
        left_out: vec![],
        left_out_of_compared,
        isolation: None,
    })
}

/// Removes the replicas from a difference if the workload was scaled outside the drill: the restore did not cause
/// that.
fn only_replicas(difference: &mut Difference) -> bool {
    let Differs::ChangedAt(fields) = &mut difference.what else { return false };
    fields.retain(|f| f != "/spec/replicas");
    fields.is_empty()
}

/// Compares the files of the volumes with the checksums of the backup.
async fn files(context: &StepContext, order: &Order<'_>, to: &str) -> Result<FilesRead, StepError> {
    let place = &context.world.bindings.volumes;
    if place.reader_image.is_none() {
        let why = place.unreadable_because.clone();
        return Ok(FilesRead::Unreadable {
            why: why.unwrap_or_else(|| "the bindings name no volumes.readerImage".into()),
        });
    }
    let before = context.recorder.with(|s| {
        s.results.values().find_map(|r| match r {
            StepResult::Backup(made) if made.backup == order.backup => made
                .checksums
                .get(order.namespace)
                .map(|files| (files.clone(), made.changed.get(order.namespace).cloned().unwrap_or_default())),
            _ => None,
        })
    });
    let after = checksums::read(context, to).await?;
    let Some((before, changed)) = before else {
        let files = after.values().map(|files| files.len() as u64).sum();
        return Ok(FilesRead::NothingBefore { volumes: after.len() as u64, files });
    };
    let files = before.values().map(|files| files.len() as u64).sum();
    let none = |claim: &String| before.get(claim).is_none_or(BTreeMap::is_empty);
    let uncompared = changed.keys().filter(|claim| none(claim)).cloned().collect();
    let (volumes, wrong) = (before.len() as u64, wrong(&before, &after));
    Ok(FilesRead::Compared { volumes, files, wrong, left_out: left_out(&changed), uncompared })
}

/// Files that changed during the backup, by name.
fn left_out(changed: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    changed.iter().flat_map(|(claim, files)| files.iter().map(move |file| format!("{claim}: {file}"))).collect()
}

/// Files that differ from before.
fn wrong(before: &Checksums, after: &Checksums) -> Vec<FileWrong> {
    let mut wrong = vec![];
    for (claim, wanted) in before {
        for (file, hash) in wanted {
            let found = after.get(claim).and_then(|files| files.get(file));
            if found != Some(hash) {
                wrong.push(FileWrong { claim: claim.clone(), file: file.clone(), missing: found.is_none() });
            }
        }
    }
    wrong
}

/// Claims that the namespace had when the backup started: existing claims that are older than the backup, and claims
/// that Velero lists, whether or not it captured them.
async fn claims(context: &StepContext, order: &Order<'_>, named: &[VolumeInfo]) -> Result<Vec<String>, StepError> {
    let velero = &context.world.velero;
    let backup = velero.find("backups", order.backup).await.map_err(StepError::failed)?.unwrap_or_default();
    let begun: Option<jiff::Timestamp> =
        backup.pointer("/status/startTimestamp").and_then(Value::as_str).and_then(|t| t.parse().ok());
    let path = format!("/api/v1/namespaces/{}/persistentvolumeclaims", order.namespace);
    let live: Vec<Claim> = context.world.kube.list_as(&path).await.map_err(StepError::failed)?;
    let older = |claim: &Claim| {
        let made: Option<jiff::Timestamp> = claim.metadata.creation_timestamp.as_ref().and_then(|t| t.parse().ok());
        made.zip(begun).is_some_and(|(made, begun)| made <= begun)
    };
    let named = named.iter().map(|v| v.pvc_name.clone());
    let mut all: Vec<String> = live.iter().filter(|c| older(c)).map(|c| c.metadata.name.clone()).chain(named).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// The volumes in the backup, and how many of them Velero restored according to its records.
async fn restored_by_velero(
    context: &StepContext,
    order: &Order<'_>,
    volumes: &[VolumeInfo],
) -> Result<VolumesDone, StepError> {
    let velero = &context.world.velero;
    let held: Vec<&VolumeInfo> = volumes.iter().filter(|v| v.is_captured()).collect();
    let snapshots = held.iter().filter(|v| v.is_snapshot()).count() as u64;
    let held: Vec<String> = held.into_iter().map(|v| v.pvc_name.clone()).collect();
    let query = format!("?labelSelector=velero.io%2Frestore-name%3D{}", order.restore);
    let restores = velero.list("podvolumerestores", &query).await.map_err(StepError::failed)?;
    let done = restores.iter().filter(|r| {
        let progress = |p: &str| r.pointer(&format!("/status/progress/{p}")).and_then(Value::as_u64);
        r.pointer("/status/phase").and_then(Value::as_str) == Some("Completed")
            && progress("bytesDone") == progress("totalBytes")
    });
    Ok(VolumesDone { held, restores: restores.len() as u64, completed: done.count() as u64, snapshots })
}

/// The undo of deleteNamespace: completes the deletion and restores the namespace.
pub(super) async fn revert(context: &StepContext, fault: &FaultRecord) -> Result<Closing, String> {
    let Revert::Restore { namespace: name, uid, backup, force_dead_pods, ready, .. } = &fault.revert else {
        return Err("not a namespace".into());
    };
    let path = format!("/api/v1/namespaces/{name}");
    let found: Option<Named> = context.world.kube.find_as(&path).await.map_err(|e| e.to_string())?;
    if let Some(found) = &found {
        if found.metadata.uid == *uid && found.metadata.deletion_timestamp.is_none() {
            return Ok(Closing::Reverted(format!("namespace {name} was not deleted (its UID is as before)")));
        }
        if found.metadata.deletion_timestamp.is_some() {
            namespace::gone(context, name, *force_dead_pods, WAIT).await.map_err(|e| e.to_string())?;
        }
    }
    let mut order = Order { namespace: name, backup, restore: String::new(), ready, limit: WAIT };
    // A completed restore is checked before another one is created.
    if let Some(restore) = found.as_ref().and(completed(context, backup, name).await?) {
        order.restore = restore;
        let done = restore_namespace(context, &order).await.map_err(|e| e.to_string())?;
        // Another restore could add missing objects, but would not change existing volumes.
        if done.missing().next().is_none() {
            return closing(&done, name);
        }
    }
    order.restore = free_name(context, &format!("{backup}-undo")).await?;
    let done = restore_namespace(context, &order).await.map_err(|e| e.to_string())?;
    closing(&done, name)
}

/// The newest Completed Restore of a backup into a namespace.
async fn completed(context: &StepContext, backup: &str, namespace: &str) -> Result<Option<String>, String> {
    let restores = context.world.velero.list("restores", "").await.map_err(|e| e.to_string())?;
    let text = |r: &Value, p: &str| r.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(restores
        .iter()
        .filter(|r| text(r, "/spec/backupName") == backup && text(r, "/status/phase") == "Completed")
        .filter(|r| r.pointer("/spec/namespaceMapping").is_none_or(|m| m.get(namespace).is_none()))
        .max_by_key(|r| text(r, "/status/startTimestamp"))
        .map(|r| text(r, "/metadata/name")))
}

/// Turns a verified restore into the end of the undo. If the namespace is not complete, the undo is not done.
pub(super) fn closing(done: &Restored, namespace: &str) -> Result<Closing, String> {
    let missing = done.missing().map(ToString::to_string);
    let absent: Vec<String> = missing.chain(done.files.wrong().iter().map(ToString::to_string)).collect();
    if !absent.is_empty() {
        return Err(format!("namespace {namespace} was restored, but is not complete: {}", clauses(&absent)));
    }
    let changed: Vec<String> = done.differences.iter().map(ToString::to_string).collect();
    let mut said = format!(
        "namespace {namespace} restored from {}: {} objects compared, ready as before",
        done.backup, done.objects
    );
    if !changed.is_empty() {
        said += &format!("; different from before: {}", clauses(&changed));
    }
    if !done.lost.is_empty() {
        let lost: Vec<String> = done.lost.iter().map(ToString::to_string).collect();
        said += &format!("; lost, as the scenario allows: {}", clauses(&lost));
    }
    if !done.scaled.is_empty() {
        said = left(&said, &done.scaled);
    }
    // An object that differs from before is not reported as reverted, whoever changed it.
    let reasons = [
        (!done.scaled.is_empty(), LeftBecause::Others),
        (!done.lost.is_empty(), LeftBecause::Losses),
        (!changed.is_empty(), LeftBecause::Differences),
    ];
    let because: Vec<LeftBecause> = reasons.into_iter().filter(|(is, _)| *is).map(|(_, reason)| reason).collect();
    Ok(if because.is_empty() { Closing::Reverted(said) } else { Closing::NotAsBefore(said, because) })
}

/// A name for which no Restore exists: a failed one is not reused.
async fn free_name(context: &StepContext, base: &str) -> Result<String, String> {
    for attempt in 1..20 {
        let name = format!("{base}-{attempt}");
        let found = context.world.velero.find("restores", &name).await.map_err(|e| e.to_string())?;
        let phase = found.as_ref().and_then(|r| r.pointer("/status/phase")).and_then(Value::as_str).unwrap_or("");
        if found.is_none() || !crate::world::is_terminal(phase) {
            return Ok(name);
        }
    }
    Err(format!("twenty restores {base}-N have failed: run `velero restore describe {base}-1` to find out why"))
}
