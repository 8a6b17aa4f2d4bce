//! `drillmaster playbook`: the papers of an exercise.

use super::{
    Done, Failure,
    forecast::Rehearsals,
    note, place,
    playbook_args::{PaperFormat, PlaybookCommand, RenderArgs},
    print,
    report::can_write,
    shown,
};
use crate::{
    exercise::{LoadedPlaybook, People, load, load_people, write_papers_for},
    model::Exit,
    report::Format,
};

pub(super) fn playbook(command: &PlaybookCommand) -> Done {
    match command {
        PlaybookCommand::Render(args) => render(args),
    }
}

/// Reads a playbook, with what rehearsals predict.
pub(super) fn read(path: &std::path::Path, set: &[String]) -> Result<LoadedPlaybook, Failure> {
    let rehearsals = Rehearsals::default();
    let set = place::set(set)?;
    let loaded = load(path, &set, &|drill, loaded| rehearsals.of(drill, loaded)).map_err(|p| place::invalid(&p))?;
    place::warn(&loaded.warnings);
    Ok(loaded)
}

fn render(args: &RenderArgs) -> Done {
    can_write((args.format == Some(PaperFormat::Pdf)).then_some(Format::Pdf))?;
    let loaded = read(&args.playbook, &args.set)?;
    let people = match &args.people {
        Some(path) => Some(People::of(&load_people(path, Some(&loaded.playbook)).map_err(|p| place::invalid(&p))?)),
        None => None,
    };
    let formats = PaperFormat::each(args.format);
    for audience in args.audience.each() {
        let folder = args.out.join(audience.word());
        let written = write_papers_for(&folder, &loaded, people.as_ref(), args.at, audience, &formats);
        let written =
            written.map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&folder))))?;
        for name in written {
            print(&format!("{}\n", shown(folder.join(name))));
        }
    }
    if args.at.is_none() {
        note(
            "no date was given, so there is no calendar file and times count from the start; add --at 2026-12-03T09:00:00Z",
        );
    }
    Ok(Exit::Passed)
}
