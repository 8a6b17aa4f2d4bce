//! The step reprotected: takes a new backup of a restored namespace, and labels the backup that the restore used
//! with the run, the verdict on the restore and the date. Without a new backup, the next loss would find only the old one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    PlanInput, StepContext, StepError, backup,
    context::as_read,
    planning::{Draft, act, draft},
    restore,
};
use crate::{
    model::{
        BackupStep, DRILLED_LABELS, LeftObject, PlannedStep, Reprotected, ReprotectedStep, RestoreStep, StepClass,
        StepResult, Verb, backup_name, shell,
    },
    told,
    world::ApiCall,
};

pub(super) fn plan(
    spec: &ReprotectedStep,
    input: &PlanInput<'_>,
    so_far: &[PlannedStep],
    step: &str,
) -> Result<Draft, String> {
    let earlier = so_far.iter().position(|s| s.name == spec.of);
    let found = earlier.and_then(|at| Some((at, restored(&so_far[at])?)));
    let (at, spec_of) =
        found.ok_or_else(|| format!("`{}` is not the name of an earlier step that restores in place", spec.of))?;
    if let Some(fault) = lasting(so_far) {
        return Err(format!(
            "step `{fault}` is not undone before this one, so the new backup would be taken while its fault lasts: add `heal: {{fault: {fault}}}` before"
        ));
    }
    let namespace = restore::namespace_of(spec_of, &so_far[..at])?;
    let mut planned =
        draft(StepClass::Observe, "does not stop the backup: Velero completes it, and it expires after its ttl");
    planned.acts.push(act(
        format!(
            "create Backup {} (namespace {namespace}, volumes {:?}, ttl {})",
            backup_name(input.run, step),
            spec.volumes,
            spec.ttl
        ),
        "none: it expires after its ttl, and is listed as left behind",
    ));
    planned.acts.push(act(
        format!("label the Backup that `{}` restored with run, verdict on the restore, and date", spec.of),
        "none: the labels stay; the report lists the command that removes them",
    ));
    let uncovered = input.inventory.uncovered(&[namespace], spec.volumes);
    let uncovered = uncovered.map_err(|w| format!("cannot list the claims and their pods: {w}"))?;
    planned.notes.extend(uncovered.iter().map(|(_, why)| why.to_string()));
    Ok(planned)
}

/// The specification of a planned step that restores in place.
fn restored(planned: &PlannedStep) -> Option<&RestoreStep> {
    match planned.verb() {
        Some(Verb::Restore(spec)) if spec.into.is_none() => Some(spec),
        _ => None,
    }
}

/// The first fault whose undo has not come before, and during which a backup would not hold the usual application.
fn lasting(so_far: &[PlannedStep]) -> Option<&str> {
    let healed = |name: &str| so_far.iter().any(|s| s.heals() == Some(name));
    let lasts = |s: &&PlannedStep| match s.verb() {
        Some(Verb::Scale(_)) => true,
        Some(Verb::Exec(exec)) => !exec.undo.is_empty(),
        _ => s.takes_nodes(),
    };
    so_far.iter().filter(lasts).map(|s| s.name.0.as_str()).find(|name| !healed(name))
}

