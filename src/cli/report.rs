//! `drillmaster report` and `drillmaster replay`: both read the journal only.

use super::{
    Done, Failure, annotate,
    args::{Output, ReplayArgs, ReportArgs},
    place, print, print_styled,
    report_args::ReportCommand,
    say, shown, styled_out,
    verify::holding,
};
use crate::{files, model::Exit, report, verify::Verified};

pub(super) fn report(args: &ReportArgs) -> Done {
    if let Some(ReportCommand::Annotate(args)) = &args.what {
        return annotate::annotate(args);
    }
    let dir = place::dir(&args.run)?;
    let journal = holding(&dir)?.journal;
    let story = report::tell_read(&journal);
    let beside = report::beside(&dir, &journal).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let document = report::document(&story, &journal.events, &beside);
    match args.output {
        Output::Human => print_styled(&report::summary(&story, styled_out())),
        Output::Json => files::print_json(&report::json(&story, &document)),
    }
    report::write_all(&dir, &journal)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    say(&format!("wrote {}", shown(dir.file("report.html"))));
    Ok(Exit::Passed)
}

pub(super) fn replay(args: &ReplayArgs) -> Done {
    let dir = place::dir(&args.run)?;
    let Verified { journal, standing, .. } = holding(&dir)?;
    if let Some(words) = standing.words() {
        say(&format!("note: {words}"));
    }
    for event in &journal.events {
        let line = match args.output {
            Output::Human => report::line(event),
            Output::Json => serde_json::to_string(event).ok(),
        };
        if let Some(line) = line {
            let line = format!("{line}\n");
            if args.output == Output::Json { files::print_json(&line) } else { print(&line) }
        }
    }
    if journal.torn {
        say("note: the last line of the journal is incomplete and was left out");
    }
    if journal.skipped + journal.stray > 0 {
        say(&format!(
            "note: {} line(s) of an unknown kind and {} stray line(s) were left out",
            journal.skipped, journal.stray
        ));
    }
    Ok(Exit::Passed)
}
