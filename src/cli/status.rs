//! `drillmaster status` and `drillmaster stop`.

use std::collections::VecDeque;

use serde_json::json;

use super::{
    Done, Failure,
    args::{Output, StatusArgs, StopArgs},
    place, print, print_whole, shown,
    verify::refused,
};
use crate::{
    engine::way_to,
    event::{Event, Kind},
    files,
    journal::{FaultState, Lock, RunState, is_rehearsal},
    model::{Exit, StopHow, printable},
    verdict::{Ending, ReadRun},
    verify::{Verified, verify_with},
    world::{Lease, connect},
};

pub(super) async fn status(args: &StatusArgs) -> Done {
    let dir = place::dir(&args.run, place::WhichRun::RunFirst)?;
    let mut newest = Newest::default();
    let looked = verify_with(&dir, |event| newest.add(event));
    let Verified { reading, differs, .. } = looked.map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let (history, about) = (reading.history(), &reading.about);
    if let Some(illegal) = &history.illegal {
        return Err(Failure::of(Exit::Invalid, illegal));
    }
    let (state, standing) = (&history.state, &reading.again().standing);
    // Open faults are printed first, even where the directory was changed: they need action.
    let held = Lock::is_held(&dir);
    let done = if differs.is_empty() { Ok(exit(state, held)) } else { Err(refused(&differs)) };
    let last = newest.line(&reading.kept);
    let open = state.open();
    if args.output.format == Output::Json {
        let open: Vec<_> = open
            .iter()
            .map(|f| json!({"fault": f.id, "target": f.target, "state": f.state, "commands": f.revert.commands()}))
            .collect();
        let code = done.as_ref().map_or_else(|failure| failure.exit, |exit| *exit).code();
        let value = json!({"dir": dir.0, "rehearsal": is_rehearsal(&dir), "alive": held, "exit": code, "ended": state.ended.map(Exit::code), "epoch": about.last_epoch, "events": about.count, "open": open,
            "head": about.head(), "otherRules": standing.words(), "differs": differs});
        files::print_json(&format!("{value}\n"));
        return done;
    }
    let word = match (held, state.ended) {
        (_, Some(exit)) if !differs.is_empty() => {
            format!("the journal says that the run ended with {}, BUT THE RUN DIRECTORY DOES NOT SUPPORT THAT: see below", exit.code())
        }
        (_, Some(exit)) => {
            let words = standing.words().unwrap_or_else(|| Ending::after(history).words());
            format!("ended with {}: {words}", exit.code())
        }
        (Some(true), None) => "running".into(),
        (Some(false), None) => "DEAD: the runner stopped before the end of the run. Run `drillmaster recover` (the reaper may be working on it already)".into(),
        (None, None) => {
            format!("not ended; cannot tell whether it is still running: {} cannot be read", shown(dir.file("lock")))
        }
    };
    print(&format!("{}\n{word}\nsession {}, {} events, last:\n{last}\n", shown(&dir.0), about.last_epoch, about.count));
    for fault in open {
        let line = format!("open: {} ({}) {:?}", fault.id, fault.target, fault.state);
        print(&format!("{}\n", printable(&line)));
        for command in fault.revert.commands() {
            print_whole(&format!("      {}\n", printable(&command)));
        }
    }
    if state.past_no_return() {
        print("past the point of no return: a stop now finishes the deletion and restores the namespace\n");
    }
    if let Some(head) = about.head() {
        print_whole(&format!("head {head}\n"));
    }
    done
}

/// What the state of a run means for whoever asks: a person is needed, `recover` is needed, or nothing.
fn exit(state: &RunState, held: Option<bool>) -> Exit {
    let open = state.open();
    if open.iter().any(|fault| fault.state == FaultState::Stuck)
        || state.ended == Some(Exit::Residue) && !open.is_empty()
    {
        return Exit::Residue;
    }
    match (held, state.ended) {
        (Some(true), _) => Exit::Passed,
        (_, Some(_)) if open.is_empty() => Exit::Passed,
        (Some(false), _) | (None, Some(_)) => Exit::Left,
        (None, None) => Exit::Inconclusive,
    }
}

/// How many of the newest events are searched for one that has a line, before the events that are not observations.
const NEWEST: usize = 1_000;

/// The newest events of a journal.
#[derive(Default)]
struct Newest(VecDeque<Event>);

impl Newest {
    fn add(&mut self, event: Event) {
        if self.0.len() == NEWEST {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// The newest line that `log` would print.
    fn line(&self, kept: &[Event]) -> String {
        self.0.iter().rev().chain(kept.iter().rev()).find_map(crate::report::line).unwrap_or_default()
    }
}

pub(super) async fn stop(args: &StopArgs) -> Done {
    let dir = place::dir(&args.run, place::WhichRun::Run)?;
    let journal = ReadRun::from(&dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    let Some(Kind::RunStarted { run_id, way_back, .. }) = journal.kept.first().map(|e| e.event.clone()) else {
        return Err(Failure::new(Exit::Invalid, "the journal has no header: it does not name the run to stop"));
    };
    let how = if args.hold {
        StopHow::Hold
    } else if args.real_incident {
        StopHow::RealIncident
    } else {
        StopHow::Unwind
    };
    let (reach, here) = way_to(&way_back);
    let (kube, _) = connect(&reach, &here).await.map_err(|e| place::not_connected(&e))?;
    Lease::ask_to_stop(&kube, &run_id, how).await.map_err(|e| Failure::of(Exit::Refused, &e))?;
    match args.output.format {
        Output::Human => print(&format!("asked run {run_id} to stop ({how}); it notices within 2 s\n")),
        Output::Json => files::print_json(&format!("{}\n", json!({"run": run_id, "how": how}))),
    }
    Ok(Exit::Passed)
}
