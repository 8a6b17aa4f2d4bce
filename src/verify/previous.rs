//! Runs beside this one: each names how the run before it on its cluster ended. Whoever
//! changes a run has to change the next one, too.

use std::path::Path;

use super::found::Found;
use crate::{
    event::{Event, Kind},
    journal::{ReadJournal, RunDir, read},
    model::{Exit, Head},
};

/// What is known of the run before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The header names none: nothing is known of an earlier one on this cluster.
    None,
    /// Its directory is not beside this one.
    Elsewhere(Head),
    /// Its directory is beside this one, and has that end.
    Beside(Head),
    /// Its directory is beside this one and has no end: it was recovered out of the
    /// cluster's record, in another directory.
    RecoveredElsewhere(Head),
}

/// What the directories beside a run say.
#[derive(Debug)]
pub struct Neighbours {
    /// The run before.
    pub before: Before,
    /// Runs that name this one as the one before them.
    pub after: Vec<String>,
    /// What does not agree.
    pub differs: Vec<super::Differs>,
}

/// Looks at the directories beside a run.
pub fn neighbours(dir: &RunDir, journal: &ReadJournal) -> Neighbours {
    let mut found = Found::default();
    let before = before(dir, journal, &mut found);
    let after = after(dir, journal, &mut found);
    Neighbours { before, after, differs: found.differs }
}

fn before(dir: &RunDir, journal: &ReadJournal, found: &mut Found) -> Before {
    let Some(Kind::RunStarted { previous: Some(head), .. }) = journal.events.first().map(|e| &e.event) else {
        return Before::None;
    };
    let there: Vec<ReadJournal> = match beside(dir) {
        Some(runs) => [head.run.clone(), format!("{}-from-cluster", head.run)]
            .into_iter()
            .filter_map(|name| read(&RunDir(runs.join(name))).ok())
            .collect(),
        None => vec![],
    };
    let place = journal.place(0);
    let damaged = beside(dir).is_some_and(|runs| runs.join(&head.run).join("journal.jsonl").is_file());
    if there.is_empty() && !damaged {
        return Before::Elsewhere(head.clone());
    }
    if there.iter().any(|journal| has_end(journal, head)) {
        return Before::Beside(head.clone());
    }
    if is_recovered(head.exit) && there.iter().all(|journal| journal.ends.is_empty()) && !there.is_empty() {
        return Before::RecoveredElsewhere(head.clone());
    }
    let (run, exit) = (&head.run, head.exit.code());
    found.differs(
        place,
        format!(
            "run {run} ended before it with exit {exit} and head {}; its directory beside this one does not end so",
            head.head
        ),
    );
    Before::Beside(head.clone())
}

fn after(dir: &RunDir, journal: &ReadJournal, found: &mut Found) -> Vec<String> {
    let Some(Kind::RunStarted { run_id, .. }) = journal.events.first().map(|e| &e.event) else { return vec![] };
    let mut named = vec![];
    for (name, head) in beside(dir).map(|runs| followers(&runs, run_id)).unwrap_or_default() {
        let elsewhere = is_recovered(head.exit) && journal.ends.is_empty();
        if !elsewhere && !has_end(journal, &head) {
            let last = journal.events.last().map_or(0, |e| e.seq);
            let what = format!(
                "run {name} began after this one, and names its end: exit {}, head {}. There is no such end here",
                head.exit.code(),
                head.head
            );
            found.differs(journal.place(last), what);
        }
        named.push(name);
    }
    named
}

/// Runs beside, whose header names a run as the one before.
fn followers(runs: &Path, run: &str) -> Vec<(String, Head)> {
    let mut followers = vec![];
    for entry in std::fs::read_dir(runs).into_iter().flatten().flatten() {
        let Ok(text) = RunDir(entry.path()).text("journal.jsonl") else { continue };
        let Some(Ok(header)) = text.lines().next().map(serde_json::from_str::<Event>) else { continue };
        if let Kind::RunStarted { previous: Some(head), .. } = header.event
            && head.run == run
        {
            followers.push((entry.file_name().to_string_lossy().into_owned(), head));
        }
    }
    followers.sort_by(|a, b| a.0.cmp(&b.0));
    followers
}

fn has_end(journal: &ReadJournal, head: &Head) -> bool {
    journal.ends.iter().any(|(seq, hash)| {
        *hash == head.head
            && journal
                .events
                .iter()
                .any(|e| e.seq == *seq && matches!(e.event, Kind::RunEnded { exit, .. } if exit == head.exit))
    })
}

/// An end that a run may have found in another directory, out of the cluster's record.
fn is_recovered(exit: Exit) -> bool {
    matches!(exit, Exit::Aborted | Exit::Residue)
}

fn beside(dir: &RunDir) -> Option<std::path::PathBuf> {
    let whole = std::fs::canonicalize(&dir.0).ok()?;
    whole.parent().map(Path::to_owned)
}
