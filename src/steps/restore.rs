//! The step restore: restores the backup of a step, or the newest backup of a schedule. It restores in place, into a
//! scratch namespace that cannot disturb production, or into a second cluster.

use super::{
    Closing, PlanInput, StepContext, StepError, backup,
    planning::{Draft, act, draft},
    recovery_cluster,
    restore_namespace::{self, Order},
    scratch,
};
use crate::{
    event::Kind,
    model::{Into, PlannedStep, RestoreStep, Revert, StepClass, StepResult, Verb, backup_name},
};
use serde_json::Value;

pub(super) fn plan(
    spec: &RestoreStep,
    input: &PlanInput<'_>,
    so_far: &[PlannedStep],
    step: &str,
) -> Result<Draft, String> {
    let scratch = spec.into == Some(Into::Scratch);
    let class = if spec.into.is_some() { StepClass::Fault } else { StepClass::Observe };
    let mut planned = draft(
        class,
        if scratch {
            "deletes the scratch namespace"
        } else {
            "completes the restore, because a deleted namespace must come back"
        },
    );
    let from = match (&spec.backup, &spec.schedule) {
        (Some(step), _) => format!("the backup of step `{step}`"),
        (_, Some(schedule)) => {
            format!("the newest Completed backup of schedule {schedule}, not older than {}", spec.newest_within)
        }
        _ => return Err("neither `backup` nor `schedule` is given".into()),
    };
    if scratch {
        let name = scratch::name(input.run, step);
        planned.acts.push(act(
            format!("create namespace {name} with a default-deny NetworkPolicy; restore {from} into it (Jobs and CronJobs suspended, Services ClusterIP)"),
            format!("delete namespace {name} and what belongs to it"),
        ));
        planned.notes.extend(scratch::notes(spec, input));
        return Ok(planned);
    }
    let namespace = namespace_of(spec, so_far)?;
    if spec.into == Some(Into::Recovery) {
        let there = input.recovery.ok_or("a second cluster is needed: give --context recovery=NAME")?;
        planned = planned.stopped("deletes the namespace in the second cluster");
        planned.acts.push(act(
            format!("in {}: wait until its Velero sees {from}; create Restore, namespace {namespace}; wait until its workloads are ready; compare objects and volumes", there.context),
            format!("in {}: delete namespace {namespace} and the Restore", there.context),
        ));
        return Ok(planned);
    }
    if !is_away(so_far, &namespace) {
        return Err(format!(
            "namespace {namespace} would still exist: Velero skips existing objects, so the restore would prove nothing. Delete the namespace first, or restore `into: scratch`"
        ));
    }
    planned.acts.push(act(format!("create Restore of {from}, namespace {namespace}; wait until its workloads are ready; compare objects and volumes"), ""));
    Ok(planned)
}

/// Whether a namespace does not exist at this point: an earlier step deletes it, and no step heals or restores it
/// since.
fn is_away(so_far: &[PlannedStep], namespace: &str) -> bool {
    let mut deleted_by = None;
    for (i, step) in so_far.iter().enumerate() {
        let restored = match step.verb() {
            Some(Verb::Restore(spec)) if spec.into.is_none() => {
                namespace_of(spec, &so_far[..i]).is_ok_and(|n| n == namespace)
            }
            _ => step.heals().is_some_and(|healed| deleted_by == Some(healed)),
        };
        if step.deletes() == Some(namespace) {
            deleted_by = Some(step.name.0.as_str());
        } else if restored {
            deleted_by = None;
        }
    }
    deleted_by.is_some()
}

/// The namespace that a restore restores.
pub(super) fn namespace_of(spec: &RestoreStep, so_far: &[PlannedStep]) -> Result<String, String> {
    if let Some(namespace) = &spec.namespace {
        return Ok(namespace.clone());
    }
    let step = spec.backup.clone().unwrap_or_default();
    let backup = so_far
        .iter()
        .find(|s| s.name.0 == step)
        .and_then(backup::spec_of)
        .ok_or_else(|| format!("`{step}` is not the name of an earlier backup step"))?;
    match &backup.namespaces[..] {
        [only] => Ok(only.clone()),
        many => Err(format!("the backup contains the namespaces {}: choose one with `namespace`", many.join(", "))),
    }
}

