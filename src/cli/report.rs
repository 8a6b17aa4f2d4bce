//! `drillmaster report` and `drillmaster log`: both read the journal only.

use super::{
    Done, Failure,
    args::{LogArgs, Output, ReportArgs},
    note, place, print, print_styled, say, shown, styled_out,
    verify::holding,
};
use crate::{files, model::Exit, report, verify::Verified};

pub(super) fn report(args: &ReportArgs) -> Done {
    let dir = place::dir(&args.run, place::Which::Newest)?;
    let journal = holding(&dir)?.journal;
    let story = report::tell_read(&journal);
    match args.output.format {
        Output::Human => print_styled(&report::summary(&story, styled_out())),
        Output::Json => files::print_json(&report::json(&story)),
    }
    report::write_all(&dir, &journal)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    note(&format!("wrote {}", shown(dir.file("report.html"))));
    Ok(Exit::Passed)
}

pub(super) fn log(args: &LogArgs) -> Done {
    let dir = place::dir(&args.run, place::Which::Newest)?;
    let Verified { journal, standing, .. } = holding(&dir)?;
    if let Some(words) = standing.words() {
        say(&format!("note: {words}"));
    }
    for event in &journal.events {
        let line = match args.output.format {
            Output::Human => report::line(event),
            Output::Json => serde_json::to_string(event).ok(),
        };
        if let Some(line) = line {
            let line = format!("{line}\n");
            if args.output.format == Output::Json { files::print_json(&line) } else { print(&line) }
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
