//! Writes the static site of a history. A directory that is not empty is used only if it holds such a site already.
//! Start with [`Site::prepare`].

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use super::{Failure, note, report::organisation_of_environment, shown};
use crate::{
    files,
    history::{Ended, History, Run, index, page, page_name, trends},
    journal::RunDir,
    model::Exit,
    report::{self, Earlier, Story},
    verdict::ReadRun,
};

/// The file that marks a directory as a site of `history`.
const MARK: &str = ".drillmaster-site";

/// The directory of a site.
#[derive(Debug)]
pub(super) struct Site {
    dir: PathBuf,
    runs: PathBuf,
    /// The page of a run shows the drills before it, which have pages too.
    earlier: Earlier,
}

impl Site {
    /// Creates the directory, or accepts one that holds an earlier site.
    pub fn prepare(dir: &Path) -> Result<Self, Failure> {
        let failed =
            |error: io::Error| Failure::new(Exit::Invalid, format!("cannot write a site into {}: {error}", shown(dir)));
        let earlier = Earlier::of(&organisation_of_environment()?);
        let site = Self { dir: dir.to_owned(), runs: dir.join("runs"), earlier };
        for folder in [&site.dir, &site.runs] {
            match fs::symlink_metadata(folder) {
                Ok(there) if !there.is_dir() => {
                    return Err(failed(io::Error::other(format!("{} is not a directory", shown(folder)))));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let used = site.dir.is_dir() && fs::read_dir(&site.dir).map_err(failed)?.next().is_some();
        if used && !site.dir.join(MARK).is_file() {
            return Err(failed(io::Error::other(
                "it contains something else. Give an empty directory, or one that `history --html` made",
            )));
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&site.runs).map_err(failed)?;
        files::replace(&site.dir.join(MARK), b"This directory is a site that `drillmaster history --html` made.\n")
            .map_err(failed)?;
        Ok(site)
    }

    /// The address of the index.
    pub fn index(&self) -> PathBuf {
        self.dir.join("index.html")
    }

    /// Writes the page of a run.
    pub fn page(&self, dir: &RunDir, reading: &ReadRun, story: &Story, run: &Run) -> Result<(), String> {
        let path = self.runs.join(page_name(&run.dir));
        self.earlier.remember(dir, story, reading);
        let beside = self.earlier.beside(dir, reading).map_err(|error| format!("the page of {}: {error}", run.dir))?;
        let document = report::document(story, reading, &beside);
        files::publish(&path, page(&document).as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Writes the other pages, and names those of an earlier site that do not belong to it any more.
    pub fn finish(&self, history: &History) -> Result<(), Failure> {
        for (name, text) in [("index.html", index(history).html()), ("trends.html", trends(history).html())] {
            let path = self.dir.join(name);
            files::publish(&path, text.as_bytes())
                .map_err(|error| Failure::new(Exit::Invalid, format!("cannot write {}: {error}", shown(&path))))?;
        }
        let own: BTreeSet<String> = history
            .drills
            .iter()
            .chain(&history.rehearsals)
            .filter(|run| run.result != Ended::Damaged)
            .map(|run| page_name(&run.dir))
            .collect();
        for entry in fs::read_dir(&self.runs).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !own.contains(&name) {
                let path = self.runs.join(&name);
                note(&format!("{} is from an earlier site and is not linked any more: delete it", shown(&path)));
            }
        }
        Ok(())
    }
}
