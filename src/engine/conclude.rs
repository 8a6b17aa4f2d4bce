//! The end of a session: its verdict and its last line. Observers and guards were stopped before, so that the verdict
//! includes everything that was observed, and nothing is written after it.

use super::heads;
use crate::{
    event::Kind,
    journal::{Recorder, RunDir, WriteError},
    model::Exit,
    steps::StepContext,
    told,
    verdict::{Ending, Follower, History, How, RULES, TOOL},
};

/// Judges the run and ends the journal.
pub(super) fn judge_and_end(recorder: &Recorder, judge: &Follower, detail: &str) -> Exit {
    let _ = recorder.record_of(|up_to| {
        let verdict = judge.with(History::conclude);
        Kind::Judged {
            rules: RULES,
            tool: TOOL.into(),
            up_to,
            outcome: verdict.outcome,
            judgements: verdict.judgements,
        }
    });
    end(recorder, judge, detail)
}

/// The same, and keeps the hash of the last line in the cluster.
pub(super) async fn conclude(context: &StepContext, dir: &RunDir, detail: &str) -> Exit {
    let exit = judge_and_end(&context.recorder, &context.judge, detail);
    heads::keep(context, dir, exit).await;
    exit
}

/// Ends the journal. How the run ended follows from the journal.
pub(super) fn end(recorder: &Recorder, judge: &Follower, detail: &str) -> Exit {
    let mut exit = Exit::Internal;
    let written = recorder.record_of(|_| {
        let ending = judge.with(Ending::after);
        exit = ending.exit();
        let plain = detail.is_empty() || matches!(ending.how, How::Judged(_));
        let detail = if plain { ending.words() } else { format!("{}: {detail}", ending.words()) };
        Kind::RunEnded { exit, detail: told!(recorder, "{detail}") }
    });
    match written {
        // If the session lost control of the run just before its last line, it has not ended the run.
        Ok(_) if recorder.check_fence().is_err() => Exit::Left,
        Ok(_) => exit,
        Err(WriteError::Fenced { .. }) => Exit::Left,
        Err(_) => exit.worse(Exit::Internal),
    }
}
