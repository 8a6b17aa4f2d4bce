//! The directory of an exercise: how it is made, and how its frozen files are read again. Start with [`prepare`],
//! then [`frozen`].

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    journal::create,
    lint::lint,
    load::{LoadedPlaybook, playbook_schema},
    papers::{Audience, Content, papers},
    people::{People, PeopleFile},
    state::State,
    use_of::{Use, set},
    what::{Carried, ClusterAccess, FORMAT, Seat, What},
};
use crate::{
    files,
    journal::RunDir,
    model::sha256,
    report::Paper,
    scenario::{LARGEST, Problems, Sources, document_with_vars, load_str},
    verdict::TOOL,
};

/// The frozen playbook.
pub(super) const PLAYBOOK: &str = "playbook.yaml";

/// What an exercise is prepared from.
#[derive(Debug)]
pub struct Prepare<'a> {
    /// The playbook.
    pub loaded: &'a LoadedPlaybook,
    /// The people.
    pub people: &'a PeopleFile,
    /// Where its drills run.
    pub place: ClusterAccess,
    /// When it is to begin.
    pub planned: Option<Timestamp>,
    /// Actions that are carried over.
    pub carried: Vec<Carried>,
    /// The time.
    pub now: Timestamp,
}

/// Makes the directory of an exercise below `root`, with everything frozen in it.
///
/// # Errors
/// Something cannot be written. A directory that exists is never changed.
pub fn prepare(root: &Path, prepare: &Prepare<'_>) -> io::Result<(PathBuf, State)> {
    let Prepare { loaded, people, place, planned, carried, now } = prepare;
    let p = &loaded.playbook;
    let day = planned.unwrap_or(*now).strftime("%Y-%m-%d");
    let (name, path) = folder(root, &format!("{}-{day}", p.metadata.name))?;
    for inner in ["scenarios", "drills", "attachments", "papers"] {
        fs::DirBuilder::new().mode(0o700).create(path.join(inner))?;
    }
    files::replace(&path.join(PLAYBOOK), loaded.text.as_bytes())?;
    let mut scenarios = BTreeMap::new();
    for (i, used) in &loaded.uses {
        let Ok(scenario) = &used.scenario else { continue };
        let file = scenario_file(&p.stages[*i].id);
        files::replace(&path.join(&file), scenario.text.as_bytes())?;
        scenarios.insert(file, sha256(&scenario.text));
    }
    let people = People::of(people);
    people.write(&path)?;
    write_papers(&path, loaded, &people, *planned)?;
    let seats =
        people.people.iter().map(|p| Seat { person: p.id.clone(), roles: p.roles.clone(), absent: p.absent.clone() });
    let seats: Vec<Seat> = seats.collect();
    let papers = write_nameless(&path, loaded, &People::of_seats(&seats), *planned)?;
    let first = What::ExercisePrepared {
        format: FORMAT.into(),
        exercise: name,
        tool: TOOL.into(),
        playbook_hash: sha256(&loaded.text),
        set: loaded.set.clone(),
        scenarios,
        seats,
        place: place.clone(),
        planned: *planned,
        carried: carried.clone(),
        papers,
    };
    // The journal comes last: a directory without one was not prepared to its end.
    let open = create(&RunDir(path.clone()), *now, first).map_err(io::Error::other)?;
    Ok((path, State::of(&open.read.lines)))
}

/// The first name that is free.
fn folder(root: &Path, name: &str) -> io::Result<(String, PathBuf)> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    for n in 1..1000 {
        let name = if n == 1 { name.to_owned() } else { format!("{name}-{n}") };
        let path = root.join(&name);
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok((name, fs::canonicalize(path)?)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("too many exercises of this name on one day"))
}

/// The frozen scenario of a stage.
pub fn scenario_file(stage: &str) -> String {
    format!("scenarios/{stage}.yaml")
}

/// Writes the papers of every audience, each into a folder of its own.
///
/// # Errors
/// A file cannot be written.
pub fn write_papers(
    dir: &Path,
    loaded: &LoadedPlaybook,
    people: &People,
    planned: Option<Timestamp>,
) -> io::Result<()> {
    for audience in Audience::ALL {
        let folder = dir.join("papers").join(audience.word());
        write_papers_for(&folder, loaded, Some(people), planned, audience, &PaperFile::ALWAYS)?;
    }
    Ok(())
}

/// A format of a paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PaperFile {
    Html,
    Markdown,
    Pdf,
}

impl PaperFile {
    /// Those that every drillmaster can write.
    pub const ALWAYS: [Self; 2] = [Self::Html, Self::Markdown];

