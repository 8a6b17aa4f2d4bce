//! `drillmaster report` and `drillmaster log`: both read the journal only.

use super::{
    Done, Failure, annotate,
    args::{LogArgs, Output, ReportArgs},
    note, place, print, print_styled,
    report_args::ReportCommand,
    say, shown, styled_out,
    verify::holding,
};
use crate::{
    event::Event,
    files,
    journal::follow,
    model::Exit,
    report::{self, Shape},
    verify::Verified,
};

pub(super) fn report(args: &ReportArgs) -> Done {
    if let Some(ReportCommand::Annotate(args)) = &args.what {
        return annotate::annotate(args);
    }
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    let reading = holding(&dir)?.reading;
    let story = report::story_of(&reading);
    let beside = report::beside(&dir, &reading).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let document = report::document(&story, &reading, &beside);
    match args.output.format {
        Output::Human => {
            let shape = Shape { colours: styled_out(), width: files::columns_out(), brief: false };
            print_styled(&report::summary_in(&story, shape));
        }
        Output::Json => files::print_json(&report::json(&story, &document)),
    }
    report::write_all(&dir, &reading)
        .map_err(|e| Failure::new(Exit::Invalid, format!("cannot write into {}: {e}", shown(&dir.0))))?;
    note(&format!("wrote {}", shown(dir.file("report.html"))));
    Ok(Exit::Passed)
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
