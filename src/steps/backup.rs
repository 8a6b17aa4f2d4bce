//! The step backup: takes a Velero backup, and proves what it contains.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    PlanInput, Progress, StepContext, StepError, checksums,
    planning::{Draft, act, draft},
};
use crate::{
    kubernetes::{objects::Claim, without_content},
    model::{
        BackupMade, BackupStep, Capture, Checksums, LeftObject, PlannedStep, RUN_LABEL, StepClass, StepResult, Verb,
        VolumeInfo, backup_name,
    },
    world::is_terminal,
};

pub(super) fn plan(spec: &BackupStep, input: &PlanInput<'_>, step: &str) -> Result<Draft, String> {
    for namespace in &spec.namespaces {
        if !input.namespaces.contains(namespace) {
            return Err(format!("namespace `{namespace}` is not in scope"));
        }
    }
    let mut planned =
        draft(StepClass::Observe, "does not stop the backup: Velero completes it, and it expires after its ttl");
    planned.acts.push(act(
        format!(
            "create Backup {} (namespaces {}, volumes {:?}, ttl {})",
            backup_name(input.run, step),
            spec.namespaces.join(", "),
            spec.volumes,
            spec.ttl
        ),
        "none: it expires after its ttl, and is listed as left behind",
    ));
    let uncovered = input.inventory.uncovered(&spec.namespaces, spec.volumes);
    let uncovered = uncovered.map_err(|w| format!("cannot list the claims and their pods: {w}"))?;
    planned.notes.extend(uncovered.iter().map(|(_, why)| why.to_string()));
    Ok(planned)
}

/// The backup that a planned step takes, if it takes one.
pub(super) fn spec_of(planned: &PlannedStep) -> Option<&BackupStep> {
    match planned.verb() {
        Some(Verb::Backup(spec)) => Some(spec),
        _ => None,
    }
}

pub(super) async fn apply(context: &StepContext, spec: &BackupStep) -> Result<String, StepError> {
    let before = checksums_of(context, spec).await?;
    let made = take(context, spec).await?;
    let after = checksums_of(context, spec).await?;
    let made = BackupMade { checksums: stable(&before, &after), changed: changed(&before, &after), ..made };
    context.result(StepResult::Backup(made.clone()))?;
    prove_volumes(context, spec, &made.volumes).await?;
    Ok(told(&made))
}

/// A backup in one line.
pub(super) fn told(made: &BackupMade) -> String {
    let captured = made.volumes.iter().filter(|v| v.is_captured()).count();
    let items = made.items.map_or("an unknown number of".to_owned(), |n| n.to_string());
    format!("{} Completed, {items} items, {captured} volumes", made.backup)
}

/// Takes a backup and waits until it is Completed. The files of its volumes are not read.
pub(super) async fn take(context: &StepContext, spec: &BackupStep) -> Result<BackupMade, StepError> {
    let velero = &context.world.velero;
    let name = backup_name(&context.run, &context.step.0);
    context.leaves(
        &LeftObject::Backup(name.clone()),
        format!("velero --namespace {} backup delete {name} --confirm", velero.namespace),
        &format!("after {}", spec.ttl),
    )?;
    let call = velero.creation(
        "Backup",
        &name,
        &json!({RUN_LABEL: context.run}),
        json!({
            "includedNamespaces": spec.namespaces,
            "ttl": format!("{}s", spec.ttl.0.as_millis().div_ceil(1000)),
            "defaultVolumesToFsBackup": spec.volumes == Capture::FileSystem,
            "snapshotVolumes": spec.volumes == Capture::Snapshot,
            "excludedResources": ["events", "events.events.k8s.io"],
        }),
    );
    context.send(&call).await?;
    let backup = finished(context, "backups", &name, spec.at_most.0).await?;
    let phase = backup.pointer("/status/phase").and_then(Value::as_str).unwrap_or("").to_owned();
    if phase != "Completed" {
        let why = results(context, "BackupResults", &name, &backup).await;
        return Err(StepError::Failed(format!("backup {name} ended {phase}: {why}")));
    }
    let volumes = velero.volumes(&name).await.map_err(StepError::failed)?;
    let stamp = |pointer| backup.pointer(pointer).and_then(Value::as_str).and_then(|t| t.parse().ok());
    let items = backup.pointer("/status/progress/itemsBackedUp").and_then(Value::as_u64);
    Ok(BackupMade {
        backup: name,
        namespaces: spec.namespaces.clone(),
        started: stamp("/status/startTimestamp"),
        completed: stamp("/status/completionTimestamp"),
        expires: stamp("/status/expiration"),
        items,
        volumes,
        capture: spec.volumes,
        checksums: BTreeMap::new(),
        changed: BTreeMap::new(),
        unreadable: context.world.bindings.volumes.unreadable_because.clone(),
    })
}

/// Checks that every claim of the namespaces is in the backup, except claims that a later step allows to be lost. The
/// phase of the backup does not show this.
pub(super) async fn prove_volumes(
    context: &StepContext,
    spec: &BackupStep,
    volumes: &[VolumeInfo],
) -> Result<(), StepError> {
    for namespace in &spec.namespaces {
        let missing = uncaptured(context, namespace, volumes).await?;
        if !missing.is_empty() && spec.volumes != Capture::None {
            return Err(StepError::Failed(format!(
                "the backup is Completed, but does not contain the content of: {}",
                missing.join("; ")
            )));
        }
    }
    Ok(())
}