    fn of(self, paper: &Paper, planned: Option<Timestamp>) -> io::Result<(&'static str, Vec<u8>)> {
        Ok(match self {
            Self::Html => ("html", paper.html().into_bytes()),
            Self::Markdown => ("md", paper.markdown().into_bytes()),
            Self::Pdf => ("pdf", paper.pdf(planned).map_err(io::Error::other)?),
        })
    }
}

/// Where the papers are as they are without names: the evidence rests on them, and an erasure does not change them.
const NAMELESS: &str = "papers/without-names";

/// Writes the papers with hashes in place of names. Returns the SHA-256 of each file.
fn write_nameless(
    dir: &Path,
    loaded: &LoadedPlaybook,
    people: &People,
    planned: Option<Timestamp>,
) -> io::Result<BTreeMap<String, String>> {
    let mut hashes = BTreeMap::new();
    for audience in Audience::ALL {
        let folder = format!("{NAMELESS}/{}", audience.word());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.join(&folder))?;
        for file in papers(loaded, Some(people), planned, audience) {
            let (extension, text) = match file.content {
                Content::Paper(paper) => ("md", paper.markdown()),
                Content::Calendar(text) => ("ics", text),
            };
            let name = format!("{folder}/{}.{extension}", file.name);
            files::replace(&dir.join(&name), text.as_bytes())?;
            hashes.insert(name, sha256(&text));
        }
    }
    Ok(hashes)
}

/// Writes the papers of one audience into a folder, and returns the names of the files.
///
/// # Errors
/// A file cannot be written.
pub fn write_papers_for(
    folder: &Path,
    loaded: &LoadedPlaybook,
    people: Option<&People>,
    planned: Option<Timestamp>,
    audience: Audience,
    formats: &[PaperFile],
) -> io::Result<Vec<String>> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut written = vec![];
    for file in papers(loaded, people, planned, audience) {
        let formats: Vec<(&str, Vec<u8>)> = match &file.content {
            Content::Paper(paper) => {
                formats.iter().map(|format| format.of(paper, planned)).collect::<io::Result<_>>()?
            }
            Content::Calendar(text) => vec![("ics", text.clone().into_bytes())],
        };
        for (extension, bytes) in formats {
            let name = format!("{}.{extension}", file.name);
            files::replace(&folder.join(&name), &bytes)?;
            written.push(name);
        }
    }
    Ok(written)
}

/// Reads the playbook and the scenarios that were frozen in a directory.
///
/// # Errors
/// A file is missing, is a link, or is not the one that was frozen.
pub fn frozen(dir: &Path, state: &State) -> Result<LoadedPlaybook, String> {
    let path = dir.join(PLAYBOOK);
    let text = own(&path, &state.playbook_hash)?;
    let file = path.display().to_string();
    let said = |problems: Problems| format!("{problems}");
    let (playbook, _) =
        document_with_vars(&file, &text, &playbook_schema(), &state.set, |_: &super::playbook::Playbook| vec![])
            .map_err(said)?;
    let mut uses = BTreeMap::new();
    for (i, stage) in playbook.stages.iter().enumerate() {
        let Some(drill) = &stage.scenario else { continue };
        let name = scenario_file(&stage.id);
        let hash = state.scenarios.get(&name).ok_or_else(|| format!("the journal does not know {name}"))?;
        let path = dir.join(&name);
        let text = own(&path, hash)?;
        let sources = Sources { set: set(drill), lenient: true, ..Sources::default() };
        let loaded = load_str(&path.display().to_string(), &text, &sources).map_err(said)?;
        uses.insert(i, Use { scenario: Ok(Box::new(loaded)), forecast: None });
    }
    // Another version of the program may see mistakes that the one which prepared the exercise did not.
    let mistakes = lint(&playbook, &uses).into_iter().find(|mistake| !mistake.warning);
    if let Some(mistake) = mistakes {
        return Err(format!("{file}: {mistake}"));
    }
    Ok(LoadedPlaybook { playbook, uses, text, file, set: state.set.clone(), warnings: Problems::default() })
}

/// A frozen file.
fn own(path: &Path, frozen: &str) -> Result<String, String> {
    let wrong = |why: String| format!("{}: {why}", path.display());
    let bytes = files::own(path, LARGEST).map_err(|e| wrong(e.to_string()))?;
    let text = files::text_of_bytes(bytes).map_err(|e| wrong(e.to_string()))?;
    if sha256(&text) == frozen {
        return Ok(text);
    }
    Err(wrong(
        "this is not the file that was prepared: its hash differs. Put back the frozen file, or prepare a new exercise"
            .into(),
    ))
}