pub(super) async fn apply(context: &StepContext, spec: &RestoreStep) -> Result<String, StepError> {
    let (backup, from) = source(context, spec).await?;
    let name = backup_name(&context.run, &context.step.0);
    if spec.into == Some(Into::Scratch) {
        return scratch::restore(context, spec, &backup, &from, &name).await;
    }
    if spec.into == Some(Into::Recovery) {
        return recovery_cluster::restore(context, spec, &backup, &from, &name).await;
    }
    // The fault that this restore undoes, if the drill deleted the namespace.
    let fault = context.recorder.with(|s| {
        s.still_open().find(|f| matches!(&f.revert, Revert::Restore { namespace, .. } if *namespace == from)).cloned()
    });
    let ready = match fault.as_ref().map(|f| &f.revert) {
        Some(Revert::Restore { ready, .. }) => ready.clone(),
        _ => vec![],
    };
    let order = Order { namespace: &from, backup: &backup, restore: name, ready: &ready, limit: spec.at_most.0 };
    let done = restore_namespace::restore_namespace(context, &order).await?;
    context.result(StepResult::Restore(done.clone()))?;
    let said = restore_namespace::closing(&done, &from).map_err(StepError::Failed)?;
    if let Some(fault) = fault {
        context.recorder.record(Kind::RevertStarted { fault: fault.id.clone(), attempt: 1 })?;
        context.close(&fault.id, said.clone()).await?;
    }
    Ok(match said {
        Closing::Reverted(text)
        | Closing::Replaced(text)
        | Closing::Left(text)
        | Closing::NotAsBefore(text, _)
        | Closing::Kept(text, _) => text,
    })
}

/// The backup, and the namespace in it.
async fn source(context: &StepContext, spec: &RestoreStep) -> Result<(String, String), StepError> {
    if let Some(step) = &spec.backup {
        let made =
            context.backup_of(step).ok_or_else(|| StepError::Failed(format!("step `{step}` did not make a backup")))?;
        let namespace = spec.namespace.clone().or_else(|| made.namespaces.first().cloned());
        return Ok((made.backup, namespace.unwrap_or_default()));
    }
    let schedule = spec.schedule.clone().unwrap_or_default();
    let query = format!("?labelSelector=velero.io%2Fschedule-name%3D{schedule}");
    let backups = context.world.velero.list("backups", &query).await.map_err(StepError::failed)?;
    let text = |b: &Value, p: &str| b.pointer(p).and_then(Value::as_str).unwrap_or("").to_owned();
    let newest = backups
        .iter()
        .filter(|b| text(b, "/status/phase") == "Completed")
        .max_by_key(|b| text(b, "/status/startTimestamp"))
        .ok_or_else(|| {
            StepError::Failed(format!("schedule {schedule} has no Completed backup ({} in all)", backups.len()))
        })?;
    let started: Option<jiff::Timestamp> = text(newest, "/status/startTimestamp").parse().ok();
    let age = started
        .map_or(u64::MAX, |t| u64::try_from(context.world.clock.wall().as_second() - t.as_second()).unwrap_or(0));
    if age > spec.newest_within.0.as_secs() {
        return Err(StepError::Failed(format!(
            "the newest Completed backup of schedule {schedule} is {} old, which is more than {}: this is your real recovery point",
            crate::model::Dur::secs(age),
            spec.newest_within
        )));
    }
    Ok((text(newest, "/metadata/name"), spec.namespace.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Velero skips existing objects, so a restore over them would prove nothing.
    #[test]
    fn a_namespace_is_away_until_it_is_healed_or_restored() {
        let step = |name: &str, verb: Value| -> PlannedStep {
            let step = json!({"name": name, "step": verb, "class": "observe", "acts": [], "on_stop": ""});
            serde_json::from_value(step).expect("a step")
        };
        let gone = |name: &str| step(name, json!({"deleteNamespace": {"name": "shop", "coveredBy": "kept"}}));
        let heal = |fault: &str| step("heal", json!({"heal": {"fault": fault}}));
        let restore = |more: Value| {
            let mut spec = json!({"backup": "kept", "namespace": "shop"});
            json_patch::merge(&mut spec, &more);
            step("back", json!({"restore": spec}))
        };
        let away = |steps: Vec<PlannedStep>| is_away(&steps, "shop");
        assert!(!away(vec![]) && away(vec![gone("gone")]) && !is_away(&[gone("gone")], "other"));
        assert!(!away(vec![gone("gone"), heal("gone")]) && away(vec![gone("gone"), heal("another")]));
        assert!(!away(vec![gone("gone"), restore(json!({}))]));
        assert!(away(vec![gone("gone"), restore(json!({"into": "scratch"})), restore(json!({"namespace": "other"}))]));
        assert!(away(vec![gone("gone"), heal("gone"), gone("again")]));
    }
}
