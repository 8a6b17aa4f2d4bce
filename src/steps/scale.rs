//! The step scale: sets the replicas of a workload.

use serde_json::json;

use super::{
    Closing, PlanInput, StepContext, StepError,
    context::as_read,
    planning::{Draft, act, draft},
};
use crate::{
    kubernetes::{last_writing, objects::Workload, writer},
    model::{ObjectRef, PlannedStep, Revert, Role, ScaleStep, StepClass},
    world::ApiCall,
};

/// The field that the drill writes.
const REPLICAS: [&str; 2] = ["spec", "replicas"];

pub(super) fn plan(spec: &ScaleStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let namespace = input.namespace(spec.namespace.as_ref())?;
    let workload = input
        .inventory
        .workload(&namespace, &spec.workload)?
        .ok_or_else(|| input.inventory.lacks(&namespace, &spec.workload))?;
    let object = ObjectRef { path: workload.path(), uid: workload.metadata.uid.clone() };
    let before = workload.wanted();
    if before == spec.to {
        return Err(format!("{} already has {before} replicas, so nothing would change", spec.workload));
    }
    let mut planned = draft(StepClass::Fault, "sets the replicas back");
    planned.acts.push(act(shown(&object, spec.to).to_string(), shown(&object, before).to_string()));
    planned.objects.push(object);
    Ok(planned)
}

/// The request as a plan shows it: the resource version is not known yet.
fn shown(object: &ObjectRef, to: u32) -> ApiCall {
    ApiCall::merge(object.path.clone(), json!({"metadata": {"uid": object.uid}, "spec": {"replicas": to}}))
}

/// Changes the replicas from `from` to `to`, if the object is still the same and still has `from` replicas.
async fn write(context: &StepContext, path: &str, uid: &str, (from, to): (u32, u32)) -> Result<(), String> {
    context
        .change(path, |found| {
            let now = found.pointer("/spec/replicas").and_then(serde_json::Value::as_u64).unwrap_or(1);
            if found["metadata"]["uid"] != uid {
                return Err(format!("{path} is another object now: its UID has changed"));
            }
            if now != u64::from(from) {
                return Err(format!("{path} has {now} replicas, not {from}: it was scaled outside the drill"));
            }
            Ok(ApiCall::merge(path, json!({"metadata": as_read(found), "spec": {"replicas": to}})))
        })
        .await
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, spec: &ScaleStep) -> Result<String, StepError> {
    let object =
        planned.objects.first().ok_or_else(|| StepError::Failed("the plan does not name a workload".into()))?;
    let found: Workload = context
        .world
        .kube
        .find_as(&object.path)
        .await
        .map_err(StepError::failed)?
        .ok_or_else(|| StepError::Failed(format!("{} is gone: make a new plan", object.path)))?;
    let before = found.spec.replicas.unwrap_or(1);
    let revert = Revert::Scale { object: object.clone(), before, written: spec.to };
    let fault = context.intend(&spec.workload.name, revert).await?;
    context.act(&fault, write(context, &object.path, &object.uid, (before, spec.to))).await?;
    Ok(format!("scaled {} from {before} to {}", spec.workload, spec.to))
}

pub(super) async fn revert(
    context: &StepContext,
    object: &ObjectRef,
    before: u32,
    written: u32,
) -> Result<Closing, String> {
    let Some(raw) = context.world.kube.find(&object.path).await.map_err(|e| e.to_string())? else {
        return Ok(Closing::Left(format!("{} was deleted outside the drill", object.path)));
    };
    let found: Workload = serde_json::from_value(raw.clone()).map_err(|e| format!("{}: {e}", object.path))?;
    let now = found.spec.replicas.unwrap_or(1);
    if now == before {
        return Ok(Closing::Reverted(format!("{}: replicas={before}, as before", object.path)));
    }
    if now != written {
        return Ok(Closing::Left(format!(
            "{}: left with replicas={now}, because it was changed by {} (the drill set {written}; before it was {before})",
            object.path,
            writer(&raw, &REPLICAS)
        )));
    }
    // It may have been set to the same number outside the drill. A number that Velero restored counts as the drill's.
    let by = last_writing(&raw, &REPLICAS);
    if by.as_ref().is_some_and(|by| !matches!(by.role(), Role::Drill | Role::Backup)) {
        return Ok(Closing::Left(format!(
            "{}: left with replicas={now}, because it was set by {} (before it was {before})",
            object.path,
            writer(&raw, &REPLICAS)
        )));
    }
    // After a restore, the workload has a new UID, but its replicas must still be put back.
    write(context, &object.path, &found.metadata.uid, (written, before)).await?;
    let after: Option<Workload> = context.world.kube.find_as(&object.path).await.map_err(|e| e.to_string())?;
    match after.map(|w| w.spec.replicas.unwrap_or(1)) {
        Some(now) if now == before => Ok(Closing::Reverted(format!("{}: replicas={before}, as before", object.path))),
        now => Err(format!("{} does not keep replicas={before}: it has {now:?} now", object.path)),
    }
}
