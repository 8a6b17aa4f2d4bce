//! `drillmaster report annotate`: adds a note of a person beside the journal.

use std::io::Write;

use jiff::Timestamp;

use super::{
    Done, Failure, note as message, place, report::organisation, report_args::AnnotateArgs, shown, verify::holding,
};
use crate::{
    files,
    journal::RunDir,
    model::{Exit, is_printable},
    report::{self, Document, Field, Key, Known, NOTES, Note},
};

/// A note is not longer.
const LONGEST: usize = 2000;

pub(super) fn annotate(args: &AnnotateArgs) -> Done {
    let organisation = organisation(&args.look)?;
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let reading = holding(&dir)?.reading;
    let beside = report::beside(&dir, &reading, &organisation).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let document = report::document(&report::story_of(&reading), &reading, &beside);
    let note = note(args, &document).map_err(|why| Failure::new(Exit::Invalid, why))?;
    append(&dir, &note)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write {}: {e}", shown(dir.file(NOTES)))))?;
    report::write_all(&dir, &reading, &organisation)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    message(&format!("noted in {}, and wrote {}", shown(dir.file(NOTES)), shown(dir.file("report.html"))));
    Ok(Exit::Passed)
}

fn note(args: &AnnotateArgs, document: &Document) -> Result<Note, String> {
    let text = plain("the note", &args.text)?;
    let (by, known) = match &args.by {
        Some(name) => (plain("--by", name)?, Known::Asserted),
        None => (place::operator(), Known::Account),
    };
    if args.field == Field::Due && text.parse::<jiff::civil::Date>().is_err() {
        return Err(format!("`{text}` is not a date: write it as 2027-01-31"));
    }
    #[expect(clippy::disallowed_methods, reason = "the time at which a person writes the note")]
    let at = Timestamp::now();
    Ok(Note { at, by, known, field: args.field, of: action(args, document)?, text })
}

/// The action that the note is about; it must be in the report.
fn action(args: &AnnotateArgs, document: &Document) -> Result<String, String> {
    let rows = document.section(Key::Actions).into_iter().flat_map(|s| &s.blocks);
    let ids: Vec<String> = rows
        .filter_map(|block| match block {
            report::Block::Table(table) => Some(table.rows.iter().filter_map(|r| r.id.as_ref())),
            _ => None,
        })
        .flatten()
        .map(|id| id.0.clone())
        .collect();
    let known = if ids.is_empty() {
        "the report has no actions".to_owned()
    } else {
        format!("the report has {}", ids.join(", "))
    };
    match (&args.of, args.field.is_of_action()) {
        (Some(of), true) if ids.contains(of) => Ok(of.clone()),
        (Some(of), true) => Err(format!("--of {of}: there is no such action; {known}")),
        (None, true) => Err(format!("--field {} needs the action: add --of; {known}", args.field.word())),
        (Some(_), false) => Err(format!("--field {} is about the whole run: remove --of", args.field.word())),
        (None, false) => Ok(String::new()),
    }
}

fn plain(what: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.chars().count() > LONGEST {
        return Err(format!("{what} is longer than {LONGEST} characters: write less, and refer to a document"));
    }
    if !text.chars().all(is_printable) {
        return Err(format!("{what} has characters that cannot be printed, or several lines: write one line"));
    }
    Ok(text.to_owned())
}

fn append(dir: &RunDir, note: &Note) -> std::io::Result<()> {
    let mut file = files::private().append(true).open(dir.file(NOTES))?;
    let line = serde_json::to_string(note)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
