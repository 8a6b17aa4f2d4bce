//! After the last line of the journal: keeps the hash of that line in the cluster, and removes the run's record of
//! open faults. The journal already has its last line, so a failure is written to a file next to it, and does not
//! change how the run ended.

use std::time::Duration;

use crate::{
    journal::RunDir,
    model::{Exit, Head},
    steps::StepContext,
    told,
    world::{ApiError, FoundRecord, Heads, RunRecord},
};

/// The file with the note that the head could not be kept.
pub const NOT_KEPT: &str = "head-not-kept.txt";
/// A cluster that does not answer must not delay the end for longer.
const LIMIT: Duration = Duration::from_secs(10);

/// Keeps the hash of the last line. A run that stopped before its undo was complete has not ended yet: the session
/// that takes it over will end it.
pub(super) async fn keep(context: &StepContext, dir: &RunDir, exit: Exit) {
    if exit == Exit::Left || context.recorder.broken().is_some() {
        return;
    }
    let head = Head { run: context.run.clone(), head: context.recorder.head(), exit };
    let kept = tokio::time::timeout(LIMIT, written(context, &head)).await;
    let why = match kept {
        Ok(Ok(())) => {
            // The file may come from an earlier session.
            let _ = std::fs::remove_file(dir.file(NOT_KEPT));
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
    };
    let note = told!(
        context.recorder,
        "the head of this run, {}, could not be written to the ConfigMap drillmaster/heads in the cluster: {why}\n",
        head.head
    );
    // If this fails too, there is no other way to report it.
    let _ = dir.write(NOT_KEPT, note.as_bytes());
}

async fn written(context: &StepContext, head: &Head) -> Result<(), ApiError> {
    let kube = &context.world.kube;
    Heads::add(kube, head, context.world.clock.wall()).await?;
    tidy(context).await
}

/// Removes the records of runs that have ended and left nothing open or unconfirmed.
async fn tidy(context: &StepContext) -> Result<(), ApiError> {
    let kube = &context.world.kube;
    let heads = Heads::all(kube).await?;
    for found in RunRecord::all(kube).await? {
        if let FoundRecord::Record(record) = found
            && record.is_settled()
            && heads.iter().any(|head| head.run == record.run)
        {
            RunRecord::remove(kube, &record.run).await?;
        }
    }
    Ok(())
}
