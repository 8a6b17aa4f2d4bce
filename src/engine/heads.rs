//! After the last line: its hash is kept in the cluster, and the run's record there, which
//! says what is open, is removed. A failure is noted beside the journal, which has its last
//! line already; it changes nothing of how the run ended.

use std::time::Duration;

use crate::{
    journal::RunDir,
    model::{Exit, Head},
    steps::StepContext,
    told,
    world::{ApiError, Found, Heads, RunRecord},
};

/// The note of a head that could not be kept.
pub const NOT_KEPT: &str = "head-not-kept.txt";
/// A cluster that does not answer keeps nobody waiting.
const LIMIT: Duration = Duration::from_secs(10);

/// Keeps the hash of the last line. A run that left something open in a hurry has not come
/// to its end: whoever picks it up ends it.
pub(super) async fn keep(context: &StepContext, dir: &RunDir, exit: Exit) {
    if exit == Exit::Left || context.recorder.broken().is_some() {
        return;
    }
    let head = Head { run: context.run.clone(), head: context.recorder.head(), exit };
    let kept = tokio::time::timeout(LIMIT, written(context, &head)).await;
    let why = match kept {
        Ok(Ok(())) => {
            // An earlier session may have left one.
            let _ = std::fs::remove_file(dir.file(NOT_KEPT));
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
    };
    let note = told!(
        context.recorder,
        "the head of this run, {}, could not be kept in the cluster's ConfigMap drillmaster/heads: {why}\n",
        head.head
    );
    // Nobody is left who could be told.
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
        if let Found::Record(record) = found
            && record.is_settled()
            && heads.iter().any(|head| head.run == record.run)
        {
            RunRecord::remove(kube, &record.run).await?;
        }
    }
    Ok(())
}
