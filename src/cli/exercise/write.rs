//! `drillmaster exercise report` and `erase`: what is written from the journal.

use std::path::Path;

use super::{
    super::{Done, Failure, forecast::Rehearsals, note, print, shown},
    failed, now,
};
use crate::{
    exercise::{
        ClusterAccess, KnownExercise, PersonId, Session, What, read, report as report_of, report_hash, write_papers,
    },
    files,
    journal::RunDir,
    model::Exit,
    report::{exercise_html, markdown},
};

/// Writes the report into the directory.
pub(super) fn report(dir: &Path) -> Done {
    let now = now();
    let (known, _) = KnownExercise::read(dir, now).map_err(|e| failed(&e))?;
    let lines = read(&RunDir(dir.to_owned())).map_err(|e| Failure::of(Exit::Invalid, &e))?.lines;
    let document = report_of(&known, &lines, now);
    let rehearsal = known.state.unattended || matches!(known.state.place, ClusterAccess::Simulated { .. });
    let prefix = if rehearsal { "REHEARSAL: " } else { "" };
    let json = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    for (name, text) in
        [("report.html", exercise_html(&document, prefix)), ("report.md", markdown(&document)), ("report.json", json)]
    {
        files::replace(&dir.join(name), text.as_bytes())
            .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(dir.join(name)))))?;
    }
    note(&format!("wrote {} (hash to sign: {})", shown(dir.join("report.html")), report_hash(&known, &lines)));
    Ok(Exit::Passed)
}

/// Forgets a person, and writes every file with the name again.
pub(super) fn erase(dir: &Path, name: &str) -> Done {
    let mut session = Session::open(dir).map_err(|e| failed(&e))?;
    let id: PersonId = session.known.people.find(name).map_err(|why| Failure::new(Exit::Invalid, why))?.id.clone();
    session.append(vec![(now(), What::Erased { person: id.clone() })]).map_err(|e| failed(&e))?;
    session.known.people.erase(&id);
    let failed_to = |e: std::io::Error| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(dir)));
    session.known.people.write(dir).map_err(failed_to)?;
    // The planned times in the papers come from rehearsals, which are not frozen.
    let (rehearsals, mut loaded) = (Rehearsals::default(), session.known.loaded.clone());
    for (i, used) in &mut loaded.uses {
        if let (Some(drill), Ok(scenario)) = (&loaded.playbook.stages[*i].scenario, &used.scenario) {
            used.forecast = rehearsals.of(drill, scenario);
        }
    }
    write_papers(dir, &loaded, &session.known.people, session.known.state.planned).map_err(failed_to)?;
    drop(session);
    if dir.join("report.html").exists() {
        report(dir)?;
    }
    print(
        "erased: the name is gone from people.yaml, from the papers and from the report; the journal had only its hash\n",
    );
    note("copies of the papers and reports that were given to others are not changed, and neither are attachments");
    Ok(Exit::Passed)
}
