//! scale: set the replicas of a workload.

use serde_json::json;

use super::{
    Closing, PlanInput, StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    kubernetes::objects::Workload,
    model::{ObjectRef, PlannedStep, Revert, ScaleStep, StepClass},
    world::ApiCall,
};

pub(super) fn plan(spec: &ScaleStep, input: &PlanInput<'_>) -> Result<Draft, String> {
    let namespace = input.namespace(spec.namespace.as_ref())?;
    let workload = input
        .inventory
        .workload(&namespace, &spec.workload)
        .ok_or_else(|| format!("namespace {namespace} has no {}", spec.workload))?;
    let object = ObjectRef { path: workload.path(), uid: workload.metadata.uid.clone() };
    let before = workload.wanted();
    if before == spec.to {
        return Err(format!("{} has {before} replicas already: nothing would change", spec.workload));
    }
    let mut planned = draft(StepClass::Fault, "sets the replicas back");
    planned.acts.push(act(write(&object, before, spec.to).to_string(), write(&object, spec.to, before).to_string()));
    planned.objects.push(object);
    Ok(planned)
}

/// Writes `to` only over `from` and only on the object that was looked at.
fn write(object: &ObjectRef, from: u32, to: u32) -> ApiCall {
    ApiCall::json_patch(
        object.path.clone(),
        json!([
            {"op": "test", "path": "/metadata/uid", "value": object.uid},
            {"op": "test", "path": "/spec/replicas", "value": from},
            {"op": "replace", "path": "/spec/replicas", "value": to},
        ]),
    )
}

pub(super) async fn apply(context: &StepContext, planned: &PlannedStep, spec: &ScaleStep) -> Result<String, StepError> {
    let object = planned.objects.first().ok_or_else(|| StepError::Failed("the plan names no workload".into()))?;
    let found: Workload = context
        .world
        .kube
        .find_as(&object.path)
        .await
        .map_err(StepError::failed)?
        .ok_or_else(|| StepError::Failed(format!("{} is gone: plan again", object.path)))?;
    let before = found.spec.replicas.unwrap_or(1);
    let revert = Revert::Scale { object: object.clone(), before, written: spec.to };
    let fault = context.intend(&spec.workload.name, revert).await?;
    let call = write(object, before, spec.to);
    context.act(&fault, async { context.world.kube.send(&call).await.map(drop) }).await?;
    Ok(format!("{} from {before} to {}", spec.workload, spec.to))
}

pub(super) async fn revert(
    context: &StepContext,
    object: &ObjectRef,
    before: u32,
    written: u32,
) -> Result<Closing, String> {
    let found: Option<Workload> = context.world.kube.find_as(&object.path).await.map_err(|e| e.to_string())?;
    let Some(found) = found else {
        return Ok(Closing::Left(format!("{} was deleted by somebody else", object.path)));
    };
    let now = found.spec.replicas.unwrap_or(1);
    if now == before {
        return Ok(Closing::Reverted(format!("{}: replicas={before}, as before", object.path)));
    }
    if now != written {
        return Ok(Closing::Left(format!(
            "{}: somebody else set replicas={now} (the drill wrote {written}, before it was {before})",
            object.path
        )));
    }
    let mut current = object.clone();
    // After a restore the workload has a new UID: it is still the one to put back.
    current.uid = found.metadata.uid;
    context.world.kube.send(&write(&current, written, before)).await.map_err(|e| e.to_string())?;
    Ok(Closing::Reverted(format!("{}: replicas={before}, as before", object.path)))
}
