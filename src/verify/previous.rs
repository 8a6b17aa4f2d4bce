//! Compares a run with the runs next to it. Each run contains how the previous run on its cluster ended, so whoever
//! changes a run would have to change the next one too.

use std::path::Path;

use super::found::Differences;
use crate::{
    event::Kind,
    journal::{About, RunDir, follow, header},
    model::{Exit, Head},
    verdict::ReadRun,
};

/// What is known about the previous run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The header does not name one: no earlier run on this cluster is known.
    None,
    /// Its directory is not next to this one.
    Elsewhere(Head),
    /// Its directory is next to this one, and has the same end.
    Beside(Head),
    /// Its directory is next to this one but has no end: the run was recovered from the record in the cluster, in
    /// another directory.
    RecoveredElsewhere(Head),
}

/// What the directories next to a run show.
#[derive(Debug)]
pub struct NearbyRuns {
    /// The previous run.
    pub before: Before,
    /// Runs that name this one as their previous run.
    pub after: Vec<String>,
    /// What does not agree.
    pub differs: Vec<super::Differs>,
}

/// Reads the directories next to a run.
pub fn neighbours(dir: &RunDir, reading: &ReadRun) -> NearbyRuns {
    let mut found = Differences::default();
    let before = before(dir, reading, &mut found);
    let after = after(dir, reading, &mut found);
    NearbyRuns { before, after, differs: found.differs }
}

fn before(dir: &RunDir, reading: &ReadRun, found: &mut Differences) -> Before {
    let Some(Kind::RunStarted { previous: Some(head), .. }) = reading.kept.first().map(|e| &e.event) else {
        return Before::None;
    };
    let there: Vec<About> = match beside(dir) {
        Some(runs) => [head.run.clone(), format!("{}-from-cluster", head.run)]
            .into_iter()
            .filter_map(|name| follow(&RunDir(runs.join(name)), |_, _| ()).ok())
            .collect(),
        None => vec![],
    };
    let place = reading.about.place(0);
    let damaged = beside(dir).is_some_and(|runs| runs.join(&head.run).join("journal.jsonl").is_file());
    if there.is_empty() && !damaged {
        return Before::Elsewhere(head.clone());
    }
    if there.iter().any(|about| has_end(about, head)) {
        return Before::Beside(head.clone());
    }
    if is_recovered(head.exit) && there.iter().all(|about| about.ends.is_empty()) && !there.is_empty() {
        return Before::RecoveredElsewhere(head.clone());
    }
    let (run, exit) = (&head.run, head.exit.code());
    found.differs(
        place,
        format!(
            "according to the header, the previous run {run} ended with exit {exit} and head {}, but its directory next to this one has another end",
            head.head
        ),
    );
    Before::Beside(head.clone())
}

fn after(dir: &RunDir, reading: &ReadRun, found: &mut Differences) -> Vec<String> {
    let Some(Kind::RunStarted { run_id, .. }) = reading.kept.first().map(|e| &e.event) else { return vec![] };
    let about = &reading.about;
    let mut named = vec![];
    for (name, head) in beside(dir).map(|runs| followers(&runs, run_id)).unwrap_or_default() {
        let elsewhere = is_recovered(head.exit) && about.ends.is_empty();
        if !elsewhere && !has_end(about, &head) {
            let last = about.last.unwrap_or(0);
            let what = format!(
                "run {name} began after this one and contains its end as exit {}, head {}, but this run has another end",
                head.exit.code(),
                head.head
            );
            found.differs(about.place(last), what);
        }
        named.push(name);
    }
    named
}

/// Runs next to this one whose header names it as the previous run.
fn followers(runs: &Path, run: &str) -> Vec<(String, Head)> {
    let mut followers = vec![];
    for entry in std::fs::read_dir(runs).into_iter().flatten().flatten() {
        let Some(header) = header(&RunDir(entry.path())) else { continue };
        if let Kind::RunStarted { previous: Some(head), .. } = header.event
            && head.run == run
        {
            followers.push((entry.file_name().to_string_lossy().into_owned(), head));
        }
    }
    followers.sort_by(|a, b| a.0.cmp(&b.0));
    followers
}

fn has_end(about: &About, head: &Head) -> bool {
    about.ends.iter().any(|end| end.hash == head.head && end.exit == head.exit)
}

/// Whether a run may have found this end in another directory, after a recovery from the record in the cluster.
fn is_recovered(exit: Exit) -> bool {
    matches!(exit, Exit::Aborted | Exit::Residue)
}

fn beside(dir: &RunDir) -> Option<std::path::PathBuf> {
    let whole = std::fs::canonicalize(&dir.0).ok()?;
    whole.parent().map(Path::to_owned)
}
