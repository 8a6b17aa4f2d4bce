//! Finds run directories in a folder that holds runs and rehearsals. The header of a journal tells which of the two it
//! is. Start with [`NewestRuns::below`].

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Deserialize;

use super::{RunDir, read::header_line};
use crate::model::ClusterIdentity;

/// The newest run and the newest rehearsal of a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewestRuns {
    /// The run that began last, by its name, which begins with the time.
    pub run: Option<PathBuf>,
    /// The rehearsal that was written last. Its name and its events do not depend on the time of day.
    pub rehearsal: Option<PathBuf>,
}

impl NewestRuns {
    /// Looks into a folder.
    pub fn below(runs: &Path) -> Self {
        let entries = fs::read_dir(runs).into_iter().flatten().flatten().map(|entry| entry.path());
        let dirs: Vec<PathBuf> = entries.filter(|path| path.join("journal.jsonl").is_file()).collect();
        let (rehearsals, runs): (Vec<_>, Vec<_>) = dirs.into_iter().partition(|dir| is_rehearsal(&RunDir(dir.clone())));
        Self {
            run: runs.into_iter().max(),
            rehearsal: rehearsals.into_iter().max_by_key(|dir| (written(dir), dir.clone())),
        }
    }

    /// The one that was written last.
    pub fn newest(self) -> Option<PathBuf> {
        match (self.run, self.rehearsal) {
            (Some(run), Some(rehearsal)) if written(&rehearsal) > written(&run) => Some(rehearsal),
            (Some(run), _) => Some(run),
            (None, rehearsal) => rehearsal,
        }
    }
}

fn written(dir: &Path) -> Option<SystemTime> {
    fs::metadata(dir.join("journal.jsonl")).and_then(|journal| journal.modified()).ok()
}

/// The part of a journal's first line that matters here.
#[derive(Deserialize)]
struct Line {
    event: Header,
}

#[derive(Deserialize)]
struct Header {
    clusters: Vec<ClusterIdentity>,
}

/// Whether a run directory is that of a rehearsal: its header names simulated clusters and no others. A header that
/// cannot be read may be that of a run, which must not be overlooked.
pub fn is_rehearsal(dir: &RunDir) -> bool {
    header(dir).is_some_and(|header| ClusterIdentity::all_simulated(&header.clusters))
}

fn header(dir: &RunDir) -> Option<Header> {
    serde_json::from_slice::<Line>(&header_line(dir)?).ok().map(|line| line.event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(runs: &Path, name: &str, flavour: &str, day: u64) {
        let dir = runs.join(name);
        fs::create_dir_all(&dir).expect("a directory");
        let cluster = serde_json::json!({"name": "c", "context": "c", "uid": "", "server": "", "version": "", "flavour": flavour});
        let line = serde_json::json!({"event": {"kind": "RunStarted", "clusters": [cluster]}});
        fs::write(dir.join("journal.jsonl"), format!("{line}\n")).expect("a journal");
        let file = fs::File::options().write(true).open(dir.join("journal.jsonl")).expect("a journal");
        file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(day * 86400)).expect("a time");
    }

    fn name(path: Option<PathBuf>) -> String {
        path.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).unwrap_or_default()
    }

    #[test]
    fn a_rehearsal_never_hides_a_run() {
        let runs = tempfile::tempdir().expect("a folder");
        let found = || NewestRuns::below(runs.path());
        assert_eq!(found(), NewestRuns::default());
        assert_eq!(NewestRuns::below(Path::new("/nonexistent")).newest(), None);
        write(runs.path(), "zone-outage-small-shop-seed-1", "simulated", 3);
        write(runs.path(), "a-small-shop-seed-1", "simulated", 4);
        assert_eq!((name(found().run), name(found().newest())), (String::new(), "a-small-shop-seed-1".into()));
        write(runs.path(), "20260101t000000000-x", "kind", 5);
        write(runs.path(), "20260102t000000000-x", "kind", 1);
        assert_eq!(name(found().run), "20260102t000000000-x", "the name tells when a run began");
        assert_eq!(name(found().newest()), "a-small-shop-seed-1");
        fs::write(runs.path().join("a-small-shop-seed-1/journal.jsonl"), "not a header\n").expect("a journal");
        assert_eq!(name(found().run), "a-small-shop-seed-1", "what cannot be read may be a run");
    }
}
