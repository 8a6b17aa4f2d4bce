//! `drillmaster exercise report` and `erase`: the files that are made from the journal.

use std::path::Path;

use jiff::Timestamp;

use super::{
    super::{Done, Failure, forecast::Rehearsals, note, print, report::can_write, say, shown},
    failed, now,
};
use crate::{
    exercise::{KnownExercise, Line, PersonId, Session, What, read, report as report_of, report_hash, write_papers},
    files,
    journal::RunDir,
    model::Exit,
    report::{Document, Format, exercise_html, exercise_pdf, pdf_is_built},
};

/// Writes the report into the directory, in one format or in all but PDF.
pub(super) fn report(dir: &Path, format: Option<Format>) -> Done {
    can_write(format)?;
    let now = now();
    let (known, _) = KnownExercise::read(dir, now).map_err(|e| failed(&e))?;
    let lines = read(&RunDir(dir.to_owned())).map_err(|e| Failure::of(Exit::Invalid, &e))?.lines;
    let Some(format) = format else { return write(dir, &known, &lines, now) };
    write_format(dir, &known, &lines, &report_of(&known, &lines, now), format)?;
    wrote(dir, &known, &lines, format)
}

fn write(dir: &Path, known: &KnownExercise, lines: &[Line], now: Timestamp) -> Done {
    let document = report_of(known, lines, now);
    for format in [Format::Html, Format::Markdown, Format::Json] {
        write_format(dir, known, lines, &document, format)?;
    }
    pdf_again(dir, known, lines, &document)?;
    wrote(dir, known, lines, Format::Html)
}

fn wrote(dir: &Path, known: &KnownExercise, lines: &[Line], format: Format) -> Done {
    note(&format!("wrote {} (hash to sign: {})", shown(dir.join(format.file())), report_hash(known, lines)));
    Ok(Exit::Passed)
}

fn write_format(
    dir: &Path,
    known: &KnownExercise,
    lines: &[Line],
    document: &Document,
    format: Format,
) -> Result<(), Failure> {
    let path = dir.join(format.file());
    let prefix = if known.state.is_rehearsal() { "REHEARSAL: " } else { "" };
    let bytes = match format {
        Format::Html => exercise_html(document, prefix).into_bytes(),
        Format::Markdown => document.exercise_markdown().into_bytes(),
        Format::Json => (serde_json::to_string_pretty(document).unwrap_or_default() + "\n").into_bytes(),
        Format::Pdf => exercise_pdf(document, prefix, lines.last().map(|line| line.at))
            .map_err(|e| Failure::of(Exit::Invalid, &e))?,
    };
    files::replace(&path, &bytes)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(&path))))
}

/// A PDF that exists is written again. One that cannot be written again is removed: it may hold a name that was erased.
fn pdf_again(dir: &Path, known: &KnownExercise, lines: &[Line], document: &Document) -> Result<(), Failure> {
    let path = dir.join(Format::Pdf.file());
    if !path.exists() {
        return Ok(());
    }
    let Err(why) = pdf_is_built() else { return write_format(dir, known, lines, document, Format::Pdf) };
    std::fs::remove_file(&path)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot remove {}: {e}", shown(&path))))?;
    say(&format!("removed {}, which was out of date: {why}", shown(&path)));
    Ok(())
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
    if [Format::Html, Format::Pdf].iter().any(|format| dir.join(format.file()).exists()) {
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
