//! `drillmaster verify` on the directory of an exercise: checks that it is what the exercise left, and says what was
//! judged.

use serde_json::json;

use super::{Done, Failure, args::Output, evidence, print, record_args::VerifyArgs, shown, verify::refused};
use crate::{
    evidence::Sealed,
    exercise::{Came, Line, Whole, check_seal, judge},
    files::print_json,
    journal::RunDir,
    model::{Exit, printable},
    verify::{Differs, VerifiedExercise, verify_exercise},
};

pub(super) fn verify(dir: &RunDir, args: &VerifyArgs) -> Done {
    let trusted = evidence::trusted(&args.trust)?;
    let mut verified = verify_exercise(dir).map_err(|e| Failure::of(Exit::Failed, &e))?;
    let sealed = evidence::must_be_signed(dir, check_seal(dir, &verified.whole, &trusted), &trusted);
    if let Sealed::Broken(wrong) = &sealed {
        let wrong = wrong.iter().map(|(place, what)| Differs { place: place.clone(), what: what.clone() });
        verified.differs.extend(wrong);
    }
    let exit = match (&sealed, verified.exit()) {
        (Sealed::Valid { trusted: false, .. }, Exit::Passed) => Exit::Inconclusive,
        (_, exit) => exit,
    };
    match args.output.format {
        Output::Human => print(&human(dir, &verified, &sealed, exit)),
        Output::Json => print_json(&as_json(dir, &verified, &sealed, exit)),
    }
    Ok(exit)
}

/// The exercise, if nothing in its directory differs: only such a one is signed.
pub(super) fn holding(dir: &RunDir) -> Result<Whole, Failure> {
    let verified = verify_exercise(dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    if verified.differs.is_empty() { Ok(verified.whole) } else { Err(refused(&verified.differs)) }
}

/// Each objective: its id, what came of it, and the evidence.
fn objectives(verified: &VerifiedExercise) -> Vec<(String, Came, String)> {
    let (playbook, state) = (&verified.whole.known.loaded.playbook, &verified.whole.known.state);
    let one = |o: &crate::exercise::Objective| {
        let result = judge(playbook, state, o);
        (o.id.clone(), Came::of(o, &result), result.because)
    };
    playbook.objectives.iter().map(one).collect()
}

/// What was added after the exercise was closed.
fn added(verified: &VerifiedExercise) -> Vec<&Line> {
    let lines = &verified.whole.lines.lines;
    let closed = lines.iter().position(|line| matches!(line.event, crate::exercise::What::Closed { .. }));
    closed.map_or_else(Vec::new, |at| lines[at + 1..].iter().collect())
}

fn human(dir: &RunDir, verified: &VerifiedExercise, sealed: &Sealed, exit: Exit) -> String {
    let state = &verified.whole.known.state;
    let mut lines = vec![format!("exercise       {} ({})", state.exercise, shown(&dir.0))];
    lines.extend(verified.checked.iter().map(|checked| format!("holds          {checked}")));
    lines.extend(verified.differs.iter().map(|differs| format!("DIFFERS        {differs}")));
    lines.extend(verified.open.iter().map(|open| format!("not shown      {open}")));
    let judged = objectives(verified);
    lines.extend(judged.iter().map(|(id, came, why)| format!("objective      {id} {}: {why}", came.words())));
    let rehearsal = if state.is_rehearsal() { ", of a REHEARSAL: it is not evidence for any control" } else { "" };
    lines.push(format!("verdict        {}{rehearsal}", verified.verdict().words()));
    lines.push(format!("head           {}", verified.whole.lines.head));
    let after = added(verified);
    if !after.is_empty() {
        lines.push(format!("after its end  {} line(s): changes of actions, and erasures of names", after.len()));
    }
    lines.push(format!("evidence       {}", evidence::said(sealed)));
    lines.push(format!("result         {}", result(sealed, exit)));
    // A name with a line break must not look like a line of this output.
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n") + "\n"
}

fn result(sealed: &Sealed, exit: Exit) -> &'static str {
    match (exit, sealed) {
        (Exit::Failed, _) => "something differs: the directory was changed after the day, or is damaged",
        (Exit::Inconclusive, Sealed::Valid { trusted: false, .. }) => {
            "nothing differs; the evidence is signed, and nobody vouched for the key"
        }
        (Exit::Inconclusive, _) => "nothing differs so far, and something is not shown",
        _ => {
            "nothing differs. Whoever has the directory could have written a new journal: only a signature by a key that you trust excludes that"
        }
    }
}

fn as_json(dir: &RunDir, verified: &VerifiedExercise, sealed: &Sealed, exit: Exit) -> String {
    let objectives: Vec<_> = objectives(verified)
        .into_iter()
        .map(|(id, came, why)| json!({"id": id, "result": came.words(), "because": why}))
        .collect();
    let value = json!({"dir": dir.0.to_string_lossy(), "exercise": verified.whole.known.state.exercise, "exit": exit.code(),
        "result": result(sealed, exit), "evidence": evidence::said(sealed), "checked": verified.checked,
        "differs": verified.differs, "open": verified.open, "verdict": verified.verdict().words(),
        "rehearsal": verified.whole.known.state.is_rehearsal(), "objectives": objectives,
        "addedAfterItsEnd": added(verified).len(), "head": verified.whole.lines.head});
    format!("{value}\n")
}
