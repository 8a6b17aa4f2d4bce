//! Finds the last drill of the same scenario, in the directories beside a run. Start with [`last`].

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{
    Organisation,
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
/// So many drills before the last one are shown as a trend, if their journals are not larger than this together.
const EARLIER: usize = 6;
const LARGEST_EARLIER: u64 = 16 << 20;

/// The last drills of the same scenario on the same cluster, the newest first, as the chain of heads names them. A journal
/// must have the end that the chain says, or neither it nor an earlier one is used.
pub(super) fn last(dir: &RunDir, reading: &ReadRun, organisation: &Organisation) -> Vec<Before> {
    let mut all = vec![];
    let mut room = LARGEST_EARLIER;
    let Some(runs) = dir.0.parent() else { return all };
    let Some((scenario, mut next)) = reading.kept.first().and_then(|e| header(&e.event)) else { return all };
    for _ in 0..RUNS {
        let Some(head) = next.take().filter(|head| is_run_name(&head.run)) else { break };
        let there = RunDir(runs.join(&head.run));
        let Some((other, before)) = first_line(&there.journal()).and_then(|first| header(&first.event)) else { break };
        if other == scenario {
            let largest = if all.is_empty() { LARGEST } else { room };
            let Some((found, size)) = found(&there, &head, organisation, largest) else { break };
            room = if all.is_empty() { room } else { room.saturating_sub(size) };
            all.push(found);
            if all.len() > EARLIER {
                break;
            }
        }
        next = before;
    }
    all
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

/// The drill, and the size of its journal.
fn found(dir: &RunDir, head: &Head, organisation: &Organisation, largest: u64) -> Option<(Before, u64)> {
    let size = fs::symlink_metadata(dir.journal()).ok().map(|m| m.len()).filter(|size| *size <= largest)?;
    let reading = ReadRun::from(dir).ok().filter(|reading| reading.about.head() == Some(head.head.as_str()))?;
    let beside = Beside { notes: notes(dir).ok()?, organisation: organisation.clone(), ..Beside::default() };
    Some((Before::of(&story_of(&reading), &reading, &beside)?, size))
}
