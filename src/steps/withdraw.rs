//! A Backup of ours that Velero never began. A server that is killed between
//! ReadyToStart and InProgress leaves it so for ever (measured on 1.18.3), and
//! with one backup at a time nothing behind it is taken, the nightly ones
//! included: a drill that ends takes its own out of the queue.

use std::time::Duration;

use serde_json::Value;

use super::{StepContext, backup::backup_name};
use crate::{
    event::Kind,
    model::PlannedStep,
    world::{ApiCall, ApiError, is_unbegun},
};

/// How long Velero's queue is looked at; what is in it then is in the ledger.
const LIMIT: Duration = Duration::from_secs(10);

/// Takes what Velero has not begun out of its queue. Safe to repeat.
pub async fn withdraw(context: &StepContext) {
    for step in context.plan.steps.iter().filter(|s| s.verb == "backup") {
        // A step with a result has seen its backup end.
        if context.result_of(&step.name.0).is_some() || context.recorder.check_fence().is_err() {
            continue;
        }
        let why = match tokio::time::timeout(LIMIT, one(context, step)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LIMIT:?}"),
        };
        let name = backup_name(&context.run, &step.name.0);
        context.recorder.observe(Kind::Noted {
            text: format!("whether Velero ever began backup {name} is not known: {why}; see what is left behind"),
        });
    }
}

async fn one(context: &StepContext, step: &PlannedStep) -> Result<(), ApiError> {
    let velero = &context.world.velero;
    let name = backup_name(&context.run, &step.name.0);
    let Some(found) = velero.find("backups", &name).await? else { return Ok(()) };
    let text = |pointer| found.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let phase = text("/status/phase");
    if !is_unbegun(phase) {
        return Ok(());
    }
    // Should Velero begin it meanwhile, its version is another and it stays.
    let call = ApiCall::delete(velero.path("backups", &name), text("/metadata/uid"), None)
        .at_version(text("/metadata/resourceVersion"));
    match context.world.kube.send(&call).await {
        Ok(_) => {
            let why = format!("Velero had not begun it ({})", if phase.is_empty() { "no phase" } else { phase });
            context.recorder.observe(Kind::LeftoverGone { what: format!("Velero backup {name}"), why });
            Ok(())
        }
        Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
        Err(error) => Err(error),
    }
}
