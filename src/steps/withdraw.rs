//! A Backup of ours that Velero never began. With one backup at a time nothing
//! behind it is taken, the nightly ones included: a drill that ends does not
//! leave its own in the queue.
//!
//! What is only queued is deleted. What is ReadyToStart is not: Velero's server
//! counts it as running, in its memory, and forgets one that it cannot find only
//! when it restarts; until then it takes no other (1.18.3, its backup tracker).
//! A server that was killed just then has no such memory, and takes the Backup up
//! at its next change: so it is given one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SendError, StepContext, backup::leftover};
use crate::{
    event::Kind,
    model::backup_name,
    told,
    world::{ApiCall, BACKUP_READY, is_queued, nudge_command},
};

/// How long Velero's queue is looked at; what is in it then is in the ledger.
const LIMIT: Duration = Duration::from_secs(10);
/// A living server takes up what was changed in less than a second.
const LOOK: Duration = Duration::from_millis(500);

/// Sees that Velero's queue does not wait for a backup of this run. Safe to repeat.
pub async fn withdraw(context: &StepContext) {
    for step in context.plan.steps.iter().filter(|s| s.backs_up()) {
        // A step with a result has seen its backup end.
        if context.backup_of(&step.name.0).is_some() || context.wheel.is_fenced() {
            continue;
        }
        let name = backup_name(&context.run, &step.name.0);
        let why = match tokio::time::timeout(LIMIT, one(context, &name)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LIMIT:?}"),
        };
        let velero = &context.world.velero.namespace;
        context.recorder.observe(Kind::Noted {
            text: told!(context.recorder,
                "whether Velero ever begins backup {name} is not known: {why}. While it is {BACKUP_READY}, none behind it is taken; once Velero's server runs: {}",
                nudge_command(velero, &name)
            ),
        });
    }
}

async fn one(context: &StepContext, name: &str) -> Result<(), SendError> {
    let Some(found) = context.world.velero.find("backups", name).await? else { return Ok(()) };
    let phase = phase(&found);
    if is_queued(phase) {
        take_away(context, name, &found).await
    } else if phase == BACKUP_READY {
        nudge(context, name).await
    } else {
        Ok(())
    }
}

fn phase(backup: &Value) -> &str {
    backup.pointer("/status/phase").and_then(Value::as_str).unwrap_or("")
}

async fn take_away(context: &StepContext, name: &str, found: &Value) -> Result<(), SendError> {
    let text = |pointer| found.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    // Should Velero go on with it meanwhile, its version is another and it stays.
    let call = ApiCall::delete(context.world.velero.path("backups", name), text("/metadata/uid"), None)
        .at_version(text("/metadata/resourceVersion"));
    match context.send(&call).await {
        Ok(_) => {
            let phase = phase(found);
            let why = told!(
                context.recorder,
                "Velero had not begun it ({})",
                if phase.is_empty() { "no phase" } else { phase }
            );
            context.recorder.observe(Kind::LeftoverGone { what: leftover(name), why });
            Ok(())
        }
        Err(error) if error.is_not_found() => Ok(()),
        // It went on: now it is ReadyToStart, or begun.
        Err(error) if error.is_conflict() => nudge(context, name).await,
        Err(error) => Err(error),
    }
}

/// Changes a Backup that is ReadyToStart, until it is not.
async fn nudge(context: &StepContext, name: &str) -> Result<(), SendError> {
    let velero = &context.world.velero;
    for times in 0u32.. {
        match velero.find("backups", name).await? {
            Some(found) if phase(&found) == BACKUP_READY => {}
            _ if times < 2 => return Ok(()),
            _ => {
                let text = told!(context.recorder, "Velero began backup {name} when it was changed; it ends by itself");
                context.recorder.observe(Kind::Noted { text });
                return Ok(());
            }
        }
        // The first look may have come while Velero was at it.
        if times > 0 {
            let change = json!({"metadata": {"annotations": {"drillmaster.dev/nudged": times.to_string()}}});
            context.send(&ApiCall::merge(velero.path("backups", name), change)).await?;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
