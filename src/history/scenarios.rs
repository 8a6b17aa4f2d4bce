//! The scenarios that an organisation has: the denominator of its drills. Start with [`scenarios`].

use std::path::Path;

use serde::Serialize;

use crate::{
    files,
    model::{About, Dur},
    scenario::{FileKind, LARGEST, Problems, SCENARIOS, Sources, load_str},
};

/// A scenario.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its file; empty if it is part of the program.
    pub file: String,
    /// SHA-256 of the file.
    pub hash: String,
    /// What it says about itself.
    pub about: About,
}

impl Known {
    /// How often it is to be run.
    pub fn every(&self) -> Option<Dur> {
        self.about.every
    }

    /// The scenario that is part of the program, by its name.
    pub fn shipped(name: &str) -> Option<Self> {
        let shipped = SCENARIOS.iter().find(|s| s.name == name)?;
        known(name, shipped.text).ok().map(|known| Self { file: String::new(), ..known })
    }
}

/// A file that should be a scenario, and is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// The file.
    pub file: String,
    /// Why.
    pub why: String,
}

/// The scenarios in the files below a folder, by name. Files of other kinds are left out; a scenario with mistakes is
/// named, and does not hide the others.
///
/// # Errors
/// The folder cannot be listed.
pub fn scenarios(folder: &Path) -> Result<(Vec<Known>, Vec<Unread>), String> {
    let (mut all, mut unread): (Vec<Known>, Vec<Unread>) = (vec![], vec![]);
    for path in files::below(folder)?.into_iter().map(files::Entry::path) {
        let file = path.display().to_string();
        let text = match files::text(&path, LARGEST) {
            Ok(text) => text,
            Err(error) => {
                unread.push(Unread { file, why: error.to_string() });
                continue;
            }
        };
        if !matches!(FileKind::of(&text), FileKind::Scenario | FileKind::Unclear) {
            continue;
        }
        match known(&file, &text) {
            Ok(known) => match all.iter().find(|other| other.name == known.name) {
                Some(other) => unread.push(Unread {
                    why: format!(
                        "{} has the same name, `{}`: give one of them another `metadata.name`",
                        other.file, known.name
                    ),
                    file,
                }),
                None => all.push(known),
            },
            Err(problems) => unread.push(Unread { why: first(&problems), file }),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((all, unread))
}

fn known(file: &str, text: &str) -> Result<Known, Problems> {
    let loaded = load_str(file, text, &Sources { lenient: true, ..Sources::default() })?;
    let metadata = &loaded.scenario.metadata;
    Ok(Known {
        name: metadata.name.clone(),
        title: metadata.title.clone(),
        file: file.to_owned(),
        hash: loaded.hash,
        about: loaded.scenario.about(),
    })
}

fn first(problems: &Problems) -> String {
    let more = problems.list.len().saturating_sub(1);
    let said = problems.list.first().map_or_else(String::new, |p| format!("line {}: {}", p.line, p.what));
    let and = if more > 0 { format!(", and {more} more mistakes") } else { String::new() };
    format!("{said}{and}; `drillmaster lint` shows them")
}
