//! Finds the directories of runs and exercises in a folder. Links are named and never followed. Start with [`entries`].

use std::{fs, io, path::Path};

use crate::{
    event::Kind,
    exercise::is_exercise,
    journal::{RunDir, header},
};

/// Something in a folder of runs.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A directory with a journal.
    Run(RunDir),
    /// The directory of an exercise.
    Exercise(RunDir),
    /// Something that could hide a run, and is not read.
    Refused {
        /// Its name.
        name: String,
        /// Why it is not read.
        why: String,
    },
}

impl Entry {
    /// The name of the directory.
    pub fn name(&self) -> String {
        match self {
            Self::Run(dir) | Self::Exercise(dir) => {
                dir.0.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Self::Refused { name, .. } => name.clone(),
        }
    }
}

/// The runs and exercises in a folder, in the order of their names. Files, and directories without a journal, are left out.
///
/// # Errors
/// The folder cannot be listed, or is itself a link.
pub fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    if fs::symlink_metadata(folder)?.is_symlink() {
        return Err(io::Error::other("it is a symbolic link: give the folder itself"));
    }
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths.iter().filter_map(|path| entry(path)).collect())
}

fn entry(path: &Path) -> Option<Entry> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let refused = |why: &str| Some(Entry::Refused { name: name.clone(), why: why.to_owned() });
    let kind = match fs::symlink_metadata(path) {
        Ok(kind) => kind,
        Err(error) => return refused(&format!("it cannot be read: {error}")),
    };
    if kind.is_symlink() {
        return refused("it is a symbolic link, and links are not followed: copy the run directory itself");
    }
    if !kind.is_dir() {
        return None;
    }
    match fs::symlink_metadata(path.join("journal.jsonl")) {
        Ok(journal) if journal.is_file() => {
            let dir = RunDir(path.to_owned());
            Some(if is_exercise(&dir) { Entry::Exercise(dir) } else { Entry::Run(dir) })
        }
        Ok(_) => refused("its journal.jsonl is not a regular file"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => refused(&format!("its journal.jsonl cannot be read: {error}")),
    }
}

/// The newest real drills of a cluster, by what their headers claim. At most `most` of them: reading takes time.
///
/// # Errors
/// As [`entries`].
pub fn of_cluster(folder: &Path, uid: &str, most: usize) -> io::Result<Vec<Entry>> {
    let is_its = |entry: &Entry| match entry {
        Entry::Run(dir) => header(dir).is_some_and(|event| match &event.event {
            Kind::RunStarted { clusters, .. } => clusters.first().is_some_and(|c| c.uid == uid && !c.is_simulated()),
            _ => false,
        }),
        Entry::Exercise(_) | Entry::Refused { .. } => false,
    };
    let mut found: Vec<Entry> = entries(folder)?.into_iter().rev().filter(is_its).take(most).collect();
    found.reverse();
    Ok(found)
}
