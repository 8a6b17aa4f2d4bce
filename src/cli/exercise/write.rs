//! `drillmaster exercise report` and `erase`: the files that are made from the journal.

use std::path::Path;

use jiff::Timestamp;

use super::{
    super::{Done, Failure, forecast::Rehearsals, note, print, shown},
    failed, now,
};
use crate::{
    exercise::{KnownExercise, Line, PersonId, Session, What, read, report as report_of, report_hash, write_papers},
    files,
    journal::RunDir,
    model::Exit,
    report::exercise_html,
};

/// Writes the report into the directory.
pub(super) fn report(dir: &Path) -> Done {
    let now = now();
    let (known, _) = KnownExercise::read(dir, now).map_err(|e| failed(&e))?;
    let lines = read(&RunDir(dir.to_owned())).map_err(|e| Failure::of(Exit::Invalid, &e))?.lines;
    write(dir, &known, &lines, now)
}

fn write(dir: &Path, known: &KnownExercise, lines: &[Line], now: Timestamp) -> Done {
    let document = report_of(known, lines, now);
    let prefix = if known.state.is_rehearsal() { "REHEARSAL: " } else { "" };
    let json = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    let html = exercise_html(&document, prefix);
    for (name, text) in [("report.html", html), ("report.md", document.exercise_markdown()), ("report.json", json)] {
        files::replace(&dir.join(name), text.as_bytes())
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(dir.join(name)))))?;
    }
    note(&format!("wrote {} (hash to sign: {})", shown(dir.join("report.html")), report_hash(known, lines)));
    Ok(Exit::Passed)
}

/// Forgets a person, and writes every file with the name again.
pub(super) fn erase(dir: &Path, name: &str) -> Done {
    let now = now();
    let mut session = Session::open(dir).map_err(|e| failed(&e))?;
    session.tick(now).map_err(|e| failed(&e))?;
    let id: PersonId = session.known.people.find(name).map_err(|why| Failure::new(Exit::Invalid, why))?.id.clone();
    // The planned times in the papers come from rehearsals, which are not frozen.
    let (rehearsals, mut loaded) = (Rehearsals::default(), session.known.loaded.clone());
    for (i, used) in &mut loaded.uses {
        if let (Some(drill), Ok(scenario)) = (&loaded.playbook.stages[*i].scenario, &used.scenario) {
            used.forecast = rehearsals.of(drill, scenario);
        }
    }
    if !session.known.state.erased.contains(&id) {
        session.append(vec![(now, What::Erased { person: id.clone() })]).map_err(|e| failed(&e))?;
    }
    session.known.people.erase(&id);
    let failed_to = |e: std::io::Error| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(dir)));
    write_papers(dir, &loaded, &session.known.people, session.known.state.planned).map_err(failed_to)?;
    if dir.join("report.html").exists() {
        write(dir, &session.known, session.lines(), now)?;
    }
    // The name goes from this file last: as long as it is there, the command can be repeated.
    session.known.people.write(dir).map_err(failed_to)?;
    print(
        "erased: the name is gone from people.yaml, from the papers and from the report; the journal had only its hash\n",
    );
    note("copies of the papers and reports that were given to others are not changed, and neither are attachments");
    Ok(Exit::Passed)
}
