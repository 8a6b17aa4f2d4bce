//! `drillmaster verify`: checks that a run directory is unchanged since its run, and prints the result.

use serde_json::json;

use super::{
    Done, Failure,
    args::{Output, VerifyArgs},
    evidence, place, print, shown, verify_exercise,
};
use crate::{
    evidence::Sealed,
    exercise::is_exercise,
    files::print_json,
    journal::{JournalError, RunDir},
    model::{Exit, printable},
    verdict::RULES,
    verify::{Before, Differs, NearbyRuns, Verified, neighbours, verify as verify_run},
};

pub(super) fn verify(args: &VerifyArgs) -> Done {
    let dir = place::dir(&args.run, place::WhichRun::Newest)?;
    if is_exercise(&dir) {
        return verify_exercise::verify(&dir, args);
    }
    let verified = match verify_run(&dir) {
        Ok(verified) => verified,
        // An empty journal can also come from a run that died before its first line, so this is inconclusive and not a
        // failure.
        Err(error @ JournalError::Empty(_)) => return Err(Failure::of(Exit::Inconclusive, &error)),
        Err(error) => return Err(Failure::of(Exit::Failed, &error)),
    };
    let sealed = evidence::read_evidence(&dir, &verified.reading, &args.trust)?;
    let mut beside = neighbours(&dir, &verified.reading);
    if let Sealed::Broken(wrong) = &sealed {
        beside.differs.extend(wrong.iter().map(|(place, what)| Differs { place: place.clone(), what: what.clone() }));
    }
    let exit = match (&sealed, verified.exit()) {
        _ if !beside.differs.is_empty() => Exit::Failed,
        (Sealed::Valid { trusted: false, .. }, Exit::Passed) => Exit::Inconclusive,
        (_, exit) => exit,
    };
    match args.output.format {
        Output::Human => print(&human(&dir, &verified, &beside, &sealed, exit)),
        Output::Json => print_json(&as_json(&dir, &verified, &beside, &sealed, exit)),
    }
    Ok(exit)
}

/// The run directory, if nothing in it differs. `report` and `log` show no other.
pub(super) fn holding(dir: &RunDir) -> Result<Verified, Failure> {
    let verified = verify_run(dir).map_err(|e| Failure::of(Exit::Invalid, &e))?;
    if verified.differs.is_empty() { Ok(verified) } else { Err(refused(&verified.differs)) }
}

/// The error for a run directory that differs from what the run wrote.
pub(super) fn refused(differs: &[Differs]) -> Failure {
    let lines: Vec<String> = differs.iter().map(ToString::to_string).collect();
    let text = format!(
        "this run directory was changed after the run, or is damaged:\n  {}\n`drillmaster verify` lists what was checked. If the run left anything open, `drillmaster recover` can still undo it",
        lines.join("\n  ")
    );
    Failure::new(Exit::Invalid, text)
}

fn human(dir: &RunDir, verified: &Verified, beside: &NearbyRuns, sealed: &Sealed, exit: Exit) -> String {
    let mut lines = vec![format!("run directory  {}", shown(&dir.0))];
    lines.extend(verified.checked.iter().map(|checked| format!("holds          {checked}")));
    let differs = verified.differs.iter().chain(&beside.differs);
    lines.extend(differs.map(|differs| format!("DIFFERS        {differs}")));
    lines.extend(verified.reading.about.head().map(|head| format!("head           {head}")));
    lines.push(format!("run before     {}", before(&beside.before)));
    if !beside.after.is_empty() {
        lines.push(format!("run after      {}", beside.after.join(", ")));
    }
    lines.push(format!("evidence       {}", evidence::said(sealed)));
    lines.push(format!("result         {}", result(verified, sealed, exit)));
    // A name with a line break must not look like a line of this output.
    lines.iter().map(|line| printable(line)).collect::<Vec<_>>().join("\n") + "\n"
}

fn result(verified: &Verified, sealed: &Sealed, exit: Exit) -> String {
    match (exit, verified.progress.open(), verified.reading.again().standing.words()) {
        (Exit::Failed, ..) => {
            "something differs: the run directory was changed after the run, or is damaged".to_owned()
        }
        (_, Some(open), _) => format!("nothing differs so far; {open}"),
        (_, None, Some(words)) => format!("nothing differs; {words}"),
        (Exit::Inconclusive, None, None) if matches!(sealed, Sealed::Valid { trusted: false, .. }) => {
            "nothing differs; the evidence is signed, but its key was not compared with a key that you trust".to_owned()
        }
        (Exit::Inconclusive, None, None) => {
            "nothing differs; the verdict was made by the rules of another version".to_owned()
        }
        _ => format!(
            "nothing differs, by the rules of this version ({RULES}). To prove that the journal is the original, compare its head with `kubectl --namespace drillmaster get configmap heads --output yaml` (docs/verdicts.md)"
        ),
    }
}

fn before(before: &Before) -> String {
    match before {
        Before::None => "the journal names none".to_owned(),
        Before::Elsewhere(head) => {
            format!(
                "{} (exit {}, head {}): its directory is not next to this one",
                head.run,
                head.exit.code(),
                head.head
            )
        }
        Before::Beside(head) => {
            format!("{} (exit {}, head {}): checked next to this one", head.run, head.exit.code(), head.head)
        }
        Before::RecoveredElsewhere(head) => format!(
            "{} (exit {}, head {}): its directory next to this one is still open: it was recovered in another directory",
            head.run,
            head.exit.code(),
            head.head
        ),
    }
}

fn as_json(dir: &RunDir, verified: &Verified, beside: &NearbyRuns, sealed: &Sealed, exit: Exit) -> String {
    let differs: Vec<&Differs> = verified.differs.iter().chain(&beside.differs).collect();
    let previous = match &beside.before {
        Before::None => None,
        Before::Elsewhere(head) | Before::Beside(head) | Before::RecoveredElsewhere(head) => Some(head),
    };
    let value = json!({"dir": dir.0.to_string_lossy(), "exit": exit.code(), "result": result(verified, sealed, exit),
        "evidence": evidence::said(sealed), "rules": RULES,
        "otherRules": verified.reading.again().standing.words(), "open": verified.progress.open(), "checked": verified.checked,
        "differs": differs, "head": verified.reading.about.head(), "previous": previous, "after": beside.after});
    format!("{value}\n")
}
