//! `drillmaster report` and `drillmaster log`: both read the journal only.

use super::{
    Done, Failure, annotate,
    args::{LogArgs, Output, ReportArgs},
    note, place, print, print_styled,
    report_args::{LookArgs, ORGANISATION, ReportCommand},
    say, shown, styled_out,
    verify::holding,
};
use crate::{
    event::Event,
    files,
    journal::follow,
    model::Exit,
    report::{self, Format, Organisation, Shape},
    verify::Verified,
};

pub(super) fn report(args: &ReportArgs) -> Done {
    if let Some(ReportCommand::Annotate(args)) = &args.what {
        return annotate::annotate(args);
    }
    if args.language_keys {
        print(&report::english());
        return Ok(Exit::Passed);
    }
    let format = args.format.map(Format::from);
    can_write(format)?;
    let organisation = organisation(&args.look)?;
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let reading = holding(&dir)?.reading;
    let story = report::story_of(&reading);
    let beside = report::beside(&dir, &reading, &organisation).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let document = report::document(&story, &reading, &beside);
    match args.output.format {
        Output::Human => {
            let shape = Shape { colours: styled_out(), width: files::columns_out(), brief: false };
            print_styled(&report::summary_in(&story, shape));
        }
        Output::Json => files::print_json(&report::json(&story, &document)),
    }
    let written = match format {
        Some(format) => report::write_format(&dir, &story, &document, &organisation, format),
        None => report::write(&dir, &story, &document, &organisation),
    };
    written.map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    note(&format!("wrote {}", shown(dir.file(format.unwrap_or(Format::Html).file()))));
    Ok(Exit::Passed)
}

/// Refuses a format that this program cannot write, before anything is read or written.
pub(super) fn can_write(format: Option<Format>) -> Result<(), Failure> {
    match format {
        Some(Format::Pdf) => report::pdf_is_built().map_err(|e| Failure::of(Exit::Invalid, &e)),
        _ => Ok(()),
    }
}

/// The organisation file that is named, or that the environment names.
pub(super) fn organisation(look: &LookArgs) -> Result<Organisation, Failure> {
    let invalid = |why: String| Failure::new(Exit::Invalid, why);
    let read = |path| Organisation::read(path).map_err(invalid);
    let own = look.organisation.as_deref().map(read).transpose()?.unwrap_or_default();
    match &look.language {
        Some(language) => own.in_language(language).map_err(invalid),
        None => Ok(own),
    }
}

/// The organisation file that the environment names, for commands without arguments about reports.
pub(super) fn organisation_of_environment() -> Result<Organisation, Failure> {
    let file = std::env::var_os(ORGANISATION).filter(|path| !path.is_empty()).map(Into::into);
    organisation(&LookArgs { organisation: file, language: None })
}

/// The same for the report of a drill, which a mistake in the organisation file must not cost.
pub(super) fn organisation_or_none() -> Organisation {
    organisation_of_environment().unwrap_or_else(|failure| {
        say(&format!("warning: the report is written without the organisation: {}", failure.text));
        Organisation::default()
    })
}

pub(super) fn log(args: &LogArgs) -> Done {
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let Verified { reading, .. } = holding(&dir)?;
    if let Some(words) = reading.again().standing.words() {
        say(&format!("note: {words}"));
    }
    let mut left = reading.count;
    // The run may go on meanwhile. Only what was checked is shown.
    follow(&dir, |event, _| {
        if left > 0 {
            left -= 1;
            replayed(&event, args.output.format);
        }
    })
    .map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let about = reading.about;
    if about.torn {
        say("note: the last line of the journal is incomplete and was left out");
    }
    if about.skipped + about.stray > 0 {
        say(&format!(
            "note: {} line(s) of an unknown kind and {} stray line(s) were left out",
            about.skipped, about.stray
        ));
    }
    Ok(Exit::Passed)
}

fn replayed(event: &Event, output: Output) {
    let line = match output {
        Output::Human => report::line(event),
        Output::Json => serde_json::to_string(event).ok(),
    };
    if let Some(line) = line {
        let line = format!("{line}\n");
        if output == Output::Json { files::print_json(&line) } else { print(&line) }
    }
}