/// Claims whose content the backup does not contain and that must not be lost, with the reasons.
async fn uncaptured(context: &StepContext, namespace: &str, volumes: &[VolumeInfo]) -> Result<Vec<String>, StepError> {
    let path = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims");
    let claims: Vec<Claim> = context.world.kube.list_as(&path).await.map_err(StepError::failed)?;
    let held: BTreeMap<&str, &VolumeInfo> =
        volumes.iter().filter(|v| v.pvc_namespace == namespace).map(|v| (v.pvc_name.as_str(), v)).collect();
    let lost = |claim: &Claim| {
        let name = &claim.metadata.name;
        without_content(held.get(name.as_str()).copied()).map(|why| format!("claim {name} ({why})"))
    };
    Ok(claims.iter().filter(|c| !context.plan.may_lose(&c.object_name())).filter_map(lost).collect())
}

async fn checksums_of(context: &StepContext, spec: &BackupStep) -> Result<BTreeMap<String, Checksums>, StepError> {
    let mut all = BTreeMap::new();
    if spec.volumes != Capture::None && context.world.bindings.volumes.reader_image.is_some() {
        for namespace in &spec.namespaces {
            all.insert(namespace.clone(), checksums::read(context, namespace).await?);
        }
    }
    Ok(all)
}

/// The files that were the same before and after the backup. A file that changed in between is in use, and no restore
/// can be compared with it.
fn stable(before: &BTreeMap<String, Checksums>, after: &BTreeMap<String, Checksums>) -> BTreeMap<String, Checksums> {
    let mut stable = before.clone();
    for (namespace, claims) in &mut stable {
        for (claim, files) in claims {
            let later = after.get(namespace).and_then(|c| c.get(claim));
            files.retain(|file, hash| later.and_then(|f| f.get(file)) == Some(hash));
        }
    }
    stable
}

/// The other files by name: those that changed, appeared or disappeared in between.
fn changed(
    before: &BTreeMap<String, Checksums>,
    after: &BTreeMap<String, Checksums>,
) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let mut changed: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let sides = [(before, after), (after, before)];
    for (one, other) in sides {
        let files = one.iter().flat_map(|(namespace, claims)| {
            claims
                .iter()
                .flat_map(move |(claim, files)| files.iter().map(move |(file, hash)| (namespace, claim, file, hash)))
        });
        for (namespace, claim, file, hash) in files {
            let same = other.get(namespace).and_then(|c| c.get(claim)).and_then(|f| f.get(file)) == Some(hash);
            if !same {
                changed.entry(namespace.clone()).or_default().entry(claim.clone()).or_default().push(file.clone());
            }
        }
    }
    for files in changed.values_mut().flat_map(BTreeMap::values_mut) {
        files.sort();
        files.dedup();
    }
    changed
}

/// Waits until Velero has completed a Backup or Restore.
pub(super) async fn finished(
    context: &StepContext,
    resource: &str,
    name: &str,
    limit: Duration,
) -> Result<Value, StepError> {
    let what = format!("{} {name}", resource.trim_end_matches('s'));
    context
        .until(limit, &what, async || match context.world.velero.find(resource, name).await {
            Ok(Some(found)) => {
                let phase = found
                    .pointer("/status/phase")
                    .and_then(Value::as_str)
                    .unwrap_or("Velero has not seen it yet")
                    .to_owned();
                let done =
                    found.pointer("/status/progress/itemsBackedUp").or(found.pointer("/status/progress/itemsRestored"));
                if is_terminal(&phase) {
                    Progress::Done(found)
                } else {
                    Progress::NotYet(format!("{phase}{}", done.map(|d| format!(", {d} items")).unwrap_or_default()))
                }
            }
            Ok(None) => Progress::NotYet("it does not exist".into()),
            Err(error) => Progress::NotYet(error.to_string()),
        })
        .await
}

/// Why something failed, as far as Velero reports it.
pub(super) async fn results(context: &StepContext, kind: &str, name: &str, object: &Value) -> String {
    let mut why: Vec<String> = vec![];
    for pointer in ["/status/failureReason", "/status/validationErrors"] {
        match object.pointer(pointer) {
            Some(Value::String(text)) => why.push(text.clone()),
            Some(Value::Array(list)) => why.extend(list.iter().map(ToString::to_string)),
            _ => {}
        }
    }
    if why.is_empty() {
        why.push(match context.world.velero.document(kind, name).await {
            Ok(results) => results["errors"].to_string().chars().take(500).collect(),
            Err(error) => error.to_string(),
        });
    }
    why.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_compared_or_left_out_by_name() {
        let of = |files: &[(&str, &str)]| -> BTreeMap<String, Checksums> {
            let files = files.iter().map(|(file, hash)| ((*file).to_owned(), (*hash).to_owned())).collect();
            [("shop".to_owned(), [("data-0".to_owned(), files)].into())].into()
        };
        let before = of(&[("./same", "1"), ("./written", "2"), ("./gone", "3")]);
        let after = of(&[("./same", "1"), ("./written", "9"), ("./new", "4")]);
        assert_eq!(stable(&before, &after)["shop"]["data-0"].len(), 1);
        assert_eq!(changed(&before, &after)["shop"]["data-0"], ["./gone", "./new", "./written"]);
        assert!(changed(&before, &before).is_empty());
    }
}
