//! The process that makes the readiness review of a check stage: it runs `drillmaster check`, keeps its result by its
//! hash, and writes exit code and verdict into the journal. `exercise next` starts it; nobody waits for it.

use std::{process::Stdio, time::Duration};

use jiff::Timestamp;

use super::{
    super::{Done, Failure, block, exercise_args::ReviewArgs, note},
    attach, failed, now,
};
use crate::{
    exercise::{
        ExerciseError, JournalError, KnownExercise, ReviewEnd, ReviewStanding as Standing, Session, between,
        open_stage, plus, review_arguments,
    },
    model::{self, Dur, Exit, Redactor, Told},
    told,
};

/// How often the lock of the exercise is asked for: each time waits ten seconds.
const TRIES: usize = 5;

pub(super) fn review(args: &ReviewArgs) -> Done {
    let (known, _) = KnownExercise::read(&args.dir, now()).map_err(|e| failed(&e))?;
    let state = &known.state;
    let wrong = || Failure::new(Exit::Invalid, "no review of this stage was started: `exercise next` starts it");
    let (_, stage) = open_stage(&known.loaded.playbook, state).filter(|(_, s)| s.id == args.stage).ok_or_else(wrong)?;
    let own = state.stage_of(&stage.id);
    let launched = own.review.as_ref().map(|review| review.launched).ok_or_else(wrong)?;
    let (Standing::Runs(_), Some(check)) = (Standing::of(&state.place, stage, &own), &stage.check) else {
        return Err(wrong());
    };
    let words = review_arguments(check, &state.place).ok_or_else(wrong)?;
    let limit = between(now(), plus(launched, stage.planned()));
    let end = ended(args, &words, limit);
    note(&format!("review of stage {}: {:?} {}", stage.id, end.readiness, end.why));
    record(args, launched, &end)
}

/// The end of the review, with its result file.
fn ended(args: &ReviewArgs, words: &[String], limit: Dur) -> ReviewEnd {
    let none = |why: Told| ReviewEnd { at: now(), exit: None, readiness: None, why, evidence: None };
    let (code, output) = match output(words, limit) {
        Ok(done) => done,
        Err(why) => return none(told!(Redactor::default(), "{why}")),
    };
    let exit = code.and_then(exit_of);
    let readiness = serde_json::from_slice::<model::Review>(&output).ok().map(|review| review.verdict);
    let log = format!("its messages are in drills/{}.log", args.stage);
    match attach::keep(&args.dir, &format!("review of stage {}.json", args.stage), &output) {
        Ok(file) => {
            let why = if readiness.is_some() && exit == Some(Exit::Passed) { String::new() } else { log };
            ReviewEnd {
                exit,
                readiness,
                why: told!(Redactor::default(), "{why}"),
                evidence: Some(file),
                ..none(Told::default())
            }
        }
        // A result that nobody can look at is none.
        Err(error) => {
            ReviewEnd { exit, ..none(told!(Redactor::default(), "the result cannot be kept: {error}; {log}")) }
        }
    }
}

/// The exit codes that `check` has.
fn exit_of(code: i32) -> Option<Exit> {
    [Exit::Passed, Exit::Invalid, Exit::Refused, Exit::Inconclusive, Exit::Internal]
        .into_iter()
        .find(|exit| i32::from(exit.code()) == code)
}

/// Runs the program. It is ended at its time limit.
fn output(words: &[String], limit: Dur) -> Result<(Option<i32>, Vec<u8>), String> {
    let program = std::env::current_exe().map_err(|e| format!("the program cannot be found: {e}"))?;
    let mut done = Err(String::new());
    let ran = block(async {
        let mut run = tokio::process::Command::new(program);
        run.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
        let limit = limit.0.max(Duration::from_secs(1));
        let ended = tokio::time::timeout(limit, async { run.spawn()?.wait_with_output().await }).await;
        done = match ended {
            Err(_) => Err("it did not end in the time of the stage".to_owned()),
            Ok(Err(error)) => Err(format!("it cannot be run: {error}")),
            Ok(Ok(output)) => Ok((output.status.code(), output.stdout)),
        };
        Ok(Exit::Passed)
    });
    ran.map_err(|failure| failure.text)?;
    done
}

/// Writes the result down. Another command may hold the lock for a moment.
fn record(args: &ReviewArgs, launched: Timestamp, end: &ReviewEnd) -> Done {
    for _ in 0..TRIES {
        match Session::open(&args.dir) {
            Err(ExerciseError::Journal(JournalError::Busy { .. })) => {}
            Err(error) => return Err(failed(&error)),
            Ok(mut session) => {
                let counts = session.reviewed(&args.stage, launched, end.clone(), now()).map_err(|e| failed(&e))?;
                if !counts {
                    note("the stage did not wait for this review any more: its result does not count");
                }
                return Ok(Exit::Passed);
            }
        }
    }
    Err(Failure::new(
        Exit::Invalid,
        "another command has been working on the exercise all the time; the review ends without a result",
    ))
}
