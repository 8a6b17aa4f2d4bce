//! Reads the files of a namespace's volumes. For each claim, a short-lived pod on the node that uses the claim mounts
//! it read-only and prints checksums. Velero excludes these pods from its backups. If the bindings name no image for
//! them, volumes cannot be read, and the drill makes no claim about them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    ATTEMPT, Direction, StepContext, StepError,
    short_pods::{self, For, Task},
};
use crate::{inventory::readers_of, model::Checksums};

/// How long a reader pod may take from its creation to its end.
const LIMIT: Duration = Duration::from_secs(180);
/// The same limit in an undo. It must be shorter than one attempt, so that the attempt can report why a volume cannot
/// be read.
const UNDO_LIMIT: Duration = Duration::from_secs(150);
const _: () = assert!(UNDO_LIMIT.as_secs() < ATTEMPT.as_secs(), "an attempt sees its end");

pub(super) async fn read(context: &StepContext, namespace: &str) -> Result<Checksums, StepError> {
    let image = context.world.bindings.volumes.reader_image.as_deref().unwrap_or_default();
    let readers = readers_of(&context.world.kube, namespace, image, &context.run).await.map_err(StepError::failed)?;
    if readers.is_empty() {
        return Ok(Checksums::new());
    }
    let (claims, tasks): (Vec<String>, Vec<Task>) = readers
        .into_iter()
        .map(|(claim, reader)| (claim.metadata.name, Task { name: reader.name, forms: reader.forms }))
        .unzip();
    let limit = if context.direction == Direction::Undo { UNDO_LIMIT } else { LIMIT };
    let logs = short_pods::run(context, namespace, For::Reading, &tasks, limit).await?;
    let mut all = Checksums::new();
    for (name, log) in claims.into_iter().zip(logs) {
        let log = log.map_err(|why| StepError::Failed(format!("cannot read volume {name}: {why}")))?;
        all.insert(name, parse(&log));
    }
    Ok(all)
}

/// Each line is `HASH  PATH`. The first and the last line show that the log is complete.
fn parse(log: &str) -> BTreeMap<String, String> {
    log.lines()
        .filter_map(|line| line.split_once("  "))
        // Velero's own marks of a restore, which it removes in the next one.
        .filter(|(_, file)| !file.starts_with("./.velero/"))
        .map(|(hash, file)| (file.to_owned(), hash.to_owned()))
        .collect()
}
