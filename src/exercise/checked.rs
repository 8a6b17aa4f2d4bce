//! Checks the directory of an exercise against its journal: the frozen files, the papers, the attachments, the ends of
//! its drills, the names. It reads files only, and needs no people file. Start with [`Whole::read`], then [`check`].

use super::{
    contents::{Contents, differs, lines},
    directory::frozen,
    drill::Drill,
    journal::Lines,
    people::People,
    report::report_hash,
    session::{ExerciseError, KnownExercise},
    state::{ExercisePhase, State},
};
use crate::{
    files,
    journal::RunDir,
    model::{is_run_name, printable},
};

/// An exercise with its lines.
#[derive(Debug)]
pub struct Whole {
    /// What is known of it. Nothing that became due since the last line is in the state.
    pub known: KnownExercise,
    /// The lines of its journal.
    pub lines: Lines,
    /// Why the names of its people are not known; none if they are.
    pub nameless: Option<String>,
}

impl Whole {
    /// Reads a directory. A people file that is missing takes the names away, and nothing else.
    ///
    /// # Errors
    /// The journal, the playbook or a scenario is missing or damaged.
    pub fn read(dir: &RunDir) -> Result<Self, ExerciseError> {
        let lines = lines(dir)?;
        let state = State::of(&lines.lines);
        let loaded = frozen(&dir.0, &state).map_err(ExerciseError::File)?;
        let (people, nameless) = match People::read(&dir.0) {
            Ok(people) => (people, None),
            Err(why) => (People::default(), Some(why)),
        };
        let known = KnownExercise { loaded, people, state, head: lines.head.clone(), stray: lines.stray };
        Ok(Self { known, lines, nameless })
    }
}

/// What was checked, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What was checked and does not differ.
    pub checked: Vec<String>,
    /// What differs: the place, and how.
    pub differs: Vec<(String, String)>,
    /// What is not shown.
    pub open: Vec<String>,
}

impl Checked {
    fn group(&mut self, holds: String, differs: Vec<(String, String)>) {
        if differs.is_empty() {
            self.checked.push(holds);
        }
        self.differs.extend(differs);
    }
}

/// Checks the files of an exercise.
pub fn check(dir: &RunDir, whole: &Whole) -> Checked {
    let mut found = Checked::default();
    let (known, state) = (&whole.known, &whole.known.state);
    let (lines, sessions) = (whole.lines.lines.len(), state.sessions);
    let stray =
        if whole.lines.stray > 0 { format!("; {} stray lines do not count", whole.lines.stray) } else { String::new() };
    found.checked.push(format!(
        "the journal: {lines} lines of {sessions} session(s), each with the hash of the one before{stray}"
    ));
    let contents = Contents::of(&whole.lines.lines);
    let wrong = contents.files.iter().filter_map(|named| Some((place(dir, &named.name), differs(dir, named)?)));
    let wrong = wrong.collect();
    let attached = contents.files.iter().filter(|named| named.name.starts_with("attachments/")).count();
    let holds = format!(
        "the playbook, {} scenario(s), {} paper(s) without names, {attached} attachment(s): as the journal names them",
        state.scenarios.len(),
        state.papers.len()
    );
    found.group(holds, wrong);
    drills(dir, &contents, &mut found);
    names(dir, whole, &mut found);
    signatures(whole, &mut found);
    if state.phase != ExercisePhase::Closed {
        found.open.push(format!("the exercise is {}", state.phase.words()));
    }
    if known.state.authorised.as_ref().is_some_and(|(_, _, hash)| *hash != super::verbs::authorised_hash(state)) {
        let what = "the hash that was authorised is not that of the playbook, the scenarios, the people and the place";
        found.differs.push((place(dir, "journal.jsonl"), what.to_owned()));
    }
    found
}

fn place(dir: &RunDir, name: &str) -> String {
    dir.file(name).display().to_string()
}

/// The end of each drill is the one that the exercise saw. The drill itself is verified elsewhere.
fn drills(dir: &RunDir, contents: &Contents, found: &mut Checked) {
    let mut wrong = vec![];
    for linked in &contents.drills {
        // A stage has the name of a folder, and only that.
        if !is_run_name(&linked.stage) {
            wrong.push((place(dir, "journal.jsonl"), format!("`{}` is not a stage", printable(&linked.stage))));
            continue;
        }
        let folder = super::launch::folder(&linked.stage);
        match Drill::read(&dir.file(&folder)) {
            Err(error) => wrong.push((place(dir, &folder), error.to_string())),
            Ok(drill) => {
                let head = drill.end.as_ref().map(|end| end.head.as_str());
                if head != Some(linked.head.as_str()) || drill.run != linked.run {
                    let what =
                        format!("this is not the drill of the exercise: {} ended with {}", linked.run, linked.head);
                    wrong.push((place(dir, &folder), what));
                }
            }
        }
    }
    found.group(format!("{} drill(s): each ends with the line that the exercise saw", contents.drills.len()), wrong);
}

/// Names are not part of the evidence. A name that was exchanged would still put words into somebody's mouth.
fn names(dir: &RunDir, whole: &Whole, found: &mut Checked) {
    let people = &whole.known.people;
    if let Some(why) = &whole.nameless {
        found.checked.push(format!("no names: {why}. They are not part of the evidence"));
        return;
    }
    let wrong = people.renamed().into_iter().map(|id| {
        (
            place(dir, super::people::PEOPLE),
            format!("the name of {} does not belong to this hash: it was changed", id.0),
        )
    });
    let erased = people.people.iter().filter(|person| person.name.is_empty()).count();
    let holds =
        format!("the names of {} people belong to their hashes; {erased} were erased", people.people.len() - erased);
    found.group(holds, wrong.collect());
}

/// Whether people signed the report as this version makes it.
fn signatures(whole: &Whole, found: &mut Checked) {
    let state = &whole.known.state;
    let present = report_hash(&whole.known, &whole.lines.lines);
    for (_, by, _, signed) in &state.signed {
        let latest = state.signed.iter().rev().find(|(_, other, _, _)| other.role == by.role);
        if latest.is_some_and(|(_, _, _, latest)| latest != signed) {
            continue;
        }
        if *signed == present {
            found.checked.push(format!("the {} signed this report", by.role));
        } else {
            found.open.push(format!(
                "the {} signed another report ({signed}); this version ({}) makes {present} of a journal that {} wrote",
                by.role,
                crate::verdict::TOOL,
                state.tool
            ));
        }
    }
}

/// Whether a directory claims to be that of an exercise. Its journal may be damaged.
pub fn is_exercise(dir: &RunDir) -> bool {
    use std::io::{BufRead, BufReader, Read};
    const LONGEST: u64 = 1 << 20;
    let mut line = vec![];
    let first = files::own_file(&dir.journal())
        .and_then(|file| BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut line));
    let kind = first.ok().and_then(|_| serde_json::from_slice::<serde_json::Value>(&line).ok());
    match kind.as_ref().and_then(|line| line["event"]["kind"].as_str()) {
        Some("ExercisePrepared") => true,
        Some(_) => false,
        // Only an exercise has a playbook.
        None => dir.file(super::directory::PLAYBOOK).is_file(),
    }
}
