//! The files of an exercise that its evidence rests on. Their names come from the journal, so each is checked before it
//! becomes a path. `people.yaml` is not among them, and neither are reports: they can be made again. Start with
//! [`Contents::of`].

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path},
};

use super::{
    journal::{JournalError, Lines, read},
    next_move::NO_FILE,
    state::State,
    what::{Attached, Line, What},
};
use crate::{
    evidence::{Linked, sum},
    files,
    journal::{RunDir, segment},
};

/// A file that the journal names, and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Its path in the directory.
    pub name: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its size, if the journal has it.
    pub size: Option<u64>,
}

/// What the lines of a journal name.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    /// The files.
    pub files: Vec<Named>,
    /// The drills that ended.
    pub drills: Vec<Linked>,
    /// What is not part of the evidence, and why.
    pub missing: Vec<String>,
}

impl Contents {
    /// What these lines name.
    pub fn of(lines: &[Line]) -> Self {
        let state = State::of(lines);
        let plain = |name: &str, sha256: &str| Named { name: name.to_owned(), sha256: sha256.to_owned(), size: None };
        let mut all = Self { files: vec![plain(super::directory::PLAYBOOK, &state.playbook_hash)], ..Self::default() };
        all.files.extend(state.scenarios.iter().chain(&state.papers).map(|(name, hash)| plain(name, hash)));
        all.missing.push("people.yaml: it is never part of the evidence, so that people can be erased".to_owned());
        if state.papers.is_empty() {
            all.missing
                .push("papers: the program that prepared the exercise did not keep them without names".to_owned());
        }
        let mut attached: BTreeMap<String, &Attached> = BTreeMap::new();
        for file in lines.iter().filter_map(|line| line.event.attached()) {
            if *file.name == *NO_FILE && file.bytes == 0 {
                all.missing.push("the output of a task: a policy answered, and gave none".to_owned());
                continue;
            }
            attached.insert(format!("attachments/{}", file.sha256), file);
        }
        all.files.extend(attached.into_iter().map(|(name, file)| Named {
            name,
            sha256: file.sha256.clone(),
            size: Some(file.bytes),
        }));
        all.drills = lines
            .iter()
            .filter_map(|line| match &line.event {
                What::DrillEnded { stage, run, head, .. } => {
                    Some(Linked { stage: stage.clone(), run: run.clone(), head: head.clone() })
                }
                _ => None,
            })
            .collect();
        all
    }
}

/// What is wrong with a file that the journal names; none if it is as it was.
pub(super) fn differs(dir: &RunDir, named: &Named) -> Option<String> {
    match content(dir, &named.name).and_then(sum) {
        Err(error) => Some(format!("cannot read this file: {error}")),
        Ok((_, sha256)) if sha256 != named.sha256 => {
            Some("it was changed: the journal has another hash for it".to_owned())
        }
        Ok((size, _)) if named.size.is_some_and(|known| known != size) => {
            Some("the journal has another size for it".to_owned())
        }
        Ok(_) => None,
    }
}

/// Opens a file of the exercise. A link is followed nowhere, not even in place of a folder.
pub(super) fn content(dir: &RunDir, name: &str) -> io::Result<fs::File> {
    let wrong = |why: &str| io::Error::other(format!("`{}` {why}", crate::model::printable(name)));
    let path = Path::new(name);
    let plain = |part: Component<'_>| match part {
        Component::Normal(part) => part.to_str().is_some_and(|part| !part.starts_with('.')),
        _ => false,
    };
    if name.is_empty() || !path.components().all(plain) || name == super::people::PEOPLE {
        return Err(wrong("is not the name of a file of an exercise's evidence"));
    }
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        if !fs::symlink_metadata(dir.0.join(folder))?.is_dir() {
            return Err(wrong("is in a folder that is a symbolic link or a file"));
        }
    }
    files::own_file(&dir.0.join(path))
}

/// The files of the journal.
pub(super) fn segments(dir: &RunDir) -> io::Result<Vec<(u64, String)>> {
    let numbers = segment::numbers(&dir.0)?;
    let name = |n: u64| segment::path(&dir.0, n).file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(numbers.into_iter().filter_map(|n| Some((n, name(n)?))).collect())
}

/// Reads the lines of a directory.
///
/// # Errors
/// The journal is missing or damaged.
pub(super) fn lines(dir: &RunDir) -> Result<Lines, JournalError> {
    read(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_in_a_journal_leads_out_of_the_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = RunDir(folder.path().join("exercise"));
        fs::create_dir_all(dir.0.join("attachments")).expect("a folder");
        fs::write(folder.path().join("secret"), "x").expect("written");
        fs::write(dir.0.join("people.yaml"), "x").expect("written");
        std::os::unix::fs::symlink(folder.path(), dir.0.join("papers")).expect("linked");
        std::os::unix::fs::symlink(folder.path().join("secret"), dir.0.join("attachments/a")).expect("linked");
        let outside = folder.path().join("secret").display().to_string();
        for name in [
            "",
            "../secret",
            "attachments/../../secret",
            &outside,
            "papers/secret",
            "attachments/a",
            "people.yaml",
            ".",
        ] {
            assert!(content(&dir, name).is_err(), "{name}");
        }
        fs::write(dir.0.join("attachments/b"), "x").expect("written");
        assert!(content(&dir, "attachments/b").is_ok());
    }
}
