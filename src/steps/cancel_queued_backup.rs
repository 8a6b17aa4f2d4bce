//! Cancels a Backup of this run that Velero has not started. Velero takes one backup at a time, so a backup that stays
//! in its queue blocks all later ones, including the nightly backups. A drill that ends must not leave that behind.
//!
//! A Backup that is only queued is deleted. A Backup that is ReadyToStart must not be deleted: Velero's server counts
//! it as running, in memory, and notices that it is gone only after a restart; until then it starts no other backup
//! (1.18.3, its backup tracker). If the server was killed at that moment, it has lost this memory, and continues with
//! the Backup when the object changes. So the drill changes the object.

use std::time::Duration;

use serde_json::{Value, json};

use super::{SendError, StepContext};
use crate::{
    event::Kind,
    model::{LeftObject, backup_name},
    told,
    world::{ApiCall, BACKUP_READY, is_queued, nudge_command},
};

/// The time limit for this. A Backup that is still in Velero's queue afterwards is listed under "Left behind".
const LIMIT: Duration = Duration::from_secs(10);
/// A running server reacts to a change in less than a second.
const LOOK: Duration = Duration::from_millis(500);

/// Makes sure that no backup of this run blocks Velero's queue. Safe to repeat.
pub async fn cancel_queued_backups(context: &StepContext) {
    for step in context.plan.steps.iter().filter(|s| s.backs_up()) {
        // A step with a result has observed the end of its backup.
        if context.backup_of(&step.name.0).is_some() || context.wheel.is_fenced() {
            continue;
        }
        let name = backup_name(&context.run, &step.name.0);
        let why = match tokio::time::timeout(LIMIT, cancel_backup(context, &name)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LIMIT:?}"),
        };
        let velero = &context.world.velero.namespace;
        context.recorder.observe(Kind::Noted {
            text: told!(context.recorder,
                "it is unknown whether Velero will start backup {name}: {why}. While this backup is {BACKUP_READY}, Velero starts no later backup. When the Velero server is running, run: {}",
                nudge_command(velero, &name)
            ),
        });
    }
}

async fn cancel_backup(context: &StepContext, name: &str) -> Result<(), SendError> {
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
    // If Velero continues with it in the meantime, its version changes and it is not deleted.
    let call = ApiCall::delete(context.world.velero.path("backups", name), text("/metadata/uid"), None)
        .at_version(text("/metadata/resourceVersion"));
    match context.send(&call).await {
        Ok(_) => {
            let phase = phase(found);
            let why = told!(
                context.recorder,
                "Velero had not started it ({})",
                if phase.is_empty() { "no phase" } else { phase }
            );
            let what = LeftObject::Backup(name.to_owned()).to_string();
            context.recorder.observe(Kind::LeftoverGone { what, why });
            Ok(())
        }
        Err(error) if error.is_not_found() => Ok(()),
        // Velero continued: the Backup is ReadyToStart now, or was started.
        Err(error) if error.is_conflict() => nudge(context, name).await,
        Err(error) => Err(error),
    }
}

/// Changes a Backup that is ReadyToStart, until it is not any more.
async fn nudge(context: &StepContext, name: &str) -> Result<(), SendError> {
    let velero = &context.world.velero;
    for times in 0u32.. {
        match velero.find("backups", name).await? {
            Some(found) if phase(&found) == BACKUP_READY => {}
            _ if times < 2 => return Ok(()),
            _ => {
                let text = told!(
                    context.recorder,
                    "Velero started backup {name} after a change of the object; it will complete by itself"
                );
                context.recorder.observe(Kind::Noted { text });
                return Ok(());
            }
        }
        // At the first look, Velero may just be about to start it.
        if times > 0 {
            let change = json!({"metadata": {"annotations": {"drillmaster.dev/nudged": times.to_string()}}});
            context.send(&ApiCall::merge(velero.path("backups", name), change)).await?;
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
