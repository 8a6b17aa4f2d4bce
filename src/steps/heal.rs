//! The step heal: undoes an earlier fault now, with the same code as the unwind.

use super::{
    StepContext, StepError,
    planning::{Draft, act, draft},
};
use crate::{
    event::Kind,
    journal::FaultRecord,
    model::{HealStep, PlannedStep, StepClass, StepName},
};

pub(super) fn plan(spec: &HealStep, so_far: &[PlannedStep]) -> Result<Draft, String> {
    let fault = so_far
        .iter()
        .find(|s| s.name.0 == spec.fault)
        .ok_or_else(|| format!("`{}` is not the name of an earlier step", spec.fault))?;
    let mut planned = draft(StepClass::Observe, "continues the undo");
    planned.acts = fault.acts.iter().filter(|a| !a.undo.is_empty()).map(|a| act(a.undo.clone(), "")).collect();
    Ok(planned)
}

pub(super) async fn apply(context: &StepContext, spec: &HealStep) -> Result<String, StepError> {
    let step = StepName::from(spec.fault.as_str());
    let open = context.recorder.with(|s| s.open_of(&step));
    if open.is_empty() {
        return Ok(format!("`{step}` was already undone"));
    }
    let undone = undo_all(context, &open);
    tokio::time::timeout(spec.at_most.0, undone)
        .await
        .map_err(|_| StepError::Failed(format!("`{step}` could not be undone within {}", spec.at_most)))?
}

/// Starts every undo in order, and then waits for all of them at the same time.
pub(super) async fn undo_all(context: &StepContext, open: &[FaultRecord]) -> Result<String, StepError> {
    for fault in open {
        let own = context.for_undo(fault);
        own.may_act().await?;
        own.recorder.record(Kind::RevertStarted { fault: fault.id.clone(), attempt: 1 })?;
        super::begin_revert(&own, &fault.revert).await.map_err(StepError::Failed)?;
    }
    let seen = open.iter().map(|fault| async move {
        let closing = Box::pin(super::revert(&context.for_undo(fault), fault)).await.map_err(StepError::Failed)?;
        context.close(&fault.id, closing).await
    });
    for done in futures_util::future::join_all(seen).await {
        done?;
    }
    Ok(format!("{} undo(s) done and confirmed", open.len()))
}
