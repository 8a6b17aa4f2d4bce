//! Finds the last drill of the same scenario, in the directories beside a run. Start with [`last`].

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    document::{Before, Beside},
    note::notes,
    story::story_of,
};
use crate::{
    event::{Event, Kind},
    files,
    journal::RunDir,
    model::{Head, is_run_name},
    verdict::ReadRun,
};

/// How many runs are looked at, from the newest to the oldest.
const RUNS: usize = 50;
/// A longer first line is not a header.
const LONGEST_LINE: u64 = 1 << 20;
/// A larger journal is not read for a comparison.
const LARGEST: u64 = 16 << 20;

/// The last drill of the same scenario on the same cluster, as the chain of heads names it. Its journal must have the
/// end that the chain says, or it is not used.
pub(super) fn last(dir: &RunDir, reading: &ReadRun) -> Option<Before> {
    let runs = dir.0.parent()?;
    let (scenario, mut next) = header(&reading.kept.first()?.event)?;
    for _ in 0..RUNS {
        let head = next.take().filter(|head| is_run_name(&head.run))?;
        let there = RunDir(runs.join(&head.run));
        let first = first_line(&there.journal())?;
        let (other, before) = header(&first.event)?;
        if other == scenario {
            return found(&there, &head);
        }
        next = before;
    }
    None
}

/// The scenario of a run, and the end of the run before it.
fn header(kind: &Kind) -> Option<(String, Option<Head>)> {
    match kind {
        Kind::RunStarted { scenario, previous, .. } => Some((scenario.clone(), previous.clone())),
        _ => None,
    }
}

fn first_line(path: &Path) -> Option<Event> {
    if fs::symlink_metadata(path).ok()?.is_symlink() {
        return None;
    }
    let mut line = String::new();
    BufReader::new(files::regular(path).ok()?.take(LONGEST_LINE)).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

fn found(dir: &RunDir, head: &Head) -> Option<Before> {
    if fs::symlink_metadata(dir.journal()).ok()?.len() > LARGEST {
        return None;
    }
    let reading = ReadRun::from(dir).ok().filter(|reading| reading.about.head() == Some(head.head.as_str()))?;
    let beside = Beside { notes: notes(dir).ok()?, ..Beside::default() };
    Before::of(&story_of(&reading), &reading, &beside)
}