pub(super) async fn apply(context: &StepContext, spec: &ReprotectedStep) -> Result<String, StepError> {
    let restored = context.recorder.with(|s| s.results.get(&spec.of).and_then(StepResult::restored).cloned());
    let restored = restored.ok_or_else(|| {
        StepError::Failed(format!("`{}` did not restore anything, so there is nothing to protect again", spec.of))
    })?;
    let lasting = context.recorder.with(|s| s.still_open().find(|f| f.revert.spoils_backup()).cloned());
    if let Some(fault) = lasting {
        return Err(StepError::Failed(format!(
            "the fault of step `{}` on {} still lasts, so a backup would not hold the application as it usually is: heal it before",
            fault.step, fault.target
        )));
    }
    let backup = BackupStep {
        namespaces: vec![restored.namespace.clone()],
        volumes: spec.volumes,
        ttl: spec.ttl,
        at_most: spec.at_most,
    };
    let sent_us = context.recorder.now_us();
    let made = backup::take(context, &backup).await?;
    let completed_us = context.recorder.now_us();
    backup::prove_volumes(context, &backup, &made.volumes).await?;
    // The new backup is proven, whatever becomes of the labels: its result is written in both cases.
    let (used, new) = (restored.backup.clone(), made.backup.clone());
    let done = backup::told(&made);
    let (labels, failed) = match label(context, spec, &used).await {
        Ok(labels) => (labels, None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let said = format!("{done}; {used} is labelled {}", in_words(&labels));
    context.result(StepResult::Reprotected(Reprotected {
        after: spec.of.clone(),
        made,
        sent_us,
        completed_us,
        used: restored.backup,
        labels,
        unlabelled: failed.as_ref().map(|error| told!(context.recorder, "{error}")),
    }))?;
    match failed {
        None => Ok(said),
        Some(StepError::Failed(why)) => Err(StepError::Failed(format!(
            "the new backup {new} is complete, but {used}, which the restore used, could not be labelled: {why}"
        ))),
        Some(other) => Err(other),
    }
}

/// Labels the backup that was used, and reads the labels back. What it will leave behind is written down before.
async fn label(
    context: &StepContext,
    spec: &ReprotectedStep,
    used: &str,
) -> Result<BTreeMap<String, String>, StepError> {
    let velero = &context.world.velero;
    let verdict = context.judge.with(|history| history.restore_outcome(&spec.of));
    let verdict = verdict.map_or("not-judged".to_owned(), |outcome| outcome.to_string().to_lowercase());
    let date = context.world.clock.wall().strftime("%Y-%m-%d").to_string();
    let wanted: BTreeMap<String, String> =
        DRILLED_LABELS.map(str::to_owned).into_iter().zip([context.run.clone(), verdict, date]).collect();
    let found = velero.find("backups", used).await.map_err(StepError::failed)?;
    let found = found.ok_or_else(|| StepError::Failed(format!("Velero has no backup {used} any more")))?;
    context.leaves(
        &LeftObject::BackupLabels(used.to_owned()),
        back(&velero.namespace, used, &found),
        "with the backup",
    )?;
    let path = velero.path("backups", used);
    let change = |found: &Value| {
        let mut metadata = as_read(found);
        metadata["labels"] = json!(wanted);
        Ok(ApiCall::merge(path.clone(), json!({"metadata": metadata})))
    };
    context.change(&path, change).await.map_err(StepError::Failed)?;
    let after = velero.find("backups", used).await.map_err(StepError::failed)?.unwrap_or_default();
    let labels = labels(&after);
    if labels == wanted {
        Ok(labels)
    } else {
        Err(StepError::Failed(format!("backup {used} does not keep its labels: {}", in_words(&labels))))
    }
}

/// The labels of a backup that a drill sets.
fn labels(backup: &Value) -> BTreeMap<String, String> {
    let of = |key: &str| Some((key.to_owned(), backup["metadata"]["labels"][key].as_str()?.to_owned()));
    DRILLED_LABELS.into_iter().filter_map(of).collect()
}

/// The command that gives a backup the labels back that it had before.
fn back(velero: &str, used: &str, before: &Value) -> String {
    let before = labels(before);
    let word = |key: &str| before.get(key).map_or(format!("{key}-"), |value| format!("{key}={value}"));
    let words = ["kubectl", "--namespace", velero, "label", "--overwrite", "backups.velero.io", used];
    let words: Vec<String> = words.into_iter().map(str::to_owned).chain(DRILLED_LABELS.into_iter().map(word)).collect();
    shell(&words)
}

fn in_words(labels: &BTreeMap<String, String>) -> String {
    let words: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_an_earlier_drill_can_be_put_back() {
        let before = json!({"metadata": {"labels": {"drillmaster.dev/drilled-by": "old", "team": "shop"}}});
        let words = "kubectl --namespace velero label --overwrite backups.velero.io nightly drillmaster.dev/drilled-by=old \
                     drillmaster.dev/restore-verdict- drillmaster.dev/drilled-on-";
        assert_eq!(back("velero", "nightly", &before), words);
    }

    #[test]
    fn a_fault_lasts_until_it_is_healed() {
        let step = |name: &str, verb: Value| -> PlannedStep {
            let step = json!({"name": name, "step": verb, "class": "observe", "acts": [], "on_stop": ""});
            serde_json::from_value(step).expect("a step")
        };
        let zone = step("outage", json!({"killZone": {"zone": "a", "how": "kill"}}));
        let heal = step("power", json!({"heal": {"fault": "outage"}}));
        let pods = step("pods", json!({"deletePods": {"workload": "deployment/web"}}));
        assert_eq!(lasting(&[zone.clone(), pods.clone()]), Some("outage"));
        assert_eq!(lasting(&[zone, heal, pods]), None);
    }
}
